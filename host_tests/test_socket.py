"""The makers' socket: a role by the kernel's word, no presence, one session a connection (docs/socket.md)."""

import asyncio
import base64
import hashlib
import io
import json
import logging
import os
import stat
import sys
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from firmware_agent.errors import ConfigError, LedgerError, Refused
from firmware_agent.owner.socket import commands, pace, pushes, server
from firmware_agent.owner.socket.lines import LINE, PROBLEMS
from firmware_agent.owner.socket.peers import Peers
from firmware_agent.sessions import ROLES
from host_tests.fakes_panel import DEVICE, SHOWN, policy_hash, policy_text
from host_tests.fakes_socket import Rig, ShowingDesk, logged, settled
from host_tests.proofs.socket_fuzz import fuzz

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from checks import core, exits  # noqa: E402

SNAPSHOT = {"purpose": "snapshot", "recipient": "lightmake"}
ALLOW = {
    "choices": [{**SNAPSHOT, "choice": "allow", "policy": policy_hash("snapshot"), "hours": None}],
    "of_age": True,
}


def story(tell, *arguments, **options):
    """Run the coroutine `tell(rig)` with a listening socket."""

    async def run():
        async with asyncio.timeout(60), Rig(*arguments, **options) as rig:
            return await tell(rig)

    return asyncio.run(run())


# who gets in, and as what


@pytest.mark.clause("L16")
@pytest.mark.parametrize("role", ROLES)
def test_ok__the_kernels_word_and_the_table_give_the_role(role, tmp_path):
    async def tell(rig):
        peer = await rig.connect()
        home = (await peer.ask("home"))["ok"]
        assert (home["you"]["role"], home["you"]["name"], home["you"]["key"]) == (role, "user kiosk", "")
        (session,) = rig.sessions()
        assert session.role == role and session.key == b""

    story(tell, tmp_path, role)


@pytest.mark.clause("L16")
@pytest.mark.parametrize("roles", [{}, {"other": "owner"}, {4242: "owner"}, {"root": "viewer"}])
def test_fail__a_peer_without_a_row(roles, tmp_path):
    async def tell(rig):
        peer = await rig.connect()
        peer.send(b'{"v":1,"id":1,"do":"home"}')
        assert await peer.read() == {"v": 1, "id": None, "error": "not_listed", "text": PROBLEMS["not_listed"]}
        assert await peer.read() is None
        assert rig.sessions() == [] and rig.desk.calls == []

    story(tell, tmp_path, roles=roles)


def test_fail__a_table_that_is_wrong(tmp_path):
    users = tmp_path / "passwd"
    users.write_text("kiosk:x:1001:0:::\nnobody:x:65534:0:::\nbroken line\n")
    for roles, screens, why in (
        ({"nosuchuser": "owner"}, (), "no user nosuchuser"),
        ({"kiosk": "root"}, (), "the role root"),
        ({"kiosk": "owner", 1001: "viewer"}, (), "twice"),
        ({"nobody": "viewer"}, (), "can be anybody"),
        ({2**32 - 1: "viewer"}, (), "can be anybody"),
        ({-1: "viewer"}, (), "can be anybody"),
        ({"kiosk": "viewer"}, (1002,), "a screen has no role"),
    ):
        with pytest.raises(ConfigError, match=why):
            Peers(roles, screens, users)
    with pytest.raises(ConfigError, match="No such file"):
        Peers({"kiosk": "owner"}, (), tmp_path / "missing")
    Peers({"kiosk": "owner", 1002: "viewer"}, ("kiosk", 1002), users)


def test_fail__more_connections_than_the_socket_takes(tmp_path, monkeypatch, caplog):
    async def tell(rig):
        held = [await rig.connect() for _ in range(most)]
        for peer in held:
            assert "ok" in await peer.ask("home")
        extra = await rig.connect()
        assert (await extra.read())["error"] == "busy" and await extra.read() is None
        await held[0].close()
        await settled(lambda: len(rig.sessions()) == most - 1)
        again = await rig.connect()
        assert "ok" in await again.ask("home")

    most = server.EACH
    assert most == 4
    story(tell, tmp_path)
    monkeypatch.setattr(server, "EACH", 100)
    most = server.MOST
    assert most == 8
    story(tell, tmp_path)
    assert f"one connection too many of user {os.getuid()}" in logged(caplog)


# what can be asked


