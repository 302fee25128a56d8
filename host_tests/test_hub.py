"""Main's side of the camera: only who is admitted looks, only while consent holds, and a cut needs nobody's help."""

import asyncio
import contextlib
import dataclasses
import errno
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from firmware_agent import jpeg
from firmware_agent.camera.cutting import Leash
from firmware_agent.camera.keeper import HANGS, HUNG, PAUSES
from firmware_agent.camera.sealed import open_sealed, public_key
from firmware_agent.camera.settings import SourceSettings
from firmware_agent.camera.sources import pattern
from firmware_agent.camera.start import Adapter, Child
from firmware_agent.camera.stills import Still
from firmware_agent.camera.upstream import Upstream
from firmware_agent.errors import FormatError, SourceError, StorageError
from firmware_agent.refusals import Refused, Unsealed
from host_tests.rigs.hub import (
    LIVE,
    MAKER,
    SNAP,
    Place,
    PlayedStarter,
    cut_again_and_again,
    pidfds,
    running,
    soon,
    stopped,
    story,
)
from host_tests.rigs.looking import pair

PRIVATE = bytes(range(1, 33))
KEY = public_key(PRIVATE)
LARGEST = 1 << 18
SMALL = 1 << 12


def sealed(number, size=16):
    """What looks like one that holds size - 16 bytes."""
    return b"FAS1" + bytes(32) + number.to_bytes(8, "big") + bytes(size)


def refused(place, to=LIVE):
    with pytest.raises(Refused) as caught:
        place.admit(to)
    return caught.value.reason


async def rest(sock):
    """What still comes until the end; None as its last part if that was a reset."""
    sock.setblocking(False)
    loop, found = asyncio.get_running_loop(), []
    while True:
        try:
            data = await asyncio.wait_for(loop.sock_recv(sock, 1 << 16), 20)
        except ConnectionResetError:
            return [*found, None]
        if not data:
            return found
        found.append(data)


# --- no consent, no camera


@pytest.mark.clause("L1")
def test_ok__nobody_looks_and_there_is_no_process():
    async def tale():
        place = Place(LIVE)
        for _ in range(20):
            place.forward(1.0)
        assert place.starter.begun == [] and not place.hub.busy and place.hub.uses() == []
        assert refused(place, MAKER) == "consent_withdrawn"
        assert place.starter.begun == []
        await place.hub.close()

    story(tale())


@pytest.mark.clause("L1", "L12")
def test_ok__it_ends_three_seconds_after_the_last_one_looked_and_begins_anew():
    async def tale():
        place = Place(LIVE)
        viewer = await place.view()
        await asyncio.to_thread(viewer.picture)
        (first,) = place.pids
        viewer.socket.close()
        await soon(lambda: not place.hub._live)
        place.forward(2.9)
        assert place.pids == [first]
        place.forward(0.2)
        await soon(lambda: not place.pids and not place.hub.busy)
        again = await place.view()
        await asyncio.to_thread(again.picture)
        assert place.pids and place.pids != [first]
        await place.hub.close()
        assert place.pids == []

    story(tale())


@pytest.mark.clause("L1")
@pytest.mark.attack(9, 21)
def test_fail__what_is_forged_altered_closed_or_of_another_hub_opens_nothing():
    async def tale():
        place, other = Place(LIVE, MAKER, starter=PlayedStarter()), Place(LIVE, starter=PlayedStarter())
        good, closed = place.admit(), place.admit()
        place.admissions.close(closed)
        bad = [closed, other.admit(), None, "an admission", vars(good)]
        changes = {"recipient": "lightmake", "purpose": "snapshot", "viewer": "x", "stream": False, "generation": 2}
        changes |= {"ident": bytes(16), "consent": b"", "seal": bytes(32)}
        bad += [dataclasses.replace(good, **{name: value}) for name, value in changes.items()]
        for one in bad:
            ours, theirs = pair()
            with ours, theirs:
                with pytest.raises(Unsealed):
                    await place.hub.pass_on(one, theirs)
                with pytest.raises(Unsealed):
                    await place.hub.still(one, KEY, LARGEST)
                with pytest.raises(Unsealed):
                    async for _ in place.hub.watch(one, KEY):
                        pass
                theirs.send(b"still the caller's")
                assert ours.recv(64) == b"still the caller's"
        assert place.starter.settings == [] and place.history.rows == []
        await place.hub.close()

    story(tale())


