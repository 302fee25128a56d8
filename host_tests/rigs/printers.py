"""One printer of each kind, whose every name, text and odd number is a canary; told apart by what the canary is called.

Jobs begin and end, errors happen. A canary is called "KIND what", KIND being the source that sees it.
"""

import asyncio
import contextlib
import json
import os
import socket
import time
from pathlib import Path
from typing import Any

from host_tests.rigs import bambu, moonraker, octoprint
from host_tests.rigs.canaries import Canaries
from host_tests.rigs.grbl import Grbl
from host_tests.rigs.marlin import Marlin

ADDRESS = 135440576  # 192.168.18.8 and 8.18.168.192, as printers pack it
# What these printers can say and no source asks for; the last one is overwritten within the same answer.
UNHEARD = tuple(
    "moonraker " + what for what in ("camera", "lcd", "layer", "object", "host", "user", "mesh", "probe", "pid")
)
UNHEARD += tuple("octoprint " + what for what in ("comment", "lcd", "key"))
UNHEARD += ("moonraker key", "bambu code", "grbl owner")
_BAMBU = (
    *("subtask_name", "gcode_file", "task_id", "project_id", "profile_id", "subtask_id", "wifi_signal", "sequence_id"),
    *("printer_type", "nozzle_type", "lifecycle", "url", "msg", "user_name", "dev_name", "fail_reason", "design_id"),
)


