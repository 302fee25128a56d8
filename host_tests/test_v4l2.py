"""A camera of this device: what is opened, what is refused, which picture is taken, and what rests when nobody looks.

The camera is a fake at the edge (rigs/fake_camera.py), the numbers and sizes are a C compiler's; a real V4L2 stack is
asked in the emulated machine.
"""

import errno
import os
import re
import subprocess

import pytest

from firmware_agent.camera.sandbox.report import CannotLock
from firmware_agent.camera.sandbox.table import V4L2
from firmware_agent.camera.settings import SourceSettings
from firmware_agent.camera.sources import videodev as v
from firmware_agent.camera.sources.v4l2 import open_camera, prepare
from firmware_agent.camera.turbo import Turbo
from host_tests.rigs.fake_camera import CAPTURE_AND_STREAM, MJPG, YUYV, FakeCamera
from host_tests.rigs.locked_script import run

SETTINGS = SourceSettings("v4l2", "/dev/video7", 1280, 720, 15)
H264, JPEG = v.fourcc("H264"), v.fourcc("JPEG")


def no_turbo():
    raise AssertionError("the library is loaded, and this camera does not need it")


def started(**camera):
    """(fake, camera that streams)."""
    fake = FakeCamera(**camera)
    camera = prepare(fake, SETTINGS, no_turbo)
    camera.on()
    return fake, camera


def test_ok__the_camera_is_opened_and_says_what_it_is():
    fake = FakeCamera((H264, YUYV, MJPG))
    camera = prepare(fake, SETTINGS, no_turbo)
    assert camera.facts == {"driver": "fakedrv", "card": "A camera ??", "width": 1280, "height": 720, "format": "MJPG"}
    assert camera.fd == camera.camera == fake.fd and fake.rate == (1, 15) and not fake.streams


def test_fail__the_serial_number_among_the_facts():
    assert "SERIAL" not in str(prepare(FakeCamera(), SETTINGS, no_turbo).facts)


def test_ok__a_camera_that_has_no_such_size_says_which_it_gives():
    camera = prepare(FakeCamera(most=(800, 600)), SETTINGS, no_turbo)
    assert (camera.facts["width"], camera.facts["height"]) == (800, 600)


def test_ok__no_size_asked_for_is_the_camera_s_own():
    camera = prepare(FakeCamera(), SourceSettings("v4l2", "/dev/video7"), no_turbo)
    assert (camera.facts["width"], camera.facts["height"]) == (640, 480)


@pytest.mark.parametrize(
    ("formats", "chosen"), [((YUYV, JPEG), "JPEG"), ((JPEG, MJPG), "MJPG"), ((H264, YUYV), "YUYV")]
)
def test_ok__jpeg_comes_before_what_must_be_converted(formats, chosen):
    assert prepare(FakeCamera(formats), SETTINGS, Turbo).facts["format"] == chosen


@pytest.mark.attack(18)
@pytest.mark.parametrize(
    ("able", "why"),
    [
        (CAPTURE_AND_STREAM | 0x2, "written into it"),
        (CAPTURE_AND_STREAM | 0x2000, "written into it"),
        (CAPTURE_AND_STREAM | 0x8000, "a converter"),
        (CAPTURE_AND_STREAM | 0x4000, "a converter"),
        (0x1000 | 0x04000000, "one plane"),
        (0x00800000 | 0x04000000, "one plane"),
        (0x1, "cannot stream"),
    ],
)
def test_fail__a_node_that_is_no_camera_or_more_than_one(able, why):
    for fake in (FakeCamera(able=able), FakeCamera(able=CAPTURE_AND_STREAM, node_able=able)):
        with pytest.raises(CannotLock, match=why) as caught:
            prepare(fake, SETTINGS, no_turbo)
        assert caught.value.missing == "camera" and "/dev/video7" in str(caught.value)
        assert fake.asked == [v.QUERYCAP]


def test_ok__a_node_of_a_device_that_does_more_elsewhere():
    prepare(FakeCamera(able=CAPTURE_AND_STREAM | 0x2, node_able=CAPTURE_AND_STREAM), SETTINGS, no_turbo)


