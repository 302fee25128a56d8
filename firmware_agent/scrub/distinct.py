"""Whether a name that somebody gave to a thing says enough to be looked for in logs, which are full of common words."""

import re

from firmware_agent.scrub.gcode_text import all_known
from firmware_agent.scrub.words import SAID

_SHORTEST = 6  # characters
_ONE = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")


def uncommon(name: str) -> bool:
    """Not made of words of slicers and firmware, as "part_1", "PLA Basic" and "extruder" are."""
    if len(name) < _SHORTEST or name.lower() in SAID:
        return False
    return not any(one.isalpha() for one in name) or not all_known(name.encode("utf-8", "replace"))


def distinct(name: str) -> bool:
    """And more than one word: people call things "handle" and "bracket", and so do programs."""
    return uncommon(name) and not _ONE.fullmatch(name)
