"""Users and groups of this device, by the files that name them (passwd(5), group(5)). No name server is asked."""

from pathlib import Path

from firmware_agent.errors import ConfigError

USERS, GROUPS = Path("/etc/passwd"), Path("/etc/group")
# What the kernel says for a user that this name space does not know: it could be anybody.
_NOBODY = (65534, 2**32 - 1)


def user(name: str | int, where: str, users: Path = USERS) -> int:
    """The number of a user, by name or number. ConfigError, one line that begins with `where`: there is none, or it
    stands for everybody."""
    uid = _numbers(users, where, 7).get(name) if isinstance(name, str) else name
    if uid is None:
        raise ConfigError(f"{where}: there is no user {name} in {users}; create it, or write its number")
    if not 0 <= uid < 2**32 or uid in _NOBODY:
        raise ConfigError(f"{where}: the user {name} can be anybody; give the program a user of its own")
    return uid


def names(where: str, users: Path = USERS) -> dict[int, str]:
    """The first name of each number."""
    return {number: name for name, number in reversed(_numbers(users, where, 7).items())}


def group(name: str, where: str, groups: Path = GROUPS) -> int | None:
    """The number of a group; None for "". ConfigError: there is none."""
    if not name:
        return None
    found = _numbers(groups, where, 4).get(name)
    if found is None:
        raise ConfigError(f"{where}: there is no group {name}; allowed: one of {groups}")
    return found


def group_name(number: int, groups: Path = GROUPS) -> str:
    """The first name of a group; its number as text, if it has none that can be read."""
    try:
        found = _numbers(groups, "", 4)
    except ConfigError:
        found = {}
    return next((name for name, one in found.items() if one == number), str(number))


def _numbers(file: Path, where: str, parts: int) -> dict[str, int]:
    try:
        rows = [row.split(":") for row in file.read_text("utf-8", "replace").splitlines()]
    except OSError as error:
        raise ConfigError(f"{where}: {file}: {error.strerror}; it is needed to know users and groups by name") from None
    return {row[0]: int(row[2]) for row in rows if len(row) == parts and row[2].isdecimal()}
