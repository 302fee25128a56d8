"""A board with FluidNC, which speaks as GRBL 1.1 does, as far as it is asked: `?` anywhere, and `$I`."""

from pathlib import Path

from host_tests.rigs.cable import Cable

CANARY = "canary-c04d"


class Grbl:
    """state: what a status begins with. job: percent of the file on its card, None without one."""

    def __init__(self, path: Path, mode: str = "plain", seed: int = 0, fluid: bool = True) -> None:
        self.cable = Cable(path, mode, seed)
        self.cable.on_bytes = self._arrived
        self.fluid = fluid
        self.asked: list[str] = []
        self.state = "Idle"
        self.job: float | None = None
        self.feed, self.power = 0, 0
        self.mute = False
        self._line = b""

    def plug(self) -> "Grbl":
        self.cable.plug()
        return self

    def pull(self) -> None:
        self.cable.pull()

    def say(self, *lines: str) -> None:
        self.cable.send("".join(line + "\r\n" for line in lines).encode())

    def restart(self) -> None:
        self.state, self.job, self._line = "Idle", None, b""
        hello = "Grbl 3.7 [FluidNC v3.7.8 (wifi) '$' for help]" if self.fluid else "Grbl 1.1h ['$' for help]"
        self.say("", "[MSG:INFO: Connecting to STA SSID:%s]" % CANARY, hello)

    def alarm(self) -> None:
        self.state = "Alarm"
        self.say("ALARM:1", "[MSG:INFO: %s reset to continue]" % CANARY)

    def finish(self) -> None:
        """FluidNC says so when it has read the file; the machine still moves."""
        self.job = None
        self.say("[MSG:INFO: /sd/%s.nc file job succeeded]" % CANARY)

    def chatter(self) -> None:
        self.say(
            "%s without any brackets" % CANARY, "[ECHO:%s]" % CANARY, "[%s:1]" % CANARY.replace("-", ""), "error:8"
        )

    def status(self) -> str:
        card = "" if self.job is None else "|SD:%.2f,/sd/%s, two.nc" % (self.job, CANARY)
        parts = "MPos:12.345,-7.000,0.000|FS:%d,%d|Ov:100,100,100|Pn:XZ%s%s" % (self.feed, self.power, CANARY, card)
        return "<%s|%s>" % (self.state, parts)

    def _arrived(self, data: bytes) -> None:
        for number in data:
            byte = bytes([number])
            if byte in b"?!~\x18" or number >= 0x80:  # real-time: never a part of a line
                self.asked.append(byte.decode("latin-1"))
                if byte == b"?" and not self.mute:
                    self.say(self.status())
            elif byte == b"\n":
                self.asked.append(self._line.decode())
                self._answer(self._line.decode())
                self._line = b""
            else:
                self._line += byte

    def _answer(self, line: str) -> None:
        if line != "$I" or self.state not in ("Idle", "Alarm"):
            self.say("error:8" if line == "$I" else "error:20")
            return
        self.say(
            "[VER:%s:%s's laser]" % ("3.7 FluidNC v3.7.8" if self.fluid else "1.1h.20190825", CANARY), "[OPT:MPHS]"
        )
        if self.fluid:
            where = "SSID=%s:Status=Connected:IP=192.168.7.31:MAC=AA-BB-CC-%s" % (CANARY, CANARY)
            self.say("[MSG: Machine: %s]" % CANARY, "[MSG: Mode=STA:%s]" % where)
        self.say("ok")
