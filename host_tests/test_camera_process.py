"""The camera process at work, locked: who looks gets clean pictures, delays nobody, and nothing moves when nobody does.

Every test runs the real process; a camera's pictures come from its pattern, or as another camera's stream.
"""

import io
import os
import secrets
import socket
import time
from errno import ENOSYS
from pathlib import Path

import pytest
from PIL import Image

from firmware_agent import jpeg
from firmware_agent.camera.messages import pack
from firmware_agent.camera.sealed import count, open_sealed, public_key
from firmware_agent.camera.settings import SourceSettings
from firmware_agent.camera.sources import pattern
from firmware_agent.camera.viewing import Frame, Viewing
from firmware_agent.errors import FormatError
from host_tests.rigs.camera import PATTERN, Worker
from host_tests.rigs.looking import pair
from host_tests.rigs.preload import answer_with
from host_tests.rigs.syscalls import NUMBERS
from host_tests.rigs.upstream import CANARIES, Upstream, large, telling

HERE = NUMBERS[os.uname().machine]
HEADERS = {
    b"cache-control": b"no-store",
    b"connection": b"close",
    b"x-content-type-options": b"nosniff",
    b"access-control-allow-origin": b"*",
}


def without_landlock():
    """To be called in a new process: what it executes lives on a kernel without it."""
    answer_with(ENOSYS, HERE["landlock_create_ruleset"])


LOCKS = {"seccomp and Landlock": None, "seccomp alone": without_landlock}


@pytest.fixture(params=LOCKS)
def lock(request):
    """Options of a Worker, for each lock that there is."""
    return {"preexec_fn": LOCKS[request.param]}


def is_pattern(picture):
    """Whether it is one of the pattern's pictures, whole and clean. (Which one: test_sandbox.py.)"""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    bars = [image.getpixel((at, 4)) for at in (4, 100, 316)]
    white, cyan, blue = ([level > 128 for level in bar] for bar in bars)
    right = (white, cyan, blue) == ([True] * 3, [False, True, True], [False, False, True])
    return right and image.size == (320, 240) and picture == jpeg.strip(picture) and pattern.METADATA not in picture


def switches(worker):
    """How often the process went to sleep so far."""
    status = Path(f"/proc/{worker.process.pid}/status").read_text()
    return int(status.partition("\nvoluntary_ctxt_switches:\t")[2].split()[0])


def gone(worker):
    """The process's exit code, once it has ended."""
    return worker.process.wait(20)


# What it does for whoever looks


@pytest.mark.clause("L4")
def test_ok__streams_snapshots_and_sealed_pictures_side_by_side(lock):
    with Worker(**lock) as worker:
        assert (worker.report["landlock"] == 0) == (lock["preexec_fn"] is not None)
        assert worker.facts == {"kind": "test picture", "width": 320, "height": 240}
        with worker.view() as one, worker.view() as other:
            seen = [one.picture() for _ in range(20)]
            assert all(is_pattern(picture) for picture in seen) and len(set(seen)) > 10
            assert [is_pattern(other.picture()) for _ in range(20)] == [True] * 20
            with worker.view(stream=False) as shot:
                assert is_pattern(shot.answer())
            assert is_pattern(worker.picture()) and is_pattern(worker.picture())
            assert is_pattern(one.picture())


@pytest.mark.clause("L4")
@pytest.mark.attack(17)
def test_ok__at_work_it_holds_no_file_and_writes_none():
    """Its memory is locked besides: test_sandbox.py."""
    with Worker() as worker, worker.view() as one, worker.view() as other:
        for _ in range(100):
            assert one.picture() and other.picture() and worker.picture()
        folder = Path(f"/proc/{worker.process.pid}")
        held = [os.readlink(path) for path in (folder / "fd").iterdir()]
        held = {name.partition("[")[0] if name.startswith("socket:") else name for name in held}
        assert held == {"socket:", "anon_inode:[eventpoll]", "/dev/null"}
        assert "\nVmSwap:\t       0 kB" in (folder / "status").read_text()
        written = dict(line.split(": ") for line in (folder / "io").read_text().splitlines())
        assert written["write_bytes"] == "0" and written["cancelled_write_bytes"] == "0"


