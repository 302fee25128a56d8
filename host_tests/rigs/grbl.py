"""A board with FluidNC, which speaks as GRBL 1.1 does, as far as it is asked: `?` anywhere, and `$I`."""

from collections.abc import Callable
from pathlib import Path

from host_tests.rigs.cable import Cable

CANARY = "canary-c04d"


class Grbl:
    """state: what a status begins with. job: percent of the file on its card, None without one. named: as in Marlin."""

    def __init__(
        self,
        path: Path,
        mode: str = "plain",
        seed: int = 0,
        fluid: bool = True,
        named: Callable[[str], str] = lambda what: CANARY,
    ) -> None:
        self.cable = Cable(path, mode, seed)
        self.cable.on_bytes = self._arrived
        self.fluid = fluid
        self.asked: list[str] = []
        self.state = "Idle"
        self.job: float | None = None
        self.feed, self.power = 0, 0
        self.mute = False
        self._named = named
        self._turns = 0
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
        self.say("", "[MSG:INFO: Connecting to STA SSID:%s]" % self._named("network"), hello)

    def alarm(self) -> None:
        self.state = "Alarm"
        self.say("ALARM:1", "[MSG:INFO: %s reset to continue]" % self._named("alarm"))

    def finish(self) -> None:
        """FluidNC says so when it has read the file; the machine still moves."""
        self.job = None
        self.say("[MSG:INFO: /sd/%s.nc file job succeeded]" % self._named("file"))

    def chatter(self) -> None:
        """All else that it can say; each time another line is the last."""
        named, self._turns = self._named, self._turns + 1
        lines = [
            "%s without any brackets" % named("bare"),
            "[ECHO:%s]" % named("echo"),
            "[%s:1]" % named("word")[:12].replace("-", ""),
            "[MSG:INFO: %s]" % named("message"),
            "error:8",
        ]
        at = self._turns % len(lines)
        self.say(*lines[at:], *lines[:at])

    def status(self) -> str:
        card = "" if self.job is None else "|SD:%.2f,/sd/%s, two.nc" % (self.job, self._named("file"))
        parts = "MPos:12.345,-7.000,0.000|FS:%d,%d|Ov:100,100,100|Pn:XZ%s%s" % (
            self.feed,
            self.power,
            self._named("pin"),
            card,
        )
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
            "[VER:%s:%s's laser]" % ("3.7 FluidNC v3.7.8" if self.fluid else "1.1h.20190825", self._named("owner")),
            "[OPT:MPHS]",
        )
        if self.fluid:
            where = "SSID=%s:Status=Connected:IP=192.168.7.31:MAC=AA-BB-CC-%s" % (
                self._named("network"),
                self._named("hardware address"),
            )
            self.say("[MSG: Machine: %s]" % self._named("machine"), "[MSG: Mode=STA:%s]" % where)
        self.say("ok")
