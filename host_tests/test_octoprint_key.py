"""`firmware-agent key octoprint` against a real OctoPrint, whose user says yes, no or nothing, and hostile answers."""

import asyncio
import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from firmware_agent.cli.main import main
from firmware_agent.errors import SourceError
from firmware_agent.telemetry.octoprint_key import key
from host_tests.rigs.octoprint import octoprint

PROGRAM = str(Path(sys.executable).with_name("firmware-agent"))
CANARY = "canary-93d1"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with octoprint(tmp_path_factory.mktemp("peer")) as running:
        yield running


def configured(directory, url):
    file = directory / "agent.toml"
    source = f'[source.octoprint]\nurl = "{url}"\nkey_file = "keys/octoprint.key"\n'
    file.write_text(f'profile = "lightmake"\nstate = "state"\n{source}')
    (directory / "keys").mkdir()
    return file


class Typed:
    """The command, as somebody types it; its output so far, and its end."""

    def __init__(self, file):
        self._out = open(file.with_name("out.txt"), "wb")  # noqa: SIM115
        command = [PROGRAM, "key", "octoprint", "--log", "debug", "--config", str(file)]
        at_a_terminal = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # what runs in the background ignores it
        self.process = subprocess.Popen(command, stdout=self._out, stderr=subprocess.STDOUT, preexec_fn=at_a_terminal)

    def shown(self):
        return " ".join(Path(self._out.name).read_text().split())

    def waits(self, words):
        end = time.monotonic() + 60
        while words not in self.shown():
            assert time.monotonic() < end and self.process.poll() is None, self.shown()
            time.sleep(0.05)

    def ends(self):
        code = self.process.wait(60)
        self._out.close()
        return code, self.shown()


@contextlib.contextmanager
def asking(file, server):
    """The command waits; (it, the question as OctoPrint's user sees it)."""
    typed = Typed(file)
    try:
        typed.waits("confirm it on OctoPrint's page")
        server.wait("asked", server.asked_for_a_key)
        [(token, application)] = server.asked_for_a_key().items()
        assert application == "firmware_agent"
        assert token not in typed.shown()
        yield typed, token
    finally:
        typed.process.kill()
        typed.process.wait()


def nothing_left(directory):
    return list((directory / "keys").iterdir()) == []


@pytest.mark.clause("L22")
def test_ok__a_key_that_is_confirmed_is_stored_shown_nowhere_and_works(server, tmp_path, capsys):
    file = configured(tmp_path, server.url)
    with asking(file, server) as (typed, token):
        server.decide(token, True)
        code, shown = typed.ends()
    path = tmp_path / "keys/octoprint.key"
    found = path.read_text().strip()
    assert code == 0 and "Confirmed" in shown and server.url in shown and str(path) in shown
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and os.listdir(path.parent) == [path.name]
    assert len(found) > 16 and found not in shown and token not in shown
    assert [row["app_id"] for row in server.call("plugin/appkeys")["keys"]] == ["firmware_agent"]
    main(["doctor", "--config", str(file)])
    said = capsys.readouterr().out
    assert "octoprint: answers with" in said and found not in said
    everything = b"".join(one.read_bytes() for one in (tmp_path / "state").rglob("*") if one.is_file())
    assert found.encode() not in everything


def test_fail__a_key_that_is_refused_leaves_nothing(server, tmp_path):
    file = configured(tmp_path, server.url)
    with asking(file, server) as (typed, token):
        server.decide(token, False)
        code, shown = typed.ends()
    assert code == 1 and "the key was refused there" in shown and nothing_left(tmp_path)


def test_fail__whoever_stops_it_leaves_nothing_and_keeps_the_key_that_was(server, tmp_path):
    file = configured(tmp_path, server.url)
    (tmp_path / "keys/octoprint.key").write_text("as before")
    with asking(file, server) as (typed, _):
        typed.process.send_signal(signal.SIGINT)
        code, shown = typed.ends()
    assert code == 1 and "Stopped. Nothing changed" in shown
    assert os.listdir(tmp_path / "keys") == ["octoprint.key"]
    assert (tmp_path / "keys/octoprint.key").read_text() == "as before"
    server.wait("asked no more", lambda: not server.asked_for_a_key())


def test_fail__nobody_confirms_and_who_asks_too_often_is_told_to_wait(tmp_path):
    with octoprint(tmp_path / "peer") as other:
        with pytest.raises(SourceError, match="nobody confirmed it within"):
            asyncio.run(key(other.url, lambda since: None, longest=0.5, every=0.1))
        for _ in range(5):  # it takes three a minute
            try:
                asyncio.run(key(other.url, lambda since: None, longest=0.0))
            except SourceError as error:
                said = str(error)
    assert "answered 429: it wants fewer requests; wait some minutes" in said


def test_fail__an_octoprint_without_application_keys_says_so(tmp_path, capsys):
    with octoprint(tmp_path / "peer", off=("appkeys",)) as other:
        file = configured(tmp_path, other.url)
        assert main(["key", "octoprint", "--config", str(file)]) == 1
    assert "it has no application keys; enable its plug-in" in capsys.readouterr().err
    assert nothing_left(tmp_path)


