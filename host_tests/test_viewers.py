"""The viewers' port: a connection reaches the camera only with an Admission, for its viewer's purpose, while consent
holds; nobody else learns anything, and nothing is started for them."""

import asyncio
import base64
import contextlib
import logging
import os
import socket
import struct
import sys
import traceback

import pytest

from firmware_agent.camera.viewers import call as calls
from firmware_agent.camera.viewers.callers import Known, Mistakes, Waiting
from firmware_agent.camera.viewers.request import END
from firmware_agent.errors import SourceError, StorageError
from firmware_agent.refusals import REASONS, Refused, Unsealed
from host_tests.rigs.viewing import HEAD, PICTURE, Street, basic, head, parsed, until

ADDRESSES = ("/?action=stream", "/stream", "/webcam/?action=stream", "/webcam/stream")
SNAPSHOTS = ("/?action=snapshot", "/snapshot", "/webcam/?action=snapshot", "/webcam/snapshot")


def story(tell, **settings):
    """Run `tell(street)` on a street with these settings."""

    async def whole():
        async with Street(**settings) as street:
            await tell(street)

    asyncio.run(whole())


class Still:
    """Seconds that stand unless they are moved."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def nothing_began(street):
    return street.hub.begun == [] and street.admissions._open == {}


# Who is let in


@pytest.mark.clause("L1", "L3")
def test_ok__every_address_by_itself_and_by_name_and_password():
    async def tell(street):
        secret = street.add("tablet")
        password = street.add("Home Assistant", "local_service", "home", "basic")
        for target in (*ADDRESSES, *SNAPSHOTS):
            for way, name in (
                ({"target": f"/v/{secret}{target}"}, "tablet"),
                ({"target": target, "authorization": basic("Home Assistant", password)}, "Home Assistant"),
            ):
                client = await street.call()
                client.send(head(**way))
                assert await client.picture(), (target, name)
                admission = street.hub.served[-1]
                assert (admission.viewer, admission.stream) == (name, target in ADDRESSES)
                client.close()
        pairs = {(one.viewer, one.purpose, one.recipient) for one in street.hub.served}
        assert pairs == {("tablet", "live_view", "owner"), ("Home Assistant", "local_service", "home")}
        assert len({one.ident for one in street.hub.served}) == len(street.hub.served) == 16

    story(tell)


def test_ok__the_camera_gets_the_connection_as_the_contract_says():
    async def tell(street):
        secret = street.add()
        client = await street.call()
        client.send(head(f"/v/{secret}/stream"))
        assert await client.picture()
        [sock] = street.hub.held.values()
        assert not os.get_blocking(sock.fileno())
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == struct.pack("ii", 1, 0)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 2 * calls.SEND  # Linux counts its own share
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
        assert street.viewers._tasks == {} and len(street.viewers._waiting) == 0
        client.close()

    story(tell)


def test_ok__not_one_byte_beyond_the_head_is_taken():
    async def tell(street):
        secret = street.add()
        whole = head(f"/v/{secret}/stream")
        for pieces, rest in (
            ([whole + b"GET /more"], b"GET /more"),
            ([whole[:4], whole[4:-3], whole[-3:] + b"mo", b"re"], b"more"),
        ):
            client = await street.call()
            for piece in pieces:
                client.send(piece)
                await asyncio.sleep(0.02)
            assert await client.picture()
            sock = street.hub.held[street.hub.served[-1]]
            await asyncio.sleep(0.05)
            assert sock.recv(100) == rest
            client.close()

    story(tell)


def test_ok__head_is_answered_by_main_and_starts_nothing():
    async def tell(street):
        secret = street.add()
        for target, kind in (("/stream", "multipart/x-mixed-replace"), ("/snapshot", "image/jpeg")):
            status, headers, body = await street.get(f"/v/{secret}{target}", "HEAD")
            assert (status, headers["content-type"], body) == (200, kind, b"")
        street.consent.allowed.clear()
        for target, expected in ((f"/v/{secret}/stream", 403), ("/stream", 401), ("/nothing", 404)):
            status, headers, body = await street.get(target, "HEAD")
            assert (status, body) == (expected, b"") and int(headers["content-length"]) > 0
        assert nothing_began(street)

    story(tell)


# Who is not


@pytest.mark.clause("L1")
@pytest.mark.attack(9)
def test_fail__anonymous_and_wrong_and_nothing_is_started():
    async def tell(street):
        secret = street.add("tablet")
        password = street.add("program", way="basic")
        tried = [(target, {}, 401) for target in (*ADDRESSES, *SNAPSHOTS)]
        tried += [("/stream", {"authorization": value}, 401) for value in ("Bearer x", basic("", ""))]
        tried += [
            ("/stream", {"authorization": basic("program", password[:-1])}, 401),
            ("/stream", {"authorization": basic("tablet", password)}, 401),
            ("/stream", {"authorization": basic("tablet", secret)}, 401),
            ("/stream", {"authorization": basic("nobody", password)}, 401),
            (f"/v/{password}/stream", {}, 404),
            (f"/v/{secret[:-1]}/stream", {}, 404),
            (f"/v/{'A' * 22}/stream", {"authorization": basic("program", password)}, 404),
            ("/", {}, 404),
            ("/favicon.ico", {}, 404),
        ]
        for target, headers, expected in tried:
            status, said, body = await street.get(target, **headers)
            assert status == expected, (target, headers)
            assert said.get("www-authenticate") == ('Basic realm="camera", charset="UTF-8"' if status == 401 else None)
            assert body and said["cache-control"] == "no-store" and said["connection"] == "close"
            assert not {"server", "date", "etag", "set-cookie"} & set(said)
        assert nothing_began(street) and street.consent.asked == 0
        status, _, body = await street.get(f"/v/{secret}/snapshot")
        assert status == 200 and body == PICTURE  # the control

    story(tell)


@pytest.mark.attack(9)
def test_fail__an_address_that_was_taken_back_is_like_one_that_never_was():
    async def tell(street):
        secret = street.add()
        street.add("another")
        assert (await street.get(f"/v/{secret}/snapshot"))[0] == 200
        street.remove()
        client, other = await street.call(), await street.call()
        client.send(head(f"/v/{secret}/snapshot"))
        other.send(head(f"/v/{'x' * 22}/snapshot"))
        said = await client.ended()
        assert parsed(said)[0] == 404 and said == await other.ended()
        assert len(street.hub.begun) == 1

    story(tell)


@pytest.mark.clause("L1", "L2", "L12")
def test_fail__no_consent_no_camera_and_the_reason_in_plain_words():
    async def tell(street):
        secret = street.add()
        street.consent.allowed.remove(("live_view", "owner"))
        status, headers, body = await street.get(f"/v/{secret}/stream")
        assert status == 403 and REASONS["consent_withdrawn"][0] in body.decode()
        assert headers["content-type"] == "text/plain; charset=utf-8"
        assert nothing_began(street)
        street.add("odd", "a purpose of yesterday")
        for name, secret in (("odd", street.add("odd 2", "a purpose of yesterday")),):
            assert (await street.get(f"/v/{secret}/stream"))[0] == 403, name
        assert nothing_began(street)

    story(tell)


@pytest.mark.clause("L3")
def test_fail__one_recipients_consent_opens_nothing_to_another():
    async def tell(street):
        tablet = street.add("tablet")
        house = street.add("house", "local_service", "home")
        recorder = street.add("recorder", "local_service", "timelapse")
        street.consent.allowed = {("local_service", "home")}
        answers = {
            name: (await street.get(f"/v/{secret}/snapshot"))[0]
            for name, secret in (("tablet", tablet), ("house", house), ("recorder", recorder))
        }
        assert answers == {"tablet": 403, "house": 200, "recorder": 403}
        assert [(one.purpose, one.recipient) for one in street.hub.begun] == [("local_service", "home")]

    story(tell)


@pytest.mark.clause("L12")
def test_fail__consent_that_ends_while_it_is_asked_for():
    """Good when it was admitted, gone when the exit looks once more: nothing is passed."""

    async def tell(street):
        secret = street.add()
        street.consent.lasts = 1
        assert (await street.get(f"/v/{secret}/stream"))[0] == 403
        assert nothing_began(street)
        street.consent.lasts, street.hub.wait = None, asyncio.Event()
        client = await street.call()
        client.send(head(f"/v/{secret}/stream"))
        await until(lambda: street.hub.begun)
        street.consent.allowed.clear()  # while the camera is being started
        street.hub.wait.set()
        assert (await client.answer())[0] == 403
        assert street.hub.served == [] and street.admissions._open == {}

    story(tell)


def test_fail__nothing_is_passed_with_an_admission_of_another():
    async def tell(street):
        secret = street.add()
        viewer = street.book.by_address(secret)
        real = street.admissions.admit

        def forged(*parts):
            admission = real(*parts)
            street.admissions.close(admission)
            return admission

        street.admissions.admit = forged
        status, _, body = await street.get(f"/v/{secret}/stream")
        assert status == 403 and REASONS["not_an_admission"][0] in body.decode()
        with pytest.raises(Unsealed):
            await street.viewers._pass(None, viewer, True)
        assert street.hub.begun == []

    story(tell)


def test_fail__a_camera_that_is_not_there_or_that_is_full():
    async def tell(street):
        secret = street.add()
        for error, status in (
            (SourceError("camera: it is not there"), 503),
            (Refused("too_many_viewers", "live_view", "owner"), 503),
            (Refused("viewer_full", "live_view", "owner"), 503),
            (Unsealed("consent_changed", "live_view", "owner"), 403),
            (StorageError("no room"), 503),
        ):
            street.hub.raises = error
            found, headers, body = await street.get(f"/v/{secret}/stream")
            assert (
                found == status
                and PICTURE not in body
                and headers.get("retry-after") == ("5" if status == 503 else None)
            )
        street.hub.raises = ZeroDivisionError("a defect")
        assert await street.get(f"/v/{secret}/stream") == (0, {}, b"")
        assert street.hub.served == [] and street.admissions._open == {}
        street.hub.raises = None
        assert (await street.get(f"/v/{secret}/snapshot"))[0] == 200  # it goes on

    story(tell)


def test_fail__too_many_single_pictures_are_over_in_a_second():
    async def tell(street):
        secret = street.add(purpose="snapshot")
        street.hub.raises = Refused("stills_paced", "snapshot", "owner")
        status, headers, body = await street.get(f"/v/{secret}/snapshot")
        assert status == 503 and headers["retry-after"] == "1" and b"at most one a second" in body

    story(tell)


# Bad callers


@pytest.mark.attack(9)
def test_fail__requests_that_nobody_should_make():
    async def tell(street):
        street.add()
        big = head("/stream").replace(END, b"\r\nX: " + b"a" * 4096 + END)
        for data, status in (
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
            (b"GET http://192.0.2.7/stream HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            (b"GET /stream HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
            (b"GET /stream HTTP/1.1\nHost: a\n\n", 400),
            (b"GET /stream HTTP/1.1\r\nHost: a\r\nX: \0", 400),
            (head("/stream", "POST").replace(END, b"\r\nContent-Length: 3" + END) + b"abc", 405),
            (head("/stream").replace(END, b"\r\nContent-Length: 3" + END) + b"abc", 413),
            (head("/stream", "OPTIONS"), 405),
            (big, 431),
            (b"A" * 100_000, 431),
        ):
            found, headers, _ = await street.say(data)
            assert found == status, data[:60]
            assert headers.get("allow") == ("GET, HEAD" if status == 405 else None)
        assert nothing_began(street)

    story(tell)


@pytest.mark.attack(9)
def test_fail__a_request_that_comes_byte_by_byte(monkeypatch):
    monkeypatch.setattr(calls, "SECONDS", 0.5)

    async def tell(street):
        secret = street.add()
        slow, silent, gone = await street.call(), await street.call(), await street.call()
        gone.close()

        async def drip():
            with contextlib.suppress(ConnectionError):
                for byte in head(f"/v/{secret}/stream"):
                    slow.send(bytes([byte]))
                    await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        assert (await street.get(f"/v/{secret}/snapshot"))[0] == 200  # nobody waits for them
        assert (await slow.answer())[0] == 408 and (await silent.answer())[0] == 408
        dripping.cancel()
        await until(lambda: not street.viewers._tasks)
        assert len(street.hub.begun) == 1

    story(tell)


@pytest.mark.attack(9)
def test_fail__places_that_are_only_held():
    """64 in all and 24 of one address: the oldest goes, whoever asks at once gets in."""

    async def tell(street):
        secret = street.add()
        held = [await street.call("127.0.1.1") for _ in range(28)]
        await until(lambda: len(street.viewers._tasks) == 24)
        assert [await one.ended() for one in held[:4]] == [b""] * 4
        client = await street.call("127.0.1.1")
        client.send(head(f"/v/{secret}/stream"))
        assert await client.picture() and len(street.viewers._waiting) == 23
        more = [await street.call("127.0.2.%d" % (2 + number)) for number in range(70)]
        await until(lambda: len(street.viewers._tasks) == 64)
        assert [await one.ended() for one in more[:6]] == [b""] * 6
        assert (await street.get(f"/v/{secret}/snapshot"))[0] == 200
        for one in (*held, *more):
            one.close()
        await until(lambda: not street.viewers._tasks)

    story(tell)


@pytest.mark.attack(9)
def test_fail__more_connections_than_anybody_needs():
    async def tell(street):
        secret = street.add()
        for _ in range(160):
            (await street.call("127.0.1.1")).close()
        await until(lambda: not street.viewers._tasks)
        assert await street.say(head(f"/v/{secret}/snapshot"), "127.0.1.1") == (0, {}, b"")
        assert (await street.say(head(f"/v/{secret}/snapshot"), "127.0.1.2"))[0] == 200  # another is not meant
        for number in range(2, 22):
            for _ in range(16):
                (await street.call("127.0.3.%d" % number)).close()
        await until(lambda: not street.viewers._tasks)
        assert await street.say(head(f"/v/{secret}/snapshot"), "127.0.1.3") == (0, {}, b"")  # all together
        street.viewers._calls._ticks.now += 10.0
        assert (await street.say(head(f"/v/{secret}/snapshot"), "127.0.1.1"))[0] == 200

    story(tell, ticks=Still())


@pytest.mark.attack(9)
def test_ok__strangers_who_use_up_all_connections_keep_out_no_viewer():
    async def tell(street):
        secret = street.add()
        assert (await street.say(head(f"/v/{secret}/snapshot"), "127.0.1.1"))[0] == 200
        for _ in range(3):
            (await street.call("127.0.1.2")).close()  # who was not let in is not known
        await until(lambda: not street.viewers._tasks)
        while street.viewers._all_calls.take():
            pass
        assert await street.say(head(f"/v/{secret}/snapshot"), "127.0.1.2") == (0, {}, b"")
        assert (await street.say(head(f"/v/{secret}/snapshot"), "127.0.1.1"))[0] == 200
        while street.viewers._known_calls.take():
            pass
        assert await street.say(head(f"/v/{secret}/snapshot"), "127.0.1.1") == (0, {}, b"")  # theirs has an end, too

    story(tell, ticks=Still())


def test_ok__who_was_let_in_is_known_for_an_hour_in_bounded_memory():
    ticks = Still()
    known = Known(ticks, most=3)
    for address in ("a", "b", "c", "a", "d"):
        known.met(address)
    assert len(known) == 3 and [known.knows(one) for one in "abcd"] == [True, False, True, True]
    ticks.now = Known.LATELY
    assert not known.knows("a")


@pytest.mark.attack(9)
def test_ok__wrong_guesses_wait_ever_longer_in_bounded_memory():
    ticks = Still()
    mistakes = Mistakes(ticks, most=8)
    assert [mistakes.wait("a") for _ in range(9)] == [0, 0, 0.25, 0.5, 1, 2, 4, 8, 8]
    assert mistakes.wait("b") == 0  # another address
    ticks.now = Mistakes.FORGET + 1
    assert mistakes.wait("a") == 0
    for number in range(40):
        mistakes.wait(f"c{number}")
    assert len(mistakes) == 8
    waits = {mistakes.wait(f"d{number}") for number in range(60)}
    assert waits == {0.0, Mistakes.LONGEST} and len(mistakes) == 8  # whoever changes addresses meets the bound of all


def test_ok__who_has_to_go():
    waiting = Waiting(3, 2)
    assert [waiting.enter(1, "a"), waiting.enter(2, "b"), waiting.enter(3, "a")] == [None] * 3
    assert waiting.enter(4, "a") == 1 and waiting.enter(5, "c") == 2 and waiting.all() == [3, 4, 5]
    waiting.leave(9)
    waiting.leave(4)
    assert waiting.enter(6, "a") is None and len(waiting) == 3


def test_ok__a_wrong_guess_holds_up_nobody_else(monkeypatch):
    async def tell(street):
        secret = street.add()
        monkeypatch.setattr(street.viewers._mistakes, "wait", lambda address: 60.0)
        guesser = await street.call("127.0.1.1")
        guesser.send(head("/v/wrong/stream"))
        assert (await street.say(head(f"/v/{secret}/snapshot"), "127.0.1.1"))[0] == 200
        assert len(street.viewers._tasks) == 1
        guesser.close()

    story(tell)


# Listening, and those who were taken out


@pytest.mark.clause("L1")
def test_ok__it_listens_only_while_somebody_is_in_the_book():
    async def tell(street):
        street.viewers.look()
        assert street.viewers.port == 0
        street.add("one")
        port = street.viewers.port
        assert port
        street.add("two")
        assert street.viewers.port == port
        street.remove("one")
        assert street.viewers.port == port
        waits = await street.call()
        street.remove("two")
        assert street.viewers.port == 0
        await asyncio.sleep(0.01)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        waits.send(head("/stream"))
        assert (await waits.answer())[0] == 401  # it was met before, and learns nothing
        street.add("three")
        assert (await street.get("/stream"))[0] == 401

    story(tell)


@pytest.mark.clause("L12")
def test_ok__whoever_is_removed_is_cut_at_once_and_nobody_else():
    async def tell(street):
        clients = {}
        for name in ("one", "two"):
            secret = street.add(name)
            client = clients[name] = await street.call()
            client.send(head(f"/v/{secret}/stream"))
            assert await client.picture()
        street.remove("one")
        assert await clients["one"].ended() == b""
        [admission] = street.hub.held
        assert admission.viewer == "two"
        street.admissions.verify(admission)
        street.remove("two")
        again = street.add("two")  # the same name with another secret is another viewer
        assert await clients["two"].ended() == b"" and street.hub.held == {}
        assert (await street.get(f"/v/{again}/snapshot"))[0] == 200

    story(tell)


@pytest.mark.clause("L12")
def test_fail__removed_while_the_camera_is_being_started():
    async def tell(street):
        secret = street.add()
        street.add("another")
        street.hub.wait = asyncio.Event()
        client = await street.call()
        client.send(head(f"/v/{secret}/stream"))
        await until(lambda: street.hub.begun)
        street.remove()
        street.hub.wait.set()
        assert (await client.answer())[0] == 403 and street.hub.served == []

    story(tell)


@pytest.mark.parametrize("told", [True, False])
def test_ok__a_change_by_another_process_is_noticed(told):
    """run() looks when it is woken, and four times a second where nothing can wake it."""

    async def tell(street):
        changed = asyncio.Event()
        running = asyncio.create_task(street.viewers.run(changed if told else None))
        await asyncio.sleep(0)
        _, secret = street.book.add("one", "live_view", "owner", "address")
        changed.set()
        await until(lambda: street.viewers.port)
        client = await street.call()
        client.send(head(f"/v/{secret}/stream"))
        assert await client.picture()
        street.book.remove("one")
        changed.set()
        assert await client.ended() == b""
        await until(lambda: not street.viewers.port)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running

    story(tell)


def test_ok__what_is_over_is_forgotten_and_the_port_rests():
    async def tell(street):
        secret = street.add()
        for _ in range(3):
            assert (await street.get(f"/v/{secret}/snapshot"))[0] == 200
        assert len(street.viewers._passed) == 3
        for admission in street.hub.served:
            street.admissions.close(admission)  # as the hub does when a use is over
        running = asyncio.create_task(street.viewers.run(asyncio.Event()))
        await until(lambda: not street.viewers._passed)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    story(tell)


@pytest.mark.attack(5)
def test_fail__a_book_that_cannot_be_read_lets_nobody_in():
    async def tell(street):
        client = await street.call() if street.viewers.port else None
        secret = street.add()
        client = await street.call()
        client.send(head(f"/v/{secret}/stream"))
        assert await client.picture()

        def broken(name):
            raise StorageError(f"{name}: input/output error")

        street.storage.read = broken
        asking = await street.call()
        asking.send(head(f"/v/{secret}/stream"))
        assert (await asking.answer())[0] == 503
        street.viewers.look()
        assert await client.ended() == b"" and street.viewers.port == 0

    story(tell)


@pytest.mark.clause("L12")
@pytest.mark.attack(9)
def test_fail__a_history_that_cannot_be_written_ends_no_port(caplog):
    """As on a disk that is full: who was removed is cut all the same, the others go on, and it is said once."""

    async def tell(street):
        secret, other = street.add("one"), street.add("two")
        changed = asyncio.Event()
        running = asyncio.create_task(street.viewers.run(changed))
        client = await street.call()
        client.send(head(f"/v/{secret}/stream"))
        assert await client.picture()
        cut = street.hub.tick

        def full():
            cut()
            raise StorageError("ledger: no space left on device")

        street.hub.tick = full
        street.book.remove("one")
        changed.set()
        assert await client.ended() == b""
        for _ in range(3):
            changed.set()
            await asyncio.sleep(0.05)
        assert not running.done() and street.viewers._unwritten
        assert (await street.get(f"/v/{other}/snapshot"))[0] == 200
        assert (await street.get(f"/v/{secret}/snapshot"))[0] == 404
        street.hub.tick = cut
        changed.set()
        await until(lambda: not street.viewers._unwritten)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert [one.getMessage() for one in caplog.records].count("viewers: ledger: no space left on device") == 1

    story(tell)


def test_fail__a_port_that_somebody_else_has():
    async def tell(_):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            async with Street(port=port) as street:
                street.add()
                assert "cannot be used (Address already in use)" in street.viewers.trouble and not street.viewers.port
                taken.close()
                street.viewers.look()
                assert street.viewers.trouble == "" and street.viewers.port == port
        async with Street(host="192.0.2.1") as street:
            street.add()
            assert "192.0.2.1" in street.viewers.trouble
            street.remove()
            assert street.viewers.trouble == ""

    story(tell)


@pytest.mark.skipif(not socket.has_ipv6, reason="this system has no IPv6")
def test_ok__all_addresses_of_both_kinds():
    async def tell(street):
        secret = street.add()
        for host in ("127.0.0.1", "::1"):
            reader, writer = await asyncio.open_connection(host, street.viewers.port)
            writer.write(head(f"/v/{secret}/snapshot"))
            assert await reader.read() == HEAD + PICTURE
            writer.close()

    story(tell, host="::")


def test_ok__stopping_leaves_nothing(monkeypatch):
    def open_now():
        return len(os.listdir("/proc/self/fd"))

    async def tell(street):
        before = open_now()
        secret = street.add()
        clients = [await street.call() for _ in range(5)]
        monkeypatch.setattr(street.viewers._mistakes, "wait", lambda address: 60.0)
        clients[0].send(head("/v/wrong/stream"))
        clients[1].send(b"GET /str")
        street.hub.wait = asyncio.Event()
        clients[2].send(head(f"/v/{secret}/stream"))
        await until(lambda: street.hub.begun)
        await street.viewers.stop()
        assert [await one.ended() for one in clients] == [b""] * 5
        assert street.viewers._tasks == {} and street.admissions._open == {}
        for one in clients:
            one.close()
        await asyncio.sleep(0.05)
        assert open_now() == before
        await street.viewers.stop()

    story(tell)


# What is told


class Records(logging.Handler):
    def __init__(self):
        super().__init__(logging.DEBUG)
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage() + repr(record.args))
        if record.exc_info:
            self.lines.append("".join(traceback.format_exception(record.exc_info[1])))


@pytest.mark.clause("L22")
@pytest.mark.attack(16)
def test_ok__no_secret_and_no_name_in_logs_output_or_exceptions(capfd, monkeypatch):
    records = Records()
    monkeypatch.setattr(sys, "unraisablehook", lambda found: records.lines.append(repr(found)))
    root = logging.getLogger()
    level = root.level
    root.addHandler(records)
    root.setLevel(logging.DEBUG)
    hidden = []

    async def tell(street):
        asyncio.get_running_loop().set_debug(True)
        asyncio.get_running_loop().set_exception_handler(lambda _, context: records.lines.append(repr(context)))
        secret, password = street.add("Zoe's tablet"), street.add("Zoe's house", way="basic")
        both = basic("Zoe's house", password)
        guess = base64.b64encode(b"x:wrong-guess").decode()
        hidden.extend([secret, password, both.split()[1], "Zoe's", "wrong-guess", guess])
        for right, target, headers in (
            (True, f"/v/{secret}/stream", {}),
            (True, "/stream", {"authorization": both}),
            (False, "/v/wrong-guess/stream", {}),
            (False, "/stream", {"authorization": basic("x", "wrong-guess")}),
            (False, f"/v/{secret}/str%00eam", {"authorization": "Basic wrong-guess"}),
        ):
            for error in (None, SourceError("camera: not there"), ZeroDivisionError(secret), Refused("minor")):
                street.hub.raises = error
                client = await street.call()
                client.send(head(target, **headers))
                if error is not None or not right:
                    await client.ended()
                else:
                    assert await client.picture()
                client.close()
        street.remove("Zoe's tablet")

    try:
        story(tell)
        said = "\n".join(records.lines) + "".join(capfd.readouterr())
        assert "viewers: listens" in said and "zerodivisionerror" in said  # something was logged
        assert [one for one in hidden if one in said] == []
        logging.getLogger("control").warning("%s", hidden[0])  # the control: it would have been seen
        assert hidden[0] in "\n".join(records.lines)
    finally:
        root.removeHandler(records)
        root.setLevel(level)