def test_ok__every_reading_is_the_desks_own_answer(tmp_path):
    async def tell(rig):
        peer = await rig.connect()
        rig.desk.leaves("snapshot")
        ident = rig.desk.entries[0]["ident"]
        session = rig.gate.open("owner", b"", "test", 60)
        assert (await peer.ask("timeline"))["ok"] == {"entries": rig.desk.entries, "more": False}
        assert (await peer.ask("timeline", before=1, count=1))["ok"] == {"entries": [], "more": False}
        assert (await peer.ask("payload", ident=ident))["ok"] == rig.desk.payload(session, ident)
        await peer.ask("refuse", **SNAPSHOT)
        assert (await peer.ask("receipt", sequence=1))["ok"] == rig.desk.receipt(session, 1)
        text = (await peer.ask("policy", hash=policy_hash("snapshot")))["ok"]["text"]
        assert text == policy_text("snapshot")
        assert len((await peer.ask("nonce"))["ok"]["nonce"]) == 32
        archive = (await peer.ask("archive"))["ok"]
        data = base64.b64decode(archive["base64"])
        assert len(data) == archive["bytes"] and zipfile.ZipFile(io.BytesIO(data)).namelist() == ["manifest.json"]
        missing = await peer.ask("payload", ident="00")
        assert missing["error"] == "fault" and "look at the timeline" in missing["text"]

    story(tell, tmp_path)


def test_ok__every_action_reaches_the_desk_as_it_was_asked(tmp_path):
    seen = []

    class Recorder(ShowingDesk):
        async def do(self, session, action, arguments, proof):
            seen.append((action, arguments, proof))
            return {"done": action}

    async def tell(rig):
        for action in commands.ACTIONS:
            peer = await rig.connect()
            assert await peer.ask(action, {"code": "1"}, a=[1, {"b": None}]) == {
                "v": 1,
                "id": 1,
                "ok": {"done": action},
            }
            await peer.close()
            await settled(lambda: not rig.sessions())

    story(tell, tmp_path, desk=Recorder)
    assert seen == [(action, {"a": [1, {"b": None}]}, {"code": "1"}) for action in commands.ACTIONS]


@pytest.mark.clause("L12")
@pytest.mark.parametrize("role", ROLES)
def test_ok__every_role_withdraws_with_one_line(role, tmp_path):
    async def tell(rig):
        rig.desk.states["snapshot"]["state"] = "allowed"
        peer = await rig.connect()
        assert (await peer.ask("withdraw", **SNAPSHOT))["ok"] == {"destroyed": 3, "milliseconds": 12}
        assert rig.desk.states["snapshot"]["state"] == "withdrawn"

    story(tell, tmp_path, role)


@pytest.mark.clause("L16")
@pytest.mark.parametrize("role", ["viewer", "service"])
@pytest.mark.parametrize("do", ["archive", "correct", "erase"])
def test_fail__a_role_does_what_is_not_its_own(do, role, tmp_path):
    async def tell(rig):
        peer = await rig.connect()
        assert (await peer.ask(do))["error"] == "not_your_role"
        assert rig.desk.done == []

    story(tell, tmp_path, role)


# no presence


@pytest.mark.clause("L16")
@pytest.mark.parametrize(
    "proof",
    [None, {}, {"code": ""}, {"code": SHOWN}, {"code": "000000"}, {"uid": 0}, {"body": "[]", "signature": "00"}],
)
def test_fail__a_grant_without_a_proof(proof, tmp_path):
    async def tell(rig):
        peer = await rig.connect()
        assert "error" in await peer.ask("decide", proof, **ALLOW)
        assert rig.desk.done == [] and rig.desk.states["snapshot"]["state"] == "undecided"

    story(tell, tmp_path)


def test_fail__a_code_that_was_shown_for_something_else(tmp_path):
    async def tell(rig):
        peer = await rig.connect()
        assert "ok" in await peer.ask("show_code", **{"for": "declare_of_age", "arguments": {}})
        assert (await peer.ask("decide", {"code": SHOWN}, **ALLOW))["error"] == "code_ended"
        assert rig.desk.states["snapshot"]["state"] == "undecided"

    story(tell, tmp_path)


def test_ok__a_grant_with_the_code_of_the_screen(tmp_path):
    async def tell(rig):
        screen, peer = await rig.connect(), await rig.connect()
        assert (await screen.ask("screen"))["ok"] == {}
        await peer.ask("show_code", **{"for": "decide", "arguments": ALLOW})
        shown = (await screen.event())["event"]["show"]
        assert set(shown) == {"code", "text", "seconds"}
        assert peer.events == []  # who asks does not see it
        assert (await peer.ask("decide", {"code": shown["code"]}, **ALLOW))["ok"]["records"]
        assert (await screen.event())["event"] == {"hide": True}

    story(tell, tmp_path, screens=("kiosk",))


