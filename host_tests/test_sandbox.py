"""The camera process is locked by the kernel: it can keep no picture and bring none out by itself (L4)."""

import asyncio
import ctypes
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
from errno import EACCES, EAGAIN, ENOSYS, EPERM
from pathlib import Path

import pytest

from firmware_agent import jpeg
from firmware_agent.camera.messages import pack
from firmware_agent.camera.sandbox import kernel, lock, report, second
from firmware_agent.camera.sandbox.outside import Witness
from firmware_agent.camera.sandbox.program import program
from firmware_agent.camera.sandbox.report import CannotLock, Locked
from firmware_agent.camera.sandbox.table import ALLOW, KILL, REFUSE, V4L2, rows
from firmware_agent.camera.settings import SourceSettings
from firmware_agent.camera.sources import pattern
from firmware_agent.camera.start import Spawn, check, trouble
from firmware_agent.errors import FormatError
from host_tests.rigs import attempts
from host_tests.rigs.agent import Rig, plain
from host_tests.rigs.bpf import verdict
from host_tests.rigs.broker import free_port
from host_tests.rigs.camera import Worker, dumps_allowed
from host_tests.rigs.syscalls import NUMBERS

ROOT = Path(__file__).resolve().parent.parent
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
HERE = NUMBERS[os.uname().machine]
CONTROL, CAMERA = 7, 9


def clean(number):
    """A picture of the pattern as it may leave."""
    return jpeg.strip(pattern.jpeg(number))


