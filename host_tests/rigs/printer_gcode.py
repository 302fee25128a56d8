"""G-code of any size: what a slicer writes around a job, and layers of moves. Labels of all that names somebody."""

import re
from random import Random

from host_tests.rigs.gcode_files import SLICERS, Names, job, names
from host_tests.rigs.sheet import Label, Sheet

_WEAK = {"profile": "profile_name", "filament": "profile_name", "hidden": "opaque"}  # of G-code: may go or stay
_STRONG = {"person": "user", "file": "filename", "object": "object_name", "printer": "device_name"}
_STRONG |= {"host": "hostname", "network": "ssid", "password": "token"}


def gcode(chance: Random, size: int, session: int) -> Sheet:
    """A job of one slicer, and layers until it is long enough."""
    seed = chance.randrange(1 << 30)
    slicer = list(SLICERS)[seed % len(SLICERS)] if size < 1 << 16 else "PrusaSlicer"
    owner = names(seed)
    sheet = Sheet({})
    sheet.plain(job(slicer, owner, seed).decode())
    while sheet.size < size:
        _layer(sheet, chance, owner, sheet.size // 40_000)
    sheet.labels = _of_names(sheet.text(), owner)
    return sheet


def _layer(sheet: Sheet, chance: Random, owner: Names, number: int) -> None:
    label = f"{owner.object}_id_0_copy_0"
    x, y = chance.uniform(20, 200), chance.uniform(20, 200)
    sheet.plain(
        f";LAYER_CHANGE\n;Z:{number * 0.2:.1f}\n;HEIGHT:0.2\nG1 Z{number * 0.2:.1f} F7200\n"
        f"EXCLUDE_OBJECT_START NAME='{label}'\n"
    )
    for kind in ("Perimeter", "External perimeter", "Solid infill"):
        sheet.plain(f";TYPE:{kind}\n;WIDTH:0.449999\nG1 F{number % 40 * 60 + 1200}\n")
        sheet.plain(
            "".join(
                f"G1 X{x + one % 37 * 0.417:.3f} Y{y + one % 41 * 0.283:.3f} E{one % 29 / 311:.5f}\n"
                for one in range(chance.randint(200, 500))
            )
        )
    sheet.plain(f"EXCLUDE_OBJECT_END NAME='{label}'\n")


def _of_names(text: str, owner: Names) -> "list[Label]":
    found = []
    for name, value in owner._asdict().items():
        kind = _STRONG.get(name) or _WEAK[name]
        rows = [value] if name != "hidden" else [value[at : at + 78] for at in range(0, len(value), 78)] + [value]
        for one in rows:
            found += [Label(*hit.span(), kind, name in _STRONG) for hit in re.finditer(re.escape(one), text)]
    return sorted(found)
