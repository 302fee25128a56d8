"""What the kernel says about a process and all that it started: memory and time on a core."""

import os
import time
from pathlib import Path

_PROC = Path("/proc")
_CHILDREN_TIME = 13, 15  # utime and stime of children that ended, in /proc/PID/stat after the name: clock ticks
_PARENT = 1


def tree(pid: int) -> list[int]:
    """This process and all that it, or what it started, started; itself first."""
    parents = {int(one.name): _stat(int(one.name)) for one in _PROC.iterdir() if one.name.isdecimal()}
    found = [pid]
    for one in found:
        found += [child for child, fields in parents.items() if fields and int(fields[_PARENT]) == one]
    return found


def memory(pid: int) -> dict[str, float]:
    """{pss, rss} of one process in MiB: its share of the pages that it shares, and all of them in full."""
    sizes = {"pss": 0, "rss": 0}
    for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name.lower() in sizes:
            sizes[name.lower()] = int(rest.split()[0])
    return {name: size / 1024 for name, size in sizes.items()}


def wakes(pid: int) -> int:
    """How often the threads that a process has now gave up their core to wait; each such wait ends in a wake-up."""
    found = 0
    for one in (_PROC / str(pid) / "task").iterdir():
        lines = (one / "status").read_text().splitlines()
        found += sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))
    return found


def on_core(pid: int) -> float:
    """Seconds on a core of all threads of one process, those that ended too, and of its children that ended.

    The process's own clock counts nanoseconds; /proc/PID/stat has the same in hundredths of a second, of which an idle
    process needs two in a minute.
    """
    own = time.clock_gettime((~pid << 3) | 2)  # linux/posix-timers.h: CPUCLOCK_SCHED of a process
    fields = _stat(pid)
    ended = sum(map(int, fields[slice(*_CHILDREN_TIME)])) if fields else 0
    return own + ended / os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name, from the state on; none if it has ended."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
