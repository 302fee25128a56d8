"""What must be proved, in our own words: the clauses of the two policies, and the attacks of docs/threat-model.md."""

import tomllib
from pathlib import Path

_PROFILES = Path(__file__).resolve().parent.parent / "firmware_agent/profiles"


def _promises(profile: str) -> dict[str, str]:
    """Clause -> its promise, as the profile lists them: each is in a row there, or says what keeps it without one."""
    rows = tomllib.loads((_PROFILES / f"{profile}.toml").read_text("utf-8"))["clause"]
    return {key: row if isinstance(row, str) else row["promise"] for key, row in rows.items()}


CLAUSES = {**_promises("lightmake"), **_promises("laserpecker")}

ATTACKS = {
    1: "the cloud grants consent",
    2: "an old consent record is put back",
    3: "the clock is set back",
    4: "no clock at boot",
    5: "damaged flash or a power cut",
    6: "a foreign page posts to the panel (CSRF)",
    7: "a foreign name points to the panel (DNS rebinding)",
    8: "the panel in a foreign frame",
    9: "a stranger or a sniffer on the local network",
    10: "pairing codes are tried out",
    11: "the memory card is stolen",
    12: "the broker is in foreign hands",
    13: "an identifier hidden in an allowed value",
    14: "names in files, thumbnails, comments and objects",
    15: "time and size of messages give the state away",
    16: "values in logs and tracebacks",
    17: "core dumps, swap and temporary files",
    18: "another process takes the camera",
    19: "older firmware, older policy, or an update that flips decisions",
    20: "a dependency turns bad",
    21: "what waited is sent after a withdrawal",
    22: "the broker keeps pictures",
    23: "names of the connection carry the serial",
    24: "the device is sold on",
}

# What the tests above do not prove yet: such a row says "partly" and why, however green its tests are.
MISSING = {
    "L22": "never logged or exported; tokens of printers are files of the integrator, not sealed",
    17: "shown for the camera's process, on the disks as well; main's memory rests on its unit",
    23: "client id, topic and user name; the certificate's subject is the maker's choice",
}