@pytest.mark.parametrize("request_", [v.S_FMT, v.REQBUFS])
def test_fail__a_camera_that_another_program_uses(request_):
    fake = FakeCamera()
    fake.fails[request_] = errno.EBUSY
    with pytest.raises(CannotLock, match="another program uses the camera; `doctor`"):
        prepare(fake, SETTINGS, no_turbo)


@pytest.mark.parametrize("request_", [v.QUERYCAP, v.G_FMT, v.S_FMT, v.REQBUFS, v.QUERYBUF, v.G_CTRL])
def test_fail__a_camera_that_was_unplugged_meanwhile(request_):
    fake = FakeCamera()
    fake.fails[request_] = errno.ENODEV
    with pytest.raises(CannotLock, match="plug it in again"):
        prepare(fake, SETTINGS, no_turbo)


def test_ok__a_camera_without_a_choice_of_rates():
    fake = FakeCamera()
    fake.fails[v.S_PARM] = errno.ENOTTY
    prepare(fake, SETTINGS, no_turbo)


@pytest.mark.parametrize("formats", [(), (H264,)])
def test_fail__a_camera_without_a_format_that_is_known(formats):
    with pytest.raises(CannotLock, match="adapter command"):
        prepare(FakeCamera(formats), SETTINGS, no_turbo)


@pytest.mark.parametrize("count", [0, 1, 33])
def test_fail__a_number_of_buffers_that_makes_no_stream(count):
    fake = FakeCamera()
    fake.count = count
    with pytest.raises(CannotLock, match="buffers"):
        prepare(fake, SETTINGS, no_turbo)


def test_fail__a_raw_camera_without_the_library():
    def missing():
        return Turbo("libturbojpeg.so.none")

    with pytest.raises(CannotLock, match="apt install libturbojpeg0"):
        prepare(FakeCamera((YUYV,)), SETTINGS, missing)


def test_ok__the_newest_picture_is_taken_and_the_older_go_back():
    fake, camera = started()
    for number in range(3):
        assert fake.fill(b"picture %d" % number)
    assert camera.take(0.0) == b"picture 2"
    assert camera.take(0.0) is None
    assert sorted(fake.queued) == [0, 1, 2, 3]


def test_ok__a_slow_loop_never_leaves_the_camera_without_buffers():
    fake, camera = started()
    for number in range(40):
        assert fake.fill(b"%d" % number)
        if number % 4 == 3:
            assert camera.take(0.0) == b"%d" % number


def test_fail__a_picture_that_the_driver_calls_damaged():
    fake, camera = started()
    fake.fill(b"good")
    fake.fill(b"damaged", flags=v.ERROR)
    fake.fill(b"", used=0)
    assert camera.take(0.0) == b"good"
    fake.fill(b"damaged", flags=v.ERROR | 0x1)
    assert camera.take(0.0) is None
    assert sorted(fake.queued) == [0, 1, 2, 3]


def test_fail__a_driver_that_names_more_than_there_is():
    fake, camera = started()
    fake.fill(b"x", used=1 << 30)
    assert camera.take(0.0) is None
    fake.fill(b"x", number=9)
    with pytest.raises(OSError, match="not there"):
        camera.take(0.0)


def test_ok__a_raw_camera_s_picture_becomes_a_jpeg_and_a_short_one_is_dropped():
    fake = FakeCamera((YUYV,))
    camera = prepare(fake, SETTINGS, Turbo)
    camera.on()
    fake.fill(bytes(1280 * 720 * 2))
    assert camera.take(0.0).startswith(b"\xff\xd8\xff")
    fake.fill(bytes(1000))
    assert camera.take(0.0) is None
    assert sorted(fake.queued) == [0, 1, 2, 3]


@pytest.mark.clause("L4")
def test_ok__nothing_is_asked_of_the_camera_while_nobody_looks():
    fake = FakeCamera(privacy=0)
    camera = prepare(fake, SETTINGS, no_turbo)
    fake.asked.clear()
    assert camera.take(0.0) is None and camera.due(0.0) is None and camera.covered() is False
    assert fake.asked == []
    camera.on()
    camera.off()
    assert fake.asked[-1] == v.STREAMOFF and not fake.streams
    asked = len(fake.asked)
    camera.off()
    assert camera.take(9.0) is None and camera.due(9.0) is None and len(fake.asked) == asked