@pytest.mark.clause("L4")
def test_ok__an_answer_has_no_name_no_date_and_is_not_to_be_kept():
    with Worker() as worker, worker.view() as stream, worker.view(stream=False) as shot:
        assert stream.head().status == 200
        assert stream.headers.pop(b"content-type").startswith(b"multipart/x-mixed-replace; boundary=")
        assert stream.headers == HEADERS
        body = shot.answer()
        assert shot.headers == HEADERS | {b"content-type": b"image/jpeg", b"content-length": b"%d" % len(body)}


def test_ok__each_end_is_told_with_what_went():
    with Worker() as worker:
        with worker.view(stream=False) as shot:
            shot.answer()
            size = len(shot.heard)
        assert worker.message("ended", shot.ident)[2:] == (1, size, "")
        with worker.view() as stream:
            for _ in range(5):
                stream.picture()
        _, _, pictures, size, why = worker.message("ended", stream.ident)
        assert pictures >= 5 and size >= len(stream.heard) and why == ""
        ident, _ = worker.seal()
        sealed = worker.message("sealed", ident)[3]
        worker.send(pack("end", ident))
        assert worker.message("ended", ident)[2:] == (1, len(sealed), "")
        worker.send(pack("end", ident) + pack("more", ident))  # too late, and no harm
        assert is_pattern(worker.picture())


@pytest.mark.clause("L12")
def test_ok__main_ends_one_use_and_no_other():
    with Worker() as worker, worker.view() as one, worker.view() as other:
        assert one.picture() and other.picture()
        worker.send(pack("end", one.ident))
        assert worker.message("ended", one.ident)[4] == ""
        with pytest.raises((EOFError, ConnectionResetError)):
            while True:
                one.picture()
        assert [is_pattern(other.picture()) for _ in range(5)] == [True] * 5


def test_ok__twenty_viewers_get_the_same_pictures():
    with Upstream() as upstream:
        viewers = [upstream.worker.view().head() for _ in range(20)]
        for number in range(10):
            picture = large(375_000, number)
            upstream.send(picture)
            assert [viewer.picture() == picture for viewer in viewers] == [True] * 20
        for viewer in viewers:
            viewer.socket.close()
            assert upstream.worker.message("ended", viewer.ident)[2] == 10


def test_ok__a_slow_viewer_skips_and_delays_nobody():
    with Upstream() as upstream:
        worker = upstream.worker
        slow = worker.view(send=4096, receive=4096).head()
        quick = worker.view().head()
        pictures = [large(375_000, number) for number in range(40)]
        for picture in pictures:
            upstream.send(picture)
            assert quick.picture() == picture
        assert slow.picture() == pictures[0]  # it took none meanwhile
        for _ in range(3):
            upstream.send(pictures[7])
        assert slow.picture() == pictures[7]
        slow.socket.close()
        assert worker.message("ended", slow.ident)[2] < 5


def test_ok__memory_does_not_grow_with_slow_viewers():
    """Each of them holds another picture, none ever reads; those with the oldest have to go."""
    with Upstream() as upstream:
        worker = upstream.worker
        quick = worker.view(send=1 << 20).head()
        slow = []
        for number in range(12):
            slow.append(worker.view(send=4096, receive=4096).head())
            picture = large(4_000_000, number)
            upstream.send(picture)
            assert quick.picture() == picture
        assert worker.message("ended", slow[0].ident)[4] == "it takes too little"
        status = Path(f"/proc/{worker.process.pid}/status").read_text()
        assert int(status.partition("\nVmRSS:\t")[2].split()[0]) < 128 << 10  # KiB
        upstream.send(large(1000))
        assert quick.picture()


def test_ok__what_a_viewer_says_is_thrown_away_and_bounded():
    with Worker() as worker, worker.view() as chatty, worker.view() as other:
        chatty.picture()
        chatty.socket.sendall(b"GET / HTTP/1.1\r\nHost: again\r\n\r\n")
        assert chatty.picture() and other.picture()
        with pytest.raises(ConnectionError):
            while True:
                chatty.socket.sendall(bytes(65536))
        assert worker.message("ended", chatty.ident)[4] == "it sends instead of looking"
        assert is_pattern(other.picture())


