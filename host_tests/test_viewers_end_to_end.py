"""The command line lets a program in, the running agent shows it the camera, and takes that back; nothing is faked."""

import contextlib
import http.client
import json
import re
import socket
import subprocess
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest

from firmware_agent.cli import build
from firmware_agent.egress.ledger import entries
from firmware_agent.model import GIVEN, WITHDRAWN
from host_tests.rigs.agent import Rig, plain
from host_tests.rigs.broker import free_port, wait_for
from host_tests.rigs.lived import PROGRAM, running
from host_tests.rigs.octoprint import octoprint
from host_tests.rigs.viewing import basic
from host_tests.test_command_line import at_the_terminal, call, flat

CAMERA = '[source.demo]\n[source.camera]\nkind = "pattern"'


@pytest.fixture
def rig(tmp_path):
    one = Rig(tmp_path, plain(free_port()), f'[viewers]\nhost = "127.0.0.1"\nport = {free_port()}', CAMERA)
    one.port = one.parts.config.viewers.port
    return one


def decide(rig, purpose, recipient, state=GIVEN[0]):
    """As another process does it, on the clock of the machine."""
    made = build.parts(rig.parts.config)
    policy = made.catalogue.policy(purpose, recipient)
    made.consents.put(purpose, recipient, state, policy, "owner", "test", made.device.now())


def add(rig, name, purpose, *more):
    """Let a program in, as a person does; what the terminal showed."""
    code, shown = at_the_terminal(rig, "viewer", "add", name, "--for", purpose, *more)
    assert code == 0, shown
    return shown


def address(shown, what):
    return re.search(rf"{what} +(http://127\.0\.0\.1:\S+)", shown)[1]


def get(url, user="", password=""):
    """(status, content type, body) of one picture, or of an error."""
    request = urllib.request.Request(url)  # noqa: S310  always http, to itself
    if user:
        request.add_header("Authorization", basic(user, password))
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return answer.status, answer.headers["content-type"], answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["content-type"], error.read()


def watch(url):
    """A stream. While a camera process ends, or begins slowly, the answer is 503: then programs ask again."""

    def ask():
        try:
            return urllib.request.urlopen(url, timeout=20)  # noqa: S310 - http, to itself
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
            return None

    return wait_for(ask, 20)


def listens(rig):
    with contextlib.suppress(OSError):
        line = http.client.HTTPConnection("127.0.0.1", rig.port, timeout=5)
        line.connect()
        line.close()
        return True
    return False


def workers(agent):
    """Camera processes that this agent has."""
    children = Path(f"/proc/{agent.pid}/task/{agent.pid}/children").read_text().split()
    lines = [Path(f"/proc/{child}/cmdline") for child in children]
    return [line for line in lines if line.exists() and b"camera.worker" in line.read_bytes()]


def events(rig):
    return [
        (row["event"], row["detail"], row["purpose"], row["recipient"]) for row, _, _ in entries(rig.device.storage)
    ]


@pytest.mark.clause("L1", "L3", "L12")
@pytest.mark.attack(9)
def test_ok__let_in_seen_withdrawn_and_taken_out(rig):
    with running(rig) as agent:
        assert not listens(rig)
        shown = add(rig, "Ann's tablet", "live_view")
        assert "plain HTTP" not in flat(shown) and "Our promise ends" not in flat(shown)  # nothing goes over a network
        assert "shown once" in shown and "It sees nothing yet" in shown
        assert "consent grant live_view --recipient owner" in flat(shown)
        wait_for(lambda: listens(rig))
        stream, snapshot = address(shown, "stream"), address(shown, "snapshot")
        status, _, body = get(snapshot)
        assert status == 403 and b"nobody has decided" in body and workers(agent) == []
        assert get(f"http://127.0.0.1:{rig.port}/snapshot")[0] == 401
        assert get(snapshot.replace("/v/", "/v/x"))[0] == 404
        assert workers(agent) == []  # nobody of them started a camera
        decide(rig, "live_view", "owner")
        status, kind, picture = get(snapshot)
        assert (status, kind) == (200, "image/jpeg") and picture[:2] == b"\xff\xd8" and picture[-2:] == b"\xff\xd9"
        assert len(workers(agent)) == 1
        with watch(stream) as looking:
            assert looking.headers["content-type"].startswith("multipart/x-mixed-replace")
            assert b"\xff\xd8" in looking.read(20_000)
            decide(rig, "live_view", "owner", WITHDRAWN)
            with contextlib.suppress(ConnectionError, http.client.HTTPException):
                while looking.read(65536):
                    pass
        assert get(snapshot)[0] == 403
        wait_for(lambda: workers(agent) == [])
        decide(rig, "live_view", "owner")
        with watch(stream) as looking:
            assert looking.read(1000)
            code, shown, _ = call(rig, "viewer", "list")
            assert code == 0 and "Ann's tablet: live_view -> owner, by address" in flat(shown) and "can look" in shown
            code, shown, _ = call(rig, "viewer", "remove", "Ann's tablet")
            assert code == 0 and "Removed: Ann's tablet" in shown
            with contextlib.suppress(ConnectionError, http.client.HTTPException):
                while looking.read(65536):
                    pass
        wait_for(lambda: not listens(rig))
    seen = [event for event, *_ in events(rig)]
    assert "viewer_added" in seen and "viewer_removed" in seen and "watching" in seen and "watched" in seen


