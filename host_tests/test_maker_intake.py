"""What the maker's own firmware hands over: bounded, from known users, never read back, and only while permitted."""

import asyncio
import json
import os
import re
import socket
import stat
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from firmware_agent.errors import SourceError
from firmware_agent.model import Record
from firmware_agent.telemetry.datagrams import Datagrams
from firmware_agent.telemetry.following import RECORDS, Following, Heard
from firmware_agent.telemetry.jobs import JobWatch, timely
from firmware_agent.telemetry.sources.intake import LARGEST, RATE, intake, tell
from host_tests.fakes import NOW
from host_tests.rigs.agent import Rig, forward, plain, until
from host_tests.rigs.broker import Broker, Subscriber

OFFERS = ("state", "progress", "job_start", "job_finish", "job_material")
CANARY = "canary-41d7"
QUEUE = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text())


def sender():
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.setblocking(False)
    return sock


def push(path, **said):
    with sender() as sock:
        sock.sendto(json.dumps({"intake": 1, **said}).encode(), str(path))


def made(path, users=None, group=None):
    return intake(Datagrams(path, group, LARGEST), {os.getuid()} if users is None else users, OFFERS, lambda: 1)


async def comes(what):
    while not what():  # noqa: ASYNC110 - what another part does sets no event here
        await asyncio.sleep(0.01)


async def filled(source, path):
    """Read until the socket is there."""
    task = asyncio.create_task(source.read())
    await comes(path.exists)
    return task


def story(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 60))


@pytest.mark.clause("L6")
def test_ok__a_status_grows_from_what_changed_and_events_come_once(tmp_path):
    path = tmp_path / "intake"

    async def tale():
        source = made(path)
        reading = await filled(source, path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        push(path, status={"state": "printing", "progress": 10})
        (first,) = await reading
        push(path, status={"progress": 11, "nested": {"a": [1, {"b": None}]}})
        push(path, event={"job_start": 5, "job_finish": 9})
        await asyncio.sleep(0.3)
        second = await source.read()
        push(path, status={"state": None})
        await asyncio.sleep(0.3)
        third = await source.read()
        await source.rest()
        assert first.fields == {"state": "printing", "progress": 10}
        assert [one.fields for one in second] == [
            {"state": "printing", "progress": 11, "nested.a.0": 1},
            {"job_start": 5, "job_finish": 9},
        ]
        assert [one.fields for one in third] == [{"progress": 11, "nested.a.0": 1}]
        assert not path.exists()  # and whoever sends now is told so by the kernel
        with pytest.raises(FileNotFoundError):
            push(path, status={"state": "idle"})
        assert not source.heard

    story(tale())


@pytest.mark.attack(13)
def test_fail__others_than_the_named_users_are_not_heard_and_nobody_gets_a_word(tmp_path):
    path = tmp_path / "intake"

    async def tale():
        source = made(path, users={os.getuid() + 4711})
        reading = await filled(source, path)
        with sender() as sock:
            sock.bind(str(tmp_path / "mine"))  # a name, so that an answer could come
            sock.sendto(json.dumps({"intake": 1, "status": {"state": "idle"}}).encode(), str(path))
            await comes(lambda: source.heard.dropped)
            with pytest.raises(BlockingIOError):
                sock.recv(1)
        assert not source.heard
        reading.cancel()
        await source.rest()

    story(tale())


def test_fail__a_flood_is_refused_to_its_sender_and_held_in_bounds(tmp_path):
    path = tmp_path / "intake"

    async def tale():
        source = made(path)
        await (await first(source, path))
        sent = refused = 0
        end = asyncio.get_running_loop().time() + 1.0
        with sender() as sock:
            while asyncio.get_running_loop().time() < end:
                for _ in range(100):
                    try:
                        sock.sendto(json.dumps({"intake": 1, "event": {"n": sent}}).encode(), str(path))
                        sent += 1
                    except BlockingIOError:
                        refused += 1
                await asyncio.sleep(0.001)
        records = []
        while not records or records[-1].fields != {"n": sent - 1}:  # the newest stays
            await asyncio.sleep(0.05)
            assert len(source.heard._records) <= RECORDS
            records = source.heard.take() if source.heard._records else records
        await source.rest()
        assert refused > sent > RATE / 2 and sent <= 2 * RATE + QUEUE

    async def first(source, path):
        reading = await filled(source, path)
        push(path, status={"state": "idle"})
        return reading

    story(tale())


def test_fail__datagrams_with_files_too_long_or_no_record_are_counted_and_nothing_stays_open(tmp_path):
    path = tmp_path / "intake"

    async def tale():
        source = made(path)
        reading = await filled(source, path)
        before = set(os.listdir("/proc/self/fd"))
        bad = [b"", b"{}", b"x" * LARGEST, b'{"intake": 1, "status": {"state": "' + b"x" * LARGEST + b'"}}']
        with sender() as sock:
            for data in bad:
                sock.sendto(data, str(path))
            null = os.open(os.devnull, os.O_RDONLY)
            passed = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("=i", null))]
            sock.sendmsg([b"{}"], passed, 0, str(path))
            passed = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("=4i", null, null, null, null))]
            sock.sendmsg([b'{"intake": 1, "status": {"state": "idle"}}'], passed, 0, str(path))
            os.close(null)
            await comes(lambda: source.heard.dropped == 6)
        assert set(os.listdir("/proc/self/fd")) <= before
        push(path, status={"state": "idle"})  # the control: it still hears
        assert [one.fields for one in await reading] == [{"state": "idle"}]
        await source.rest()

    story(tale())


