"""Becomes a camera's adapter command, under the lock that is named for it.

`python -I -B -m firmware_agent.camera.adapted COMMAND ARGUMENT...`: standard output is the socket (or pipe) by which
JPEG after JPEG comes. Standard input and, once the command runs, standard error are /dev/null; nothing else is open.
Exit code 78 and a line on standard error: the command did not run, and why.
"""

import os
import shutil
import signal
import stat
import sys

from firmware_agent.camera.sandbox.report import CannotLock
from firmware_agent.camera.sandbox.weaker import confine

_CANNOT = 78  # EX_CONFIG
_MOST_DESCRIPTORS = 1 << 16


def become(command: list[str]) -> None:
    """Does not come back. CannotLock, OSError: the command did not run."""
    mode = os.fstat(1).st_mode
    if not (stat.S_ISSOCK(mode) or stat.S_ISFIFO(mode)):
        raise CannotLock("output", "the adapter's output is no socket and no pipe; let the agent start it")
    program = shutil.which(command[0])
    if program is None:
        raise CannotLock("command", f"there is no program {command[0]}; install it, or correct the configuration")
    nothing = os.open("/dev/null", os.O_RDWR)
    os.dup2(nothing, 0)
    os.closerange(3, _MOST_DESCRIPTORS)
    confine()
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and so would what it becomes
        signal.signal(number, signal.SIG_DFL)
    os.dup2(0, 2)
    os.execv(program, command)  # noqa: S606 - the owner's command, from the configuration


def _main(arguments: list[str]) -> int:
    if not arguments:
        print("name the command", file=sys.stderr)
        return _CANNOT
    try:
        become(arguments)
    except (CannotLock, OSError) as error:
        print(error, file=sys.stderr)
    return _CANNOT


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
