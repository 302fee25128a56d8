"""Malformed requests of a seed, against a panel that really listens: nothing changes, nothing stops, nothing is said.

Each begins as a request that lacks one thing that it must have (a token, an origin, a session, a host), so whatever
becomes of it, it may never change anything. The controls take that one lock away and must see changes.
"""

import asyncio
import contextlib
import io
import json
import logging
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from firmware_agent.device.linux import LinuxStorage
from firmware_agent.owner.panel import certificate
from host_tests.rigs.panel import House

EXPECTED = {200, 304, 400, 401, 403, 404, 405, 413, 415, 429}
WRONG = "0" * 64  # no token of any session
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) \r\n")
_AT_ONCE = 8
_LOOK = 250  # cases between two looks whether it still answers
_STOP = json.dumps({"arguments": {}, "proof": None}).encode()
_LOGIN = json.dumps({"body": "[]", "signature": "00"}).encode()
_DECIDE = json.dumps({"arguments": {"choices": [], "of_age": True}, "proof": {"code": "123456"}}).encode()
_PIECES = (
    b"\r\n", b"\n", b"\r", b"\0", b":", b" ", b"\t", b"\r\n\r\n", b"\xff\xfe", b"%00", b"%2e%2e/", b"..", b"//", b"?",
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding : chunked\r\n", b"Content-Length: 5\r\n",
    b"Content-Length: 99999999999999999999\r\n", b"Content-Length: -1\r\n", b"Host: evil.example\r\n",
    b"Cookie: session=\r\n", b"Connection: close\r\n", b"Connection: upgrade\r\nUpgrade: h2c\r\n", b"HTTP/1.0",
    b"HTTP/2.0", b"0\r\n\r\n", b"{", b"}", b'"', b"\\u0000", b"\\ud800", b"[" * 99, b"NaN", b"1e999", b"9" * 99,
    b"a" * 5000, b"X-Token: \xff\r\n", b"Origin: null\r\n", b" HTTP/1.1\r\n", b"GET / HTTP/1.1\r\n",
)  # fmt: skip
_GREETINGS = (b"", b"\x16\x03\x01", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTTP/1.1\r\n")
_PATHS = (
    b"/", b"/pair", b"/login", b"/doorbell", b"/api/home", b"/api/timeline?before=1&count=2", b"/api/events",
    b"/api/do/stop", b"/api/do/decide", b"/api/leave", b"/archive.zip", b"/pages/app.js", b"/api/payload/00",
    b"/api/receipt/1", b"*", b"http://evil.example/",
)  # fmt: skip


def prove(count: int = 100_000, seed: int = 1, progress: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """`count` requests over plain HTTP, a twentieth of it again at the door of TLS, and the controls."""
    begun = time.monotonic()
    found = asyncio.run(_fuzz(count, seed, progress))
    noise = asyncio.run(_noise(count // 20, seed))
    failures = found.failures + noise.failures
    unlocked = asyncio.run(_fuzz(500, seed, unlocked=True))
    broken = asyncio.run(_fuzz(500, seed, broken=True))
    if not unlocked.changes:
        failures.append("control: without the lock nothing changed either")
    if not (broken.statuses[500] and broken.said):
        failures.append("control: a page that fails was not seen to fail")
    counts = {"requests": count, "answers": sum(found.statuses.values()), "noise at TLS": count // 20}
    counts |= {f"answered {status}": number for status, number in sorted(found.statuses.items())}
    counts["changes without the lock"] = unlocked.changes
    seconds = round(time.monotonic() - begun, 1)
    return {"seed": seed, "counts": counts, "failures": failures, "seconds": seconds}


class Found:
    """What happened. said: what was printed, logged as an error or left to the loop's own handler."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.changes = 0
        self.said: list[str] = []
        self.failures: list[str] = []


def seeds(house: House, cookie: str, token: str) -> list[list[bytes]]:
    """Groups of requests; only within one group may parts be mixed, so that none comes to have all it needs."""
    ask = house.request

    def post(path: str, body: bytes, **more: Any) -> bytes:
        return ask("POST", path, body, **{"cookie": cookie, "x_token": token, **more})

    reading = ("/", "/pages/app.js", "/api/home", "/api/timeline?count=3", "/api/events", "/archive.zip", "/doorbell")
    wrong = json.dumps({"code": "99999999", "name": "nobody"}).encode()
    return [
        [post("/api/do/stop", _STOP, x_token=WRONG), post("/api/do/decide", _DECIDE, x_token=WRONG)]
        + [post("/api/leave", b"{}", x_token=WRONG), post("/pair", wrong, x_token=WRONG)]
        + [post("/login", _LOGIN, x_token=WRONG)]
        + [ask("GET", path, cookie=cookie) for path in reading],
        [post("/api/do/stop", _STOP, origin="http://evil.example"), post("/api/leave", b"{}", origin=None)],
        [post("/api/do/stop", _STOP, cookie=None), post("/api/do/stop", _STOP, cookie="session=" + "0" * 32)],
        [post("/api/do/stop", _STOP, host="evil.example", origin="http://evil.example")],
        [post("/api/do/stop", _STOP, content_type="text/plain")],
        [ask("GET", "/api/do/stop", cookie=cookie, origin=house.origin)],
    ]


def mutated(rng: random.Random, groups: list[list[bytes]]) -> bytes:
    """One request, changed in one to five ways, mostly one; or mere noise."""
    if rng.random() < 0.03:
        return rng.randbytes(rng.randrange(1, 3000))
    group = rng.choice(groups[:1] * 4 + groups)
    data = rng.choice(group)
    for _ in range(rng.choice((1, 1, 1, 1, 2, 2, 3, 5))):
        data = rng.choice(_WAYS)(rng, data, group)
    return data[:60_000]


def _flip(rng: random.Random, data: bytes, group: list[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.randbytes(1) + data[at + 1 :]


def _insert(rng: random.Random, data: bytes, group: list[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(_PIECES) + data[at:]


def _delete(rng: random.Random, data: bytes, group: list[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + rng.randrange(1, 40) :]


def _repeat(rng: random.Random, data: bytes, group: list[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at : at + rng.randrange(1, 200)] * rng.randrange(1, 9) + data[at:]


def _cut(rng: random.Random, data: bytes, group: list[bytes]) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _lines(rng: random.Random, data: bytes, group: list[bytes]) -> bytes:
    lines = data.split(b"\r\n")
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    if rng.random() < 0.5:
        lines.insert(other, lines[one])
    return b"\r\n".join(lines)


def _path(rng: random.Random, data: bytes, group: list[bytes]) -> bytes:
    return re.sub(rb"^(\w+) \S+", lambda found: found[1] + b" " + rng.choice(_PATHS), data, count=1)


def _head_line(rng: random.Random, data: bytes, group: list[bytes]) -> bytes:
    at = data.find(b"\r\n") + 2
    return data[:at] + rng.choice(_PIECES) + b"\r\n" + data[at:]


def _second(rng: random.Random, data: bytes, group: list[bytes]) -> bytes:
    return data + rng.choice(group)


_WAYS = (_flip, _flip, _insert, _insert, _delete, _repeat, _cut, _lines, _path, _head_line, _second)


async def _fuzz(
    count: int,
    seed: int,
    progress: Callable[[str], None] = lambda line: None,
    unlocked: bool = False,
    broken: bool = False,
) -> Found:
    """unlocked: the wrong token counts as right. broken: a page fails."""
    found, rng = Found(), random.Random(seed)
    with tempfile.TemporaryDirectory() as directory, _listening(found):
        async with House(Path(directory), asking=5.0, idle=5.0) as house:
            phone = await house.paired()
            token = phone.token
            if unlocked:
                house.panel._guard.token = lambda session: WRONG
                token = WRONG
            if broken:
                house.desk.home = house.desk.timeline = house.world.doorbell.state = lambda *_: 1 // 0
            gate = asyncio.Semaphore(_AT_ONCE)
            groups = seeds(house, phone.cookie, token)[: 1 if unlocked else None]
            before = _state(house)

            async def one(number: int, data: bytes, finish: bool) -> None:
                async with gate:
                    statuses = await _said(house, data, number, finish)
                found.statuses.update(statuses)
                if not broken and not set(statuses) <= EXPECTED:
                    found.failures.append(f"case {number}: answered {statuses}")

            for begin in range(0, count, _LOOK):
                numbers = range(begin, min(count, begin + _LOOK))
                cases = [(number, mutated(rng, groups), rng.random() < 0.8) for number in numbers]
                await asyncio.gather(*(one(*case) for case in cases))
                house.world.doorbell.tries = 5
                if _state(house) != before:
                    found.changes += 1
                    before = _state(house)
                    if not unlocked:
                        found.failures.append(f"something changed in the cases from {begin} on")
                    phone = await house.paired()  # it may have been the one that left
                    before = _state(house)
                    groups = seeds(house, phone.cookie, token if unlocked else phone.token)[: 1 if unlocked else None]
                if (await phone.get("/api/nonce")).status != 200:
                    found.failures.append(f"no answer after the cases up to {begin + _LOOK}")
                progress(f"{begin} of {count}")
            if len(house.panel._crowd) > house.settings.lines:
                found.failures.append("more connections than there is room for")
    if found.said and not broken:
        found.failures += [f"said: {line}" for line in found.said[:5]]
    return found


async def _noise(count: int, seed: int) -> Found:
    """Noise at a port that speaks TLS: bytes without a meaning, records without a handshake, HTTP."""
    found, rng = Found(), random.Random(seed)
    with tempfile.TemporaryDirectory() as directory, _listening(found):
        storage = LinuxStorage(Path(directory) / "state")
        certificate.ensure(storage, ["127.0.0.1"], int(time.time()))
        tls = certificate.context(storage.directory)
        async with House(Path(directory), tls=tls, asking=5.0, idle=5.0) as house:
            for number in range(count):
                noise = rng.randbytes(rng.randrange(1, 600))
                if await _said(house, rng.choice(_GREETINGS) + noise, number, True, encrypted=False):
                    found.failures.append(f"noise {number} was answered in HTTP")
            if (await house.get("/")).status != 200:
                found.failures.append("no answer after the noise")
    found.failures += [f"said: {line}" for line in found.said[:5]]
    return found


async def _said(house: House, data: bytes, number: int, finish: bool, encrypted: bool | None = None) -> list[int]:
    """The statuses of all answers; an unfinished case goes away after the first."""
    line = await house.line(f"127.0.{1 + number % 200}.{1 + number // 200 % 200}", encrypted)
    try:
        await line.send(data)
        if finish:
            line.writer.write_eof()
            said = await line.ends()
        else:
            said = await line.data() if b"\r\n\r\n" in data and data.startswith(b"GET") else b""
    except ConnectionError:
        said = b""
    finally:
        line.close()
    return [int(status) for status in _STATUS.findall(said)]


def _state(house: House) -> tuple[Any, ...]:
    """All that could change: what was called and done, who is paired, and what is decided."""
    world = house.world
    return list(world.desk.calls), list(world.desk.done), dict(world.phones.keys), json.dumps(world.desk.states)


@contextlib.contextmanager
def _listening(found: Found) -> Iterator[None]:
    """Everything that is printed, logged as a warning or worse, or left to the loop's handler goes to `found.said`."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.said.append(record.getMessage())

    handler, printed = Handler(logging.WARNING), io.StringIO()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: found.said.append(context["message"]))
    logging.getLogger().addHandler(handler)
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            yield
    finally:
        logging.getLogger().removeHandler(handler)
        found.said += printed.getvalue().splitlines()


if __name__ == "__main__":
    print(json.dumps(prove(int(sys.argv[1])), indent=1))
