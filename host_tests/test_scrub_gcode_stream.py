"""G-code as a stream: any bytes, any size, the same lines and the same motion."""

import io
import random
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from firmware_agent.scrub.gcode import PIECE, Span, scrub
from host_tests.rigs.gcode_files import SLICERS, job, names
from host_tests.rigs.gcode_moves import moves

SMALL = 1 << 12


def scrubbed(data: bytes, **options: Any) -> "tuple[bytes, list[Span]]":
    spans: list[Span] = []
    out = io.BytesIO()
    scrub(io.BytesIO(data).read, out.write, spans=spans.append, **options)
    return out.getvalue(), spans


@pytest.mark.parametrize(
    "slicer", [name for name in SLICERS if name not in ("PrusaSlicer", "OrcaSlicer", "SuperSlicer")]
)
@pytest.mark.parametrize("piece", [1, 7, 300])
def test_ok__it_does_not_matter_where_the_reads_end(slicer: str, piece: int) -> None:
    data = job(slicer, names(3))
    whole, spans = scrubbed(data)

    source = io.BytesIO(data)
    out = io.BytesIO()
    found: list[Span] = []
    scrub(lambda _: source.read(piece), out.write, spans=found.append)
    assert out.getvalue() == whole
    assert found == spans


@pytest.mark.parametrize("end", [b"\r\n", b"\r", b"\n\r"])
def test_ok__line_ends_stay_what_they_were(end: bytes) -> None:
    data = job("Cura", names(4)).replace(b"\n", end)
    out, _ = scrubbed(data)
    assert out.count(end) == data.count(end) and out.count(b"\r") == data.count(b"\r")
    assert out.replace(end, b"\n") == scrubbed(job("Cura", names(4)))[0]


def test_ok__a_last_line_without_an_end_is_a_line() -> None:
    assert scrubbed(b"G1 X1\n;MESH:Zuumi.stl")[0] == b"G1 X1\n;MESH:object_1"
    assert scrubbed(b"G1 X1")[0] == b"G1 X1"
    assert scrubbed(b"")[0] == b""


def test_ok__pictures_with_other_line_ends_keep_them() -> None:
    out, _ = scrubbed(b"; thumbnail begin 1x1 8\r\n; AAAAAAAA\r\n; thumbnail end\r\nG28\r\n")
    assert out == b";\r\n;\r\n;\r\nG28\r\n"


def test_ok__a_picture_may_begin_in_one_read_and_end_in_the_next() -> None:
    data = (
        b"; thumbnail begin 300x300 9999\n"
        + (b"; " + b"QUJD" * 19 + b"\n") * 200
        + b"; thumbnail end\n; layer_height = 0.2\n"
    )
    out, _ = scrubbed(data, piece=SMALL)
    assert out == b";\n" * 202 + b"; layer_height = 0.2\n"
    assert scrubbed(data, piece=SMALL, thumbnails=True)[0] == data


@pytest.mark.attack(13)
@pytest.mark.parametrize(
    ("line", "out"),
    [
        (b";" + b"Zuumi " * SMALL, b";"),
        (b"; image: data:image/png;base64," + b"QUJD" * SMALL, b";"),
        (b"G1 X1 ;" + b"Zuumi " * SMALL, b"G1 X1 ;"),
        (b"G1 X1 " * SMALL, b"G1 X1 " * SMALL),
        (b"koiba " * SMALL, b";"),
        ("; \u65e5".encode() * SMALL, b";"),
    ],
)
def test_ok__a_line_longer_than_what_is_read_at_a_time_keeps_its_motion_only(line: bytes, out: bytes) -> None:
    data = b"G28\n" + line + b"\nG1 X2\n;MESH:Zuumi.stl\n"
    got, spans = scrubbed(data, piece=SMALL)
    assert got == b"G28\n" + out + b"\nG1 X2\n;MESH:object_1\n"
    text = data.decode()
    assert text[spans[-1].start : spans[-1].end] == "Zuumi.stl"


