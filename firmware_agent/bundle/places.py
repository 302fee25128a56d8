"""Where the files of a bundle lie: where the configuration says, else where programs put them in people's homes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from firmware_agent.bundle.parts import CONFIG, GCODE, JOB, LOG
from firmware_agent.config import BundleConfig

_HOMES = Path("/home")
_MOST = 5000  # entries of a folder
JOBS = (".gcode", ".gco", ".g", ".nc", ".ngc")
_LOGS = {
    "klippy": ("printer_data/logs/klippy.log", "klipper_logs/klippy.log"),
    "moonraker": ("printer_data/logs/moonraker.log", "klipper_logs/moonraker.log"),
    "octoprint": (".octoprint/logs/octoprint.log",),
}
_CONFIGS = ("printer_data/config/printer.cfg", "klipper_config/printer.cfg"), (
    "printer_data/config/moonraker.conf", "klipper_config/moonraker.conf",
), (".octoprint/config.yaml",)  # fmt: skip
_JOBS = ("printer_data/gcodes", "gcode_files", ".octoprint/uploads")
_CONFIG_NAMES = ("printer.cfg", "moonraker.conf", "config.yaml")


class Place(NamedTuple):
    """kind: of parts.ROOM. name: what the file is called in the bundle. base: the directory that it must be in, below
    which no link is followed. path: of the file, relative to it."""

    kind: str
    name: str
    base: Path
    path: str


@dataclass(frozen=True)
class Places:
    """config: of [bundle]. homes: the directory of people's homes."""

    config: BundleConfig
    homes: Path = _HOMES

    def of(self, choice: str) -> list[Place]:
        """The files of a choice (parts.CHOICES) that are there, and one place to complain about where none is."""
        if choice in _LOGS:
            return self._log(choice)
        return self._configs() if choice == "config" else self._job() if choice == JOB else []

    def _log(self, choice: str) -> list[Place]:
        files = {"klippy": self.config.klippy, "moonraker": self.config.moonraker, "octoprint": self.config.octoprint}
        given = Path(files[choice])
        if given.name:
            return [Place(LOG, f"{choice}.log", given.parent, given.name)]
        return [self._first(LOG, f"{choice}.log", _LOGS[choice])]

    def _configs(self) -> list[Place]:
        if self.config.config:
            base = Path(self.config.config)
            found = [Place(CONFIG, name, base, name) for name in _CONFIG_NAMES]
        else:
            found = [self._first(CONFIG, paths[0].rpartition("/")[2], paths) for paths in _CONFIGS]
        return [one for one in found if (one.base / one.path).exists()] or found[:1]

    def _job(self) -> list[Place]:
        """The newest file of the folder with jobs."""
        given = self.config.jobs
        folders = [(Path(given), "")] if given else [(home, f"{path}/") for home in self._all() for path in _JOBS]
        for base, path in folders:
            newest = max(_files(base / path), default=(0.0, ""))
            if newest[1]:
                return [Place(GCODE, "newest job", base, path + newest[1])]
        return [Place(GCODE, "newest job", folders[0][0] if folders else self.homes, "")]

    def _first(self, kind: str, name: str, paths: tuple[str, ...]) -> Place:
        places = [Place(kind, name, home, path) for home in self._all() for path in paths]
        there = [one for one in places if (one.base / one.path).exists()]
        return (there or places or [Place(kind, name, self.homes, name)])[0]

    def _all(self) -> list[Path]:
        try:
            return [one for one, _ in zip(sorted(self.homes.iterdir()), range(_MOST), strict=False)]
        except OSError:
            return []


def _files(folder: Path) -> Iterator[tuple[float, str]]:
    """(when it was written, its name) of each job in it."""
    try:
        for one, _ in zip(folder.iterdir(), range(_MOST), strict=False):
            if one.suffix.lower() in JOBS and one.is_file() and not one.is_symlink():
                yield one.stat().st_mtime, one.name
    except OSError:
        return