@pytest.fixture(scope="module")
def answers():
    """{mode: {name of the attempt: answer}}; each attempt made free, locked, and locked without Landlock."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "host_tests.rigs.locked", folder]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def tried(attempt, answers):
    """(without the lock, with it, with it on a kernel without Landlock)."""
    if attempt[0] not in answers["free"]:  # the other machine's: that the call is not there is what must hold
        assert attempt[1] not in HERE or attempt in attempts.OTHER_NUMBERS
        return None
    return tuple(found[attempt[0]] for found in answers.values())


def works(attempt, answer):
    """Whether the kernel itself took the call up: it did it, or looked at its arguments."""
    return answer == "ok" or answer in (attempt[3] or "").split()


@pytest.mark.clause("L4")
@pytest.mark.parametrize("attempt", attempts.ALL + attempts.WITH_CAMERA, ids=lambda attempt: attempt[0])
def test_fail__what_is_not_in_the_table(attempt, answers):
    found = tried(attempt, answers)
    if found is not None:
        free, locked, without_landlock = found
        assert works(attempt, free), free
        assert locked == without_landlock == ("EPERM" if attempt[0] in attempts.REFUSED else "SIGSYS")


@pytest.mark.parametrize("attempt", attempts.ALLOWED, ids=lambda attempt: attempt[0])
def test_ok__what_the_camera_needs_goes_on(attempt, answers):
    assert all(works(attempt, answer) for answer in tried(attempt, answers))


@pytest.mark.parametrize("machine", MACHINES)
def test_ok__every_row_has_the_kernel_s_number_and_a_reason(machine):
    table = rows(CONTROL, CAMERA)
    assert len({row.name for row in table}) == len(table) and all(row.reason for row in table)
    for row in table:
        assert getattr(row, machine) == NUMBERS[machine].get(row.name), row.name


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("camera", [None, CAMERA])
def test_fail__a_number_without_a_row_on_either_machine(machine, camera):
    """The whole program, run for each number there is, with arguments that any row takes."""
    table = rows(CONTROL, camera)
    code = program(machine, table)
    listed = {getattr(row, machine) for row in table} - {None}
    for number in range(2048):
        found = verdict(code, MACHINES[machine], number)
        assert number in listed or found == KILL, number
        assert verdict(code, MACHINES[machine], number | 0x40000000) == KILL
        for other in (0x40000003, 0x40000028, 0, *set(MACHINES.values()) - {MACHINES[machine]}):
            assert verdict(code, other, number) == KILL
    assert verdict(code, MACHINES[machine], 0xFFFFFFFF) == KILL


HIGH = 1 << 32
ARGUMENTS = [  # call, arguments, answer
    ("sendmsg", (99, 1, 0x4040), ALLOW),
    ("sendmsg", (99, 1, 0x20000000), KILL),
    ("sendmsg", (99, 1, 0x4040 | HIGH), KILL),
    ("sendto", (99, 1, 1, 0x4000, 0, 0), ALLOW),
    ("sendto", (99, 1, 1, 0, 1, 0), KILL),
    ("sendto", (99, 1, 1, 0, HIGH, 0), KILL),
    ("sendto", (99, 1, 1, 0, 0, 16), KILL),
    ("recvmsg", (CONTROL, 1, 0), ALLOW),
    ("recvmsg", (CONTROL + 1, 1, 0), KILL),
    ("mmap", (0, 4096, 3, 0x22, -1, 0), ALLOW),
    ("mmap", (0, 4096, 3, 0x22, 0xFFFFFFFF, 0), ALLOW),
    ("mmap", (0, 4096, 3, 1, CAMERA, 0), ALLOW),
    ("mmap", (0, 4096, 3, 1, CONTROL, 0), KILL),
    ("mmap", (0, 4096, 5, 0x22, -1, 0), KILL),
    ("mmap", (0, 4096, 4 | HIGH, 0x22, -1, 0), KILL),
    ("mmap", (0, 4096, 0x1000003, 0x22, -1, 0), KILL),
    ("mprotect", (0, 4096, 3), ALLOW),
    ("mprotect", (0, 4096, 7), KILL),
    ("madvise", (0, 4096, 8), ALLOW),
    ("madvise", (0, 4096, 17), REFUSE),
    ("getsockopt", (99, 1, 3), ALLOW),
    ("getsockopt", (99, 1, 17), KILL),
    ("getsockopt", (99, 6, 3), KILL),
    ("ioctl", (CAMERA, 0xC0585611), ALLOW),
    ("ioctl", (CAMERA, 0xC0585611 | 0xFFFFFFFF00000000), ALLOW),  # an int, as C widens it
    ("ioctl", (CAMERA + 1, 0xC0585611), KILL),
    ("ioctl", (CAMERA, 0xC0405610), KILL),
    ("ioctl", (CAMERA, 0xC008561C), KILL),  # S_CTRL
    ("ioctl", (CAMERA, 0xC0145608), KILL),  # REQBUFS
    ("ioctl", (CAMERA, 0x5412), KILL),
    ("prctl", (15,), REFUSE),
    ("openat", (), KILL),
]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(("name", "arguments", "answer"), ARGUMENTS)
def test_ok__arguments_are_looked_at_on_both_machines(machine, name, arguments, answer):
    code = program(machine, rows(CONTROL, CAMERA))
    assert verdict(code, MACHINES[machine], NUMBERS[machine][name], arguments) == answer


def test_ok__the_camera_s_requests_are_the_kernel_s():
    """Numbers of linux/videodev2.h, as a C compiler gives them on a 64-bit machine."""
    assert V4L2 == {
        "QBUF": 0xC058560F,
        "DQBUF": 0xC0585611,
        "STREAMON": 0x40045612,
        "STREAMOFF": 0x40045613,
        "G_CTRL": 0xC008561B,
    }


@pytest.mark.clause("L4")
def test_ok__hundreds_of_pictures_under_the_lock_are_the_same_bytes():
    """It is slower than its pattern at times, and skips some then."""
    with Worker() as worker:
        assert worker.report.get("landlock") is not None, worker.report
        number = -1
        for _ in range(300):
            picture = worker.picture()
            number = next(later for later in range(number + 1, number + 1000) if clean(later) == picture)


def test_ok__it_ends_in_order_when_main_is_gone():
    with Worker() as worker:
        assert worker.picture()
        worker.control.close()
        assert worker.process.wait(10) == 0


@pytest.mark.clause("L4")
@pytest.mark.attack(17)
def test_ok__the_kernel_confirms_the_lock_from_outside():
    with Worker() as worker:
        pid = worker.process.pid
        with Witness(pid) as late, pytest.raises(CannotLock, match="the kernel says that it is not"):
            late.confirm()  # it saw no filter come
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        assert worker.report["memory"] and int(status["VmLck"].split()[0]) > 0  # nothing can go to swap
        limits = {resource.RLIMIT_FSIZE: 0, resource.RLIMIT_CORE: 0, resource.RLIMIT_NPROC: 0}
        for limit, value in limits.items():
            assert resource.prlimit(pid, limit) == (value, value)
        assert resource.prlimit(pid, resource.RLIMIT_NOFILE)[1] <= 160
        assert sorted(os.listdir(f"/proc/{pid}/fd"), key=int)[:3] == ["0", "1", "2"]
        assert len(os.listdir(f"/proc/{pid}/fd")) == 5  # and the control socket, and what it waits with


def no_right_to_lock_memory():
    """To be called in a new process: what it executes must keep to its limit of locked memory."""
    assert ctypes.CDLL(None).prctl(24, 14, 0, 0, 0) == 0  # PR_CAPBSET_DROP, CAP_IPC_LOCK
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (1 << 20, 1 << 20))


@pytest.mark.attack(17)
def test_ok__memory_that_cannot_be_locked_is_said():
    with Worker(preexec_fn=no_right_to_lock_memory) as worker:
        assert worker.report["memory"] is False and worker.picture() == clean(0)
    with Worker() as worker:
        assert worker.report["memory"] is True


def test_ok__memory_is_not_locked_without_room_for_pictures(mocker):
    memory = mocker.Mock(spec=kernel.Kernel)
    assert lock._lock_memory(memory) is True and not memory.unlock_memory.called
    mocker.patch("mmap.mmap", side_effect=OSError(EAGAIN, "no room"))
    assert lock._lock_memory(memory) is False and memory.unlock_memory.called


@pytest.mark.clause("L4")
def test_ok__who_looks_from_before_the_lock_on_sees_the_filter_come():
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-I", "-B", "-m", "firmware_agent.camera.worker", str(theirs.fileno())]
    nothing = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    with ours, subprocess.Popen(command, pass_fds=[theirs.fileno()], **nothing) as process:
        theirs.close()
        try:
            with Witness(process.pid) as witness:
                with pytest.raises(CannotLock, match="the kernel says that it is not"):
                    witness.confirm()
                ours.sendall(pack("begin", SourceSettings("pattern").row()))
                assert ours.recv(4)  # its report
                witness.confirm()
        finally:
            process.kill()


def test_fail__a_process_that_only_says_that_it_is_locked():
    process = subprocess.Popen(["sleep", "60"])
    try:
        with Witness(process.pid) as witness, pytest.raises(CannotLock, match="the kernel says that it is not"):
            witness.confirm()
    finally:
        process.kill()
        process.wait()
    with pytest.raises(CannotLock, match="/proc cannot be read"):
        Witness(process.pid)


@pytest.mark.attack(17)
def test_fail__a_crash_leaves_a_dump(tmp_path):
    """With a limit that allows it. The same crash without the lock does leave one, wherever this host puts it."""
    with Worker(cwd=tmp_path, preexec_fn=dumps_allowed) as worker:
        assert worker.picture()
        status = worker.end(signal.SIGABRT)
    assert os.WTERMSIG(status) == signal.SIGABRT and not os.WCOREDUMP(status)
    assert list(tmp_path.iterdir()) == []
    plainly = subprocess.Popen(["sleep", "60"], cwd=tmp_path, preexec_fn=dumps_allowed)
    plainly.send_signal(signal.SIGABRT)
    _, status = os.waitpid(plainly.pid, 0)
    plainly.returncode = -signal.SIGABRT
    assert os.WCOREDUMP(status)


@pytest.mark.clause("L4")
@pytest.mark.parametrize("kind", ["file", "pipe", "socket", "folder", "memory"])
def test_fail__a_descriptor_smuggled_in(tmp_path, kind):
    made = {
        "file": lambda: [os.open(tmp_path / "kept", os.O_RDWR | os.O_CREAT)],
        "pipe": os.pipe,
        "socket": lambda: [socket.socket(socket.AF_INET, socket.SOCK_DGRAM).detach()],
        "folder": lambda: [os.open(tmp_path, os.O_RDONLY)],
        "memory": lambda: [os.memfd_create("kept")],
    }[kind]()
    try:
        with Worker(extra=made) as worker:
            assert worker.report["missing"] == "descriptors" and "was handed in" in worker.report["text"]
            assert worker.picture() == b"" and worker.process.wait(10) == 1
    finally:
        for number in made:
            os.close(number)


@pytest.mark.clause("L4")
@pytest.mark.parametrize("stream", ["stdin", "stdout", "stderr"])
def test_fail__a_file_in_the_place_of_a_standard_stream(tmp_path, stream):
    with open(tmp_path / "kept", "w+b") as file, Worker(**{stream: file}) as worker:
        assert worker.report["missing"] == "descriptors"
        assert worker.picture() == b"" and worker.process.wait(10) == 1


SPOILED = {
    "memory that is shared": ("memory", "import mmap; kept = mmap.mmap(-1, 4096)"),
    "memory that runs": ("memory", "import mmap; kept = mmap.mmap(-1, 4096, flags=34, prot=7)"),
    "a second thread": ("threads", "import threading, time; threading.Thread(target=time.sleep, args=(60,)).start()"),
    "a personality": ("personality", "import ctypes; ctypes.CDLL(None).personality(0x0400000)"),
}


@pytest.mark.clause("L4")
@pytest.mark.parametrize("name", SPOILED)
def test_fail__a_process_that_was_spoiled_before_the_lock(name):
    missing, before = SPOILED[name]
    with Worker(before=before) as worker:
        assert worker.report["missing"] == missing and worker.picture() == b""
    with Worker(before="pass") as worker:  # started the same way, not spoiled
        assert "missing" not in worker.report and worker.picture()


def test_fail__a_control_socket_of_another_kind():
    """In a process of its own, with one thread; refused before anything is locked."""
    code = (
        "import socket\nfrom firmware_agent.camera.sandbox import lock\n"
        "try: lock.lock(socket.socket())\n"
        "except lock.CannotLock as error: print(error, open('/proc/self/status').read())"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert "is not main's" in said.stdout and "Seccomp:\t2" not in said.stdout, said


def test_fail__a_machine_without_a_table(mocker):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        mocker.patch("firmware_agent.camera.sandbox.lock.machine", return_value=None)
        with pytest.raises(CannotLock, match="x86-64 and aarch64 only"):
            lock.lock(ours)
    for name, bits in (("riscv64", 64), ("armv7l", 32), ("aarch64", 32), ("x86_64", 32)):
        mocker.patch("os.uname", return_value=os.uname_result(("Linux", "", "", "", name)))
        mocker.patch("sys.maxsize", 2 ** (bits - 1) - 1)
        assert kernel.machine() is None
        mocker.stopall()
    assert kernel.machine() == os.uname().machine


POORER = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from host_tests.rigs.preload import answer_with\n"
READ = """
import asyncio
from firmware_agent.camera.settings import SourceSettings
from firmware_agent.camera.start import Spawn
async def story():
    started = await Spawn().start(SourceSettings("pattern"), None)
    print(started.locked)
    await started.end()
