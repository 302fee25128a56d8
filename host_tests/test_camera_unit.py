"""The camera process as a unit of systemd's: main learns from the kernel who it is, sees it lock, and ends it."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys

import pytest

from firmware_agent.camera import unit
from firmware_agent.camera.messages import pack
from firmware_agent.camera.sandbox.outside import Witness
from firmware_agent.camera.sandbox.report import CannotLock
from firmware_agent.camera.settings import SourceSettings
from firmware_agent.camera.start import Spawn
from firmware_agent.cli.build import opener, starter
from firmware_agent.cli.camera import camera, source
from firmware_agent.errors import SourceError
from host_tests.rigs.activator import activator
from host_tests.rigs.hub import LIVE, Place, cut_again_and_again, pidfds, soon, story

PATTERN = SourceSettings("pattern")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "camera.socket"


async def started(path, then=None, settings=PATTERN):
    instance = await unit.Unit(path).start(settings, None)
    try:
        return instance, await then(instance) if then else None
    finally:
        await instance.end()


def runs(pid):
    return os.path.exists(f"/proc/{pid}")


def other_end(code):
    """What stands where the camera process should."""
    return [sys.executable, "-I", "-c", f"import os, socket, struct\nsock = socket.socket(fileno=0)\n{code}"]


HELLO = """
status = os.open({file!r}, os.O_RDONLY)
who = struct.pack('=iii', {pid}, os.getuid(), os.getgid())
try:
    sock.sendmsg([b'H'], [(1, socket.SCM_CREDENTIALS, who), (1, socket.SCM_RIGHTS, struct.pack('=i', status))])
except PermissionError:
    sock.sendmsg([b'H'], [(1, socket.SCM_RIGHTS, struct.pack('=i', status))])
