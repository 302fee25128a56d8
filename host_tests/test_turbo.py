"""libturbojpeg, the real one: raw pictures become JPEG; a part of a JPEG is cut out and nothing else comes with it."""

import io
import mmap
import random

import pytest
from PIL import Image

from firmware_agent.camera.box import Shape, inside, shape
from firmware_agent.camera.sandbox.report import CannotLock
from firmware_agent.camera.sources.cropped import Cropped
from firmware_agent.camera.sources.raw import FORMATS, Converter
from firmware_agent.camera.sources.videodev import Layout
from firmware_agent.camera.turbo import S420, Turbo
from firmware_agent.errors import FormatError
from host_tests.rigs.locked_script import run

WIDTH, HEIGHT = 330, 250  # the last blocks are cut off by the edge
CANARY = b"canary-of-the-camera"
KINDS = {
    "all colour": {"subsampling": 0},
    "half the width": {"subsampling": 1},
    "half both": {"subsampling": 2},
    "progressive": {"subsampling": 2, "progressive": True},
}
LEFT, RIGHT = (100, 110, 150), (150, 140, 110)  # Y, Cb, Cr
CROPS = [(0, 0, 1000, 1000), (250, 250, 500, 500), (101, 303, 407, 555), (600, 700, 400, 300), (0, 500, 1000, 500)]


@pytest.fixture(scope="module")
def turbo():
    return Turbo()


def picture(seed, inside_of=None):
    """Noise that is smooth enough for a JPEG; inside_of: (picture, box) that it has in common with another."""
    rough = random.Random(seed).randbytes(3 * 42 * 32)
    image = Image.frombytes("RGB", (42, 32), rough).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    if inside_of is not None:
        other, box = inside_of
        image.paste(other.crop(box), box[:2])
    return image


def jpeg(image, **how):
    into = io.BytesIO()
    image.save(into, "JPEG", quality=85, **how)
    return into.getvalue()


def decoded(data, mode="RGB"):
    image = Image.open(io.BytesIO(data))
    if mode == "L":
        image.draft("L", image.size)
    return image.convert(mode)


def corners(box):
    return box[0], box[1], box[0] + box[2], box[1] + box[3]


def drawn(crop):
    """In pixels what the owner drew."""
    left, top, width, height = crop
    return (
        left * WIDTH / 1000,
        top * HEIGHT / 1000,
        (left + width) * WIDTH / 1000,
        (top + height) * HEIGHT / 1000,
    )


@pytest.mark.parametrize("crop", CROPS)
@pytest.mark.parametrize("kind", KINDS)
def test_ok__what_is_inside_stays_bit_by_bit(turbo, kind, crop):
    whole = jpeg(picture(1), **KINDS[kind])
    box = inside(shape(whole), crop)
    part = turbo.cut(whole, box)
    left, top, right, bottom = corners(box)
    line = drawn(crop)
    assert left >= line[0] and top >= line[1] and right <= line[2] and bottom <= line[3]
    assert decoded(part).size == box[2:]
    assert decoded(part, "L").tobytes() == decoded(whole, "L").crop((left, top, right, bottom)).tobytes()
    if kind == "all colour":  # otherwise a decoder smooths colour from block to block
        assert decoded(part).tobytes() == decoded(whole).crop((left, top, right, bottom)).tobytes()


def test_ok__a_picture_without_code_tables_as_many_cameras_give_it(turbo):
    whole = jpeg(picture(1), subsampling=1)
    without = whole.replace(b"\xff\xc4", b"\xff\xee")
    box = inside(shape(whole), (250, 250, 500, 500))
    assert without != whole
    assert decoded(turbo.cut(without, box)).tobytes() == decoded(turbo.cut(whole, box)).tobytes()


def test_ok__a_grey_picture_is_cut(turbo):
    whole = jpeg(picture(1).convert("L"))
    part = turbo.cut(whole, inside(shape(whole), (250, 250, 500, 500)))
    assert Image.open(io.BytesIO(part)).mode == "L"