asyncio.run(story())
"""
DOCTOR = "from firmware_agent.cli.main import main; sys.exit(main(['doctor', '--config', sys.argv[1]]))"


def on_a_poorer_kernel(error, calls, code, *arguments):
    """(exit code, all that was printed, on one line) of `code` where `calls` answer with `error`."""
    numbers = ", ".join(str(HERE[call]) for call in calls)
    start = f"{POORER}answer_with({error}, {numbers})\n{code}"
    done = subprocess.run([sys.executable, "-c", start, *arguments], capture_output=True, text=True, timeout=60)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path, plain(free_port()), sources='[source.demo]\n[source.camera]\nkind = "pattern"')


@pytest.mark.clause("L4")
def test_fail__no_seccomp_no_camera(rig):
    code, shown = on_a_poorer_kernel(ENOSYS, ["seccomp"], READ)
    assert code == 1 and "SourceError: camera: its process cannot lock itself and was not started" in shown
    assert "(seccomp): " in shown
    code, shown = on_a_poorer_kernel(ENOSYS, ["seccomp"], DOCTOR, str(rig.file))
    assert code == 1 and "wrong camera: its process cannot lock itself" in shown and "(seccomp): " in shown


def test_ok__doctor_says_how_the_camera_is_locked(rig):
    code, shown = on_a_poorer_kernel(ENOSYS, ["reboot"], DOCTOR, str(rig.file))
    assert code == 0 and "ok camera: its process is there only while somebody looks" in shown
    assert "locks itself: seccomp, Landlock" in shown
    code, shown = on_a_poorer_kernel(ENOSYS, ["landlock_create_ruleset"], DOCTOR, str(rig.file))
    assert code == 0 and "seccomp, no Landlock" in shown and "note camera: this kernel has no Landlock" in shown
    code, shown = on_a_poorer_kernel(EPERM, ["mlockall"], DOCTOR, str(rig.file))
    assert code == 0 and "memory not locked" in shown and "pictures could reach swap" in shown
    code, shown = on_a_poorer_kernel(ENOSYS, ["reboot"], READ)
    assert code == 0 and shown.startswith("seccomp, Landlock")


def test_fail__a_wall_that_is_there_and_cannot_be_built():
    calls = {"prctl": "dumpable", "landlock_restrict_self": "landlock"}
    for call, missing in calls.items():
        code, shown = on_a_poorer_kernel(EPERM, [call], READ)
        assert code == 1 and f"({missing}): " in shown


def test_fail__a_filter_that_is_taken_and_does_nothing():
    """`seccomp` answers success without doing anything."""
    code, shown = on_a_poorer_kernel(0, ["seccomp"], READ)
    assert code == 1 and "the filter was taken and does nothing" in shown


def test_fail__a_process_that_tried_what_is_forbidden_is_named():
    async def story():
        started = await Spawn().start(SourceSettings("pattern"), None)
        os.kill(started.pid, signal.SIGSYS)
        assert "it tried what its lock forbids" in trouble(await started.end())
        with pytest.raises(ProcessLookupError):
            os.kill(started.pid, 0)
        assert isinstance(await check(Spawn()), Locked)

    asyncio.run(story())


ALONE = """
from host_tests.rigs.syscalls import NUMBERS
import os, socket
from firmware_agent.camera.sandbox.kernel import Kernel, machine
from firmware_agent.camera.sandbox.second import restrict
listener = socket.create_server(("127.0.0.1", 0))
def tries():
    for what in (
        lambda: os.close(os.open(sys.argv[1], os.O_RDONLY)),
        lambda: os.close(os.open(sys.argv[1], os.O_WRONLY)),
        lambda: os.truncate(sys.argv[1], 0),
        lambda: os.mkdir(sys.argv[1] + ".folder"),
        lambda: os.execv("/bin/echo", ["echo", "ran"]) if locked else None,
        lambda: socket.create_connection(listener.getsockname()).close(),
        lambda: socket.create_server(("127.0.0.1", 0)).close(),
    ):
        try:
            what()
            yield 0
        except OSError as error:
            yield error.errno