def test_ok__a_signed_command_passes_as_it_came(tmp_path):
    async def tell(rig):
        secret = generate_private_key(SECP256R1())
        form = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        public = secret.public_key().public_bytes(*form)
        name = hashlib.sha256(public).digest()[:8]
        rig.world.phones.keys[name] = (public, "owner", "phone", None, None)
        peer = await rig.connect()
        nonce = (await peer.ask("nonce"))["ok"]["nonce"]
        body = json.dumps(["firmware_agent command 1", DEVICE, name.hex(), 1, nonce, "decide", ALLOW])
        r, s = decode_dss_signature(secret.sign(body.encode(), ECDSA(hashes.SHA256())))
        signature = (r.to_bytes(32, "big") + s.to_bytes(32, "big")).hex()
        assert (await peer.ask("decide", {"body": body, "signature": signature}, **ALLOW))["ok"]["records"]

    story(tell, tmp_path)


# screens


def test_fail__a_forged_screen(tmp_path):
    async def tell(rig):
        peer, forger = await rig.connect(), await rig.connect()
        assert (await forger.ask("screen"))["error"] == "not_your_role"
        assert rig.screens.show("654321", "Allow?", 60) is False
        await peer.ask("show_code", **{"for": "decide", "arguments": ALLOW})
        assert "ok" in await forger.ask("home") and forger.events == []

    story(tell, tmp_path, roles={"kiosk": "owner", "other": "viewer"}, screens=("other",))


def test_ok__only_a_screen_that_listens_counts(tmp_path):
    async def tell(rig):
        assert rig.screens.show("654321", "Allow?", 60) is False
        screen = await rig.connect()
        await screen.ask("screen")
        await screen.ask("screen")
        assert rig.screens.show("654321", "Allow?", 60) is True
        assert (await screen.event())["event"] == {"show": {"code": "654321", "text": "Allow?", "seconds": 60}}
        rig.screens.hide()
        rig.screens.hide()
        assert (await screen.event())["event"] == {"hide": True}
        assert "ok" in await screen.ask("home") and screen.events == []
        await screen.close()
        await settled(lambda: not rig.sessions())
        assert rig.screens.show("654321", "Allow?", 60) is False

    story(tell, tmp_path, "viewer", screens=("kiosk",))


# what is no request

GOOD = b'{"v":1,"id":7,"do":"nonce"}'
_DEEP = b"[" * 8 + b"]" * 8