def test_ok__whoever_takes_too_long_is_given_up():
    ours, theirs = pair(send=4096, receive=4096)
    with ours:
        slow = Viewing(bytes(16), theirs, True, 0.0)
        slow.show(Frame(large(100_000)), 10.0)
        slow.stir(20.0)
        slow.sweep(39.0)
        assert not slow.over and not slow.wants(39.0)
        slow.sweep(51.0)
        assert slow.over and slow.why == "it takes nothing" and slow.frame is None
        slow.close()
    ours, theirs = pair()
    with ours:
        shot = Viewing(bytes(16), theirs, False, 0.0)
        shot.show(Frame(large(20_000)), 1.0)
        shot.sweep(5.0)
        assert shot.pictures == 1 and not shot.over  # it may still be reading
        shot.sweep(7.0)
        assert shot.over and shot.why == ""
        shot.close()


# Hygiene


@pytest.mark.clause("L4")
@pytest.mark.attack(14)
def test_ok__no_metadata_comes_out_by_any_way():
    with Upstream() as upstream:
        worker = upstream.worker
        stream = worker.view().head()
        ident, private = worker.seal()
        for number in range(5):
            raw = telling(number)
            assert all(canary in raw for canary in CANARIES.values())  # the control: it is there to be found
            upstream.send(raw)
            clean = stream.picture()
            _, _, at, sealed = worker.message("sealed", ident)
            assert open_sealed(private, "snapshot maker", sealed) == clean == jpeg.strip(raw)
            assert at == count(sealed) == number
            assert Image.open(io.BytesIO(clean)).tobytes() == Image.open(io.BytesIO(raw)).tobytes()
            worker.send(pack("more", ident))
        with worker.view(stream=False) as shot:
            worker.settle()
            upstream.send(raw)
            assert shot.answer() == clean
        for heard in (stream.heard, shot.heard):
            assert heard and not any(canary in heard for canary in CANARIES.values())
            assert b"Exif" not in heard and b"xap" not in heard


@pytest.mark.clause("L4")
def test_ok__an_odd_picture_is_dropped_and_counted():
    good = large(20_000)
    odd = [b"", b"\xff\xd8\xff\xd9", good[:-2], good[:2] + b"\0" + good[2:], b"GIF89a" + bytes(50)]
    with Upstream() as upstream:
        stream = upstream.worker.view().head()
        for picture in odd:
            upstream.send(good)
            assert stream.picture() == good
            upstream.send(picture)
        upstream.send(good)
        assert stream.picture() == good
        while (state := upstream.worker.message("state")[1])["odd"] < len(odd):
            continue
        assert state == {"covered": False, "trouble": "", "odd": len(odd), "pictures": len(odd) + 1}


# Sealed pictures


@pytest.mark.clause("L4")
def test_ok__a_sealed_picture_opens_with_the_right_key_and_purpose_only():
    with Worker() as worker:
        ident, private = worker.seal("support_photo maker")
        sealed = worker.message("sealed", ident)[3]
        assert is_pattern(open_sealed(private, "support_photo maker", sealed))
        for key, about in ((secrets.token_bytes(32), "support_photo maker"), (private, "snapshot maker")):
            with pytest.raises(FormatError):
                open_sealed(key, about, sealed)
        again, _ = worker.seal("support_photo maker", key=public_key(private))
        other = worker.message("sealed", again)[3]
        assert sealed[4:36] != other[4:36]  # every use has a key of its own


def test_ok__main_gets_one_picture_for_each_credit():
    with Worker() as worker, worker.view() as stream:
        ident, _ = worker.seal()
        for number in range(3):
            assert worker.message("sealed", ident)[2] == number
            for _ in range(10):
                stream.picture()
            assert not any(message[:2] == ("sealed", ident) for message in worker._waiting)
            worker.send(pack("more", ident))
        worker.send(pack("more", ident) * 100)
        assert [worker.message("sealed", ident)[2] for _ in range(4)] == [3, 4, 5, 6]
        for _ in range(50):
            stream.picture()
        worker.send(pack("end", ident))
        assert worker.message("ended", ident)[2] in (7, 8)  # four at most are owed at a time


def test_ok__sealed_pictures_keep_their_distance():
    with Worker() as worker, worker.view() as stream:
        ident, _ = worker.seal(every=3_600_000)
        assert worker.message("sealed", ident)
        worker.send(pack("more", ident))
        for _ in range(50):
            stream.picture()
        worker.send(pack("end", ident))
        assert worker.message("ended", ident)[2] == 1