def test_ok__it_can_be_looked_at_again_and_old_pictures_are_gone():
    fake, camera = started()
    fake.fill(b"old")
    camera.off()
    camera.on()
    camera.on()
    assert camera.take(0.0) is None
    fake.fill(b"new")
    assert camera.take(0.0) == b"new"


@pytest.mark.clause("L4")
def test_ok__the_open_camera_asks_only_what_the_lock_lets_through():
    fake, camera = started(privacy=0)
    before = len(fake.asked)
    for now in range(4):
        fake.fill(b"picture")
        camera.take(float(now))
    camera.off()
    camera.on()
    assert set(fake.asked[before:]) == set(v.AFTER_LOCK) and set(v.AFTER_LOCK) == set(V4L2.values())


def test_ok__a_switch_in_hardware_covers_the_camera():
    fake, camera = started(privacy=0)
    fake.fill(b"seen")
    assert camera.take(10.0) == b"seen" and not camera.covered()
    assert camera.due(10.0) == 0.25
    fake.privacy = 1
    fake.fill(b"not seen")
    assert camera.take(10.3) is None and camera.covered()
    fake.fill(b"nor this")
    assert camera.take(10.4) is None
    fake.privacy = 0
    fake.fill(b"seen again")
    assert camera.take(10.6) == b"seen again" and not camera.covered()


def test_ok__a_covered_camera_shows_it_before_anybody_looks():
    camera = prepare(FakeCamera(privacy=1), SETTINGS, no_turbo)
    assert camera.covered()


def test_ok__a_camera_without_a_switch_is_not_asked_about_it_again():
    fake, camera = started()
    assert camera.due(0.0) is None
    camera.take(1.0)
    assert fake.asked.count(v.G_CTRL) == 1 and not camera.covered()


@pytest.mark.parametrize("request_", [v.DQBUF, v.G_CTRL])
def test_fail__a_camera_that_is_pulled_out_while_it_streams(request_):
    fake, camera = started(privacy=0)
    fake.fails[request_] = errno.ENODEV
    with pytest.raises(OSError, match=os.strerror(errno.ENODEV)):
        camera.take(0.0)
    fake.fails[v.STREAMOFF] = errno.ENODEV
    camera.off()


@pytest.mark.parametrize(
    ("number", "advice"), [(errno.EBUSY, "doctor"), (errno.ENOSPC, "another port"), (errno.EPROTO, "does not stream")]
)
def test_fail__a_camera_that_does_not_begin_to_stream(number, advice):
    fake = FakeCamera()
    camera = prepare(fake, SETTINGS, no_turbo)
    fake.fails[v.STREAMON] = number
    with pytest.raises(OSError, match=advice):
        camera.on()
    del fake.fails[v.STREAMON]
    camera.on()
    fake.fill(b"works now")
    assert camera.take(0.0) == b"works now"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/dev/null", "not a camera"),
        ("/dev/video-none", "plug the camera in"),
        ("/etc/passwd", "not a camera"),
        ("", "not a camera"),
    ],
)
def test_fail__a_path_that_is_no_camera(path, why):
    with pytest.raises(CannotLock, match=why) as caught:
        open_camera(SourceSettings("v4l2", path))
    assert caught.value.missing == "camera"