@pytest.mark.parametrize(
    ("line", "error", "ident"),
    [
        (b"", "malformed", None),
        (b"null", "malformed", None),
        (b"[]", "malformed", None),
        (b"{}", "malformed", None),
        (b'{"v":1,"id":7}', "malformed", 7),
        (b'{"v":1,"do":"home"}', "malformed", None),
        (b'{"v":2,"id":7,"do":"home"}', "version", 7),
        (b'{"v":1.0,"id":7,"do":"home"}', "version", 7),
        (b'{"v":true,"id":7,"do":"home"}', "version", 7),
        (b'{"v":1,"id":true,"do":"home"}', "malformed", None),
        (b'{"v":1,"id":-1,"do":"home"}', "malformed", None),
        (b'{"v":1,"id":12345678901234567,"do":"home"}', "malformed", None),
        (b'{"v":1,"id":7,"do":["home"]}', "malformed", 7),
        (b'{"v":1,"id":7,"do":"home","role":"owner"}', "malformed", 7),
        (b'{"v":1,"id":7,"do":"home","do":"erase"}', "malformed", None),
        (b'{"v":1,"id":7,"do":"later","arguments":{"purpose":"a","purpose":"b"}}', "malformed", None),
        (b'{"v":1,"id":7,"do":"home","arguments":[]}', "malformed", 7),
        (b'{"v":1,"id":7,"do":"home","arguments":null}', "malformed", 7),
        (b'{"v":1,"id":7,"do":"decide","proof":"123456"}', "malformed", 7),
        (b'{"v":1,"id":7,"do":"home","proof":{}}', "arguments", 7),
        (b'{"v":1,"id":7,"do":"later","arguments":{"a":NaN}}', "malformed", None),
        (b'{"v":1,"id":7,"do":"later","arguments":{"a":-Infinity}}', "malformed", None),
        (b'{"v":1,"id":7,"do":"later","arguments":{"a":1e999}}', "malformed", None),
        (b'{"v":1,"id":7,"do":"later","arguments":{"a":%s}}' % _DEEP, "malformed", None),
        (b"[" * 16000, "malformed", None),
        (b'{"a":' * 3000, "malformed", None),
        (b'{"v":1,"id":7,"do":"h\xff"}', "malformed", None),
        (b'{"v":1,"id":7,"do":"\\ud800"}', "malformed", None),
        (b'\xef\xbb\xbf{"v":1,"id":7,"do":"home"}', "malformed", None),
        ('{"v":1,"id":7,"do":"home"}'.encode("utf-16-le"), "malformed", None),
        (GOOD + GOOD, "malformed", None),
        (b"GET / HTTP/1.1", "malformed", None),
        (b'{"v":1,"id":7,"do":""}', "unknown", 7),
        (b'{"v":1,"id":7,"do":"__init__"}', "unknown", 7),
        (b'{"v":1,"id":7,"do":"changes"}', "unknown", 7),
        (b'{"v":1,"id":7,"do":"home","arguments":{"a":1}}', "arguments", 7),
        (b'{"v":1,"id":7,"do":"timeline","arguments":{"count":101}}', "arguments", 7),
        (b'{"v":1,"id":7,"do":"timeline","arguments":{"count":true}}', "arguments", 7),
        (b'{"v":1,"id":7,"do":"timeline","arguments":{"before":-1}}', "arguments", 7),
        (b'{"v":1,"id":7,"do":"payload"}', "arguments", 7),
        (b'{"v":1,"id":7,"do":"payload","arguments":{"ident":"../x"}}', "arguments", 7),
        (b'{"v":1,"id":7,"do":"policy","arguments":{"hash":"AA"}}', "arguments", 7),
        (b'{"v":1,"id":7,"do":"receipt","arguments":{"sequence":1.5}}', "arguments", 7),
        (b'{"v":1,"id":7,"do":"watch","arguments":{"a":1}}', "arguments", 7),
        (b'{"v":1,"id":7,"do":"screen","proof":{}}', "arguments", 7),
    ],
)
def test_fail__a_line_that_is_no_request(line, error, ident, tmp_path):
    async def tell(rig):
        peer = await rig.connect()
        peer.send(line)
        assert await peer.read() == {"v": 1, "id": ident, "error": error, "text": PROBLEMS[error]}
        assert rig.desk.calls == []
        peer.send(GOOD)
        assert "ok" in await peer.read()  # the connection goes on

    story(tell, tmp_path)


def test_fail__a_line_without_end(tmp_path):
    async def tell(rig):
        peer = await rig.connect()
        peer.send(b" " * (LINE - len(GOOD)) + GOOD)
        assert "ok" in await peer.read()  # the longest that is taken
        peer.send(b" " * (LINE + 1 - len(GOOD)) + GOOD)
        assert (await peer.read())["error"] == "too_long" and await peer.read() is None
        other = await rig.connect()
        other.writer.write(b" " * 1_000_000)
        assert (await other.read())["error"] == "too_long" and await other.read() is None
        half = await rig.connect()
        half.writer.write(GOOD)
        half.writer.write_eof()
        assert await half.read() is None  # half a line is no request

    story(tell, tmp_path)


@pytest.mark.attack(16)
def test_fail__three_thousand_damaged_lines(tmp_path, caplog, capfd):
    with caplog.at_level(logging.DEBUG):
        found = fuzz(3_000, 0x50C4E7)
    assert found["failures"] == []
    assert found["counts"]["lines"] == 3_000
    for kind in ("ok", "malformed", "unknown", "arguments", "version", "no_presence", "not_your_role"):
        assert found["counts"][kind] > 5, kind  # the damage reaches every layer
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
    assert capfd.readouterr() == ("", "")


# sessions


def test_fail__a_closed_session_hears_nothing_more(tmp_path):
    async def tell(rig):
        peer, watcher = await rig.connect(), await rig.connect()
        await watcher.ask("watch")
        assert (await watcher.event())["event"] == {"what": "home"}
        await peer.ask("home")
        rig.gate.close_all()
        calls = list(rig.desk.calls)
        rig.desk.tell({"what": "entry"})
        assert await watcher.read() == refused("session_ended")
        assert await watcher.read() is None
        assert await peer.ask("stop") == refused("session_ended")
        assert await peer.read() is None
        assert rig.desk.calls == calls

    story(tell, tmp_path)