@pytest.mark.clause("L2", "L3")
def test_fail__what_was_opened_for_one_use_serves_no_other():
    async def tale():
        place = Place(LIVE, SNAP, MAKER, starter=PlayedStarter())
        with pytest.raises(Unsealed):  # one picture is no stream
            async for _ in place.hub.watch(place.admit(LIVE, stream=False), KEY):
                pass
        with pytest.raises(Unsealed):
            await place.hub.still(place.admit(LIVE, stream=True), KEY, LARGEST)
        with pytest.raises(Refused) as caught:  # whoever allowed single pictures allowed no stream
            await place.view(SNAP, stream=True)
        assert caught.value.reason == "stills_only" and place.starter.begun == []
        admission = place.admit()
        ours, theirs = pair()
        await place.hub.pass_on(admission, theirs)
        second, twice = pair()
        with ours, second, twice, pytest.raises(Unsealed):  # once is once
            await place.hub.pass_on(admission, twice)
        await place.hub.close()

    story(tale())


@pytest.mark.clause("L2", "L3")
def test_fail__single_pictures_so_fast_that_they_are_a_live_view():
    async def tale():
        place = Place(LIVE, SNAP, MAKER, ("local_service", "home"))
        took = []
        for _ in range(40):  # ten seconds
            try:
                viewer = await place.view(SNAP, stream=False)
            except Refused as refusal:
                took.append(refusal.reason)
            else:
                took.append(await asyncio.to_thread(viewer.answer) and "picture")
                viewer.socket.close()
                await soon(lambda: not place.hub._live)
            place.forward(0.25)
        assert took == ["picture", "stills_paced", "stills_paced", "stills_paced"] * 10
        for to in (LIVE, ("local_service", "home")):  # whoever may see a stream may poll
            for _ in range(5):
                viewer = await place.view(to, stream=False)
                await asyncio.to_thread(viewer.answer)
                viewer.socket.close()
        for _ in range(2):  # an uplink has a pace of its own
            assert await place.hub.still(place.admit(MAKER, "", False), KEY, LARGEST)
        await soon(lambda: not place.admissions._open)
        await place.hub.close()

    story(tale())


@pytest.mark.clause("L2", "L3")
def test_ok__a_sealed_picture_opens_for_its_purpose_and_recipient_only():
    async def tale():
        place = Place(MAKER)
        sealed = await place.hub.still(place.admit(MAKER, "", False), KEY, LARGEST)
        assert open_sealed(PRIVATE, "snapshot lightmake", sealed)[:2] == b"\xff\xd8"
        for about in ("snapshot owner", "live_view lightmake", ""):
            with pytest.raises(FormatError):
                open_sealed(PRIVATE, about, sealed)
        with pytest.raises(FormatError):
            open_sealed(bytes(32), "snapshot lightmake", sealed)
        assert place.history.rows == []  # its release will have entries of its own
        await place.hub.close()

    story(tale())


# --- consent that goes while something begins


@pytest.mark.clause("L1", "L12")
@pytest.mark.attack(21)
def test_fail__withdrawn_before_or_while_it_begins_and_nothing_is_passed():
    async def tale():
        place = Place(LIVE, starter=PlayedStarter())
        ours, theirs = pair()
        admission = place.admit()
        del place.gate.given[LIVE]
        with pytest.raises(Refused):
            await place.hub.pass_on(admission, theirs)
        assert place.starter.settings == []
        # while the process begins
        place.gate.given[LIVE] = 2
        place.starter.gate = asyncio.Event()
        coming = asyncio.create_task(place.hub.pass_on(place.admit(), theirs))
        await soon(lambda: place.starter.settings)
        del place.gate.given[LIVE]
        place.hub.cut(*LIVE)
        with pytest.raises((Refused, SourceError)):
            await coming
        await soon(lambda: not place.hub.busy)
        assert place.starter.begun == []  # what began was ended with it
        # given anew meanwhile: another consent, so it does not count for what was admitted before
        place.gate.given[LIVE] = 3
        place.starter.gate = asyncio.Event()
        coming = asyncio.create_task(place.hub.pass_on(place.admit(), theirs))
        await soon(lambda: len(place.starter.settings) == 2)
        place.gate.given[LIVE] = 4
        place.starter.gate.set()
        with pytest.raises(Unsealed):
            await coming
        # while its beginning is written down
        place.history.before = place.gate.given.clear
        with pytest.raises(Refused):
            await place.hub.pass_on(place.admit(), theirs)
        theirs.send(b"nothing but this")
        assert ours.recv(64) == b"nothing but this"
        ours.close()
        theirs.close()
        (played,) = place.starter.begun
        with pytest.raises(BlockingIOError):  # it never heard of any viewer
            played.theirs.recv(1)
        await place.hub.close()

    story(tale())


