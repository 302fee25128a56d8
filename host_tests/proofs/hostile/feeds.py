"""Each source's feed at the end of a real connection, over which comes what no printer should say."""

import asyncio
import contextlib
import json
import os
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from random import Random
from typing import Any

import wsproto
from wsproto import events

from firmware_agent.errors import SourceError
from firmware_agent.telemetry.datagrams import Datagrams
from firmware_agent.telemetry.following import FIELDS, RECORDS, Feed, Heard
from firmware_agent.telemetry.mqtt_line import Place
from firmware_agent.telemetry.serial_feed import SerialFeed
from firmware_agent.telemetry.serial_line import SerialLine
from firmware_agent.telemetry.sources.bambu import BambuFeed
from firmware_agent.telemetry.sources.grbl import Grbl as GrblTalk
from firmware_agent.telemetry.sources.intake import LARGEST, IntakeFeed
from firmware_agent.telemetry.sources.marlin import Marlin as MarlinTalk
from firmware_agent.telemetry.sources.moonraker import END, MoonrakerFeed
from firmware_agent.telemetry.sources.octoprint import OctoPrintFeed
from firmware_agent.telemetry.unix_line import unix_line
from firmware_agent.telemetry.websocket import websocket
from host_tests.fakes_moonraker import METHODS, Web, results
from host_tests.fakes_octoprint import SESSION, USER, Octo
from host_tests.proofs.fuzz.target import mutated
from host_tests.proofs.hostile.parsers import Bambu, Grbl, Intake, Marlin, Moonraker, OctoPrint
from host_tests.proofs.hostile.target import NOISE
from host_tests.rigs.bambu import digest
from host_tests.rigs.cable import HOSTILE
from host_tests.rigs.certificates import Authority
from host_tests.rigs.grbl import Grbl as GrblBoard
from host_tests.rigs.marlin import Marlin as MarlinBoard
from host_tests.rigs.told import comes

SERIAL = "01P00A000000000"
REFUSED = "refused by the kernel, and sent again"  # how datagrams too many end: not a connection more
_HOLD = 0.05  # s that a connection may last which its server does not end
_GOOD = 10.0  # s for a good one to be heard
Speaker = Callable[[Random], bytes]
Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Follow = Callable[[Heard], Awaitable[None]]


