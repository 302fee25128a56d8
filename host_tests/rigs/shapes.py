"""Files of any size whose shape asks for much: what costs the square of a length shows on them first.

`SHAPES[name](size)` gives `size` bytes; what the file is (log, configuration, JSON, G-code), its content tells.
"""

from collections.abc import Callable
from itertools import count

Shape = Callable[[int], bytes]


def _again(part: str, before: str = "", after: str = "") -> Shape:
    """One part again and again, on one line if it has no end of a line itself."""

    def shape(size: int) -> bytes:
        first, one, last = (text.encode() for text in (before, part, after))
        room = max(size - len(first) - len(last), 0)
        return first + (one * (room // len(one) + 1))[:room] + last

    return shape


def _counted(part: str, before: str = "") -> Shape:
    """A part with a number in it, another each time."""

    def shape(size: int) -> bytes:
        parts, length = [before], len(before)
        for number in count():
            if length >= size:
                break
            parts.append(part % number)
            length += len(parts[-1])
        return "".join(parts)[:size].encode()

    return shape


def _deep(size: int) -> bytes:
    half = (size - 6) // 2
    return b'{"a":' + b"[" * half + b"]" * (size - 6 - half) + b"}"


def _nearly(size: int) -> bytes:
    """Many values that are known, then words that begin as they do."""
    names = "".join(f"user: kefa{number:07d}orun\n" for number in range(min(size // 100, 20_000)))
    return (names + _again("kefa0000001oru kefa0001000orux ")(max(size - len(names), 0)).decode()).encode()[:size]


def _parts_of_known(size: int) -> bytes:
    """A long value that is known, and then its beginning on and on."""
    name = "kefa" * 1000
    known = f"user: {name}x\n"
    return (known + "kefa" * (size // 4))[:size].encode()


# Text: one line each, if nothing else is said.
TEXTS: "dict[str, Shape]" = {
    "thumbs": _again(".thumbs/", after="part.gcode"),
    "moonraker": _again("moonraker-"),
    "usb": _again("usb-_aaaa-"),
    "usb serials": _again("_a1b2c3d4-if"),
    "names with dots": _again("a."),
    "numbers with dots": _again("1."),
    "addresses": _again("10.2.7.31 "),
    "colons": _again(":"),
    "hex with colons": _again("a:"),
    "double colons": _again("a::"),
    "hex with dashes": _again("0a-"),
    "at signs": _again("@"),
    "mail": _again("a@a."),
    "mail that never comes": _again("orunkefa", after="@"),
    "users in addresses": _again("://a:"),
    "keys": _again('"key":'),
    "keys that identify": _again('"serial":'),
    "keys with values": _again("'task_id': 1234567, "),
    "quotes": _again('"'),
    "quotes never closed": _again('ssid "'),
    "ssid": _again("ssid="),
    "round brackets": _again("(", after=".gcode"),
    "square brackets": _again("[", after=".gcode"),
    "brackets closed before": _again(")", after=".gcode"),
    "files": _again("a.gcode "),
    "files of many words": _again("file ", after="part.gcode"),
    "spaces before files": _again("  ", after="part.gcode"),
    "homes": _again("home/"),
    "homes of homes": _again("/home/a"),
    "slashes": _again("/", before="/home"),
    "backslashes": _again("\\", before='{"serial": "'),
    "hosts": _again("a-", after=".local"),
    "many hosts": _again("kefabox.local."),
    "instances": _again("instance a for "),
    "host names": _again("host name"),
    "logged in": _again("logged in a user "),
    "spaces": _again("user" + " " * 200),
    "only spaces": _again(" ", before="user", after="x"),
    "signed off": _again("a-by: "),
    "wifi": _again("wifi network a "),
    "printer": _again("[printer "),
    "sections": _again("[printer a]\n"),
    "tokens": _again("token=token:"),
    "bearer": _again("bearer "),
    "eyj": _again("eyj"),
    "percent": _again("%2fhome%2f"),
    "latitude": _again("lat:1.23"),
    "hash signs": _again(" #", before="serial: a"),
    "one enormous word": _again("a"),
    "one enormous number": _again("1"),
    "one enormous hex": _again("0123456789abcdef"),
    "beyond ascii": _again("\u00e9"),
    "carriage returns": _again("user: orunkefa\r"),
    "empty lines": _again("\n"),
    "different words": _counted("kefa%x "),
    "different lines": _counted("user: kefa%x logged in\n"),
    "different addresses": _counted("peer 10.1.%d.7\n"),
    "different jobs": _counted("printing file: kefa %d.gcode\n"),
    "values that nearly match": _nearly,
    "a value that nearly matches": _parts_of_known,
    "paths of secrets": _again("passw", before="api_key ", after=": abcdefgh"),
    "url": _again("http://a.b/", after="@"),
    "spaces after a key": _again(" ", before="token=", after="x"),
    "hosts and none": _again("a-", after=" x.local"),
    "mail and none": _again("a.", after=" a@example.org"),
    "users and none": _again("a-", after=" a@b:~"),
    "pictures of jobs": _again(".thumbs/a-32x32.pn"),
    "many known hosts": _counted("connected: kefa%d-orun.local "),
    "minus": _again("-", before="uuid "),
}
# One document each; the deep ones are no JSON to a parser that has an end.
JSONS: "dict[str, Shape]" = {
    "deep lists": _deep,
    "deep objects": _again('{"a":'),
    "open lists": _again("["),
    "json strings": _counted('"kefa %d", ', before="["),
    "json serials": _counted('{"serial": "A%08d"}\n'),
    "json never closed": _again('\\"', before='{"a": "'),
    "json numbers": _again('{"task_id": 123456789}\n'),
    "json digits": _again("9", before='{"task_id": '),
}
# G-code, known by its first lines.
_HEAD = "; generated by PrusaSlicer 2.7.1\nG28\nG1 X1 Y1\nG1 X2 Y2\n"
GCODES: "dict[str, Shape]" = {
    "a long comment": _again("orun ", before=_HEAD + ";"),
    "a long move": _again("X1 Y2 ", before=_HEAD + "G1 "),
    "many letters": _again("G1X", before=_HEAD),
    "no line ends": _again("G1 X10.5 Y7.25 E0.01 ", before=_HEAD.replace("\n", " ")),
    "brackets": _again("(", before=_HEAD),
    "brackets of texts": _again("(orun)", before=_HEAD),
    "quotes in commands": _again('M587 S"', before=_HEAD),
    "objects": _counted("EXCLUDE_OBJECT_START NAME=kefa_%d\nG1 X1\n", before=_HEAD),
    "objects with polygons": _again("[1,2],", before=_HEAD + "EXCLUDE_OBJECT_DEFINE NAME=a POLYGON="),
    "arguments": _again(" A=a", before=_HEAD + "PRINT_START"),
    "arguments with spaces": _again("A ", before=_HEAD + "PRINT_START "),
    "different comments": _counted("; orun kefa %d\n", before=_HEAD),
    "different settings": _counted("; layer_height = %d.5\n", before=_HEAD),
    "different names": _counted("; printing object kefa%d\n", before=_HEAD),
    "different messages": _counted("M117 orun %d\n", before=_HEAD),
    "pictures": _again("; thumbnail begin 1x1 1\n", before=_HEAD),
    "a picture without an end": _again("; QUJDQUJD\n", before=_HEAD + "; thumbnail begin 9x9 9\n"),
    "start code": _again("G1 X1\\n", before=_HEAD + "; start_gcode = "),
    "objects in json": _again('{"name":"a"},', before=_HEAD + "; objects_info = ["),
    "settings in strings": _again('";"', before=_HEAD + "; start_gcode = "),
    "one enormous name": _again("a", before=_HEAD + "EXCLUDE_OBJECT_START NAME="),
    "semicolons": _again(";", before=_HEAD),
    "versions": _again("1-", before=_HEAD + "; generated by PrusaSlicer "),
    "carriage returns alone": _again("G1 X1\r;orun\r", before=_HEAD),
    "comments with spaces": _again(" ", before=_HEAD + "; file = a", after="a"),
}
SHAPES: "dict[str, Shape]" = {**TEXTS, **JSONS, **GCODES}
