"""Landlock, the second wall: through a hole in the table of calls no file, port or other process could be reached."""

from errno import ENOSYS, EOPNOTSUPP
from struct import pack

from firmware_agent.camera.sandbox.kernel import Kernel

# What each ABI adds, linux/landlock.h. Files: 13 rights at first, then REFER, TRUNCATE, IOCTL_DEV. Network: bind and
# connect of TCP. Scope: abstract Unix sockets and signals of others.
_FILES = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 5: 0xFFFF}
_NETWORK = {4: 0x3}
_SCOPE = {6: 0x3}


def restrict(kernel: Kernel) -> int:
    """Forbid all that this kernel's Landlock knows; its ABI, 0 if there is none. OSError: it is there and fails."""
    try:
        version = kernel.landlock_version()
    except OSError as error:
        if error.errno in (ENOSYS, EOPNOTSUPP):  # not built in; or switched off at boot
            return 0
        raise
    kernel.landlock_restrict(attributes(version))
    return version


def attributes(version: int) -> bytes:
    """struct landlock_ruleset_attr as that ABI knows it: 8, 16 or 24 bytes."""
    words = [_newest(_FILES, version)]
    words += [_newest(_NETWORK, version)] if version >= 4 else []
    words += [_newest(_SCOPE, version)] if version >= 6 else []
    return pack(f"@{len(words)}Q", *words)


def _newest(table: dict[int, int], version: int) -> int:
    return table[max(known for known in table if known <= version)]