@pytest.mark.clause("L1", "L12")
@pytest.mark.attack(21)
@pytest.mark.parametrize("stops", [False, True])
def test_fail__withdrawn_twice_while_it_begins_and_it_is_ended_nevertheless(monkeypatch, stops):
    """As the agent does it: once for the decision, once when the source goes to rest."""
    begun, begin = [], Child.greet

    async def greet(child, *source):
        begun.append(child.pid)
        if stops:
            os.kill(child.pid, signal.SIGSTOP)
        await begin(child, *source)

    monkeypatch.setattr(Child, "greet", greet)

    async def tale():
        place = Place(LIVE, MAKER)
        handles = pidfds()
        coming = asyncio.create_task(place.view())
        await soon(lambda: begun)
        await cut_again_and_again(place, LIVE)
        assert not place.hub.busy and not running(begun[0]) and pidfds() == handles
        with pytest.raises(SourceError):
            await coming
        # closed while it is being ended
        coming = asyncio.create_task(place.view())
        await soon(lambda: len(begun) == 2)
        place.hub.cut(*LIVE)
        await asyncio.sleep(0.01)
        await place.hub.close()
        assert not running(begun[1]) and pidfds() == handles
        await asyncio.gather(coming, return_exceptions=True)

    story(tale())


def test_fail__without_a_history_nobody_looks():
    async def tale():
        place = Place(LIVE, starter=PlayedStarter())

        def broken():
            raise OSError("the disk is full")

        place.history.before = broken
        with pytest.raises(OSError, match="the disk is full"):
            await place.view()
        assert place.hub.uses() == []
        with pytest.raises(BlockingIOError):
            place.starter.begun[0].theirs.recv(1)
        await place.hub.close()

    story(tale())


# --- withdrawal


@pytest.mark.clause("L12")
@pytest.mark.attack(21)
def test_ok__a_cut_needs_no_help_of_the_camera_process():
    """It is stopped, so it closes nothing: main takes the connection apart alone, then kills it."""

    async def tale():
        place = Place(LIVE)
        viewer = await place.view()
        await asyncio.to_thread(viewer.picture)
        (pid,) = place.pids
        with stopped(pid):
            del place.gate.given[LIVE]
            place.hub.cut(*LIVE)
            assert place.hub.uses() == [] and not place.hub.state().on
            assert (await rest(viewer.socket))[-1] is None
            await soon(lambda: not place.hub.busy)
            assert not running(pid)
        place.hub.tick()
        ((purpose, recipient, ident, *_),) = place.history.told("watched")
        assert (purpose, recipient) == LIVE and ident == viewer.ident
        await place.hub.close()

    story(tale())


@pytest.mark.clause("L12")
def test_ok__a_look_asks_the_store_once_for_all_who_look_under_one_consent():
    async def tale():
        place = Place(LIVE)
        viewers = [await place.view() for _ in range(4)]
        asked, decide = [], place.gate.decide
        place.gate.decide = lambda *pair: asked.append(pair) or decide(*pair)
        place.hub.look()
        assert asked == [LIVE]
        del place.gate.given[LIVE]
        place.hub.look()
        assert asked == [LIVE, LIVE]
        for viewer in viewers:
            assert (await rest(viewer.socket))[-1] is None
        await place.hub.close()

    story(tale())


@pytest.mark.parametrize("when", ["tick", "look"])
def test_fail__a_store_that_cannot_be_read_permits_nobody_to_go_on(when):
    async def tale():
        place = Place(LIVE)
        viewer = await place.view()
        await asyncio.to_thread(viewer.picture)

        def broken(*_):
            raise StorageError("floor.1: it is a directory; look at the flash")

        place.gate.decide = broken
        getattr(place.hub, when)()
        assert (await rest(viewer.socket))[-1] is None and place.hub.uses() == []
        await place.hub.close()

    story(tale())


def test_ok__who_was_removed_is_cut_and_its_view_is_over_at_the_next_tick():
    async def tale():
        place = Place(LIVE)
        viewer = await place.view()
        await asyncio.to_thread(viewer.picture)
        other = await place.view()  # of the same name: a phone may be called as a program is
        place.hub.dismiss([one for one in place.admissions._open.values() if one.ident == viewer.ident])
        assert (await rest(viewer.socket))[-1] is None
        await asyncio.to_thread(other.picture)
        place.hub.dismiss([one for one in place.admissions._open.values() if one.ident == other.ident])
        assert (await rest(other.socket))[-1] is None and place.hub.uses() == []
        await soon(lambda: not place.hub._leaving)
        place.hub.tick()
        assert len(place.history.told("watched")) == len(place.history.told("watching")) > 0
        await place.hub.close()

    story(tale())