class Printers:
    """directory: short, for Unix sockets stand in it. kinds: of sources. `sections`: their lines of a configuration."""

    def __init__(self, directory: Path, canaries: Canaries, kinds: "tuple[str, ...]") -> None:
        self.kinds = kinds
        self.sections: dict[str, str] = {}
        self._directory = directory
        self._canaries = canaries
        self._intake = directory / "state/intake.sock"
        self._stack = contextlib.ExitStack()
        self._turn = 0

    def named(self, kind: str) -> Any:
        return lambda what: self._canaries.word("%s %s" % (kind, what))

    def start(self) -> "Printers":
        """Blocking; the boards begin in `plug`."""
        with contextlib.ExitStack() as stack:
            self._stack = stack
            for kind in self.kinds:
                getattr(self, "_start_" + kind, lambda: None)()
            self._stack = stack.pop_all()
        return self

    def plug(self) -> None:
        """The serial boards, which live on the running loop until `pull`."""
        for kind, board in (("marlin", Marlin), ("grbl", Grbl)):
            if kind in self.kinds:
                made = board(self._directory / kind, named=self.named(kind)).plug()
                setattr(self, kind, made)
                self.sections[kind] = 'device = "%s"' % (self._directory / kind)
        if "intake" in self.kinds:
            self.sections["intake"] = "users = [%d]" % os.getuid()

    def pull(self) -> None:
        for kind in ("marlin", "grbl"):
            if hasattr(self, kind):
                getattr(self, kind).pull()

    def __enter__(self) -> "Printers":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    async def work(self) -> None:
        """A second of every printer's life: within fourteen turns a job begins, ends, and something goes wrong."""
        turn, self._turn = self._turn % 14, self._turn + 1
        for kind in self.kinds:
            step = getattr(self, "_%s_works" % kind)
            if kind in ("marlin", "grbl"):
                step(turn)
            else:
                await asyncio.to_thread(step, turn)
        await asyncio.sleep(1)

    def _start_moonraker(self) -> None:
        name, words = self.named("moonraker"), self._canaries
        self.server, self.klipper = self._stack.enter_context(moonraker.moonraker(self._directory / "m"))
        key = self.server.call("/access/api_key")
        words.add("moonraker key", key)
        (self._directory / "moonraker.key").write_text(key)
        self.sections["moonraker"] = 'path = "%s"\nkey_file = "%s/moonraker.key"' % (
            self.server.socket,
            self._directory,
        )
        words.add("moonraker chamber", "Anns_secret_chamber")  # of the stand-in, as are the next two
        words.add("moonraker host", "anns-printer")
        words.add("moonraker user", "/home/ann/")
        change = self.klipper.change
        change("gcode_macro " + name("macro"), variable_owner=name("macro"))
        change("temperature_sensor " + name("sensor"), temperature=31.0)
        change("exclude_object", objects=[{"name": name("object")}])
        change("bed_mesh", profile_name=name("mesh"), probed_matrix=[[words.fraction("moonraker probe")]])
        change("configfile", settings={"extruder": {"pid_kp": words.fraction("moonraker pid")}})
        change("display_status", message=name("lcd"))
        self.server.call("/server/webcams/item", {"name": name("camera"), "stream_url": "/" + name("camera")})

    def _moonraker_works(self, turn: int) -> None:
        name, change = self.named("moonraker"), self.klipper.change
        self.klipper.say("// %s" % name("console"))
        if turn == 0:
            change("webhooks", state="ready", state_message=name("ready"))
            change("print_stats", state="standby", filename="")
        elif turn == 2:
            change("print_stats", state="printing", filename=name("file") + ".gcode", print_duration=0.0)
        elif turn == 5:
            change("print_stats", message=name("message"), info={"current_layer": name("layer")})
            change("print_stats", print_duration=60.0, filament_used=1234.5)
        elif turn == 8:
            change("print_stats", state="complete")
        elif turn == 11:
            change("webhooks", state="shutdown", state_message="%s went wrong" % name("shutdown"))

    def _start_octoprint(self) -> None:
        self.octoprint = self._stack.enter_context(octoprint.octoprint(self._directory / "o"))
        self._canaries.add("octoprint key", self.octoprint.key)
        self._canaries.add("octoprint user", self.octoprint.user)
        (self._directory / "octoprint.key").write_text(self.octoprint.key)
        line = 'url = "%s"\nkey_file = "%s/octoprint.key"' % (self.octoprint.url, self._directory)
        self.sections["octoprint"] = line

    def _octoprint_works(self, turn: int) -> None:
        name = self.named("octoprint")
        if turn == 2:
            lines = ["; %s" % name("comment"), "M117 %s" % name("lcd"), "M104 S60", "G28"]
            data = "\n".join([*lines, *["G1 X10 F6000", "G1 X90 F6000"] * 3, ""]).encode()
            self.octoprint.upload_and_print(name("file") + ".gcode", data)

    def _start_bambu(self) -> None:
        words, name = self._canaries, self.named("bambu")
        words.add("bambu serial", bambu.SERIAL)
        words.add("bambu code", bambu.CODE)
        words.add("bambu address", ADDRESS)
        self.bambu = self._stack.enter_context(bambu.Printer(self._directory / "b", self._report()))
        for file, text in (("serial", bambu.SERIAL), ("code", bambu.CODE)):
            (self._directory / file).write_text(text)
        self.sections["bambu"] = "\n".join(
            [
                'host = "127.0.0.1"\nport = %d\nfingerprint = "%s"' % (self.bambu.port, self.bambu.fingerprint),
                'serial_file = "%s/serial"\ncode_file = "%s/code"' % (self._directory, self._directory),
            ]
        )
        name("late")

    def _report(self) -> dict[str, Any]:
        word, number = self.named("bambu"), self._canaries.number
        tray = {"id": word("tray"), "tag_uid": word("tag"), "tray_id_name": word("filament"), "remain": 73}
        status: dict[str, Any] = {
            **{"command": "push_status", "gcode_state": "RUNNING", "mc_percent": 41, "mc_remaining_time": 12},
            **{"nozzle_temper": 219.8, "bed_temper": 60.1, "layer_num": 12, "total_layer_num": 200, "print_error": 0},
            "hms": [{"attr": 50335744, "code": 65543}],
            "ams": {"ams": [{"id": word("ams"), "tray": [tray]}], "tray_now": word("tray now")},
            "ipcam": {"rtsp_url": "rtsps://192.168.1.77/%s" % word("camera"), "tutk_server": word("relay")},
            "net": {"conf": 0, "info": [{"ip": ADDRESS, "mask": number("bambu mask")}]},
            "upload": {"oss_url": word("upload"), "file_size": number("bambu size")},
            "upgrade_state": {"sn": word("module serial"), "message": word("upgrade")},
            word("field name"): 1,
            "odd": self._canaries.fraction("bambu fraction"),
            **{part: word(part) for part in _BAMBU},
        }
        module = [{"name": word("module"), "sn": word("part serial"), "hw_ver": word("hardware")}]
        return {"print": status, "info": {"module": module}, word("outer"): {word("inner"): word("deep")}}

    def _bambu_works(self, turn: int) -> None:
        states = {1: ("IDLE", 0), 2: ("RUNNING", 3), 6: ("RUNNING", 99), 8: ("FINISH", 100), 11: ("FAILED", 7)}
        state, percent = states.get(turn, ("", 0))
        if state:
            self.bambu.prints(gcode_state=state, mc_percent=percent, late=self.named("bambu")("late"))

    def _marlin_works(self, turn: int) -> None:
        board = self.marlin  # type: ignore[attr-defined]
        board.chatter()
        if turn == 4:
            board.begin()
        elif turn == 8:
            board.finish()
        elif turn == 11:
            board.kill()
        elif turn == 13:
            board.restart()

    def _grbl_works(self, turn: int) -> None:
        board = self.grbl  # type: ignore[attr-defined]
        board.chatter()
        if turn == 13:
            board.restart()
        elif turn in (5, 7):  # it tells of itself before
            board.state, board.job = "Run", 10.0 * turn
        elif turn == 8:
            board.finish()
            board.state = "Idle"
        elif turn == 11:
            board.alarm()

    def _intake_works(self, turn: int) -> None:
        word, number = self.named("intake"), self._canaries.number
        texts = ("job_file", "job_path", "job_user", "message", "serial", "device_name", "address", "network_name")
        texts += ("hardware_address", "carrier", "security_event", "error_code", "firmware_version", "picture", "state")
        status: dict[str, Any] = {name: word(name) for name in texts}
        self._canaries.add("intake packed", ADDRESS)
        if turn % 2:  # else the texts stand where numbers and words of a list are due
            status |= {"state": "printing", "link_type": "wifi", "link_signal": -60, "alive": "on"}
            status |= {"progress": 41.7, "elapsed": 60, "error_code": None, "address": ADDRESS}
            status |= {name: number("intake " + name) for name in ("access_count", "access_time", "number")}
        else:
            status |= {name: word(name) for name in ("link_type", "alive", "progress")}
            for name in ("nozzle_temperature", "bed_target", "elapsed", "link_signal"):
                status[name] = number("intake " + name)
            status["feed"] = self._canaries.fraction("intake feed")
        status |= {word("name"): 1}
        now = int(time.time())
        event: dict[str, Any] = {"job_file": word("done"), "job_material": number("intake job_material")}
        if turn == 8:
            event |= {"job_start": now, "job_finish": now, "job_material": 4180.0}
        for said in ({"status": status}, {"event": event}):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock, contextlib.suppress(OSError):
                sock.sendto(json.dumps({"intake": 1, **said}).encode(), str(self._intake))