def test_fail__nobody_is_asked_where_the_key_could_not_be_stored(tmp_path, capsys):
    file = configured(tmp_path, "http://127.0.0.1:9")
    (tmp_path / "keys").rmdir()
    assert main(["key", "octoprint", "--config", str(file)]) == 1
    assert "No such file or directory; type this as root, or name a `key_file`" in capsys.readouterr().err


def test_fail__without_such_a_source_there_is_nothing_to_ask(tmp_path, capsys):
    file = tmp_path / "agent.toml"
    file.write_text('profile = "lightmake"\nstate = "state"\n[source.demo]\n')
    assert main(["key", "octoprint", "--config", str(file)]) == 2
    assert "source.octoprint: there is none; add that section first" in capsys.readouterr().err


def test_ok__what_root_types_belongs_to_the_agent(tmp_path, monkeypatch):
    import firmware_agent.cli.key as command

    async def given(url, waits):
        return "k" * 20

    owners = []
    monkeypatch.setattr(command, "key", given)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", lambda file, user, group: owners.append((user, group)))
    file = configured(tmp_path, "http://127.0.0.1:9")
    (tmp_path / "keys/octoprint.key.new").write_text("of a time when the power went")
    assert main(["key", "octoprint", "--config", str(file)]) == 0
    state = (tmp_path / "state").stat()
    assert (state.st_uid, state.st_gid) in owners
    assert (tmp_path / "keys/octoprint.key").read_text() == "k" * 20 + "\n"
    assert os.listdir(tmp_path / "keys") == ["octoprint.key"]


TOKEN = "t" * 43
ASKED = (201, {"app_token": TOKEN, "auth_dialog": "http://192.0.2.1/" + CANARY})


async def answering(*answers):
    """What `key` makes of these (status, JSON or bytes) in turn, the last again and again; (it, what was asked)."""
    left, heads = list(answers), []

    async def serve(reader, writer):
        heads.append((await reader.readuntil(b"\r\n\r\n")).split(b" HTTP")[0].decode())
        status, body = left.pop(0) if len(left) > 1 else left[0]
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        location = "Location: http://192.0.2.1/%s\r\n" % CANARY
        head = "HTTP/1.1 %d X\r\n%sContent-Length: %d\r\n\r\n" % (status, location, len(body))
        with contextlib.suppress(OSError):
            writer.write((head if status != 204 else "HTTP/1.1 204 X\r\n\r\n").encode() + body)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        url = "http://127.0.0.1:%d/" % listening.sockets[0].getsockname()[1]
        try:
            return await key(url, lambda since: None, longest=5, every=0.01), heads
        except SourceError as error:
            return error, heads


def test_ok__it_asks_the_configured_address_and_no_other():
    given = (200, {"api_key": "k" * 32})
    found, heads = asyncio.run(answering((204, b""), ASKED, (202, {}), (202, {}), given))
    assert found == "k" * 32
    asked = "GET /plugin/appkeys/request/" + TOKEN
    assert heads == ["GET /plugin/appkeys/probe", "POST /plugin/appkeys/request", asked, asked, asked]


WRONG = [
    ([(404, b"")], "no application keys"),
    ([(302, b"")], "answered 302: it leads elsewhere"),
    ([(500, b"")], "answered 500"),
    ([(204, b""), (200, ASKED[1])], "answered 200"),
    ([(204, b""), (429, b"")], "wants fewer requests"),
    ([(204, b""), (302, b"")], "leads elsewhere"),
    ([(204, b""), (201, b"")], "holds no app_token"),
    ([(204, b""), (201, {"app_token": "../../api/job?" + CANARY})], "holds no app_token"),
    ([(204, b""), (201, {"app_token": TOKEN + "\r\nX: " + CANARY})], "holds no app_token"),
    ([(204, b""), (201, {"app_token": ["t" * 43]})], "holds no app_token"),
    ([(204, b""), (201, b'{"app_token": NaN}')], "holds no app_token"),
    ([(204, b""), (201, b"x" * (2 << 20))], "more than 1048576 bytes"),
    ([(204, b""), ASKED, (404, b"")], "was refused there"),
    ([(204, b""), ASKED, (202, {}), (302, b"")], "leads elsewhere"),
    ([(204, b""), ASKED, (200, b"[" * 50_000)], "not a JSON object"),
    ([(204, b""), ASKED, (200, {"api_key": CANARY + "\n" * 40})], "holds no api_key"),
    ([(204, b""), ASKED, (200, {"api_key": 10**400})], "holds no api_key"),
    ([(204, b""), ASKED, (200, b'{"api_key": "' + b"k" * 300 + b'"}')], "holds no api_key"),
]


@pytest.mark.parametrize("answers, words", WRONG, ids=range(len(WRONG)))
def test_fail__an_answer_that_is_none_is_said_and_shows_nothing(answers, words):
    found, _ = asyncio.run(answering(*answers))
    assert isinstance(found, SourceError) and words in str(found)
    assert CANARY not in str(found) and TOKEN not in str(found) and "192.0.2.1" not in str(found)