@pytest.mark.parametrize("when", ["tick", "look"])
def test_ok__what_another_process_withdrew_is_cut_at_a_tick_or_a_look_and_the_others_go_on(when):
    async def tale():
        place = Place(LIVE, SNAP, ("local_service", "timelapse"))
        mine, theirs = await place.view(), await place.view(("local_service", "timelapse"))
        await asyncio.to_thread(mine.picture)
        await asyncio.to_thread(theirs.picture)
        before = place.pids
        del place.gate.given["local_service", "timelapse"]
        getattr(place.hub, when)()
        assert place.history.told("watched") == []  # what is written comes later
        assert (await rest(theirs.socket))[-1] is None
        assert [(one.purpose, one.recipient) for one in place.hub.uses()] == [LIVE]
        for _ in range(3):
            await asyncio.to_thread(mine.picture)
        assert place.pids == before
        await soon(lambda: not place.hub._leaving)
        place.forward(60)
        (row,) = place.history.told("watched")
        assert row[:2] == ("local_service", "timelapse") and row[4] > 0 and row[5] > 0
        await place.hub.close()

    story(tale())


@pytest.mark.clause("L12")
def test_ok__a_sealed_view_ends_with_its_consent():
    async def tale():
        place = Place(LIVE)
        seen = []
        async for piece in place.hub.watch(place.admit(), KEY):
            seen.append(open_sealed(PRIVATE, "live_view owner", piece))
            if len(seen) == 3:
                del place.gate.given[LIVE]  # nobody tells the hub: it asks before each picture
        assert len(seen) == 3 and place.hub.uses() == []
        place.hub.tick()
        await place.hub.close()
        assert place.history.told("watching")[0][4] == "page" and place.history.told("watched")[0][4] >= 3

    story(tale())


def flood(sock):
    """Write until the kernel takes no more."""
    sent = 0
    try:
        while True:
            sent += sock.send(bytes(1 << 16))
    except BlockingIOError:
        return sent


@pytest.mark.clause("L12")
def test_ok__cut_means_cut_whoever_else_holds_the_connection():
    ours, theirs = pair(receive=4096)
    leash, copy = Leash(theirs), theirs.dup()  # the camera process's
    leash.ready()
    sent = flood(copy)
    leash.cut()
    leash.cut()
    with pytest.raises(OSError, match=r"."):
        copy.send(b"more")
    came = asyncio.run(rest(ours))
    assert came[-1] is None and sum(map(len, came[:-1])) < sent
    ours, theirs = pair(receive=4096)  # the control: closing alone stops nothing while another holds it
    copy = theirs.dup()
    sent = flood(copy)
    theirs.close()
    copy.setblocking(True)
    copy.shutdown(socket.SHUT_WR)
    came = asyncio.run(rest(ours))
    assert None not in came and sum(map(len, came)) == sent


def test_ok__a_cut_of_what_is_gone_already_is_no_trouble():
    for end in (lambda sock: sock.close(), lambda sock: sock.shutdown(socket.SHUT_RDWR)):
        ours, theirs = pair()
        leash = Leash(theirs)
        leash.ready()
        theirs.close()
        end(ours)
        leash.cut()
        leash.close()
        ours.close()


# --- what the ledger is told


def test_ok__single_pictures_within_a_minute_are_one_line():
    async def tale():
        place = Place(SNAP)
        for _ in range(3):
            viewer = await place.view(SNAP, stream=False)
            assert (await asyncio.to_thread(viewer.answer))[:2] == b"\xff\xd8"
            viewer.socket.close()
            await soon(lambda: not place.hub._live)
            place.forward(20)
        assert len(place.history.told("watching")) == 1 and place.history.told("watched") == []
        (use,) = place.hub.uses()
        assert (use.viewer, use.stream, use.pictures) == ("tablet", False, 3)
        place.forward(41)
        ((*_, pictures, size),) = place.history.told("watched")
        assert pictures == 3 and size > 3 * 2000 and place.hub.uses() == []
        (await place.view(SNAP, stream=False)).socket.close()
        assert [row[4] for row in place.history.told("watching")] == ["picture", "picture"]
        await place.hub.close()
        assert len(place.history.told("watched")) == 2

    story(tale())


@pytest.mark.attack(9)
@pytest.mark.parametrize("detail", ["stream", "page"])
def test_fail__a_view_that_is_opened_again_and_again_floods_no_history(detail):
    async def tale():
        place = Place(LIVE)
        for _ in range(12):
            if detail == "page":
                async with contextlib.aclosing(place.hub.watch(place.admit(), KEY)) as pieces:
                    await anext(pieces)
            else:
                viewer = await place.view()
                await asyncio.to_thread(viewer.picture)
                viewer.socket.close()
            await soon(lambda: not place.hub._live and not place.hub._leaving)
            assert place.hub.uses() == []
            place.forward(5)
        assert [row[4] for row in place.history.told("watching")] == [detail]
        place.forward(60)
        ((*_, pictures, size),) = place.history.told("watched")
        assert pictures >= 12 and size > 12 * 2000
        await place.hub.close()

    story(tale())


