"""Pictures from an adapter command: cut apart exactly, and the command can neither keep one nor bring it out."""

import asyncio
import contextlib
import ctypes
import io
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time

import pytest
from PIL import Image

from firmware_agent.camera.sandbox.program import program
from firmware_agent.camera.sandbox.refused import NEWEST, ROWS
from firmware_agent.camera.sandbox.report import CannotLock
from firmware_agent.camera.sandbox.table import ALLOW, KILL, REFUSE, UNKNOWN
from firmware_agent.camera.settings import SourceSettings
from firmware_agent.camera.sources.adapter import Adapter
from firmware_agent.camera.sources.pictures import Pictures
from firmware_agent.camera.start import Adapter as Command
from firmware_agent.errors import FormatError, SourceError
from firmware_agent.jpeg import strip
from host_tests.rigs.adapter_attempts import ALLOWED, ATTEMPTS
from host_tests.rigs.bpf import verdict
from host_tests.rigs.camera import Worker
from host_tests.rigs.hub import LIVE, Place, soon, story
from host_tests.rigs.locked_script import ROOT, run
from host_tests.rigs.syscalls import NUMBERS

ADAPTED = [sys.executable, "-B", "-m", "firmware_agent.camera.adapted"]
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
RIG = ROOT / "host_tests/rigs/adapter_attempts.py"


def picture(seed=1, **how):
    into = io.BytesIO()
    Image.effect_noise((64, 48), 50).convert("RGB").rotate(seed).save(into, "JPEG", quality=80, **how)
    return into.getvalue()


def with_thumbnail():
    """Another whole JPEG stands inside its metadata."""
    small = picture(5)
    whole = picture(6)
    body = b"Exif\0\0" + small
    return whole[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + whole[2:]


KINDS = {
    "plain": picture(),
    "progressive": picture(2, progressive=True),
    "restarts": picture(3, restart_marker_blocks=1),
    "with a thumbnail": with_thumbnail(),
    "with a comment": picture(4, comment=b"\xff\xd8\xff\xd9"),
}


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000, 1 << 20])
def test_ok__the_end_of_each_picture_is_found_however_the_stream_is_cut(size):
    stream, found, pictures = b"".join(KINDS.values()), [], Pictures(1 << 20)
    for at in range(0, len(stream), size):
        one = pictures.feed(stream[at : at + size])
        found += [one] if one is not None else []
    assert pictures.odd == 0 and not pictures.begun
    assert found == list(KINDS.values())[-len(found) :] and (len(found) == len(KINDS) or size > 64)


def test_ok__pieces_of_any_size():
    stream, chance = b"".join(KINDS.values()) * 20, random.Random(3)
    pictures, at, last = Pictures(1 << 20), 0, None
    while at < len(stream):
        size = chance.randrange(1, 3000)
        last = pictures.feed(memoryview(stream)[at : at + size]) or last
        at += size
    assert last == list(KINDS.values())[-1] and pictures.odd == 0


ODD = {
    "text": b"hello\n",
    "zeros": bytes(100),
    "half a picture": KINDS["plain"][:700],
    "a picture without its end": KINDS["plain"][:-2],
    "an unknown segment": b"\xff\xd8\xff\xf0\0\2",
    "a length of nothing": b"\xff\xd8\xff\xe0\0\1",
    "arithmetic coding": b"\xff\xd8\xff\xc9\0\2",
    "the end before anything": b"\xff\xd9",
    "half a beginning": b"\xff\xd8\xff",
    "a marker in the air": b"\xff",
}


@pytest.mark.parametrize("size", [1, 50, 1 << 20])
@pytest.mark.parametrize("what", ODD)
def test_fail__anything_odd_is_passed_and_the_next_picture_comes(what, size):
    stream = KINDS["plain"] + ODD[what] + KINDS["progressive"] + KINDS["with a comment"]
    pictures, found = Pictures(1 << 20), []
    for at in range(0, len(stream), size):
        found.append(pictures.feed(stream[at : at + size]))
    found = [one for one in found if one is not None]
    assert set(found) <= set(KINDS.values()) and found[-1] == KINDS["with a comment"]
    assert pictures.odd


def test_fail__a_picture_without_end_takes_memory():
    pictures = Pictures(10000)
    begin = KINDS["plain"][: KINDS["plain"].index(b"\xff\xda") + 14]
    pictures.feed(begin)
    for _ in range(100):
        assert pictures.feed(bytes(5000)) is None
        assert len(pictures._held) <= 15000
    assert pictures.odd
    assert pictures.feed(KINDS["plain"]) == KINDS["plain"]


