"""Point clouds (PLY 1.0, PCD 0.7) whose header is written anew from what a reader needs; the body stays as it is.

Comments, PLY's `obj_info` and the viewpoint of a PCD (it becomes the identity) stay behind. Elements and fields have
names of a list, for a name can identify. The body must be exactly as long as the header says. Anything else raises:
an odd cloud stays (L5).
"""

from firmware_agent import pointbody
from firmware_agent.errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware_agent.pointbody import Data, Element, Property

_HEADER = 65536  # bytes of a header, comments and all
_COUNT = 1000000000
_FORMATS = ("ascii", "binary_little_endian", "binary_big_endian")
_ALIASES = {
    "int8": "char",
    "uint8": "uchar",
    "int16": "short",
    "uint16": "ushort",
    "int32": "int",
    "uint32": "uint",
    "float32": "float",
    "float64": "double",
}
_ELEMENTS = ("vertex", "face", "edge", "tristrips", "range_grid")
_NAMES = [
    "x",
    "y",
    "z",
    "nx",
    "ny",
    "nz",
    "normal_x",
    "normal_y",
    "normal_z",
    "red",
    "green",
    "blue",
    "alpha",
    "diffuse_red",
    "diffuse_green",
    "diffuse_blue",
    "r",
    "g",
    "b",
    "a",
    "rgb",
    "rgba",
    "intensity",
    "reflectance",
    "confidence",
    "quality",
    "value",
    "curvature",
    "radius",
    "range",
    "label",
    "ring",
    "s",
    "t",
    "u",
    "v",
    "texture_u",
    "texture_v",
    "vertex_index",
    "vertex_indices",
    "vertex1",
    "vertex2",
    "texcoord",
    "texnumber",
    "flags",
]
_KEYS = ("VERSION", "FIELDS", "SIZE", "TYPE", "COUNT", "WIDTH", "HEIGHT", "VIEWPOINT", "POINTS", "DATA")
_TYPES = ("I1", "I2", "I4", "I8", "U1", "U2", "U4", "U8", "F4", "F8")
_MOST = 64  # numbers that one field of a PCD has at most


def strip(data: "Data") -> bytes:
    """The same cloud under a header of ours; FormatError if it is no plain PLY or PCD. Copies the body once."""
    if data[:4] in (b"ply\n", b"ply\r"):
        head, at = _ply(data)
    elif data[:1] == b"#" or data[:8] == b"VERSION ":
        head, at = _pcd(data)
    else:
        raise FormatError("point cloud: begins like neither PLY nor PCD")
    return head + memoryview(data)[at:]


def _ply(data: "Data") -> "tuple[bytes, int]":
    """(the new header, where the body begins)."""
    lines, at = _lines(data, b"end_header", (b"comment", b"obj_info"))
    if lines[0] != ["ply"] or lines[-1] != ["end_header"]:
        raise FormatError("ply: its first or last line has more in it")
    if len(lines[1]) != 3 or lines[1][0] != "format" or lines[1][1] not in _FORMATS or lines[1][2] != "1.0":
        raise FormatError("ply: no format, or one that is not known")
    elements: "list[Element]" = []
    for words in lines[2:-1]:
        if words[0] == "element" and len(words) == 3 and words[1] in _ELEMENTS:
            if words[1] in [name for name, _, _ in elements]:
                raise FormatError("ply: an element stands there twice")
            elements.append((words[1], _whole(words[2]), []))
        elif words[0] == "property" and elements:
            _property(words, elements[-1][2])
        else:
            raise FormatError("ply: a line of its header, or an element's name, is not of the allow-list")
    if not elements or not all([properties for _, _, properties in elements]):
        raise FormatError("ply: it has no elements, or one without properties")
    form = lines[1][1]
    if form == _FORMATS[0]:
        pointbody.text(data, at, elements)
    else:
        pointbody.binary(data, at, elements, form == _FORMATS[2])
    out = ["ply", "format %s 1.0" % form]
    for name, count, properties in elements:
        out.append("element %s %d" % (name, count))
        out += [
            "property " + ("list %s " % length if length else "") + kind + " " + one for length, kind, one in properties
        ]
    return _joined(out, "end_header"), at