sock.recv(100)
"""


@pytest.mark.clause("L4")
def test_ok__it_is_started_watched_used_and_ended(path):
    async def look(instance):
        assert instance.level == "systemd unit"
        assert runs(instance.pid)
        viewer, passed = socket.socketpair()
        with viewer, passed:
            passed.setblocking(False)
            viewer.settimeout(10)
            socket.send_fds(instance.control, [pack("view", bytes(16), False)], [passed.fileno()])
            passed.close()
            got = b""
            while part := await asyncio.to_thread(viewer.recv, 1 << 20):
                got += part
            return got

    with activator(path):
        instance, got = asyncio.run(started(path, look))
    assert got.startswith(b"HTTP/1.")
    assert b"\xff\xd8" in got
    assert instance.locked.landlock >= 0
    assert instance.facts
    assert not runs(instance.pid)


def test_ok__each_start_is_a_process_of_its_own(path):
    async def two():
        one, other = [await unit.Unit(path).start(PATTERN, None) for _ in range(2)]
        await one.end()
        assert runs(other.pid)
        await other.end()
        return one.pid, other.pid

    with activator(path):
        first, second = asyncio.run(two())
    assert first != second


@pytest.mark.clause("L1", "L12")
@pytest.mark.attack(21)
@pytest.mark.parametrize("stops", [False, True])
def test_fail__withdrawn_twice_while_it_begins_and_it_is_ended_nevertheless(path, monkeypatch, stops):
    begun = []

    def witness(pid, status):
        begun.append(pid)
        if stops:
            os.kill(pid, signal.SIGSTOP)
        return Witness(pid, status)

    monkeypatch.setattr(unit, "Witness", witness)

    async def tale():
        place, handles = Place(LIVE, starter=unit.Unit(path)), pidfds()
        coming = asyncio.create_task(place.view())
        await soon(lambda: begun)
        await cut_again_and_again(place, LIVE)
        with pytest.raises(SourceError):
            await coming
        await place.hub.close()
        assert not runs(begun[0]) and pidfds() == handles

    with activator(path):
        story(tale())


@pytest.mark.clause("L4")
def test_fail__one_that_says_it_is_locked_and_is_not(path):
    """The kernel's word counts: the report below is a locked process's, and nothing is locked."""
    said = pack("report", b'{"landlock": 6, "memory": true}', {})
    code = HELLO.format(file="/proc/self/status", pid="os.getpid()") + f"sock.sendall({said!r})\nsock.recv(100)"
    with activator(path, other_end(code)), pytest.raises(SourceError, match="the kernel says that it is not"):
        asyncio.run(started(path))


@pytest.mark.parametrize(
    ("file", "pid", "expected"),
    [
        ("/proc/self/status", "1", "did not say which process it is|another file"),  # the kernel refuses a false number
        ("/proc/1/status", "os.getpid()", "another file"),
        ("/dev/null", "os.getpid()", "another file"),
    ],
)
def test_fail__one_that_says_it_is_another(path, file, pid, expected):
    code = HELLO.format(file=file, pid=pid)
    with activator(path, other_end(code)), pytest.raises(SourceError, match=expected):
        asyncio.run(started(path))


def test_fail__a_file_that_only_looks_like_the_kernels(tmp_path):
    forged = tmp_path / "proc" / str(os.getpid()) / "status"
    forged.parent.mkdir(parents=True)
    forged.write_text(f"Pid:\t{os.getpid()}\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t9\n")
    with pytest.raises(CannotLock, match="another file"):
        Witness(os.getpid(), os.open(forged, os.O_RDONLY))
    Witness(os.getpid(), os.open("/proc/self/status", os.O_RDONLY)).__exit__()


@pytest.mark.parametrize("code", ["", "sock.sendall(b'x')\nsock.recv(1)"])
def test_fail__one_that_ends_or_says_nothing_of_the_kind(path, code):
    with activator(path, other_end(code)), pytest.raises(SourceError, match=r"ended at once|which process it is"):
        asyncio.run(started(path))


def test_fail__no_unit_is_said_with_the_command(path):
    with pytest.raises(SourceError, match=r"systemctl enable --now firmware-agent-camera\.socket"):
        asyncio.run(started(path))
    assert not unit.there(path)


def test_fail__what_somebody_else_put_at_its_place(path):
    """Anybody's socket there is no unit of systemd's."""

    def other_user():
        os.setresuid(64001, 64001, 64001)

    path.parent.chmod(0o777)
    listens, tells = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(OSError):
            os.chdir(path.parent)
            other_user()
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(path.name)
                listener.listen()
                os.write(tells, b"x")
                listener.accept()
        os._exit(0)
    os.read(listens, 1)
    with pytest.raises(SourceError, match="user 64001 listens there"):
        asyncio.run(started(path))
    os.waitpid(child, 0)
    os.close(listens)
    os.close(tells)


def test_fail__a_unit_of_another_user_could_not_be_ended(path):
    """Main is not root in its unit: so what runs as somebody else would outlive a withdrawal."""
    script = (
        "import asyncio, os, sys\nfrom firmware_agent.camera import unit\n"
        "from firmware_agent.camera.settings import SourceSettings\nfrom pathlib import Path\n"
        "os.setresgid(64001, 64001, 64001); os.setresuid(64001, 64001, 64001)\n"
        "asyncio.run(unit.Unit(Path(sys.argv[1])).start(SourceSettings('pattern'), None))\n"
    )
    path.parent.chmod(0o755)
    for folder in path.parents[1:4]:
        folder.chmod(folder.stat().st_mode | 0o5)
    with activator(path):
        path.chmod(0o666)
        done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, timeout=60)
    assert "runs as another user" in done.stderr


def test_ok__doctor_names_the_level_of_the_camera_process(path):
    with activator(path):
        found = asyncio.run(camera(unit.Unit(path)))
    assert "a systemd unit of its own, with the camera and no network" in found[1][1]
    found = asyncio.run(camera(Spawn()))
    assert found[1][0] == "note"
    assert "the agent could open the camera, too, and the kernel's lock holds for that process only" in found[1][1]


def test_ok__doctor_names_what_an_adapter_command_needs():
    row = {"kind": "adapter", "command": ["/bin/sh"]}
    ((how, text),) = asyncio.run(source(row, None, True))
    assert how == "note" and "a drop-in" in text
    found = asyncio.run(source({**row, "command": ["/bin/no-such-camera-program"]}, None, True))
    assert found[0][0] == "wrong" and "no program /bin/no-such-camera-program" in found[0][1]
    assert asyncio.run(source({"kind": "v4l2"}, None, True)) == []


def test_fail__doctor_says_that_a_camera_s_address_does_not_answer():
    with socket.create_server(("127.0.0.1", 0)) as server:
        row = {"kind": "mjpeg", "url": f"http://127.0.0.1:{server.getsockname()[1]}/stream"}
        server.setblocking(False)
        ((how, text),) = asyncio.run(source(row, opener(row), False))
        assert how == "note" and "no picture is allowed" in text
        with pytest.raises(BlockingIOError):
            server.accept()  # without consent nobody asked the camera
        assert asyncio.run(source(row, opener(row), True)) == [("ok", "camera: something answers at its address")]
    ((how, text),) = asyncio.run(source(row, opener(row), True))
    assert how == "wrong" and "camera" in text


def test_ok__the_unit_is_asked_where_there_is_one(path, mocker):
    assert isinstance(starter({}), Spawn)
    assert isinstance(starter({"unit": str(path)}), unit.Unit)  # and an error says so where there is none
    with activator(path):
        mocker.patch("firmware_agent.cli.build.SOCKET", path)
        assert isinstance(starter({"unit": ""}), unit.Unit)