def test_ok__what_two_do_or_what_is_done_for_another_consent_is_never_one_session():
    place = Place(LIVE, SNAP)
    account, first = place.hub._account, place.admit()
    account.begin(first, "stream")
    others = [place.admit(viewer="phone"), place.admit(stream=False), place.admit(SNAP, stream=False)]
    for one, detail in zip(others, ("stream", "picture", "picture"), strict=True):
        account.begin(one, detail)
    place.gate.given[LIVE] = 2
    account.begin(place.admit(), "stream")
    assert len(place.history.told("watching")) == 5
    account.begin(dataclasses.replace(first, ident=b"again" * 3 + b"!"), "stream")
    assert len(place.history.told("watching")) == 5


@pytest.mark.attack(9)
@pytest.mark.parametrize("rest", [60, 61, 119, 240, 600, 601])
def test_fail__whoever_waits_between_two_views_fills_no_history_either(rest):
    """The pause that joins grows: 24 entries of each detail in two hours at most, whatever the rhythm."""
    place = Place(LIVE)
    account, seen = place.hub._account, 0
    while place.passed < 7200:
        for detail in ("stream", "picture"):
            admission = place.admit(stream=detail == "stream")
            account.begin(admission, detail)
            account.add(admission.ident, 1, 100)
            account.end(admission.ident)
            place.admissions.close(admission)
            seen += 1
        place.passed += rest
        account.settle()
    assert len(place.history.rows) <= 4 * 16
    account.settle(everything=True)
    assert sum(row[4] for row in place.history.told("watched")) == seen  # nothing is left out
    assert len(place.history.told("watched")) == len(place.history.told("watching"))
    account.begin(place.admit(), "stream")
    place.hub._account.settle()
    before = len(place.history.told("watching"))
    account.hide(lambda one: (one.purpose, one.recipient) == LIVE)
    place.passed += 3601
    account.begin(place.admit(), "stream")  # beside one whose count is still to come
    assert len(place.history.told("watching")) == before + 1
    account.settle()
    assert len(place.history.told("watched")) == before - 1


def test_ok__after_a_quiet_hour_a_minute_parts_two_sessions_again():
    place = Place(LIVE)
    account = place.hub._account
    for rest in (60, 119, 3600, 60, 60):
        admission = place.admit()
        account.begin(admission, "stream")
        account.end(admission.ident)
        place.passed += rest
        account.settle()
    assert len(place.history.told("watching")) == 4  # after 119 s it was the same one


def test_ok__a_cut_writes_nothing_before_all_is_cut():
    async def tale():
        place = Place(LIVE)
        await place.view()
        place.hub.cut(*LIVE)
        assert place.history.told("watched") == []
        place.hub.tick()
        await soon(lambda: place.history.told("watched") or place.hub.tick())
        await place.hub.close()

    story(tale())


# --- the process


@pytest.mark.clause("L4", "L12")
def test_fail__a_process_that_dies_is_said_and_begun_anew_after_a_pause():
    async def tale():
        place = Place(LIVE)
        viewer = await place.view()
        await asyncio.to_thread(viewer.picture)
        os.kill(place.pids[0], signal.SIGSYS)
        assert (await rest(viewer.socket))[-1] is None
        await soon(lambda: place.hub.state().trouble and not place.hub.busy)
        assert "it tried what its lock forbids" in place.hub.state().trouble
        with pytest.raises(SourceError, match=r"tried again in 1 s"):
            await place.view()
        place.forward(PAUSES[0])
        again = await place.view()
        await asyncio.to_thread(again.picture)
        assert place.hub.state().trouble == "" and len(place.starter.begun) == 2
        await place.hub.close()

    story(tale())


def test_ok__a_view_of_the_page_says_that_the_camera_is_gone():
    async def tale():
        place = Place(LIVE)
        with pytest.raises(SourceError, match="camera: its process ended"):
            async for _ in place.hub.watch(place.admit(), KEY):
                os.kill(place.pids[0], signal.SIGKILL)
        await place.hub.close()

    story(tale())


def test_fail__the_pauses_grow_while_there_is_no_camera():
    async def tale():
        place = Place(LIVE, starter=PlayedStarter())
        place.starter.fault = "camera: it is not plugged in"
        for pause in (*PAUSES, PAUSES[-1]):
            with pytest.raises(SourceError, match="it is not plugged in"):
                await place.view()
            begun = len(place.starter.settings)
            place.passed += pause - 0.1
            with pytest.raises(SourceError, match="tried again in 1 s"):
                await place.view()
            assert len(place.starter.settings) == begun
            place.passed += 0.1
        assert place.hub.state().trouble == "camera: it is not plugged in" and not place.hub.state().on
        await place.hub.close()

    story(tale())