@pytest.mark.clause("L3", "L22")
@pytest.mark.attack(16)
def test_ok__a_name_and_a_password_and_nothing_of_them_is_kept(rig):
    log = rig.file.parent / "log"
    shown = add(rig, "Zoe's recorder", "local_service:timelapse", "--basic")
    assert "Our promise ends at this program" in flat(shown) and "No agent runs" in shown
    password = re.search(r"password +(\S{22})", shown)[1]
    assert re.search(r"user +Zoe's recorder", shown) and "/v/" not in shown
    decide(rig, "local_service", "timelapse")
    url = f"http://127.0.0.1:{rig.port}/webcam/?action=snapshot"
    command = [PROGRAM, "run", "--log", "debug", "--config", str(rig.file)]
    with log.open("wb") as out:
        agent = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        wait_for(lambda: listens(rig))
        assert get(url, "Zoe's recorder", password)[0] == 200
        assert get(url, "Zoe's recorder", password[:-1])[0] == 401
        assert get(url, "Zoe's recorder", "a-wrong-password-" + password)[0] == 401
        assert get(f"http://127.0.0.1:{rig.port}/v/{password}/snapshot")[0] == 404
    finally:
        agent.terminate()
        agent.wait(30)
    call(rig, "export", str(rig.file.parent / "all.zip"))
    spoken = log.read_bytes() + b"".join(path.read_bytes() for path in rig.file.parent.glob("state/*"))
    ledger = json.dumps([{key: str(value) for key, value in row.items()} for row, _, _ in entries(rig.device.storage)])
    with zipfile.ZipFile(rig.file.parent / "all.zip") as files:
        archive = b"".join(files.read(name) for name in files.namelist())
    for found in (spoken, archive, ledger.encode()):
        assert password.encode() not in found and b"a-wrong-password" not in found
    assert b"Zoe's recorder" in archive and b"viewers: listens" in log.read_bytes()  # the controls
    assert b"Zoe" not in log.read_bytes() and "Zoe" not in ledger
    assert ("viewer_added", "local_service", "", "") in events(rig)


@pytest.mark.clause("L16")
def test_fail__what_cannot_be_added(rig):
    code, _, errors = call(rig, "viewer", "add", "page", "--for", "live_view", typed="1234\n")
    assert code == 3 and "no_presence" in errors
    for purpose in (
        "failure_detection",
        "snapshot:lightmake",
        "print_history",
        "surface_scan",
        "local_service",
        "cinema",
        "",
    ):
        code, _, errors = call(rig, "viewer", "add", "page", "--for", purpose)
        assert code == 1 and "live_view:owner, local_service:home, local_service:timelapse, snapshot:owner" in flat(
            errors
        )
    code, shown = at_the_terminal(rig, "viewer", "add", "page", "--for", "live_view", answer="no")
    assert code == 3 and "Nothing changed" in shown
    code, shown, _ = call(rig, "viewer", "list")
    assert code == 0 and "the port is closed" in shown
    assert call(rig, "viewer", "remove", "page")[0] == 3
    add(rig, "page", "live_view")
    code, _, errors = call(rig, "viewer", "add", "page", "--for", "live_view")
    assert code == 3 and "viewer_exists" in errors
    for name in ("a:b", "", " ann ", "a" * 80):  # before anybody is asked to prove anything
        code, _, errors = call(rig, "viewer", "add", name, "--for", "live_view")
        assert code == 1 and "without a colon" in flat(errors)
    assert [event for event, *_ in events(rig)].count("viewer_added") == 1


def test_ok__who_lets_a_program_in_over_the_network_is_told_that_the_network_can_listen(tmp_path):
    rig = Rig(tmp_path, plain(free_port()), f'[viewers]\nhost = "0.0.0.0"\nport = {free_port()}', CAMERA)
    shown = flat(add(rig, "page", "live_view"))
    assert "plain HTTP" in shown and "can listen" in shown
    assert "the network can listen" in flat(call(rig, "doctor")[1])


