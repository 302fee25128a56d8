"""What is in a package: wheels, source archives and Debian's, also one within another."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator

_HEAD = 60  # bytes before each member of an ar archive


def members(data: bytes, name: str, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """(path, content) of regular files whose path is `wanted`. data: of the package. name: tells what it is."""
    if name.endswith(".whl"):
        with zipfile.ZipFile(io.BytesIO(data)) as wheel:
            for path in sorted(wheel.namelist()):
                if wanted(path):
                    yield path, wheel.read(path)
    elif name.endswith(".deb"):
        for inner, content in _ar(data):
            if inner.startswith("data.tar"):
                yield from members(content, inner, wanted)
    else:
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for one in tar:
                file = tar.extractfile(one) if one.isfile() else None
                if file is not None and one.name.endswith((".tar.xz", ".tar.gz")):
                    yield from members(file.read(), one.name, wanted)
                elif file is not None and wanted(one.name):
                    yield one.name, file.read()


def _ar(data: bytes) -> Iterator[tuple[str, bytes]]:
    at = len(b"!<arch>\n")
    while at < len(data):
        name, size = data[at : at + 16].decode().strip().rstrip("/"), int(data[at + 48 : at + 58])
        yield name, data[at + _HEAD : at + _HEAD + size]
        at += _HEAD + size + size % 2