@pytest.mark.parametrize("language", ["python", "c"])
def test_ok__the_examples_of_the_page_hand_over_what_they_say(tmp_path, language):
    path = tmp_path / "i"
    page = (Path(__file__).parents[1] / "docs/intake.md").read_text("utf-8")
    code = re.search(rf"```{language}\n(.*?)```", page, re.DOTALL)[1]
    code = code.replace("/run/firmware-agent/intake.sock", str(path))
    if language == "python":
        (tmp_path / "x.py").write_text(code)
        command = [sys.executable, str(tmp_path / "x.py")]
    else:
        call = re.search(r"/\* (push\(.*\);) \*/", code)[1]
        main = f"int main(void) {{ int fd = socket(AF_UNIX, SOCK_DGRAM, 0); return {call[:-1]}; }}"
        (tmp_path / "x.c").write_text(code + main)
        subprocess.run(["gcc", "-Wall", "-Werror", "-o", tmp_path / "x", tmp_path / "x.c"], check=True)
        command = [str(tmp_path / "x")]

    async def tale():
        source = made(path)
        reading = await filled(source, path)
        assert (await asyncio.to_thread(subprocess.run, command)).returncode == 0
        await asyncio.sleep(0.3)
        told = [one.fields for one in [*await reading, *await source.read()]]
        await source.rest()
        assert told[0]["state"] == "printing" and told[0]["progress"] == 41.5
        assert language == "c" or any(fields.get("job_material") == 4180 for fields in told)

    story(tale())


@pytest.mark.clause("L6", "L7")
def test_ok__what_is_from_before_the_permission_stays_untold():
    def told(fields, at=None, since=1000, now=2000):
        record = timely(Record(fields, at), since, now)
        return None if record is None else record.fields

    job = {"job_start": 1100, "job_finish": 1200, "job_material": 7}
    assert told(job) == told(job, 1000) == job
    assert told({"state": "idle"}, None, None, None) == {"state": "idle"}  # what holds now needs no clock
    assert told({**job, "job_start": 999}) == {"job_finish": 1200, "job_material": 7}
    for late in ({**job, "job_finish": 999}, {**job, "job_finish": 3232235777}, {**job, "job_finish": "1200"}):
        assert told(late) is None
    assert told(job, 999) is told(job, 1500, None) is told(job, None, 1000, None) is None
    assert told({"error_code": 7}, 999) is None


@pytest.mark.parametrize("wrong", ["x", True, [], {}, -1, 101, float("nan")])
def test_fail__progress_that_is_none_stops_nothing(wrong):
    watch = JobWatch()
    for progress in (5, wrong, 7, wrong, 100):
        assert watch.see({"state": "printing", "progress": progress}, None, 1) is None
    assert watch.see({"state": "idle"}, None, 9) == {"job_finish": 9}


def test_fail__a_defect_of_a_feed_is_a_trouble_and_tried_again(caplog):
    class Broken:
        calls = 0

        async def follow(self, heard):
            self.calls += 1
            if self.calls == 1:
                raise TypeError(CANARY)
            heard.status({"state": "idle"})
            await asyncio.Event().wait()

    async def tale():
        source = Following("some", OFFERS, Broken(), lambda: 1, jitter=lambda: 0.0)
        with pytest.raises(SourceError, match="please report it"):
            await source.read()
        await asyncio.sleep(1.2)
        assert [one.fields for one in await source.read()] == [{"state": "idle"}]
        await source.rest()

    story(tale())
    assert "a defect" in caplog.text and CANARY not in caplog.text


def test_ok__what_a_source_offers_always_finds_room():
    heard = Heard(lambda: 1, OFFERS)
    heard.status({f"n{one}": one for one in range(500)})
    heard.status({"state": "idle", "other": 1})
    assert heard.take()[0].fields["state"] == "idle" and heard.dropped == 101


@pytest.mark.attack(13)
def test_fail__a_place_that_others_may_write_to_is_refused_and_what_is_not_ours_stays(tmp_path):
    open_to_all = tmp_path / "all"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    with (
        pytest.raises(SourceError, match="others may write to its directory"),
        Datagrams(open_to_all / "i", None, 9).open(),
    ):
        pass
    path = tmp_path / "intake"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:  # somebody listens there
        other.bind(str(path))
        with pytest.raises(SourceError), Datagrams(path, None, LARGEST).open():
            pass
        push(path, status={})
        assert other.recv(100)
    path.unlink()
    with Datagrams(path, None, LARGEST).open():
        path.unlink()
        path.write_text("mine")
    assert path.read_text() == "mine"