def test_fail__without_the_section_nobody_can_be_added(tmp_path):
    rig = Rig(tmp_path, plain(free_port()), "", CAMERA)
    code, _, errors = call(rig, "viewer", "add", "page", "--for", "live_view")
    assert code == 2 and "viewers: there is none; to add a viewer, add the section [viewers]" in flat(errors)
    rig.parts.viewers.add("page", "live_view", "owner", "address")
    assert "the port is closed" in call(rig, "viewer", "list")[1]
    assert "1 viewers are in the book and cannot look" in flat(call(rig, "doctor")[1])


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('host = "printer.local"', "viewers.host: is wrong; allowed: an address of this device, no name"),
        ('host = "fe80::1%eth0"', "viewers.host: is wrong"),
        ("host = 7", "viewers.host: is wrong"),
        ("port = 0", "viewers.port: is wrong; allowed: a whole number, a port from 1 to 65535"),
        ("tls = true", "viewers.tls: is not a key; allowed: one of host, port"),
    ],
)
def test_fail__configurations_that_are_none(tmp_path, text, wrong):
    file = tmp_path / "agent.toml"
    file.write_text(f'profile = "lightmake"\nstate = "state"\n[viewers]\n{text}\n[source.demo]\n')
    done = subprocess.run(
        [PROGRAM, "viewer", "list", "--config", str(file)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2 and wrong in done.stderr


def test_fail__a_port_that_is_taken_is_said_and_keeps_nothing_else_and_is_used_when_it_is_free(rig):
    rig.parts.viewers.add("page", "live_view", "owner", "address")
    with contextlib.ExitStack() as stack:
        with socket.create_server(("127.0.0.1", rig.port)):
            command = [PROGRAM, "run", "--config", str(rig.file)]
            agent = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            stack.callback(agent.terminate)
            said = next(line for line in agent.stdout if "Viewers:" in line)
            assert f"127.0.0.1 port {rig.port} cannot be used" in said
        wait_for(lambda: answers(rig.port), 20)


def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as one:
            one.sendall(b"GET /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            return one.recv(64).startswith(b"HTTP/1.1 404")
    except OSError:
        return False


@pytest.mark.clause("L3")
@pytest.mark.parametrize("way", ["address", "basic"])
def test_ok__a_real_octoprint_takes_its_picture_here(rig, tmp_path, way):
    """By its own code: the answer to its settings' test button, and a time-lapse of a print."""
    shown = add(rig, "OctoPrint", "local_service:timelapse", f"--{way}")
    url = address(shown, "snapshot")
    password = re.search(r"password +(\S{22})", shown)[1] if way == "basic" else ""
    decide(rig, "local_service", "timelapse")
    camera = {"snapshot": url, "stream": address(shown, "stream"), "snapshotTimeout": 20}
    if password:
        camera |= {"snapshotAuth": "basic", "snapshotUsername": "OctoPrint", "snapshotPassword": password}
    with running(rig), octoprint(tmp_path) as server:
        wait_for(lambda: listens(rig))
        test = {"command": "url", "url": url, "method": "GET", "response": "bytes", "timeout": 20}
        test |= {"content_type_whitelist": ["image/*"], "content_type_guess": True}
        if password:
            test |= {"basicAuth": {"username": "OctoPrint", "password": password}}
        found = server.call("util/test", test)
        assert found["result"] is True and found["status"] == 200, {key: found[key] for key in ("result", "status")}
        test |= {"method": "HEAD"}
        test.pop("response")
        assert server.call("util/test", test)["status"] == 200
        server.call("settings", {"plugins": {"classicwebcam": camera}, "webcam": {"ffmpegPath": "/bin/true"}})
        server.call("timelapse", {"type": "timed", "interval": 1})
        # The virtual printer dwells, so that the print lasts for some pictures.
        server.upload_and_print("lapse.gcode", b"M104 S0\n" + b"G4 P500\nG1 X1 F6000\nG1 X2 F6000\n" * 12)
        frames = tmp_path / "octoprint/timelapse/tmp"
        wait_for(lambda: len([one for one in frames.glob("*.jpg") if one.stat().st_size]) > 1, 60)
        pictures = [one.read_bytes() for one in frames.glob("*.jpg")]
        assert all(one[:2] == b"\xff\xd8" for one in pictures if one)
        server.cancel()
    watched = [row[1:] for row in events(rig) if row[0] == "watched"]
    assert watched and {row[1:] for row in watched} == {("local_service", "timelapse")}