def test_ok__noise_is_never_a_picture_and_never_a_hang():
    chance, pictures = random.Random(9), Pictures(1 << 16)
    pool = [b"\xff\xd8\xff", b"\xff\xda\0\x02", b"\xff\xd9", b"\xff\xe1\xff\xff", b"\xff\0", b"\xff\xc0\0\x0b"]
    for _ in range(3000):
        data = b"".join(chance.choice(pool) + chance.randbytes(chance.randrange(8)) for _ in range(8))
        found = pictures.feed(data)
        assert found is None or (found.startswith(b"\xff\xd8") and found.endswith(b"\xff\xd9"))


@pytest.fixture
def joined():
    """(the command's end, the source at the other)."""
    ours, theirs = socket.socketpair()
    yield ours, Adapter(theirs.detach())
    ours.close()


def test_ok__the_newest_picture_comes(joined):
    command, source = joined
    source.on()
    assert source.take(0.0) is None
    command.sendall(KINDS["plain"] + KINDS["progressive"] + KINDS["plain"][:500])
    assert source.take(0.0) == KINDS["progressive"] and source.take(0.0) is None
    command.sendall(KINDS["plain"][500:])
    assert source.take(0.0) == KINDS["plain"]
    assert source.camera is None and source.due(0.0) is None and source.covered() is False
    assert source.facts["lock"] == "adapter"


def test_fail__a_picture_from_before_somebody_looked(joined):
    command, source = joined
    command.sendall(KINDS["plain"] + KINDS["progressive"][:300])
    source.on()
    command.sendall(KINDS["progressive"][300:])
    assert source.take(0.0) is None
    command.sendall(KINDS["restarts"])
    assert source.take(0.0) == KINDS["restarts"]


def test_fail__what_is_no_picture(joined):
    command, source = joined
    source.on()
    command.sendall(b"rpicam-vid: no cameras available\n")
    with pytest.raises(FormatError, match="no plain JPEG"):
        source.take(0.0)
    command.sendall(KINDS["plain"])
    assert source.take(0.0) == KINDS["plain"]


def test_fail__a_command_that_has_ended(joined):
    command, source = joined
    source.on()
    command.close()
    with pytest.raises(OSError, match="has ended"):
        source.take(0.0)


def test_fail__a_pipe_in_place_of_a_socket():
    reading, writing = os.pipe()
    with pytest.raises(CannotLock, match="by a socket"):
        Adapter(reading)
    os.close(reading)
    os.close(writing)


@pytest.mark.clause("L4")
def test_ok__an_adapter_is_read_under_the_lock():
    script = f"""
from firmware_agent.camera.sources.adapter import Adapter
ours, theirs = socket.socketpair()
picture = {KINDS["plain"]!r}
source = Adapter(theirs.detach())
ours.sendall(picture * 3)
ours.shutdown(socket.SHUT_WR)
lock(control, None, (source.fd, ours.fileno()))
control.sendall(source.take(0.0) or b"none")
"""
    said, code = run(script)
    assert code == 0 and said == KINDS["plain"]


def adapted(command, **options):
    """(process, socket with its output)."""
    ours, theirs = socket.socketpair()
    ours.settimeout(30)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with theirs:
        streams = {"stdin": subprocess.DEVNULL, "stdout": theirs, "stderr": subprocess.PIPE, **options}
        process = subprocess.Popen([*ADAPTED, *command], env=environment, text=False, **streams)
    return process, ours


def output(command, **options):
    process, ours = adapted(command, **options)
    with ours:
        said = b""
        while part := ours.recv(1 << 16):
            said += part
    return said, process.stderr.read(), process.wait(30)