def test_ok__a_slow_main_delays_no_viewer_and_fills_no_memory():
    with Upstream() as upstream:
        worker = upstream.worker
        quick = worker.view(send=1 << 20).head()
        uses = [worker.seal()[0] for _ in range(20)]
        worker.send(b"".join(pack("more", ident) * 3 for ident in uses))
        worker.settle()
        for number in range(10):
            picture = large(2_000_000, number)
            upstream.send(picture)
            assert quick.picture() == picture
        status = Path(f"/proc/{worker.process.pid}/status").read_text()
        assert int(status.partition("\nVmRSS:\t")[2].split()[0]) < 96 << 10  # KiB
        found = worker.message("sealed", uses[0])
        assert found[2] == 0 and len(found[3]) > 2_000_000
        for ident in uses[1:]:
            upstream.send(large(1000))
            assert worker.message("sealed", ident)[2] == 0
            assert quick.picture()


def test_fail__a_picture_that_is_too_large_for_its_recipient():
    with Worker() as worker:
        ident, _ = worker.seal(largest=1000)
        assert worker.message("state")[1]["trouble"] == "picture too large"
        worker.send(pack("end", ident))
        assert worker.message("ended", ident)[2:] == (0, 0, "picture too large")


@pytest.mark.parametrize("key", [b"", bytes(32), bytes(31)])
def test_fail__a_key_that_is_none(key):
    with Worker() as worker:
        ident, _ = worker.seal(key=key)
        assert worker.message("ended", ident)[2:] == (0, 0, "no key to seal for")
        assert is_pattern(worker.picture())


# The camera itself


COVERED = """
import time
from firmware_agent.camera.sources.pattern import Pattern
began = []
def covered(self):
    began.append(time.monotonic())
    return began[-1] - began[0] < 6
Pattern.covered = covered
"""


@pytest.mark.clause("L4")
def test_ok__nobody_sees_a_camera_that_is_covered():
    with Worker(before=COVERED) as worker, worker.view() as stream, worker.view(stream=False) as shot:
        assert worker.message("state")[1]["covered"] is True
        assert shot.answer() == b"" and shot.status == 503
        shot.socket.close()
        assert worker.message("ended", shot.ident)[2:] == (0, len(shot.heard), "no picture")
        assert stream.head().status == 200 and len(stream.heard) < 500
        while worker.message("state")[1]["covered"]:
            continue
        assert is_pattern(stream.picture())


def test_fail__a_snapshot_of_a_camera_that_sends_nothing():
    with Upstream() as upstream, upstream.worker.view(stream=False) as shot:
        assert shot.answer() == b"" and shot.status == 503


def test_fail__a_camera_that_is_gone_is_said_and_ends_it():
    for kind, ending in (
        ("closed", lambda upstream: upstream.socket.close()),
        ("changed", lambda upstream: upstream.socket.sendall(b"\r\nsomething else\r\n\r\n")),
    ):
        with Upstream() as upstream:
            worker = upstream.worker
            stream = worker.view()
            upstream.send(large(20_000))
            assert stream.picture(), kind
            ending(upstream)
            assert "upstream camera: " in worker.message("state")[1]["trouble"]
            assert worker.message("ended", stream.ident)[4] == "the camera is gone"
            assert gone(worker) == 1


def test_fail__a_camera_that_cannot_be_had():
    with Worker(SourceSettings("v4l2", device="/dev/none")) as worker:
        assert worker.report["missing"] == "camera" and worker.report["text"]
        assert worker.picture() == b"" and gone(worker) == 1


def test_ok__the_lock_is_tried_without_a_camera():
    with Worker(SourceSettings("v4l2", device="/dev/none"), arguments=["check"]) as worker:
        assert "missing" not in worker.report and worker.facts["kind"] == "test picture"


TELLS = """
import os
from firmware_agent.camera.sources.pattern import Pattern
Pattern.{call} = lambda self: os._exit(42)
"""


@pytest.mark.clause("L1")
def test_ok__the_camera_is_on_only_while_somebody_looks():
    """Its `on` ends the process here, then its `off`: so each is seen."""
    with Worker(before=TELLS.format(call="on")) as worker:
        with pytest.raises(TimeoutError):
            worker.control.settimeout(2)
            worker.message("state")
        assert worker.process.poll() is None
        worker.view()
        assert gone(worker) == 42
    with Worker(before=TELLS.format(call="off")) as worker:
        with worker.view() as one:
            assert [bool(one.picture()) for _ in range(300)] == [True] * 300
            worker.send(pack("end", one.ident))
        assert gone(worker) == 42


