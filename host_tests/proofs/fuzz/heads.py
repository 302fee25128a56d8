"""Heads of requests at the viewers' port: an answer with a name, or one of the known pictures; nothing not said."""

import base64
import re
from collections.abc import Callable
from random import Random

from firmware_agent.camera.viewers.request import HEAD, Problem, Wanted, wanted
from host_tests.proofs.fuzz.target import Broken, Bytes, Control, Target, mutated

_STATUSES = (400, 404, 405, 413, 431)
_PATHS = (
    "/?action=stream", "/?action=snapshot", "/stream", "/snapshot", "/webcam/?action=stream",
    "/webcam/?action=snapshot", "/webcam?action=stream", "/webcam/stream", "/webcam/snapshot", "/", "/webcam/",
    "/favicon.ico", "/stream/", "//stream", "/webcam/../stream", "*", "http://evil.example/stream", "/?action=stop",
    "/?action=stream&action=snapshot",
)  # fmt: skip
_PIECES = (
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b"\r\n\r\n", b"\r\n ", b"%2e%2e/", b"/v/", b"?", b"&",
    b"&action=stream", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding : chunked\r\n",
    b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Content-Length: 00\r\n", b"Host: evil.example\r\n",
    b"Host:\r\n", b"Expect: 100-continue\r\n", b"Authorization: Basic\r\n", b"Authorization: Basic !!!!\r\n",
    b"Connection: upgrade\r\n", b"GET /stream HTTP/1.1\r\n", b" HTTP/1.0", b" HTTP/2.0", b"a" * 4096, b"\xff\xfe",
    b"\x16\x03\x01", b"POST", b"HEAD",
)  # fmt: skip
_ODD = (
    "Transfer-Encoding: chunked", "Content-Length: 5", "Content-Length: 0", "Expect: 100-continue",
    "Host: evil.example", "Content-Encoding: gzip", "Authorization: Basic bm90aGluZw==", "Authorization: Bearer x",
    "X: " + "a" * 4096,
)  # fmt: skip
# What an accepted head must be, said a second time and otherwise.
_LINE = re.compile(
    rb"(GET|HEAD) (/v/[A-Za-z0-9_-]{1,64})?(?:(?:/webcam)?/(stream|snapshot)|(?:/webcam)?/?)"
    rb"(\?[!-~]*)? HTTP/1\.[01]\r\n"
)


class Heads(Bytes):
    name = "request head"
    share = 25

    def __init__(self, read: Callable[[bytes], Wanted] = wanted) -> None:
        self._read = read

    def case(self, rng: Random) -> bytes:
        path = rng.choice(_PATHS)
        if rng.random() < 0.3:
            path = "/v/" + base64.urlsafe_b64encode(rng.randbytes(16)).decode().rstrip("=") + path
        if rng.random() < 0.4:
            path += rng.choice("?&") + rng.choice(
                ("1792000000000", "cacheBust=1", "timestamp=2&bypassCache=3", "=", "&" * 20)
            )
        lines = [
            f"{rng.choice(('GET', 'GET', 'GET', 'HEAD', 'POST'))} {path} HTTP/1.{rng.choice('110')}",
            "Host: 10.0.0.7:8089",
        ]
        if rng.random() < 0.4:
            both = base64.b64encode(f"mainsail:{rng.randbytes(6).hex()}".encode()).decode()
            lines.append(f"{rng.choice(('Authorization', 'authorization'))}: Basic {both}")
        lines += rng.sample(
            ("Accept: */*", "User-Agent: x", "Connection: keep-alive", "Cookie: a=b", "Range: bytes=0-"), 2
        )
        if rng.random() < 0.1:
            lines.insert(rng.randrange(1, len(lines) + 1), rng.choice(_ODD))
        data = "\r\n".join([*lines, "", ""]).encode()
        return mutated(rng, data, _PIECES) if rng.random() < 0.8 else data

    def verdict(self, case: bytes) -> str:
        try:
            found = self._read(case)
        except Problem as problem:
            if problem.status not in _STATUSES:
                raise Broken(f"it answers {problem.status}") from None
            return f"answered {problem.status}"
        line = _LINE.match(case)
        if line is None or len(case) > HEAD or case.count(b"\r\n\r\n") != 1 or not case.endswith(b"\r\n\r\n"):
            raise Broken("it takes a head that is none")
        lower = case.lower()
        if re.search(rb"\r\n(transfer-encoding|expect)[ \t]*:|\r\ncontent-length:[ \t]*0*[1-9]", lower):
            raise Broken("it takes a head with a body")
        if lower.count(b"\r\nhost:") > 1 or re.search(rb"\r\n[ \t]", case):
            raise Broken("it takes a head that two readers read in two ways")
        said = [one.partition(b"=")[2] for one in (line[4] or b"")[1:].split(b"&") if one.startswith(b"action=")]
        action = line[3] or (said + [b""])[0]
        if action not in (b"stream", b"snapshot") or found.stream != (action == b"stream"):
            raise Broken("it gives another picture than was asked for")
        if found.bare != (line[1] == b"HEAD") or found.secret != (line[2][3:].decode() if line[2] else None):
            raise Broken("it reads another secret or method than there is")
        given = re.findall(rb"\r\nauthorization:[ \t]*basic +([A-Za-z0-9+/=]+)[ \t]*\r\n", case, re.IGNORECASE)
        user = None if found.secret is not None or not given else base64.b64decode(given[0]).partition(b":")[0]
        if (found.user is None) != (user is None) or (found.user is None) != (found.password is None):
            raise Broken("it reads a user where there is none, or none where there is")
        return "wanted " + ("a stream" if found.stream else "a picture")


def controls() -> list[Control]:
    """Readers with a defect that must be found."""

    def lax(data: bytes) -> Wanted:
        return wanted(re.sub(rb"\r\nTransfer-Encoding: chunked\r\n", b"\r\n", data))

    def lines(data: bytes) -> Wanted:
        return wanted(data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))

    def guess(data: bytes) -> Wanted:
        try:
            return wanted(data)
        except Problem as problem:
            if problem.status == 404:
                return Wanted(True)
            raise

    def status(data: bytes) -> Wanted:
        try:
            return wanted(data)
        except Problem as problem:
            raise Problem(500 if problem.status == 413 else problem.status) from None

    made: list[tuple[str, Callable[[bytes], Wanted]]] = [
        ("a body is passed over", lax),
        ("lines may end otherwise", lines),
        ("an unknown address is a stream", guess),
        ("a status that is not declared", status),
    ]
    return [(what, _target(read)) for what, read in made]


def _target(read: Callable[[bytes], Wanted]) -> Callable[[], Target]:
    return lambda: Heads(read)