class Server:
    """What answers connections: hostile ones by `said`, in pieces, held or not; a good one by `good`."""

    def __init__(self, said: Speaker, good: Answering, welcome: "Callable[[bytes], bytes] | None" = None) -> None:
        self.rng: "Random | None" = None  # None: be good
        self._welcome = welcome  # of most: what agrees to the request that came
        self._said = said
        self._good = good

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, ssl.SSLError):
            if self.rng is None:
                await self._good(reader, writer)
            else:
                await self._hostile(self.rng, reader, writer)
        writer.transport.abort()

    async def _hostile(self, rng: Random, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.read(4096) if rng.random() < 0.9 else b""
        data = self._said(rng)
        if self._welcome is not None and rng.random() < 0.7:
            data = self._welcome(asked) + data[data.find(b"\r\n\r\n") + 4 :]
        if rng.random() < 0.02:
            data *= 200  # a flood
        while data:
            size = rng.choice((len(data), len(data), 1 + len(data) // 3))
            writer.write(data[:size])
            data = data[size:]
            await writer.drain()
            await asyncio.sleep(0.002 if rng.random() < 0.1 else 0)
        if rng.random() < 0.1:
            await reader.read()


def _moonraker(end: bytes) -> Speaker:
    return lambda rng: end.join(Moonraker.case(MOONRAKER, rng) for _ in range(rng.randrange(1, 6))) + end


MOONRAKER, BAMBU, OCTOPRINT, INTAKE = Moonraker(), Bambu(), OctoPrint(), Intake()


async def _good_moonraker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        asked = json.loads((await reader.readuntil(END))[:-1])
        found = {"jsonrpc": "2.0", "id": METHODS[asked["method"]], "result": results()[asked["method"]]}
        writer.write(json.dumps(found).encode() + END)


def _frames(rng: Random, case: Callable[[Random], bytes]) -> bytes:
    """An agreement that is none, and frames."""
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n"
    frames = b""
    for _ in range(rng.randrange(1, 5)):
        text = case(rng)[:60_000]
        long = b"\x7e" + len(text).to_bytes(2, "big") if len(text) > 125 else bytes([len(text)])
        frames += bytes([rng.choice((0x81, 0x81, 0x81, 0x01, 0x80, 0x89, 0x88, 0xF1))]) + long + text
    return head + (mutated(rng, frames, NOISE) if rng.random() < 0.6 else frames)


def _agreed(asked: bytes) -> bytes:
    server = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
    server.receive_data(asked)
    return server.send(events.AcceptConnection()) if any(server.events()) else b""


def _http(rng: Random) -> bytes:
    body = OCTOPRINT.case(rng)
    length = rng.choice((len(body), len(body), len(body) + 9, 3, -1, 10**30))
    lines = ["HTTP/1.1 %d OK" % rng.choice((200, 200, 200, 409, 401, 301, 100)), "Content-Length: %d" % length]
    if rng.random() < 0.2:
        lines[1] = "Transfer-Encoding: chunked"
    data = "\r\n".join([*lines, "", ""]).encode() + body
    return mutated(rng, data, (*NOISE, b"\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n")) if rng.random() < 0.3 else data


async def _nobody(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Where another server is the good one."""


class _Pages(Server):
    """OctoPrint's: the answers before its socket are mostly good, or nothing hostile would be said there."""

    async def _hostile(self, rng: Random, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        page = head.split(b" ")[1].decode()
        if page == "/sockjs/websocket":
            data = _frames(rng, OCTOPRINT.case)
            if rng.random() < 0.9:
                data = _agreed(head) + data[data.find(b"\r\n\r\n") + 4 :]
        elif rng.random() < 0.85:
            body = json.dumps(USER if page == "/api/currentuser" else SESSION).encode()
            data = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        else:
            data = _http(rng)
        writer.write(data)
        await writer.drain()
        if rng.random() < 0.1:
            await reader.read()


def _packet(kind: int, body: bytes) -> bytes:
    size, length = len(body), b""
    while True:
        size, low = size >> 7, size & 127
        length += bytes([low | (128 if size else 0)])
        if not size:
            return bytes([kind]) + length + body


def _report(body: bytes) -> bytes:
    topic = b"device/%s/report" % SERIAL.encode()
    return _packet(0x30, len(topic).to_bytes(2, "big") + topic + body)


_WELCOME = _packet(0x20, b"\0\0") + _packet(0x90, b"\0\1\0")


def _mqtt(rng: Random) -> bytes:
    data = _WELCOME + b"".join(_report(BAMBU.case(rng)) for _ in range(rng.randrange(4)))
    return mutated(rng, data, (b"\xff" * 5, b"\xd0\0", b"\x90\3\0\1\0", b"\x32\3\0\1x")) if rng.random() < 0.7 else data


async def _good_mqtt(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(_WELCOME + _report(json.dumps(BAMBU.samples[0]).encode()))
    await reader.read()


@contextlib.asynccontextmanager
async def _at(server: Server, **where: Any) -> AsyncIterator[int]:
    made = await asyncio.start_server(server.serve, "127.0.0.1", 0, **where)
    try:
        yield made.sockets[0].getsockname()[1]
    finally:
        made.close()


async def _connections(
    make: Callable[[], Feed], server: Server, count: int, rng: Random, patience: float = _GOOD
) -> tuple[Counter[str], list[str]]:
    """`count` hostile ones after one another, then a good one."""
    counts: Counter[str] = Counter()
    failures: list[str] = []
    for number in range(count):
        server.rng = Random(rng.random())
        heard = Heard(lambda: 1, ("state",))
        how = await _one(make().follow, heard, failures)
        if len(heard._status) > FIELDS + 1 or len(heard._records) > RECORDS:
            failures.append("connection %d: more is kept than may be" % number)
        counts[how] += 1
    server.rng = None
    heard, feed = Heard(lambda: 1, ("state",)), make()
    if not await _hears(feed, heard, "printing", patience):
        failures.append("a good connection after the hostile ones is not heard")
    return counts, failures


async def _hears(feed: Feed, heard: Heard, state: str, patience: float = _GOOD) -> bool:
    """Whether a good connection brings that state."""
    following = asyncio.ensure_future(feed.follow(heard))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience):
            await comes(lambda: heard._status.get("state") == state)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    return heard._status.get("state") == state


async def _one(follow: Follow, heard: Heard, failures: list[str], hold: float = _HOLD) -> str:
    try:
        async with asyncio.timeout(hold):
            await follow(heard)
    except SourceError as error:
        if "CANARY" in str(error):
            failures.append("an error says what a printer said")
        return "ended with a reason"
    except TimeoutError:
        return "held until it was cut"
    except Exception as error:
        failures.append("%s instead of a reason" % type(error).__name__)
        return "failed"
    return "ended"


async def moonraker(count: int, rng: Random, place: Path) -> tuple[Counter[str], list[str]]:
    server, path = Server(_moonraker(END), _good_moonraker), place / "line"
    async with await asyncio.start_unix_server(server.serve, path):
        return await _connections(lambda: MoonrakerFeed(lambda: unix_line(path, END)), server, count, rng)


async def web(count: int, rng: Random, place: Path) -> tuple[Counter[str], list[str]]:
    """Moonraker's other way."""
    server = Server(lambda rng: _frames(rng, MOONRAKER.case), _nobody, _agreed)
    async with _at(server) as port, Web() as good:
        url = lambda: good.url if server.rng is None else "ws://127.0.0.1:%d/websocket" % port
        return await _connections(lambda: MoonrakerFeed(lambda: websocket(url())), server, count, rng)


async def octoprint(count: int, rng: Random, place: Path) -> tuple[Counter[str], list[str]]:
    server = _Pages(_http, _nobody)
    async with _at(server) as port, Octo() as good:
        url = lambda: good.url if server.rng is None else "http://127.0.0.1:%d" % port
        return await _connections(lambda: OctoPrintFeed(url(), lambda: "key"), server, count, rng)


async def bambu(count: int, rng: Random, place: Path) -> tuple[Counter[str], list[str]]:
    papers = Authority(place, "printers").issue(SERIAL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*papers)
    server = Server(_mqtt, _good_mqtt)
    async with _at(server, ssl=context) as port:
        where = Place("127.0.0.1", port, bytes.fromhex(digest(papers[0])), SERIAL)
        return await _connections(lambda: BambuFeed(where, lambda: "code"), server, count, rng)


async def serial(count: int, rng: Random, place: Path) -> tuple[Counter[str], list[str]]:
    """Marlin and GRBL in turn, through a board that talks in each hostile way, and is pulled in between."""
    counts: Counter[str] = Counter()
    failures: list[str] = []
    kinds: tuple[Any, ...] = (("marlin", MarlinBoard, MarlinTalk, Marlin), ("grbl", GrblBoard, GrblTalk, Grbl))
    for number in range(count):
        kind, board, talk, samples = kinds[number % 2]
        made = board(place / "port", HOSTILE[number // 2 % len(HOSTILE)], seed=number).plug()
        heard = Heard(lambda: 1)
        made.cable.send(samples().case(rng))
        feed = SerialFeed(SerialLine(kind, place / "port", 115200), talk)
        pulling = asyncio.get_running_loop().call_later(rng.random() * 8 * _HOLD, made.pull)
        counts[await _one(feed.follow, heard, failures, 5 * _HOLD)] += 1
        pulling.cancel()
        made.pull()
        if len(heard._status) > FIELDS or len(heard._records) > RECORDS:
            failures.append("serial %d: more is kept than may be" % number)
    for kind, board, talk, _ in kinds:
        made, heard = board(place / "port").plug(), Heard(lambda: 1)
        good = await _hears(SerialFeed(SerialLine(kind, place / "port", 115200), talk), heard, "idle")
        made.pull()
        if not good:
            failures.append("a good %s after the hostile ones is not heard" % kind)
    return counts, failures


async def datagrams(count: int, rng: Random, place: Path) -> tuple[Counter[str], list[str]]:
    """The intake's, on its socket, as fast as its kernel takes them; what it refuses is sent again."""
    counts: Counter[str] = Counter()
    failures: list[str] = []
    heard, path = Heard(lambda: 1, ("state",)), place / "intake"
    feed = IntakeFeed(Datagrams(path, None, LARGEST), {os.getuid()})
    following = asyncio.ensure_future(feed.follow(heard))
    await comes(path.exists)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        good = json.dumps(INTAKE.samples[0]).encode()
        for number in range(count + 1):
            data = INTAKE.case(rng) if number < count else good
            if rng.random() < 0.02 and number < count:
                data = rng.randbytes(LARGEST + 5)
            while not following.done():
                try:
                    sock.sendto(data, str(path))
                    counts["datagrams"] += 1
                    break
                except BlockingIOError:
                    counts[REFUSED] += 1
                    await asyncio.sleep(0.02)
            if len(heard._status) > FIELDS + 1 or len(heard._records) > RECORDS:
                failures.append("datagram %d: more is kept than may be" % number)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_GOOD):
            await comes(lambda: heard._status.get("progress") == 41.5 or following.done())
    if following.done() or heard._status.get("progress") != 41.5:
        failures.append("a good datagram after the hostile ones is not heard")
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    return counts, failures


# name: (the story, how many of a hundred connections are its)
FEEDS: dict[str, tuple[Callable[[int, Random, Path], Coroutine[Any, Any, tuple[Counter[str], list[str]]]], int]] = {
    "moonraker": (moonraker, 24),
    "moonraker, websocket": (web, 20),
    "octoprint": (octoprint, 24),
    "bambu": (bambu, 14),
    "serial": (serial, 4),
    "intake": (datagrams, 14),
}