def _property(words: "list[str]", properties: "list[Property]") -> None:
    length = ""
    if len(words) == 5 and words[1] == "list":
        length = _ALIASES.get(words[2], words[2])
        words = words[2:]
        if length not in pointbody.LENGTHS:
            raise FormatError("ply: the length of a list is of no known type")
    if len(words) != 3 or words[2] not in _NAMES or words[2] in [name for _, _, name in properties]:
        raise FormatError("ply: a property is not of the allow-list, or stands there twice")
    kind = _ALIASES.get(words[1], words[1])
    if kind not in pointbody.SIZES:
        raise FormatError("ply: a property is of no known type")
    properties.append((length, kind, words[2]))


def _pcd(data: "Data") -> "tuple[bytes, int]":
    """(the new header, where the body begins)."""
    lines, at = _lines(data, b"DATA ", (b"#",))
    rows: "dict[str, list[str]]" = {}
    for words in lines:
        if words[0] not in _KEYS or words[0] in rows:
            raise FormatError("pcd: a line of its header is not of the allow-list, or stands there twice")
        rows[words[0]] = words[1:]
    fields = rows.get("FIELDS", [])
    rows.setdefault("COUNT", ["1"] * len(fields))
    rows.setdefault("VIEWPOINT", [])
    if not all([key in rows for key in _KEYS]):
        raise FormatError("pcd: a line of its header is missing")
    if rows["VERSION"] not in ([".7"], ["0.7"]):
        raise FormatError("pcd: not of version 0.7")
    if not fields or len(fields) != len(set(fields)) or not all([name in _NAMES for name in fields]):
        raise FormatError("pcd: a field is not of the allow-list, or stands there twice")
    counts = [_whole(word) for word in rows["COUNT"]]
    width, height, points = [_whole(" ".join(rows[key])) for key in ("WIDTH", "HEIGHT", "POINTS")]
    if not len(fields) == len(rows["SIZE"]) == len(rows["TYPE"]) == len(counts):
        raise FormatError("pcd: not one size, type and count for each field")
    if width * height != points or not all([1 <= count <= _MOST for count in counts]):
        raise FormatError("pcd: its counts do not fit one another")
    size = 0
    for number, kind in enumerate(rows["TYPE"]):
        if kind + rows["SIZE"][number] not in _TYPES:
            raise FormatError("pcd: a field is of no known type")
        size += counts[number] * int(rows["SIZE"][number])
    form = " ".join(rows["DATA"])
    if form == "ascii":
        pointbody.text(data, at, [("", points, [("", "", "")] * sum(counts))])
    elif form == "binary":
        pointbody.exactly(len(data) - at, points * size)
    elif form == "binary_compressed":
        pointbody.compressed(data, at, points * size)
    else:
        raise FormatError("pcd: its data are of no known form")
    rows.update(
        {
            "VERSION": ["0.7"],
            "COUNT": ["%d" % count for count in counts],
            "VIEWPOINT": ["0", "0", "0", "1", "0", "0", "0"],
        }
    )
    rows.update({"WIDTH": ["%d" % width], "HEIGHT": ["%d" % height], "POINTS": ["%d" % points]})
    return _joined([key + " " + " ".join(rows[key]) for key in _KEYS]), at


def _lines(data: "Data", last: bytes, comments: "tuple[bytes, ...]") -> "tuple[list[list[str]], int]":
    """(the words of each line up to the one that begins with `last`, without comments; where the body begins)."""
    found = data.find(b"\n" + last, 0, _HEADER)
    end = data.find(b"\n", found + 1, found + 64)
    if found < 0 or end < 0:
        raise FormatError("point cloud: its header has no end within %d bytes" % _HEADER)
    lines = []
    for line in bytes(data[:end]).split(b"\n"):
        words = line.split()
        if words and not (words[0] in comments or words[0][:1] in comments):
            try:
                lines.append([word.decode() for word in words])
            except UnicodeError:
                raise FormatError("point cloud: its header is not text")
    if len(lines) < 3:
        raise FormatError("point cloud: its header has too few lines")
    return lines, end + 1


def _joined(lines: "list[str]", last: str = "") -> bytes:
    return ("\n".join(lines + [last] if last else lines) + "\n").encode()


def _whole(word: str) -> int:
    if not word or len(word) > 10 or not all([one in "0123456789" for one in word]) or int(word) > _COUNT:
        raise FormatError("point cloud: a count is not a whole number up to %d" % _COUNT)
    return int(word)