def lay_out(folder):
    """What the attempts need: things to write to and to remove, a FIFO that is read, sockets that listen, objects of
    System V. A port, and the numbers of those.
    """
    for name in ("file", "mapped"):
        (folder / name).write_bytes(b"content")
    for name in ("spare", "spare2"):
        (folder / name).write_bytes(b"")
    for name in ("empty", "empty2"):
        (folder / name).mkdir()
    os.mkfifo(folder / "fifo")
    reader = os.open(folder / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams:
        listener.bind(str(folder / "listener"))
        listener.listen(8)
        datagrams.bind(str(folder / "datagrams"))
        with socket.create_server(("127.0.0.1", 0)) as server, system_v() as objects:
            yield server.getsockname()[1], *objects
    os.close(reader)


@contextlib.contextmanager
def system_v():
    """Numbers of a shared memory, a message queue and a semaphore, of which each ends here."""
    call = ctypes.CDLL(None, use_errno=True)
    made = call.shmget(0, 4096, 0o1600), call.msgget(0, 0o1600), call.semget(0, 1, 0o1600)
    try:
        assert min(made) >= 0, os.strerror(ctypes.get_errno())
        yield made
    finally:
        call.shmctl(made[0], 0, None)
        call.msgctl(made[1], 0, None)
        call.semctl(made[2], 0, 0)


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """{"free" or "locked": {attempt: [answer of a child, answer of its child]}}, and the folder of the locked."""
    found = {}
    for mode in ("free", "locked"):
        folder = tmp_path_factory.mktemp(mode)
        for numbers in lay_out(folder):
            command = [sys.executable, "-B", str(RIG), str(folder), *map(str, numbers)]
            if mode == "locked":
                said, why, code = output(command)
                assert code == 0, why
            else:
                said = subprocess.run(command, capture_output=True, timeout=60, check=True).stdout
            found[mode] = json.loads(said)
    return {**found, "folder": folder}


@pytest.mark.clause("L4")
@pytest.mark.attack(17)
@pytest.mark.parametrize("name", ATTEMPTS)
def test_fail__a_command_or_what_it_starts_keeps_or_sends_anything(answers, name):
    """Each works without the lock: that is the control."""
    assert answers["free"][name] == ["ok", "ok"]
    for answer in answers["locked"][name]:
        assert answer in ("EPERM", "EACCES", "EFBIG"), name


@pytest.mark.parametrize("name", ALLOWED)
def test_ok__what_a_camera_program_needs_goes_on(answers, name):
    assert answers["free"][name] == answers["locked"][name] == ["ok", "ok"]


@pytest.mark.clause("L4")
def test_fail__anything_is_left_behind(answers):
    left = {path.name for path in answers["folder"].iterdir()}
    assert left == {"file", "mapped", "spare", "spare2", "empty", "empty2", "fifo", "listener", "datagrams"}
    assert {(answers["folder"] / name).read_bytes() for name in ("file", "mapped")} == {b"content"}


@pytest.mark.clause("L4")
def test_ok__a_shell_script_as_adapter_gives_frames_and_writes_nothing(tmp_path):
    """The script tries, too: with its own redirections, with a child in the background, with other programs."""
    (tmp_path / "frame.jpg").write_bytes(KINDS["plain"])
    script = tmp_path / "adapter.sh"
    script.write_text(
        f"cd {tmp_path}\n(cat frame.jpg > background) &\ncat frame.jpg > copy\ncp frame.jpg other\n"
        "mkdir folder\ntouch touched\nrm -f frame.jpg\nwait\ncat frame.jpg frame.jpg\n"
    )
    ours, theirs = socket.socketpair()
    process, ours = adapted(["sh", str(script)])
    theirs.close()
    source = Adapter(ours.detach())
    source.on()
    deadline, found = time.monotonic() + 20, None
    while found is None and time.monotonic() < deadline:
        found = source.take(0.0)
        time.sleep(0.01)
    assert found == KINDS["plain"] and process.wait(20) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter.sh", "frame.jpg"]
    subprocess.run(["sh", str(script)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    assert {"background", "copy", "other", "folder", "touched"} <= {path.name for path in tmp_path.iterdir()}


def test_ok__the_command_inherits_nothing_but_its_output(tmp_path):
    leaked = os.open(tmp_path / "kept", os.O_WRONLY | os.O_CREAT)
    said, _, code = output(["ls", "-l", "/proc/self/fd"], pass_fds=[leaked])
    os.close(leaked)
    found = dict(line.split()[-3::2] for line in said.decode().splitlines() if " -> " in line)
    assert code == 0 and found.pop("1").startswith("socket:")
    assert found.pop("0") == found.pop("2") == "/dev/null"
    assert [path for path in found.values() if not path.startswith("/proc/")] == []  # the listing's own


def test_ok__a_reader_that_goes_ends_the_command():
    """Python ignores the signal of a broken pipe; what it becomes must not."""
    process, ours = adapted(["sh", "-c", "while :; do echo picture; done"])
    assert ours.recv(10)
    ours.close()
    assert process.wait(20) in (-signal.SIGPIPE, 128 + signal.SIGPIPE)


@pytest.mark.parametrize(
    ("command", "why"), [([], b"name the command"), (["no-such-program-here"], b"there is no program")]
)
def test_fail__a_command_that_is_not_there(command, why):
    said, text, code = output(command)
    assert said == b"" and why in text and code == 78


def test_fail__an_output_that_is_a_file(tmp_path):
    with (tmp_path / "pictures").open("wb") as file:
        _, text, code = output(["echo", "picture"], stdout=file)
    assert b"no socket" in text and code == 78 and (tmp_path / "pictures").read_bytes() == b""


@pytest.mark.clause("L4")
def test_fail__a_kernel_without_landlock(tmp_path):
    """The filter of this test answers for such a kernel: the command must not run."""
    number = NUMBERS[os.uname().machine]["landlock_create_ruleset"]
    before = (
        "import errno, runpy, sys\nfrom host_tests.rigs.preload import answer_with\n"
        f"answer_with(errno.ENOSYS, {number})\nsys.argv[1:] = ['touch', {str(tmp_path / 'ran')!r}]\n"
        "runpy.run_module('firmware_agent.camera.adapted', run_name='__main__', alter_sys=True)\n"
    )
    ours, theirs = socket.socketpair()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with ours, theirs:
        command = [sys.executable, "-B", "-c", before]
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE, timeout=30
        )
    assert done.returncode == 78 and b"use a kernel with Landlock" in done.stderr
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_ok__every_row_has_the_kernel_s_number_and_a_reason(machine):
    assert len({row.name for row in ROWS}) == len(ROWS) and all(row.reason for row in ROWS)
    for row in ROWS:
        assert getattr(row, machine) == NUMBERS[machine].get(row.name), row.name


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_fail__a_call_that_came_after_the_list_was_written(machine):
    code, here = program(machine, ROWS, ALLOW, NEWEST), ARCHITECTURES[machine]
    listed = {getattr(row, machine) for row in ROWS if row.otherwise != ALLOW}
    for number in range(2048):
        expected = UNKNOWN if number > NEWEST else REFUSE if number in listed else ALLOW
        assert verdict(code, here, number) == expected, number
        assert verdict(code, here, number | 0x40000000) == verdict(code, 0x40000003, number) == KILL


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize(
    ("name", "arguments", "answer"),
    [
        ("socket", (16, 3, 15), ALLOW),
        ("socket", (16, 0x80802, 15), ALLOW),
        ("socket", (16, 3, 0), REFUSE),
        ("socket", (1, 1, 0), REFUSE),
        ("socket", (2, 1, 0), REFUSE),
        ("socket", (2, 1, 15), REFUSE),
        ("socketpair", (1, 1, 0), ALLOW),
        ("socketpair", (1, 0x80801, 0), ALLOW),
        ("socketpair", (1, 0x805, 0), ALLOW),
        ("socketpair", (1, 2, 0), REFUSE),
        ("socketpair", (2, 1, 0), REFUSE),
        ("ioctl", (3, 0x40086602), REFUSE),
        ("ioctl", (3, 0x401C5820), REFUSE),
        ("ioctl", (3, 0x140086602), REFUSE),
        ("ioctl", (3, 0xC0585611), ALLOW),  # VIDIOC_DQBUF
    ],
)
def test_ok__only_joined_sockets_news_of_devices_and_requests_that_mark_no_file(machine, name, arguments, answer):
    code = program(machine, ROWS, ALLOW, NEWEST)
    assert verdict(code, ARCHITECTURES[machine], NUMBERS[machine][name], arguments) == answer


@pytest.mark.clause("L4")
@pytest.mark.parametrize("crop", [(0, 0, 0, 0), (0, 0, 500, 1000)])
def test_ok__the_locked_process_shows_an_adapter_s_pictures_without_what_they_carry(tmp_path, crop):
    (tmp_path / "frame.jpg").write_bytes(KINDS["with a comment"])
    process, ours = adapted(["sh", "-c", f"while :; do cat {tmp_path}/frame.jpg || exit 9; sleep 0.02; done"])
    with ours:
        ours.setblocking(False)
        ours.shutdown(socket.SHUT_WR)
        with Worker(SourceSettings("adapter", crop=crop), passed=[ours.fileno()]) as worker:
            assert worker.report.get("landlock") is not None, worker.report
            assert worker.facts["lock"] == "adapter"
            shown = [worker.picture() for _ in range(3)]
    assert process.wait(20) == 9
    image = Image.open(io.BytesIO(shown[-1]))
    assert image.size == ((32, 48) if any(crop) else (64, 48)) and "comment" not in image.info
    assert set(shown) == {shown[0]} and b"\xff\xfe" not in shown[0][:100]


def test_fail__the_process_starts_with_a_pipe_in_place_of_a_socket():
    reading, writing = os.pipe()
    with Worker(SourceSettings("adapter"), passed=[reading]) as worker:
        assert worker.report["missing"] == "camera" and "by a socket" in worker.report["text"]
    os.close(reading)
    os.close(writing)


LEAVES = """
import os, time
for leave in (os.setsid, os.setpgrp):
    if os.fork() == 0:
        try:
            leave()
        except OSError:
            pass
        break
time.sleep(1000)
"""


def adapter(folder, script):
    """A hub whose camera is that shell script."""
    (folder / "frame.jpg").write_bytes(KINDS["plain"])
    (folder / "adapter.sh").write_text(f"cd {folder}\n{script}\n")
    return Place(LIVE, settings=SourceSettings("adapter"), opener=Command(["sh", str(folder / "adapter.sh")]))


@pytest.mark.clause("L1", "L12")
def test_ok__main_starts_the_command_when_somebody_looks_and_ends_all_of_it(tmp_path):
    """Also what wants to leave the command's group: by itself, or by a shell with job control."""
    leaving = f"{sys.executable} -I -B -c '{LEAVES}'"

    async def tale():
        place = adapter(tmp_path, f"sleep 1000 &\n{leaving} &\nwhile :; do cat frame.jpg; sleep 0.05; done")
        assert sleeping(tmp_path) == []
        viewer = await place.view()
        assert await asyncio.to_thread(viewer.picture) == strip(KINDS["plain"])
        await soon(lambda: len(sleeping(tmp_path)) >= 6)  # the shell, and what it started
        place.gate.given.clear()
        place.hub.cut(*LIVE)
        await soon(lambda: not place.hub.busy)
        await soon(lambda: sleeping(tmp_path) == [])  # all are killed; each takes its moment to be gone
        await place.hub.close()

    story(tale())


@pytest.mark.clause("L1")
def test_fail__what_leaves_the_session_lives_on_when_the_lock_lets_it(tmp_path):
    """The control of the one above: without the lock, the same program outlives its group."""
    process = subprocess.Popen([sys.executable, "-I", "-B", "-c", LEAVES], cwd=tmp_path, start_new_session=True)
    deadline = time.monotonic() + 20
    while len({os.getpgid(one) for one in sleeping(tmp_path)}) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(20)
    left = sleeping(tmp_path)
    for one in left:
        os.kill(one, signal.SIGKILL)
    assert len(left) == 2


def test_fail__a_command_that_is_not_there_is_named(tmp_path):
    async def tale():
        command = Command(["no-such-camera-program"])
        place = Place(LIVE, settings=SourceSettings("adapter"), opener=command)
        with contextlib.suppress(SourceError):  # it may be noticed before the viewer is passed on, or after
            await place.view()
        await soon(lambda: not place.hub.busy)
        assert "no program no-such-camera-program" in place.hub.state().trouble
        await place.hub.close()

    story(tale())


def test_fail__a_command_that_ends_by_itself_ends_the_view_and_its_children(tmp_path):
    async def tale():
        place = adapter(tmp_path, "sleep 1000 > /dev/null &\ncat frame.jpg frame.jpg")
        viewer = await place.view()
        viewer.socket.settimeout(20)
        await asyncio.to_thread(drained, viewer.socket)
        await soon(lambda: not place.hub.busy)
        assert "camera" in place.hub.state().trouble
        await soon(lambda: sleeping(tmp_path) == [])
        await place.hub.close()

    story(tale())


def drained(sock):
    with contextlib.suppress(ConnectionError):
        while sock.recv(65536):
            pass


def sleeping(folder):
    """Processes that run in that folder."""
    found = []
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if name.isdigit() and os.readlink(f"/proc/{name}/cwd") == str(folder):
                found.append(int(name))
    return found
