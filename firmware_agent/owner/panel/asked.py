"""One request as it was read: h11's strict grammar, and stricter than that wherever two readers could differ."""

import re
from dataclasses import dataclass, field
from typing import Any

import h11

from firmware_agent.model import Session
from firmware_agent.owner.panel.problems import Problem

BODY = 16 * 1024  # bytes
_PATH = re.compile(r"/|(?:/[A-Za-z0-9_.-]+)+")  # no escapes: none of our names needs one
_QUERY = re.compile(r"[A-Za-z0-9_=&.-]*")
_NUMBER = re.compile(r"[0-9]{1,10}")
_ONCE = (
    b"host", b"origin", b"cookie", b"content-type", b"content-length", b"x-token", b"if-none-match", b"sec-fetch-site",
)  # fmt: skip
_NEVER = (b"transfer-encoding", b"expect", b"upgrade", b"content-encoding")  # no browser sends these to us


@dataclass
class Asked:
    """headers: lower-case names. length: bytes of body. session: None for somebody whom the gate does not know.
    document: the body of a POST. acting: it may change something.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    length: int
    session: Session | None = None
    document: dict[str, Any] = field(default_factory=dict)

    @property
    def acting(self) -> bool:
        return self.method == "POST"


def asked(head: h11.Request) -> Asked:
    """Problem unless it is a request that our page can make."""
    if head.method not in (b"GET", b"POST"):
        raise Problem("method")
    headers: dict[str, str] = {}
    for name, value in head.headers:
        if name in _NEVER or (name in _ONCE and name.decode() in headers):
            raise Problem("malformed")
        headers[name.decode("ascii")] = value.decode("latin-1")
    path, mark, query = head.target.decode("ascii").partition("?")
    length = headers.get("content-length", "0")
    if head.http_version != b"1.1" or not _NUMBER.fullmatch(length):
        raise Problem("malformed")
    if not path.startswith("/") or (mark and not _QUERY.fullmatch(query)):
        raise Problem("malformed")
    if not _PATH.fullmatch(path):
        raise Problem("not_found")
    if int(length) > BODY:
        raise Problem("too_large")
    if (head.method == b"GET" and int(length)) or (head.method == b"POST" and "content-length" not in headers):
        raise Problem("malformed")
    return Asked(head.method.decode(), path, _pairs(query), headers, int(length))


def _pairs(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        if name in found:
            raise Problem("malformed")
        found[name] = value
    return found