locked = False
free = list(tries())
os.rmdir(sys.argv[1] + ".folder")
version = restrict(Kernel(machine()))
locked = True
print(version, free, list(tries()))
"""


@pytest.mark.clause("L4")
def test_fail__the_second_wall_stands_alone(tmp_path):
    """Landlock without seccomp: as far as this kernel's Landlock goes (truncate from ABI 3, the network from 4)."""
    (tmp_path / "file").write_bytes(b"content")
    code, shown = on_a_poorer_kernel(ENOSYS, ["reboot"], ALONE, str(tmp_path / "file"))
    version, _, rest = shown.partition(" ")
    assert code == 0 and rest.startswith(str([0] * 7)), shown
    denied = [EACCES, EACCES, EACCES if int(version) >= 3 else 0, EACCES, EACCES]
    denied += [EACCES if int(version) >= 4 else 0] * 2
    assert int(version) > 0 and rest.endswith(str(denied)), shown


def test_ok__each_landlock_is_asked_for_what_it_knows():
    sizes = [len(second.attributes(version)) for version in range(1, 9)]
    assert sizes == [8, 8, 8, 16, 16, 24, 24, 24]
    files = [int.from_bytes(second.attributes(version)[:8], "little") for version in range(1, 8)]
    assert files == [0x1FFF, 0x3FFF, 0x7FFF, 0x7FFF, 0xFFFF, 0xFFFF, 0xFFFF]


def test_ok__a_report_comes_back_as_it_was():
    assert report.decode(report.encode(Locked(7, True))) == Locked(7, True)
    with pytest.raises(CannotLock, match="mount it") as caught:
        report.decode(report.encode(CannotLock("proc", "mount it")))
    assert caught.value.missing == "proc"
    assert len(report.encode(CannotLock("x" * 60, "\u20ac" * 150))) <= report.LARGEST


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b'{"landlock":1}', b'{"landlock":1,"memory":1}', b"\xff"])
def test_fail__what_is_no_report(data):
    with pytest.raises(FormatError):
        report.decode(data)
