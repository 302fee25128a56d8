"""Takes memory until there is none left, then goes over all of it whenever a line comes in: `hog MEBIBYTES SEED`.

So whatever else can be moved to swap goes there. Each of its pages begins with a needle of its own (`needle`), which
shows later that swap was really used. It says `full` at first, and `again` after each time.
"""

import hashlib
import mmap
import sys

PAGE = 4096


def needle(seed: int, page: int) -> bytes:
    """32 bytes that are nowhere else."""
    return hashlib.sha256(b"hog %d %d" % (seed, page)).digest()


def main() -> None:
    """As the top of this file says."""
    size, seed = int(sys.argv[1]) << 20, int(sys.argv[2])
    hold = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for page in range(size // PAGE):
        hold[page * PAGE : page * PAGE + 32] = needle(seed, page)
    print("full", flush=True)
    for _ in sys.stdin:
        for at in range(0, size, PAGE):
            hold[at + 100] = hold[at + 100] + 1 & 0xFF
        print("again", flush=True)


if __name__ == "__main__":
    main()