NAMES = {
    "VIDIOC_QUERYCAP": v.QUERYCAP,
    "VIDIOC_ENUM_FMT": v.ENUM_FMT,
    "VIDIOC_G_FMT": v.G_FMT,
    "VIDIOC_S_FMT": v.S_FMT,
    "VIDIOC_REQBUFS": v.REQBUFS,
    "VIDIOC_QUERYBUF": v.QUERYBUF,
    "VIDIOC_QBUF": v.QBUF,
    "VIDIOC_DQBUF": v.DQBUF,
    "VIDIOC_STREAMON": v.STREAMON,
    "VIDIOC_STREAMOFF": v.STREAMOFF,
    "VIDIOC_S_PARM": v.S_PARM,
    "VIDIOC_G_CTRL": v.G_CTRL,
    "V4L2_CID_PRIVACY": v.PRIVACY,
    "V4L2_BUF_FLAG_ERROR": v.ERROR,
    "V4L2_PIX_FMT_MJPEG": MJPG,
    "V4L2_PIX_FMT_JPEG": JPEG,
    "V4L2_PIX_FMT_YUYV": YUYV,
    "V4L2_PIX_FMT_NV12": v.fourcc("NV12"),
    "V4L2_PIX_FMT_YUV420": v.fourcc("YU12"),
    "V4L2_PIX_FMT_RGB24": v.fourcc("RGB3"),
}
PLACES = [  # what C writes into, and what this program reads there
    ("v4l2_capability", ["driver[0]='d'", "card[0]='c'", "capabilities=5", "device_caps=6"], v.CAPABILITY),
    ("v4l2_fmtdesc", ["index=1", "type=2", "flags=3", "description[0]='d'", "pixelformat=4"], v.DESCRIPTION),
    (
        "v4l2_format",
        [
            "type=1",
            *(f"fmt.pix.{name}={at}" for at, name in enumerate(("width", "height", "pixelformat", "field"), 2)),
            *("fmt.pix.bytesperline=6", "fmt.pix.sizeimage=7"),
        ],
        v.FORMAT,
    ),
    (
        "v4l2_streamparm",
        ["type=1", *(f"parm.capture.timeperframe.{n}" for n in ("numerator=2", "denominator=3"))],
        v.RATE,
    ),
    ("v4l2_requestbuffers", ["count=1", "type=2", "memory=3"], v.BUFFERS),
    (
        "v4l2_buffer",
        ["index=1", "type=2", "bytesused=3", "flags=4", "field=5", "memory=6", "m.offset=7", "length=8"],
        v.BUFFER,
    ),
    ("v4l2_control", ["id=1", "value=2"], v.CONTROL),
]


def test_ok__numbers_and_places_are_those_of_a_c_compiler(tmp_path):
    lines = [f'printf("%lu\\n", (unsigned long){name});' for name in NAMES]
    for name, settings, _ in PLACES:
        sets = " ".join(f"it.{one};" for one in settings)
        lines.append(f"{{ struct {name} it; memset(&it, 0, sizeof it); {sets} show(&it, sizeof it); }}")
    source = tmp_path / "numbers.c"
    source.write_text(
        "#include <linux/videodev2.h>\n#include <stdio.h>\n#include <string.h>\n"
        "static void show(void *at, unsigned long n)"
        '{ for (unsigned long i = 0; i < n; i++) printf("%02x", ((unsigned char *)at)[i]); puts(""); }\n'
        "int main(void) { " + "\n".join(lines) + " return 0; }\n"
    )
    subprocess.run(["gcc", "-o", tmp_path / "numbers", source], check=True)
    said = subprocess.run([tmp_path / "numbers"], capture_output=True, text=True, check=True).stdout.split()
    assert dict(zip(NAMES, map(int, said), strict=False)) == NAMES
    for (name, settings, layout), line in zip(PLACES, said[len(NAMES) :], strict=True):
        data = bytes.fromhex(line)
        assert len(data) == layout.size, name
        found = [part[:1].decode() if isinstance(part, bytes) else part for part in layout.unpack(data)]
        told = [int(value) if value.isdigit() else value[1] for value in (re.sub(r".*=", "", one) for one in settings)]
        assert [part for part in found if part not in (0, "\0", "")] == told, name


SAME = """
import mmap, os
camera = os.open("/dev/zero", os.O_RDWR)
mapped = mmap.mmap(camera, 4096, mmap.MAP_SHARED, mmap.PROT_READ)
{more}
from firmware_agent.camera.sandbox.report import CannotLock
try:
    lock(control, camera)
    control.sendall(b"locked")
except CannotLock as error:
    control.sendall(str(error).encode())
"""


@pytest.mark.clause("L4")
@pytest.mark.attack(18)
def test_ok__the_copies_of_its_descriptor_that_python_keeps_for_a_camera_s_buffers():
    assert run(SAME.format(more="")) == (b"locked", 0)


@pytest.mark.clause("L4")
@pytest.mark.attack(18)
@pytest.mark.parametrize("more", ["os.open('/dev/full', os.O_RDWR)", "os.open('/dev', os.O_RDONLY)", "os.pipe()"])
def test_fail__any_other_descriptor_beside_the_camera_s(more):
    said, code = run(SAME.format(more=f"other = {more}"))
    assert b"was handed in" in said and code == 0