def test_ok__idle_costs_nothing():
    with Worker() as worker:
        with worker.view() as one:
            before = switches(worker)
            for _ in range(50):
                one.picture()
            assert switches(worker) - before > 10  # the control: what it does is counted
        assert worker.message("ended", one.ident)
        time.sleep(3)
        before = switches(worker)
        time.sleep(2)
        assert switches(worker) == before
        with worker.view() as again:
            assert is_pattern(again.picture())


def test_ok__another_camera_s_pictures_are_not_kept_for_later():
    """While nobody looks its stream is read and dropped: who looks next gets a new picture."""
    with Upstream() as upstream:
        for number in range(30):
            upstream.send(large(375_000, number))
        time.sleep(2)
        with upstream.worker.view() as stream:
            stream.head()
            last = large(375_000, 99)
            upstream.send(last)
            assert stream.picture() == last


# What ends it


@pytest.mark.clause("L4")
@pytest.mark.attack(17)
def test_ok__it_ends_with_main_and_takes_its_viewers_along():
    with Worker() as worker, worker.view() as one:
        assert one.picture()
        worker.control.close()
        assert gone(worker) == 0
        with pytest.raises((EOFError, ConnectionResetError)):
            while True:
                one.picture()


MALFORMED = {
    "garbage": b"garbage, garbage",
    "too long": (1 << 24).to_bytes(4, "big"),
    "an unknown kind": pack("open", "/etc/passwd"),
    "another shape": pack("end", "name"),
    "a number for a bool": pack("view", bytes(16), 1),
    "no list": b"\0\0\0\x01\x01",
    "a short name": pack("seal", bytes(15), "about", public_key(bytes(32)), 0, 1000),
    "a second beginning": pack("begin", PATTERN.row()),
    "a message of its own": pack("state", {}),
    "a viewer without a socket": pack("view", bytes(16), True),
    "a name twice": pack("seal", bytes(16), "about", public_key(bytes(32)), 0, 1000) * 2,
}


@pytest.mark.clause("L4")
@pytest.mark.parametrize("kind", MALFORMED)
def test_fail__a_malformed_message(kind):
    with Worker() as worker:
        worker.send(MALFORMED[kind])
        assert gone(worker) == 1
    for settings in (MALFORMED[kind], pack("begin", {**PATTERN.row(), "rate": 0})):
        if kind != "a second beginning":
            with Worker(first=settings) as worker:
                assert worker.report == {} and gone(worker) == 1


@pytest.mark.clause("L4")
def test_ok__a_message_may_come_in_pieces():
    with Worker() as worker:
        ours, theirs = pair()
        ident = secrets.token_bytes(16)
        whole = pack("view", ident, True)
        worker.send(whole[:3], [theirs.fileno()])
        for at in range(3, len(whole)):
            time.sleep(0.01)
            worker.send(whole[at : at + 1])
        theirs.close()
        assert ours.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
        ours.close()


@pytest.mark.clause("L4")
def test_fail__descriptors_too_many_or_of_another_kind(tmp_path):
    ident, (ours, theirs) = bytes(16), pair()
    seal = pack("seal", ident, "about", public_key(bytes(32)), 0, 1000)
    with ours, theirs, socket.socket() as other, open(tmp_path / "file", "w+b") as file:
        for message, passed in (
            (pack("view", ident, True), [theirs, other]),
            (seal, [theirs]),
            (pack("more", ident), [theirs]),
            (pack("view", ident, True), [file]),
        ):
            with Worker() as worker:
                worker.send(message, [one.fileno() for one in passed])
                assert gone(worker) == 1
        begin = pack("begin", PATTERN.row())
        for first, passed in (
            (begin, [theirs.fileno()]),
            (pack("begin", SourceSettings("mjpeg").row()), []),
            (begin, [theirs.fileno(), other.fileno()]),
        ):
            with Worker(first=first, passed=passed) as worker:
                assert worker.report == {} and gone(worker) == 1
        assert (tmp_path / "file").read_bytes() == b""