def refused(reason):
    return {"v": 1, "id": None, "error": reason, "text": str(Refused(reason))}


def test_fail__a_session_that_ends_while_its_answer_is_made(tmp_path):
    class Ending(ShowingDesk):
        def home(self, session):
            found = super().home(session)
            self._gate.close(session)
            return found

    async def tell(rig):
        peer = await rig.connect()
        assert await peer.ask("home") == refused("session_ended")
        assert await peer.read() is None

    story(tell, tmp_path, desk=Ending)


@pytest.mark.parametrize("do", commands.ENDING)
def test_ok__what_ends_the_session_is_still_answered_once(do, tmp_path):
    async def tell(rig):
        peer, other = await rig.connect(), await rig.connect()
        await other.ask("home")
        await peer.ask("show_code", **{"for": do, "arguments": {}})
        assert "ok" in await peer.ask(do, {"code": SHOWN} if do == "erase" else None)
        assert await peer.read() is None
        if do == "erase":  # all sessions end with it
            assert await other.ask("home") == refused("session_ended")

    story(tell, tmp_path)


def test_ok__a_session_begins_and_ends_with_its_connection(tmp_path):
    async def tell(rig):
        peer = await rig.connect()
        await peer.ask("watch")
        assert len(rig.sessions()) == 1
        await peer.close()
        await settled(lambda: not rig.sessions() and not rig.desk._listeners)
        left = await rig.connect()
        await left.ask("watch")
        await rig.server.stop()
        assert rig.sessions() == [] and not rig.desk._listeners and not rig.path.exists()
        while await left.read() is not None:
            pass

    story(tell, tmp_path)


def test_fail__a_watch_that_ends_is_not_silence(tmp_path):
    class Short(ShowingDesk):
        async def changes(self, session):
            yield {"what": "home"}

    async def tell(rig):
        peer = await rig.connect()
        await peer.ask("watch")
        while (found := await peer.read()) is not None and "event" in found:
            pass
        assert found == refused("session_ended") and await peer.read() is None
        await settled(lambda: not rig.sessions())

    story(tell, tmp_path, desk=Short)


# who does not read delays nobody


def test_ok__a_slow_watcher_costs_nobody_anything(tmp_path):
    async def tell(rig):
        slow, peer = await rig.connect(), await rig.connect()
        await slow.ask("watch")
        slow.reader._transport.pause_reading()
        total = 0
        for _ in range(200):
            for _ in range(20):
                rig.desk.tell({"what": "entry", "padding": "x" * 400})
                total += 1
            await asyncio.sleep(0)
            assert "ok" in await peer.ask("nonce")
        (held,) = [one for one in rig.server._serving.values() if one._tasks]
        assert len(held._pushes._events) <= pushes.MOST
        assert held._writer.transport.get_write_buffer_size() < 600  # one line
        slow.reader._transport.resume_reading()
        rig.desk.tell({"what": "last"})
        came = dropped = 0
        while (event := await slow.event())["event"]["what"] != "last":
            came, dropped = came + 1, dropped + event.get("dropped", 0)
        dropped += event.get("dropped", 0)
        assert dropped > 0 and came - 1 + dropped == total  # one more came: the first "home"

    story(tell, tmp_path, desk=Telling)


class Telling(ShowingDesk):
    """Tells everything, however fast: nothing is lost before the socket's own queue."""

    def tell(self, change):
        for waiting in self._listeners:
            waiting._maxsize = 0
            waiting.put_nowait(change)


def test_ok__the_end_waits_for_nobody(tmp_path):
    async def tell(rig):
        slow = await rig.connect()
        await slow.ask("watch")
        slow.reader._transport.pause_reading()
        (held,) = rig.server._serving.values()
        while not held._writer.transport.get_write_buffer_size():
            rig.desk.tell({"what": "entry", "padding": "x" * 9000})
            await asyncio.sleep(0)
        await rig.server.stop()
        assert held._writer.transport.get_write_buffer_size() == 0 and rig.sessions() == []

    story(tell, tmp_path, desk=Telling)


