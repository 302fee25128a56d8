"""What each of the scripts shares: the texts come by a task file, what was found and the CPU time leave as JSON.

Standard library only: the peers' Pythons import this file. A task is {"found": [[path, family]], "timed": [[path,
family, bytes]], "runs": n}. The answer: {"version", "found": {path: [[start, end, kind]]}, "seconds": {path: [s]},
"sizes": {path: bytes}}; start and end in code points.
"""

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path

WINDOW = 32_768  # bytes
Found = Iterable[tuple[int, int, str]]
Find = Callable[[str, str], Found]  # (text, family)


def main(version: str, find: Find) -> None:
    """Does the task that the command line names, on one core."""
    sys.addaudithook(_no_network)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    task = json.loads(Path(sys.argv[1]).read_text())
    try:
        answer = {
            "version": version,
            "found": {path: [list(one) for one in find(_text(path), family)] for path, family in task["found"]},
            "seconds": {},
            "sizes": {},
        }
        for path, family, size in task["timed"]:
            text = _text(path, size)
            answer["sizes"][path] = len(text.encode())
            answer["seconds"][path] = [_seconds(find, text, family) for _ in range(task["runs"])]
    except Exception as error:  # its words may hold what stands in the text, and must not be printed
        frames = traceback.extract_tb(error.__traceback__)
        where = "\n".join(f"  {one.filename}:{one.lineno} {one.name}" for one in frames)
        sys.exit(f"{type(error).__name__} (its text is not shown: it may hold what was read), at\n{where}")
    print(json.dumps(answer))


def _no_network(event: str, _: object) -> None:
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        raise OSError("there is no network in this measurement")


def _text(path: str, size: int = 0) -> str:
    """The text; or of about `size` bytes of it whole lines, in windows that are spread evenly, so that a smaller text
    is of the same mixture."""
    data = Path(path).read_bytes()
    if 0 < size < len(data):
        count = max(size // WINDOW, 1)
        starts = [data.rfind(b"\n", 0, len(data) * at // count) + 1 for at in range(count)]
        data = b"".join(data[start : data.find(b"\n", start + size // count) + 1] for start in starts)
    return data.decode()


def _seconds(find: Find, text: str, family: str) -> float:
    """CPU time of the process for finding all of it once."""
    begun = time.process_time()
    for _ in find(text, family):
        pass
    return time.process_time() - begun
