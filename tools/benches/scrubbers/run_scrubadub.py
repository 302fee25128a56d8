"""scrubadub with the detectors that it has by default."""

from collections.abc import Iterable
from importlib.metadata import version

import scrubadub
from timed import main

_SCRUBBER = scrubadub.Scrubber()


def find(text: str, family: str) -> Iterable[tuple[int, int, str]]:
    return ((one.beg, one.end, one.type) for one in _SCRUBBER.iter_filth(text))


if __name__ == "__main__":
    main(version("scrubadub"), find)