@pytest.mark.clause("L4")
@pytest.mark.parametrize(
    "lie",
    [
        lambda one, ident: [one.say("sealed", ident, 0, sealed(0)), one.say("sealed", ident, 1, sealed(1))],
        lambda one, ident: one.say("sealed", ident, 1, sealed(1)),
        lambda one, ident: one.say("sealed", ident, 0, sealed(1)),
        lambda one, ident: one.say("sealed", ident, 0, pattern.jpeg(0)),  # as it is
        lambda one, ident: one.say("sealed", ident, 0, sealed(0)[:59]),
        lambda one, ident: one.say("sealed", ident, 0, sealed(0, SMALL + 17)),
        lambda one, ident: one.say("ended", ident, -1, 0, ""),
        lambda one, ident: one.say("ended", ident, 0, -1, ""),
        lambda one, ident: one.say("ended", ident, (1 << 64) - 1, 0, ""),
        lambda one, ident: one.say("ended", bytes(16), 0, (1 << 64) - 1, ""),
        lambda one, ident: one.say("ended", ident, 0, 0, "x" * 201),
        lambda one, ident: one.say("state", {"covered": False, "trouble": "", "odd": 1 << 63, "pictures": 0}),
        lambda one, ident: one.say("report", b"{}", {}),
        lambda one, ident: one.say("state", {"covered": 1}),
        lambda one, ident: one.say("state", {"covered": False, "trouble": "\x1b[2J", "odd": 0, "pictures": 0}),
        lambda one, ident: one.theirs.send(b"\xff\xff\xff\xff"),
        lambda one, ident: one.theirs.send(b"\0\0\0\1\x80"),
        lambda one, ident: one.theirs.close(),
    ],
)
def test_fail__a_process_that_breaks_its_word_is_ended_with_all_it_serves(lie):
    async def tale():
        place = Place(LIVE, MAKER, starter=PlayedStarter())
        viewer = await place.view()
        coming = asyncio.create_task(place.hub.still(place.admit(MAKER, "", False), KEY, SMALL))
        (played,) = place.starter.begun
        while True:
            message = await played.heard("view" if not played.passed else "seal")
            if message[0] == "seal":
                break
        lie(played, message[1])
        await asyncio.gather(coming, return_exceptions=True)
        await soon(lambda: played.ended and not place.hub.busy)
        os.close(played.passed[0])
        assert (await rest(viewer.socket))[-1] is None
        assert place.hub.state().trouble
        await place.hub.close()

    story(tale())


@pytest.mark.clause("L4")
def test_ok__a_sealed_picture_of_the_largest_size_is_taken():
    async def tale():
        place = Place(MAKER, starter=PlayedStarter())
        admission = place.admit(MAKER, "", False)
        coming = asyncio.create_task(place.hub.still(admission, KEY, SMALL))
        await soon(lambda: place.starter.begun and place.hub.busy and place.hub._live)
        place.starter.begun[0].say("sealed", admission.ident, 0, sealed(0, SMALL + 16))
        assert await coming == sealed(0, SMALL + 16)
        await place.hub.close()

    story(tale())


@pytest.mark.clause("L4")
def test_fail__what_is_not_sealed_is_no_record():
    class Liar:
        admissions = Place(MAKER).admissions

        async def still(self, *_):
            return pattern.jpeg(0)

    async def tale():
        with pytest.raises(SourceError, match="not sealed"):
            await Still(Liar(), *MAKER, KEY).read()

    story(tale())


def test_fail__an_end_that_cannot_be_written_is_dropped_and_the_next_is_written():
    async def tale():
        place = Place(LIVE, starter=PlayedStarter())
        viewers = [await place.view(viewer=name) for name in ("tablet", "phone")]
        write, (first, second) = place.history.watched, [one.ident for one in viewers]

        def watched(purpose, recipient, ident, *rest):
            if ident == first:
                raise FormatError("cbor: an integer needs more than 64 bits")
            write(purpose, recipient, ident, *rest)

        place.history.watched = watched
        for ident in (first, second):
            place.starter.begun[0].say("ended", ident, 1, 1, "")
        await soon(lambda: not place.hub._live)
        place.forward(61.0)  # their sessions are over
        assert [row[2] for row in place.history.told("watched")] == [second]
        await place.hub.close()
        for viewer in viewers:
            viewer.socket.close()

    story(tale())