ALPHABETS: "dict[str, tuple[bytes, ...]]" = {
    "bytes": tuple(bytes((value,)) for value in range(256)),
    "signs": tuple(bytes((value,)) for value in b"GMTXYZ01 .;()\n\r\"'=:,{}[]$@#%<>\\/-*"),
    "parts": (
        b"data:image/png;base64,",
        b"G1 X1 Y2 ", b"M117 ", b"M486 A", b"EXCLUDE_OBJECT_START NAME=", b"'", b'"', b"; ", b"(", b")", b"\n", b"\r\n",
        b"; thumbnail begin", b"; thumbnail end", b"zuumi", b" = ", b"; start_gcode = ", b"\\n", b"{", b"}", b"[",
        b":", b",",
        b"\xef\xbb\xbf", b"\xff", b"\x00", b"N5 ", b"*77", b"; printing object ", b";MESH:", b"\r", b"QUJD" * 20,
    ),
}  # fmt: skip


INLINE = [part for part in ALPHABETS["parts"] if not set(part) & set(b"\n\r") and b"G1" not in part]


@pytest.mark.attack(13)
@pytest.mark.attack(14)
@pytest.mark.parametrize("alphabet", ALPHABETS)
def test_ok__any_bytes_give_the_same_lines_the_same_moves_and_spans_in_order(alphabet: str) -> None:
    chance = random.Random(8)
    for turn in range(400):
        data = b"".join(chance.choices(ALPHABETS[alphabet], k=chance.randrange(1, 400)))
        out, spans = scrubbed(data, piece=chance.choice((64, 512, PIECE)))
        assert out.count(b"\n") == data.count(b"\n") and out.count(b"\r") == data.count(b"\r"), turn
        assert [(span.start, span.end) for span in spans] == sorted((span.start, span.end) for span in spans), turn
        assert all(left.end <= right.start for left, right in pairwise(spans)), turn
        assert not spans or spans[-1].end <= len(data.decode("utf-8", "surrogateescape")), turn


@pytest.mark.attack(14)
def test_ok__moves_between_anything_are_the_same() -> None:
    chance = random.Random(9)
    for turn in range(300):
        lines = []
        for _ in range(chance.randrange(1, 40)):
            lines.append(b"G%d X%.4f Y%d" % (chance.randrange(4), chance.uniform(-9, 999), chance.randrange(999)))
            rest = b"".join(chance.choices(INLINE, k=6))
            lines.append(chance.choice((b";", b"M117 ", b"; printing object ", b"(")) + rest)
        data = b"\n".join(lines)
        out, _ = scrubbed(data)
        assert [move for move in moves(out) if move[0] != "G28"] == [
            move for move in moves(data) if move[0] != "G28"
        ], turn
        assert out.split(b"\n")[::2] == lines[::2], turn


def _generated(size: int) -> "Callable[[int], bytes]":
    """A source of so many bytes, none of which are kept."""
    chance = random.Random(10)
    given = 0

    def read(count: int) -> bytes:
        nonlocal given
        if given >= size:
            return b""
        rows = [b";TYPE:Perimeter\n;MESH:zuumi%d.stl\n" % given]
        rows += [
            b"G1 X%d.%03d Y%d E.0%d\n" % (chance.randrange(200), chance.randrange(999), given % 177, given % 97)
            for _ in range(50)
        ]
        rows += [b"; koiba %d\nM117 foirun %d\n" % (given, given)]
        data = b"".join(rows) * (count // 4000 + 1)
        given += len(data)
        return data

    return read


def _memory(size: int) -> int:
    read = _generated(size)
    tracemalloc.start()
    scrub(read, lambda _: None, spans=lambda _: None, piece=1 << 16)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_ok__memory_does_not_grow_with_the_file() -> None:
    _memory(1 << 18)  # tables that are made once
    assert _memory(1 << 23) < _memory(1 << 20) + (1 << 20)


def test_fail__memory_that_grows_is_seen() -> None:
    kept: list[bytes] = []
    read = _generated(1 << 23)
    tracemalloc.start()
    scrub(read, kept.append, piece=1 << 16)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak > _memory(1 << 20) + (1 << 20)


def test_ok__more_names_than_are_remembered_are_all_replaced() -> None:
    data = b"".join(b";MESH:zuumi%d.stl\n" % number for number in range(50_010))
    out, _ = scrubbed(data)
    assert b"zuumi" not in out
    assert out.startswith(b";MESH:object_1\n;MESH:object_2\n") and out.endswith(b";MESH:object_more\n")


def test_ok__progress_tells_the_bytes_that_were_read() -> None:
    told: list[int] = []
    scrubbed(b"G1 X1\n" * 3000, piece=SMALL, progress=told.append)
    assert told == sorted(told) and told[-1] == 18_000
