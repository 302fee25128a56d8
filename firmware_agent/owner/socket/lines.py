"""The lines of the socket, as docs/socket.md says: bytes in, a request or a named problem out. Pure."""

import json
from dataclasses import dataclass

from firmware_agent.errors import AgentError
from firmware_agent.owner import strict
from firmware_agent.owner.socket.needs import Said

VERSION = 1
LINE = 16384  # bytes of a request, without its newline
_KEYS = {"v", "id", "do", "arguments", "proof"}

# What can be wrong before anybody is asked. Refusals have the names of errors.REASONS.
PROBLEMS = {
    "malformed": "the line is not one JSON object with v, id and do; send one, as docs/socket.md says",
    "version": f"this agent speaks version {VERSION}; send it as v",
    "too_long": f"a line has at most {LINE} bytes; connect again and send less",
    "unknown": "there is no such request; docs/socket.md lists them",
    "arguments": "these are not the arguments of this request; docs/socket.md lists them",
    "busy": "there are as many connections as this socket takes; close one, then connect again",
    "not_listed": "this user may not use this socket; give it a role in the agent's configuration",
    "fault": "the agent could not do it; its log names what failed",
}


class Problem(AgentError):
    """A line that is not answered. name: of PROBLEMS. ident: of the request, None if it could not be read."""

    def __init__(self, name: str, ident: int | None = None) -> None:
        super().__init__(PROBLEMS[name])
        self.name = name
        self.ident = ident


@dataclass(frozen=True)
class Request:
    """ident: the peer's own number for it. do: what is asked, not checked yet. proof: for the Desk, as it came."""

    ident: int
    do: str
    arguments: Said
    proof: Said | None


def parse(line: bytes) -> Request:
    """The request of one line; Problem "malformed" or "version" for anything else."""
    try:
        found = strict.document(line)
    except ValueError:
        raise Problem("malformed") from None
    number, do = found.get("id"), found.get("do")
    ident = number if type(number) is int and number >= 0 else None
    if found.get("v") != VERSION or type(found["v"]) is not int:
        raise Problem("version" if "v" in found else "malformed", ident)
    arguments, proof = found.get("arguments", {}), found.get("proof")
    if ident is None or not isinstance(do, str) or set(found) - _KEYS:
        raise Problem("malformed", ident)
    if not isinstance(arguments, dict) or not isinstance(proof, dict | None):
        raise Problem("malformed", ident)
    return Request(ident, do, arguments, proof)


def answer(ident: int, said: Said) -> Said:
    """What is said to a request that was done."""
    return {"v": VERSION, "id": ident, "ok": said}


def refusal(ident: int | None, name: str, text: str) -> Said:
    """What is said to any other."""
    return {"v": VERSION, "id": ident, "error": name, "text": text}


def encode(said: Said) -> bytes:
    """One line of ASCII, so that any reader can take it."""
    return json.dumps(said, allow_nan=False, separators=(",", ":")).encode("ascii") + b"\n"