def test_fail__a_process_that_hangs_while_somebody_looks_is_ended():
    async def tale():
        place = Place(LIVE, starter=PlayedStarter())
        viewer = await place.view()
        (played,) = place.starter.begun
        place.forward(3600.0)  # main itself has slept
        for _ in range(int(HUNG) - 2):
            place.forward(1.0)
        played.say("state", {"covered": True, "trouble": "", "odd": 0, "pictures": 0})
        await soon(lambda: place.hub.state().covered)
        for _ in range(int(HUNG) - 1):
            place.forward(1.0)
        assert place.hub.state().on and not played.ended
        place.forward(1.0)
        assert (await rest(viewer.socket))[-1] is None
        await soon(lambda: played.ended and not place.hub.busy)
        assert place.hub.state().trouble == HANGS
        with pytest.raises(SourceError, match=r"hangs.*tried again in 1 s"):
            await place.view()
        await place.hub.close()

    story(tale())


# --- what people read of it


WORDS = "it answers 404; check its address"


def test_fail__what_it_said_last_is_what_people_read_who_come_meanwhile_too():
    async def tale():
        place = Place(LIVE, starter=PlayedStarter())
        viewer = await place.view()
        watching = asyncio.create_task(anext(place.hub.watch(place.admit(), KEY)))
        await soon(lambda: len(place.hub.uses()) == 2)
        (played,) = place.starter.begun
        played.code = 1
        played.say("state", {"covered": False, "trouble": WORDS, "odd": 0, "pictures": 0})
        played.theirs.close()
        with pytest.raises(SourceError, match=WORDS):  # nobody has heard of its end yet
            await place.view()
        with pytest.raises(SourceError, match=WORDS):
            await watching
        assert place.hub.state().trouble == f"camera: {WORDS}"
        assert len(place.starter.begun) == 1
        viewer.socket.close()
        await place.hub.close()

    story(tale())


@pytest.mark.clause("L4")
def test_ok__what_the_kernel_did_to_it_counts_more_than_its_words():
    async def tale():
        place = Place(LIVE, starter=PlayedStarter())
        viewer = await place.view()
        (played,) = place.starter.begun
        played.code = -signal.SIGSYS
        played.say("state", {"covered": False, "trouble": WORDS, "odd": 0, "pictures": 0})
        played.theirs.close()
        await soon(lambda: played.ended and not place.hub.busy)
        assert "it tried what its lock forbids" in place.hub.state().trouble
        viewer.socket.close()
        await place.hub.close()

    story(tale())


@pytest.mark.parametrize("name", ["os.pidfd_open", "socket.socketpair"])
def test_fail__no_descriptor_is_left_and_it_is_tried_again_later(monkeypatch, name):
    def none(*_):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    async def tale():
        place = Place(LIVE)
        with monkeypatch.context() as patched:
            patched.setattr(name, none)
            with pytest.raises(SourceError, match=r"cannot be started \(Too many open files"):
                await place.view()
        with pytest.raises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)  # noqa: ASYNC222 - it waits for nothing: no process is left
        with pytest.raises(SourceError, match="tried again in 1 s"):
            await place.view()
        place.forward(PAUSES[0])
        viewer = await place.view()
        await asyncio.to_thread(viewer.picture)
        await place.hub.close()

    story(tale())


def test_fail__no_descriptor_is_left_for_one_more_viewer(monkeypatch):
    async def tale():
        place = Place(LIVE, starter=PlayedStarter())
        monkeypatch.setattr(Leash, "__init__", lambda *_: os.dup(-1))
        with pytest.raises(SourceError, match="one more viewer"):
            await place.view()
        assert place.hub.uses() == []
        await place.hub.close()

    story(tale())


@pytest.mark.clause("L4")
def test_fail__a_process_that_is_not_locked_gets_nothing(monkeypatch):
    """Its report says that it is; the kernel's word counts."""
    monkeypatch.setattr("firmware_agent.camera.start._WORKER", "firmware_agent.camera.sources.pattern")

    async def tale():
        place = Place(LIVE)
        with pytest.raises(SourceError, match="camera: its process"):
            await place.view()
        assert place.pids == []
        await place.hub.close()

    story(tale())


def test_ok__close_leaves_nothing_and_nothing_begins_after_it():
    async def tale():
        place = Place(LIVE, MAKER)
        viewers = [await place.view() for _ in range(3)]
        coming = asyncio.create_task(place.hub.still(place.admit(MAKER, "", False), KEY, LARGEST))
        await asyncio.sleep(0)
        await place.hub.close()
        assert place.pids == [] and place.hub.uses() == []
        for viewer in viewers:
            assert (await rest(viewer.socket))[-1] is None
        await asyncio.gather(coming, return_exceptions=True)
        assert len(place.history.told("watched")) == 1
        with pytest.raises(SourceError):
            await place.view()

    story(tale())