def test_fail__a_peer_that_takes_no_answer_is_cut_off(tmp_path):
    class Large(ShowingDesk):
        def archive(self, session):
            return bytes(4 << 20)

    async def tell(rig):
        slow, peer = await rig.connect(), await rig.connect()
        slow.reader._transport.pause_reading()
        slow.send(b'{"v":1,"id":1,"do":"archive"}')
        await settled(lambda: len(rig.sessions()) == 2)
        assert "ok" in await peer.ask("nonce")
        await settled(lambda: len(rig.sessions()) == 1)
        assert len((await peer.ask("archive"))["ok"]["base64"]) > 4 << 20  # whoever reads gets it

    story(tell, tmp_path, desk=Large, patience=0.5)


def test_ok__whoever_asks_too_fast_waits(monkeypatch):
    waits = []

    async def sleep(seconds):
        waits.append(seconds)

    async def tell():
        monkeypatch.setattr(pace.asyncio, "sleep", sleep)
        turns = pace.Pace(rate=0.001)
        for _ in range(pace.BURST):
            await turns.turn()
        assert waits == []
        await turns.turn()
        await turns.turn()
        assert len(waits) == 2 and 0 < waits[0] < waits[1]

    asyncio.run(tell())


# faults


@pytest.mark.attack(16)
@pytest.mark.parametrize("error", [KeyError("canary"), ZeroDivisionError("canary"), ValueError("canary")])
def test_fail__a_fault_is_named_and_its_values_are_not_logged(error, tmp_path, caplog):
    class Broken(ShowingDesk):
        def home(self, session):
            raise error

        def timeline(self, session, before, count):
            raise LedgerError("ledger.0: entry 3 does not fit; export it")

        def nonce(self, session):
            return b"no JSON: canary"

        async def changes(self, session):
            yield {"what": "home"}
            raise error

    async def tell(rig):
        peer = await rig.connect()
        for do in ("home", "nonce"):
            answer = await peer.ask(do)
            assert (answer["error"], answer["text"]) == ("fault", PROBLEMS["fault"])
        assert (await peer.ask("timeline"))["text"] == "ledger.0: entry 3 does not fit; export it"
        await peer.ask("watch")
        found = await peer.read()
        while "event" in found:
            found = await peer.read()
        assert found["error"] == "fault" and await peer.read() is None

    with caplog.at_level(logging.DEBUG):
        story(tell, tmp_path, desk=Broken)
    text = logged(caplog)
    assert type(error).__name__ in text and "canary" not in text
    assert "at host_tests/test_socket.py:" in text or "at test_socket.py:" in text


# the file


def test_ok__the_file_is_for_its_group_and_goes_with_the_agent(tmp_path):
    async def tell():
        group = os.getgid() if os.geteuid() else 4242
        rig = Rig(tmp_path, group=group)
        before = os.umask(0)
        try:
            await rig.server.start()
        finally:
            os.umask(before)
        found = rig.path.lstat()
        assert stat.S_IMODE(found.st_mode) == 0o660 and found.st_gid == group
        await rig.server.stop()
        await rig.server.stop()
        assert not rig.path.exists()

    asyncio.run(tell())


def test_ok__what_a_killed_run_left_is_taken_over(tmp_path):
    async def tell():
        first, second = Rig(tmp_path), Rig(tmp_path)
        await first.server.start()
        await second.server.start()
        peer = await second.connect()
        assert "ok" in await peer.ask("home")
        await first.server.stop()
        assert second.path.exists()  # it is not the first one's any more
        await second.server.stop()

    asyncio.run(tell())


@pytest.mark.parametrize("kind", ["file", "directory", "link", "nowhere", "long"])
def test_fail__a_path_where_no_socket_can_be(kind, tmp_path):
    async def tell():
        rig = Rig(tmp_path)
        path = {"nowhere": tmp_path / "no" / "x", "long": tmp_path / ("x" * 200)}.get(kind, rig.path)
        if kind == "file":
            path.write_text("precious")
        elif kind == "directory":
            path.mkdir()
        elif kind == "link":
            path.symlink_to(tmp_path / "passwd")
        rig.server._path = path
        with pytest.raises(ConfigError, match="no socket can be made there"):
            await rig.server.start()
        assert kind not in ("file", "link") or path.read_text()

    asyncio.run(tell())


# the check of exits


def test_fail__the_sockets_file_opens_a_network() -> None:
    path = "firmware_agent/owner/socket/server.py"
    text = core.sources(ROOT)[path]
    assert [line for line in exits.check({path: text})[0] if line.startswith(path)] == []
    for more in ("start_server(f, '', 1)", "open_unix_connection('p')", "open_connection('h', 1)"):
        found = exits.check({path: f"{text}\nasyncio.{more}\n"})[0]
        assert any(line.startswith(path) for line in found)