@pytest.mark.clause("L4")
@pytest.mark.parametrize("crop", CROPS[1:])
@pytest.mark.parametrize("kind", ["all colour", "half the width", "half both"])
def test_fail__anything_of_what_lies_outside_the_line(turbo, kind, crop):
    """Two pictures that agree inside the line, and nowhere else, become the same bytes."""
    line = drawn(crop)
    common = int(line[0] + 0.999), int(line[1] + 0.999), int(line[2]), int(line[3])
    first = picture(1)
    one, two = jpeg(first, **KINDS[kind]), jpeg(picture(2, (first, common)), **KINDS[kind])
    whole = shape(one)
    box = inside(whole, crop)
    assert turbo.cut(one, box) == turbo.cut(two, box)
    left, top, right, bottom = corners(box)
    wider = max(0, left - whole.across), max(0, top - whole.down), min(right + whole.across, WIDTH), bottom
    wider = wider[0], wider[1], wider[2] - wider[0], wider[3] - wider[1]
    assert turbo.cut(one, wider) != turbo.cut(two, wider)  # the control: one block more, and they differ


@pytest.mark.clause("L4")
def test_fail__metadata_in_a_part(turbo):
    exif = Image.Exif()
    exif[0x010E] = CANARY.decode()
    whole = jpeg(picture(1), exif=exif, comment=CANARY, icc_profile=CANARY)
    assert whole.count(CANARY) == 3
    assert CANARY not in turbo.cut(whole, inside(shape(whole), (250, 250, 500, 500)))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:4],
        lambda data: b"",
        lambda data: b"GIF89a" + data,
        lambda data: data[:2] + data[data.index(b"\xff\xda") :],
        lambda data: data.replace(b"\xff\xc0", b"\xff\xee"),
    ],
)
def test_fail__a_damaged_picture_is_cut(turbo, spoil):
    whole = jpeg(picture(1), subsampling=0)
    with pytest.raises(FormatError, match="jpeg"):
        turbo.cut(spoil(whole), (16, 16, 32, 32))


@pytest.mark.parametrize("box", [(3, 16, 32, 32), (16, 8, 32, 32), (-16, 0, 32, 32), (336, 0, 16, 16)])
def test_fail__a_box_that_begins_inside_a_block_or_outside_the_picture(turbo, box):
    with pytest.raises(FormatError):
        turbo.cut(jpeg(picture(1), subsampling=2), box)


@pytest.mark.parametrize(
    "crop", [(0, 0, 10, 1000), (500, 500, 0, 0), (0, 999, 1000, 1), (900, 0, 200, 1000), (-1, 0, 500, 500)]
)
def test_fail__a_part_without_a_whole_block(crop):
    with pytest.raises(FormatError, match="draw a larger one"):
        inside(Shape(WIDTH, HEIGHT, 16, 16), crop)


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8", b"\xff\xd8\xff\xd9" + bytes(20), b"\xff\xd8" + b"\xff\xe0\0\2" * 99]
)
def test_fail__a_shape_of_what_is_no_picture(data):
    with pytest.raises(FormatError, match="frame header"):
        shape(data)


def test_fail__a_picture_larger_than_there_is_memory_for(turbo):
    with pytest.raises(FormatError, match="too large"):
        turbo.planes((b"", b"", b""), (8000, 4000, 4000), 8000, 6000, S420)


@pytest.mark.parametrize("name", ["libturbojpeg.so.none", "libc.so.6"])
def test_fail__without_the_library_and_the_text_says_what_to_install(name):
    with pytest.raises(CannotLock, match="apt install libturbojpeg0"):
        Turbo(name)


