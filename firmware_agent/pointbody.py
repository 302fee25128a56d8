"""The bodies of point clouds: exactly as long as their header says, or FormatError. Nothing is changed or copied.

Binary bodies are counted; compressed ones (LZF) walked through; numbers that are text must be numbers, and as many as
are due. So nothing can follow a body, or stand between two numbers.
"""

from firmware_agent.errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    Data = bytes | bytearray
    Property = tuple[str, str, str]  # type of a list's length or "", type, name
    Element = tuple[str, int, list[Property]]  # name, how many, what each has

SIZES = {"char": 1, "uchar": 1, "short": 2, "ushort": 2, "int": 4, "uint": 4, "float": 4, "double": 8}
_SIGNED = ("char", "short", "int")
LENGTHS = _SIGNED + ("uchar", "ushort", "uint")
_TOKEN = 40  # letters of one number at most: a longer one could only cost time
_PIECE = 65536  # bytes that are looked at in one go
_DIGITS = b"0123456789"


def exactly(there: int, due: int) -> None:
    """Raise unless the body has as many bytes as are due."""
    if there != due:
        raise FormatError("point cloud: its body is %s than its header says" % ("longer" if there > due else "shorter"))


def binary(data: "Data", at: int, elements: "list[Element]", big: bool) -> None:
    """The body of a binary PLY, which begins at `at`."""
    order = "big" if big else "little"
    for _, count, properties in elements:
        if not any([length for length, _, _ in properties]):
            at += count * sum([SIZES[kind] for _, kind, _ in properties])
            continue
        steps = [(SIZES.get(length, 0), SIZES[kind], length in _SIGNED) for length, kind, _ in properties]
        for _ in range(count):
            for length, size, signed in steps:
                if length:
                    items = int.from_bytes(data[at : at + length], order)  # type: ignore[arg-type]
                    if signed and items >> (8 * length - 1):
                        raise FormatError("ply: a list has a negative length")
                    size = length + items * size
                at += size
            if at > len(data):
                break
    exactly(len(data), at)


def compressed(data: "Data", at: int, due: int) -> None:
    """The body of a compressed PCD: both sizes, then LZF that gives `due` bytes."""
    exactly(len(data) - at - 8, int.from_bytes(data[at : at + 4], "little"))
    if int.from_bytes(data[at + 4 : at + 8], "little") != due:
        raise FormatError("pcd: its body is of another size than its header says")
    at += 8
    end, out = len(data), 0
    try:
        while at < end:
            control = data[at]
            if control < 32:  # so many bytes and one follow as they are
                at += control + 2
                out += control + 1
                continue
            length, far = (control >> 5) + 2, 2
            if length == 9:
                length, far = length + data[at + 1], 3
            if ((control & 31) << 8 | data[at + far - 1]) >= out:
                raise FormatError("pcd: its body refers to what is not there")
            at += far
            out += length
    except IndexError:
        at = end + 1
    exactly(end, at)
    exactly(out, due)


def text(data: "Data", at: int, elements: "list[Element]") -> None:
    """Numbers as text, from `at` on."""
    numbers = _Numbers(data, at)
    for _, count, properties in elements:
        if not any([length for length, _, _ in properties]):
            numbers.skip(count * len(properties))
            continue
        for _ in range(count):
            for length, _, _ in properties:
                numbers.skip(numbers.whole() if length else 1)
    numbers.end()


class _Numbers:
    """The numbers of a body, piece by piece; FormatError at the first that is none."""

    def __init__(self, data: "Data", at: int) -> None:
        self._data = data
        self._at = at
        self._piece: "list[bytes]" = []
        self._used = 0

    def skip(self, count: int) -> None:
        while count > len(self._piece) - self._used:
            count -= len(self._piece) - self._used
            if not self._more():
                raise FormatError("point cloud: its body is shorter than its header says")
        self._used += count

    def whole(self) -> int:
        """The next one, which must be a whole number."""
        self.skip(1)
        word = self._piece[self._used - 1]
        if len(word) > 9 or not all([one in _DIGITS for one in word]):
            raise FormatError("ply: the length of a list is not a whole number")
        return int(word)

    def end(self) -> None:
        if self._used < len(self._piece) or self._more():
            raise FormatError("point cloud: its body is longer than its header says")

    def _more(self) -> bool:
        """Take the next piece; False at the end."""
        data, at = self._data, self._at
        self._piece, self._used = [], 0
        while not self._piece and at < len(data):
            end = min(len(data), at + _PIECE)
            while end < len(data) and data[end] not in b" \t\r\n" and end - at < _PIECE + _TOKEN:
                end += 1
            self._piece = _checked(data[at:end])
            at = end
        self._at = at
        return bool(self._piece)


def _checked(piece: "Data") -> "list[bytes]":
    words = piece.split()
    try:
        fits = max([len(word) for word in words] + [0]) <= _TOKEN
        # float takes an underscore, split these two blanks: no such file has them
        fits = fits and not [1 for odd in (b"_", b"\x0b", b"\x0c") if odd in piece]
        for _ in map(float, words if fits else ()):
            pass
    except ValueError:
        fits = False
    if not fits:
        raise FormatError("point cloud: its body has something else than numbers")
    return words  # type: ignore[return-value]
