"""A board with Marlin 2.1, as far as it is asked: M115, M155, M105, M27; queries wait in line, "busy" meanwhile."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from host_tests.rigs.cable import Cable

CANARY = "canary-93be"
BYTES = 1_000_000  # of the file that it prints


class Marlin:
    """reports: whether it can report temperatures by itself. named: the canary in what people can name."""

    def __init__(
        self,
        path: Path,
        mode: str = "plain",
        seed: int = 0,
        reports: bool = True,
        card: bool = True,
        named: Callable[[str], str] = lambda what: CANARY,
    ) -> None:
        self.cable = Cable(path, mode, seed)
        self.cable.on_bytes = self._arrived
        self.asked: list[str] = []
        self.reports = reports
        self.card = card
        self.dead = False
        self.busy = 0  # times that it says so before an answer
        self.interval = 0.0
        self.at: int | None = None  # byte of the file that it prints
        self.nozzle, self.bed = (200.4, 210.0), (60.1, 60.0)
        self._named = named
        self._turns = 0
        self._line = b""
        self._timer: asyncio.TimerHandle | None = None

    def plug(self) -> "Marlin":
        self.cable.plug()
        return self

    def pull(self) -> None:
        self._stop()
        self.cable.pull()

    def say(self, *lines: str) -> None:
        self.cable.send("".join(line + "\n" for line in lines).encode())

    def restart(self) -> None:
        self.interval, self.dead, self._line, self.at = 0.0, False, b"", None
        self._stop()
        self.say("start", "echo:Marlin 2.1.2.1", f"echo: Last Updated: 2023-05-16 | Author: {self._named('author')}")

    def kill(self) -> None:
        self.dead = True
        self._stop()
        self.say("Error:Heating failed, system stopped! Heater_ID: 0", f"Error:Printer halted. {self._named('halt')}")

    def begin(self) -> None:
        self.at = 0
        name = self._named("file")
        self.say(f"echo:Now fresh file: {name}.gco", f"File opened: {name}.gco Size: {BYTES}", "File selected")

    def finish(self) -> None:
        self.at = None
        self.say("Done printing file")

    def chatter(self) -> None:
        """All else that it can say of what people named; each time another line is the last."""
        named, self._turns = self._named, self._turns + 1
        lines = [
            f"echo:{named('echo')} was here",
            f"//action:notification {named('notification')}",
            f"{named('bare')} without any prefix",
            f'echo:Unknown command: "{named("macro")}"',
            f"Cap:{named('capability').upper().replace('-', '_')}:1",
            f"Current file: {named('file')}.gco",
            f"echo:busy: {named('busy')}",
        ]
        at = self._turns % len(lines)
        self.say(*lines[at:], *lines[:at])

    def temperatures(self) -> str:
        rows = (("T", *self.nozzle), ("B", *self.bed), ("T0", *self.nozzle), ("T1", 21.0, 0.0))
        return " ".join(f"{name}:{actual:.2f} /{target:.2f}" for name, actual, target in rows) + " @:64 B@:32"

    def _arrived(self, data: bytes) -> None:
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            self.asked.append(line.decode())
            if not self.dead:
                self._answer(line.decode())

    def _answer(self, query: str) -> None:
        self.say(*["echo:busy: processing"] * self.busy)
        if query == "M105":
            self.say("ok " + self.temperatures())
            return
        if query == "M115":
            self.say(*self._about())
        elif query.startswith("M155 S"):
            self.interval = float(query[6:])
            self._stop()
            self._report()
        elif query == "M27" and self.card:
            self.say("Not SD printing" if self.at is None else f"SD printing byte {self.at}/{BYTES}")
        else:
            self.say(f'echo:Unknown command: "{query}"')
        self.say("ok")

    def _about(self) -> list[str]:
        return [
            f"FIRMWARE_NAME:Marlin 2.1.2.1 (May 16 2023 {self._named('build')}) "
            f"SOURCE_CODE_URL:github.com/{self._named('source')}/Marlin PROTOCOL_VERSION:1.0 "
            f"MACHINE_TYPE:{self._named('machine')}'s printer EXTRUDER_COUNT:1 UUID:cede2a2f-{self._named('uuid')}",
            "Cap:SERIAL_XON_XOFF:0",
            "Cap:EEPROM:1",
            f"Cap:AUTOREPORT_TEMP:{int(self.reports)}",
            "Cap:SDCARD:1",
        ]

    def _report(self) -> None:
        if self.interval:
            self.say(" " + self.temperatures())
            # A real one counts seconds; here so many hundredths pass, for a test waits for it.
            self._timer = asyncio.get_running_loop().call_later(self.interval / 100, self._report)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