HOSTILE = [
    b"[]",
    b"null",
    b'{"intake": 2, "status": {}}',
    b'{"intake": true, "status": {}}',
    b'{"intake": 1}',
    b'{"intake": 1, "status": []}',
    b'{"intake": 1, "status": {}, "event": {}}',
    b'{"intake": 1, "status": {"a": NaN}}',
    b'{"intake": 1, "status": {"a": ' + b"[" * 3000 + b"]" * 3000 + b"}}",
    b'{"intake": 1, "status": {"a": ' + b"9" * 5000 + b"}}",
    b"\xff\xfe",
    b'{"intake": 1, "grant": {"purpose": "snapshot"}}',
]


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_fail__what_is_no_record_tells_nothing(data):
    heard = Heard(lambda: 1)
    assert not tell(data, heard) and not heard


def test_ok__names_and_values_beyond_the_bounds_are_counted_and_not_kept():
    heard = Heard(lambda: 1)
    assert tell(json.dumps({"intake": 1, "status": {f"n{one}": one for one in range(500)}}).encode(), heard)
    assert tell(json.dumps({"intake": 1, "event": {"x" * 2000: 1, "y": "z" * 2000, "big": 1e300}}).encode(), heard)
    status, event = heard.take()
    assert len(status.fields) == 400 and event.fields == {"big": 1e300} and heard.dropped == 102


def test_ok__bounds_count_bytes_and_not_characters():
    heard, wide = Heard(lambda: 1), "\u5bbd" * 86  # 258 bytes
    names = {"fits": wide[1:], "text": wide, wide: 1, wide[1:]: 2, "lone": "\ud800" * 86}
    heard.status(names)
    heard.event(names)
    assert [record.fields for record in heard.take()] == [{"fits": wide[1:], wide[1:]: 2}] * 2
    assert heard.dropped == 6


def test_fail__a_place_where_no_socket_can_be_says_so_and_is_tried_again(tmp_path):
    path = tmp_path / "there" / "intake"

    async def tale():
        source = made(path)
        with pytest.raises(SourceError, match=r"cannot listen at .*No such file.*choose"):
            await source.read()
        path.parent.mkdir()
        source._jitter = lambda: 0.0
        while True:
            try:
                reading = await asyncio.wait_for(filled(source, path), 10)
                break
            except TimeoutError:
                continue
        push(path, status={"state": "idle"})
        with pytest.raises(SourceError):
            await reading
        await asyncio.sleep(0.2)
        assert [one.fields for one in await source.read()] == [{"state": "idle"}]
        await source.rest()

    story(tale())


def test_ok__a_socket_that_a_killed_run_left_is_replaced_and_a_file_of_somebody_is_not(tmp_path):
    path = tmp_path / "intake"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as left:
        left.bind(str(path))
    with Datagrams(path, None, LARGEST).open():
        push(path, status={})
    path.write_text("mine")
    with pytest.raises(SourceError), Datagrams(path, None, LARGEST).open():
        pass
    assert path.read_text() == "mine"


@pytest.mark.clause("L6", "L8", "L9", "L10", "L21")
@pytest.mark.attack(13, 14)
def test_ok__from_the_makers_firmware_to_the_broker_and_no_name_with_it(tmp_path):
    with Broker(tmp_path) as broker, Subscriber(broker.inside) as maker:
        rig = Rig(tmp_path, plain(broker.port), sources=f"[source.intake]\nusers = [{os.getuid() or 0}]")
        path = tmp_path / "state/intake.sock"

        async def tale():
            agent = rig.agent()
            agent.tick()
            await asyncio.sleep(0.2)
            assert not path.exists()  # nothing is permitted: nobody can hand over anything
            rig.grant("improvement_program")
            rig.grant("print_history")
            agent.tick()
            await comes(path.exists)
            names = {"job_file": CANARY, CANARY: 1, "serial": CANARY, "state": CANARY, "picture": CANARY}
            rig.device.passed += 4000  # the job that ends was one under this consent
            push(path, status={**names, "progress": 41.7})
            push(path, event={"job_start": NOW + 60, "job_finish": NOW + 3600, "job_file": CANARY})
            for _ in range(100):
                await forward(rig, agent, 3, step=10.0)
                await asyncio.sleep(0.05)
                if len(maker.messages) >= 2:
                    break
            await until(agent, lambda: not agent.uplinks["lightmake"].waiting())
            await agent.close()
            return agent.gate.undeclared

        undeclared = asyncio.run(asyncio.wait_for(tale(), 100))
        rows = maker.payloads()
        assert undeclared > 0 and len(rows) >= 2
        everything = b"".join(rows) + (tmp_path / "state/ledger.0").read_bytes()
        assert CANARY.encode() not in everything
        assert not path.exists()
