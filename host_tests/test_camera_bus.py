"""The camera's side of the bus, with a whole agent in the emulated machine: when it is on, and when it is not."""

from functools import partial

import pytest

from host_tests.proofs.camera import consent, together, withdrawals
from host_tests.rigs.machine import frames
from host_tests.rigs.machine.uvc import SERIAL

OFF = {"end": ["ALL_URBS_UNLINKED", "CLEAR_HALT"], "moved": [], "holders": []}
MOVES = {"COMMIT", "FIRST_IN_URB", "FRAME"}

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    return consent(tmp_path_factory.mktemp("consent"))


@pytest.mark.clause("L1")
def test_fail__a_stream_and_a_picture_without_consent(seen):
    """Neither the device nor the bus: it was plugged in, and that is all."""
    before = seen["before"]
    assert before["statuses"] == [403, 403] and before["holders"] == [] and before["on"] is False
    assert not MOVES & set(before["bus"])


@pytest.mark.clause("L1")
def test_fail__permitted_and_nobody_looks(seen):
    assert seen["granted"]["holders"] == [] and not MOVES & set(seen["granted"]["bus"])


@pytest.mark.clause("L1", "L12")
@pytest.mark.attack(18)
def test_ok__a_stream_after_a_grant_and_nothing_after_a_withdrawal(seen):
    assert seen["stream"] == {"status": 200, "commits": 1, "holders": 1, "ended": "reset"}
    assert seen["withdrawn"] == {**OFF, "status": 403}


@pytest.mark.clause("L4")
def test_ok__one_picture_without_what_the_camera_wrote_into_it(seen):
    assert seen["snapshot"]["start"] == "ffd8" and seen["snapshot"]["end"] == "ffd9"
    answer = seen["answer"]
    for canary in (frames.METADATA, SERIAL.encode(), b"Exif"):
        assert canary not in answer
    assert seen["after a picture"] == OFF


@pytest.mark.clause("L1")
def test_ok__nothing_moves_without_a_viewer(seen):
    assert seen["left"] == OFF


@pytest.mark.clause("L1")
@pytest.mark.attack(18)
def test_fail__a_picture_while_the_switch_covers_the_camera(seen):
    """The emulated webcam goes on sending pictures: it is the agent that keeps them."""
    assert seen["covered"]["pictures"] == 0 and seen["covered"]["snapshot"] == 503
    names = [event.name for event in seen["log"]]
    assert "FRAME" in names[names.index("COVERED") : names.index("UNCOVERED")]
    assert seen["uncovered"]["pictures"] > 3


@pytest.mark.clause("L12")
def test_ok__a_device_that_the_kernel_may_not_use_any_more_is_said(seen):
    assert seen["taken away"]["trouble"] or seen["taken away"]["ended"]
    assert [event.name for event in seen["log"]][-2:] == ["ALL_URBS_UNLINKED", "CLEAR_HALT"]


def test_ok__every_stream_that_began_came_to_its_end(seen):
    names = [event.name for event in seen["log"] if event.name in ("COMMIT", "ALL_URBS_UNLINKED")]
    assert names == ["COMMIT", "ALL_URBS_UNLINKED"] * (len(names) // 2) and len(names) == 8


@pytest.mark.clause("L12")
def test_ok__a_withdrawal_is_measured_both_ways(tmp_path):
    """What `tools/bench withdraw` tells of the camera. Times are not judged."""
    ways = ("agent", "file")
    for way in ways:
        (tmp_path / way).mkdir()
    for runs in together(*(partial(withdrawals, way, 1, tmp_path / way) for way in ways)):
        assert len(runs) == 1
        assert all(set(one) == {"wire", "told", "off", "bytes"} and one["told"] > 0 < one["off"] for one in runs)