def test_ok__many_who_come_at_once_begin_one_process():
    async def tale():
        place = Place(LIVE)
        viewers = await asyncio.gather(*(place.view() for _ in range(8)))
        for viewer in viewers:
            await asyncio.to_thread(viewer.picture)
        assert len(place.starter.begun) == 1 and len(place.hub.uses()) == 8
        await place.hub.close()

    story(tale())


def test_ok__another_part_of_the_picture_ends_what_shows_the_old_one():
    async def tale():
        place = Place(LIVE, starter=PlayedStarter())
        viewer = await place.view()
        part = SourceSettings("pattern", crop=(0, 0, 500, 500))
        place.hub.change(part)
        assert (await rest(viewer.socket))[-1] is None
        await place.view()
        assert [settings for settings, _ in place.starter.settings] == [SourceSettings("pattern", rate=120), part]
        await place.hub.close()

    story(tale())


def test_ok__no_descriptor_but_three_and_the_control_socket_reaches_the_process():
    async def tale():
        reads, writes = os.pipe()
        os.set_inheritable(writes, True)  # as a careless parent of the agent might have left one
        child = Child()
        try:
            await soon(lambda: os.readlink(f"/proc/{child.pid}/exe") != "")
            await child.greet(SourceSettings("pattern"), None)
            names = {
                number: os.readlink(f"/proc/{child.pid}/fd/{number}") for number in os.listdir(f"/proc/{child.pid}/fd")
            }
            assert {names[number] for number in "012"} == {"/dev/null"} and names["3"].startswith("socket:")
            assert not any(name.startswith("pipe:") for name in names.values())
        finally:
            await child.end()
            os.close(reads)
            os.close(writes)

    story(tale())


# --- a source that main opens


FAR = (
    "https://h/",
    "http://8.8.8.8/",
    "http://[::ffff:8.8.8.8]/",
    "ftp://10.0.0.1/",
    "http:///x",
    "http://u:p@h.local/",
)


@pytest.mark.parametrize("url", FAR)
def test_fail__a_camera_beyond_the_own_network_is_not_asked(url):
    with pytest.raises(SourceError):
        Upstream(url)


ADAPTER = """
import sys, time
sys.stdout.write = None
for picture in [open(sys.argv[1], "rb").read()] * 10000:
    sys.stdout.buffer.write(picture)
    sys.stdout.buffer.flush()
    time.sleep(0.01)
"""


@pytest.mark.clause("L1", "L4")
def test_ok__the_command_of_an_adapter_runs_while_somebody_looks(tmp_path):
    script, picture = tmp_path / "adapter.py", tmp_path / "picture.jpg"
    script.write_text(ADAPTER)
    picture.write_bytes(pattern.jpeg(3))
    command = [sys.executable, "-I", str(script), str(picture)]

    def commands():
        found = [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(script).encode() in _read(path)]
        return [path for path in found if b"Z (" not in _read(path.parent / "status")]

    async def tale():
        place = Place(LIVE, settings=SourceSettings("adapter"), opener=Adapter(command))
        assert commands() == []
        viewer = await place.view()
        shown = await asyncio.to_thread(viewer.picture)
        assert shown == jpeg.strip(pattern.jpeg(3)) and len(commands()) == 1
        assert place.hub.state().facts["lock"]  # weaker, and shown as such
        place.hub.cut(*LIVE)
        await soon(lambda: not place.hub.busy)
        assert commands() == [] and place.pids == []
        await place.hub.close()

    story(tale())


def test_fail__an_adapter_whose_command_is_not_there():
    async def tale():
        place = Place(LIVE, settings=SourceSettings("adapter"), opener=Adapter(["/no/such/program"]))
        viewer = await place.view()
        assert (await rest(viewer.socket))[-1] is None  # its output ended before the first picture
        await soon(lambda: place.hub.state().trouble and not place.hub.busy)
        await place.hub.close()

    story(tale())


def _read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_ok__main_asks_for_the_stream_and_reads_none_of_it():
    async def tale():
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            server.setblocking(False)
            loop = asyncio.get_running_loop()
            number, (peer, _) = await asyncio.gather(
                Upstream(f"http://127.0.0.1:{port}/stream?a=b").open(), loop.sock_accept(server)
            )
            head = peer.recv(4096)
            assert head.startswith(b"GET /stream?a=b HTTP/1.0\r\nHost: 127.0.0.1:") and head.endswith(b"\r\n\r\n")
            peer.send(b"the answer")
            await asyncio.sleep(0.05)
            assert not os.get_blocking(number) and os.read(number, 64) == b"the answer"
            os.close(number)
            peer.close()
        with pytest.raises(SourceError, match="see whether that camera runs"):
            await Upstream(f"http://127.0.0.1:{port}/").open()

    story(tale())
