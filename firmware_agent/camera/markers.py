"""jpeg.next_marker by a compiled pattern, for the camera's process: each picture of a stream goes through it.

It looks at every byte and takes the same time whatever the picture shows. The loop is faster on a soft picture and
slower on a noisy one, and a camera in the dark is noisy.
"""

import re

_MARKER = re.compile(b"\xff[^\x00]")


def next_marker(data: bytes, at: int) -> int:
    """See jpeg.next_marker: the same answer, always."""
    found = _MARKER.search(data, at)
    return -1 if found is None else found.start()