def raw(name, width, height, line):
    """Two halves of LEFT and RIGHT, rows padded with something else."""
    left, right, half = LEFT, RIGHT, width // 2
    pad = b"\xee" * (line - width * FORMATS[name][2])
    thin = b"\xee" * ((line - width) // 2)

    def row(one, two, count, padding):
        return bytes(one) * count + bytes(two) * count + padding

    luma = row(left[:1], right[:1], half, pad) * height
    blue, red = (row(left[at : at + 1], right[at : at + 1], half // 2, thin) * (height // 2) for at in (1, 2))
    if name == "YU12":
        return luma + blue + red
    if name == "NV12":
        return luma + row(left[1:], right[1:], half // 2, pad) * (height // 2)
    if name == "YUYV":
        return row((*left[:2], left[0], left[2]), (*right[:2], right[0], right[2]), half // 2, pad) * height
    colours = Image.new("YCbCr", (1, 1), left), Image.new("YCbCr", (1, 1), right)
    return row(*(image.convert("RGB").tobytes() for image in colours), half, pad) * height


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("more", [0, 64])
def test_ok__each_raw_format_keeps_its_colours(turbo, name, more):
    line = WIDTH // 2 * 2 * FORMATS[name][2] // 4 * 4 + 4 + more
    width = 328
    data = raw(name, width, HEIGHT, line)
    buffer = mmap.mmap(-1, len(data) + 4096)
    buffer[: len(data)] = data
    made = Converter(turbo, name, Layout(width, HEIGHT, 0, line, len(data) + 4096)).jpeg(buffer)
    image = Image.open(io.BytesIO(made)).convert("YCbCr")
    assert image.size == (width, HEIGHT)
    for at, colour in (((80, 120), LEFT), ((250, 10), RIGHT), ((320, 245), RIGHT)):
        assert all(abs(a - b) <= 4 for a, b in zip(image.getpixel(at), colour, strict=True)), at


@pytest.mark.parametrize(
    "at",
    [
        Layout(321, 240, 0, 642, 200000),
        Layout(320, 241, 0, 640, 200000),
        Layout(320, 240, 0, 100, 200000),
        Layout(320, 240, 0, 640, 100),
        Layout(0, 0, 0, 0, 0),
    ],
)
def test_fail__a_layout_that_does_not_fit(turbo, at):
    with pytest.raises(FormatError, match="not supported"):
        Converter(turbo, "YUYV", at)


class Still:
    """Implements Source: always the same picture."""

    fd, camera = -1, None

    def __init__(self, data):
        self.data = data
        self.facts = {"driver": "still"}
        self.calls = []

    def on(self):
        self.calls.append("on")

    def off(self):
        self.calls.append("off")

    def due(self, now):
        return 1.5

    def take(self, now):
        return self.data

    def covered(self):
        return True


def test_ok__a_cropped_source_gives_the_part_and_nothing_else(turbo):
    whole = jpeg(picture(1), subsampling=2)
    inner = Still(memoryview(whole))
    source = Cropped(inner, (250, 250, 500, 500), turbo)
    source.on()
    part = source.take(1.0)
    source.off()
    assert part == turbo.cut(whole, inside(shape(whole), (250, 250, 500, 500)))
    assert inner.calls == ["on", "off"] and source.due(1.0) == 1.5 and source.covered()
    assert source.facts == {"driver": "still", "crop": "250 250 500 500"}
    inner.data = None
    assert source.take(1.0) is None


def test_fail__a_part_of_a_picture_that_is_too_large_is_begun(turbo):
    inner = Still(b"")
    inner.facts = {"width": 8000, "height": 6000}
    with pytest.raises(FormatError, match="too large"):
        Cropped(inner, (250, 250, 500, 500), turbo)


@pytest.mark.parametrize("data", [b"", b"nonsense", jpeg(picture(1))[:3000]])
def test_fail__a_cropped_source_passes_what_it_cannot_cut(turbo, data):
    with pytest.raises(FormatError):
        Cropped(Still(data), (250, 250, 500, 500), turbo).take(1.0)


def test_fail__a_header_that_claims_more_pixels_than_any_camera_has(turbo):
    whole = bytearray(jpeg(picture(1), subsampling=2))
    at = whole.index(b"\xff\xc0")
    whole[at + 5 : at + 9] = b"\xff\x00\xff\x00"
    with pytest.raises(FormatError, match="too large"):
        Cropped(Still(bytes(whole)), (250, 250, 500, 500), turbo).take(1.0)


@pytest.mark.clause("L4")
def test_ok__the_library_works_under_the_lock():
    """It asks for nothing that the table does not have."""
    said, code = run(
        """
from firmware_agent.camera.turbo import Turbo
turbo = Turbo()
lock(control)
pixels = bytes(range(256)) * (1280 * 720 * 3 // 256)
for _ in range(3):
    whole = turbo.rgb(pixels, 1280 * 3, 1280, 720)
    part = turbo.cut(whole, (320, 160, 640, 320))
control.sendall(part)
"""
    )
    assert code == 0 and decoded(said).size == (640, 320)
