"""The camera's source on a real V4L2 stack, in the emulated machine: raw formats, a USB webcam, its privacy switch."""

import io
import json

import pytest
from PIL import Image

from host_tests.rigs.machine import frames, machine

RAW = ("YUYV", "NV12", "YU12", "RGB3")


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """(what capture.py found, the webcam's pictures)."""
    out = tmp_path_factory.mktemp("machine")
    frames.make(out / "frames", 12)
    command = [machine.PYTHON, "-m", "host_tests.rigs.machine.inside.capture", "/out/frames"]
    ran = machine.run(command, out, sets=["camera", "vivid"], seconds=240)
    assert ran.status == 0, ran.output[-2000:]
    return json.loads((out / "found.json").read_text()), frames.read(out / "frames")


def shown(case):
    """(first message, pictures) of a case whose locked process came to its end."""
    assert case["code"] == 0, case
    told, pictures = case["said"]
    return told, [bytes.fromhex(one) for one in pictures["pictures"]]


@pytest.mark.clause("L4")
@pytest.mark.parametrize("name", RAW)
def test_ok__a_locked_process_converts_each_raw_format_of_a_real_driver(done, name):
    told, pictures = shown(done[0][name])
    assert told["facts"] == {"driver": "vivid", "card": "vivid", "width": 640, "height": 360, "format": name}
    assert len(pictures) == 3 and told["count"] == 10
    for picture in pictures:
        image = Image.open(io.BytesIO(picture)).convert("RGB")
        assert image.size == (640, 360)
        red, green, blue = image.getpixel((520, 300))  # the seventh of eight bars
        assert blue > 120 and red < 60 and green < 60, (red, green, blue)


@pytest.mark.clause("L4")
def test_ok__a_webcam_s_pictures_come_byte_by_byte(done):
    told, pictures = shown(done[0]["webcam"])
    assert told["facts"]["format"] == "MJPG" and told["facts"]["driver"] == "uvcvideo" and told["count"] == 60
    assert set(pictures) <= set(done[1])


def test_ok__a_part_of_either(done):
    for name, size in (("part", (320, 160)), ("webcam part", (320, 240))):
        _, pictures = shown(done[0][name])
        assert all(Image.open(io.BytesIO(one)).size == size for one in pictures), name


@pytest.mark.clause("L4")
def test_ok__nothing_moves_on_the_bus_when_nobody_looks(done):
    found = done[0]
    assert found["bus"].count("COMMIT") == 4 and found["at rest"] == []
    assert found["bus"][-1] in ("ALL_URBS_UNLINKED", "CLEAR_HALT")


@pytest.mark.attack(18)
def test_fail__the_node_that_gives_no_pictures(done):
    (said,) = done[0]["second node"]["said"]
    assert said["missing"] == "camera" and "one plane" in said["text"]


def test_ok__the_privacy_switch_covers_it_and_gives_it_back(done):
    assert [(one["open"] > 0, one["covered"]) for one in done[0]["cover"]["said"]] == [
        (True, False),
        (False, True),
        (True, False),
    ]


def test_fail__a_webcam_that_is_pulled_out(done):
    opened, gone = done[0]["pull"]["said"]
    assert opened["open"] == 3 and "No such device" in gone["gone"]
    (said,) = done[0]["gone"]["said"]
    assert said["missing"] == "camera" and "plug" in said["text"]


@pytest.mark.clause("L4")
def test_ok__an_adapter_command_uses_the_camera_and_keeps_nothing(done):
    found = done[0]["adapter"]
    assert found["pictures"] > 5 and found["kept"] == [] and found["code"] == 0
