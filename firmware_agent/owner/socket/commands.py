"""What can be asked: a reading or an action of the Desk, by keep-lists. The proof is passed on, never made here."""

import binascii
import re
from collections.abc import Callable
from typing import Any

from firmware_agent.model import Session
from firmware_agent.owner.socket.lines import Problem, Request
from firmware_agent.owner.socket.needs import Desk, Said

# Everything that Desk.do knows. Which role may do what, and which needs a proof, is the Desk's to say.
ACTIONS = (
    *("withdraw", "refuse", "later", "object", "stop", "declare_minor", "end_service", "leave"),
    *("show_code", "delete_upstream", "correct"),
    *("decide", "declare_of_age", "invite", "remove", "erase"),
    *("add_viewer", "remove_viewer", "send_photo", "set_crop", "set_region"),
    *("make_bundle", "remove_text", "undo_removal", "forget_bundle", "send_bundle"),
)
ENDING = ("leave", "erase")  # actions that end the very session that asked

_Check = Callable[[Any], bool]
_HEX = re.compile("[0-9a-f]{1,128}")


def _number(low: int, high: int) -> _Check:
    return lambda value: type(value) is int and low <= value <= high


def _hex(value: Any) -> bool:
    return isinstance(value, str) and _HEX.fullmatch(value) is not None


def _before(value: Any) -> bool:
    return value is None or (type(value) is int and value >= 0)


def _archive(desk: Desk, session: Session, _: Said) -> Said:
    data = desk.archive(session)
    return {"bytes": len(data), "base64": binascii.b2a_base64(data, newline=False).decode("ascii")}


_REST = object()  # no default: the argument must be there
# reading: ({argument: (check, default)}, how the Desk is asked)
READINGS: dict[str, tuple[dict[str, tuple[_Check, Any]], Callable[[Desk, Session, Said], Said]]] = {
    "home": ({}, lambda desk, session, _: desk.home(session)),
    "said": ({}, lambda desk, session, _: desk.said(session)),
    "timeline": (
        {"before": (_before, None), "count": (_number(1, 100), 50)},
        lambda desk, session, given: desk.timeline(session, given["before"], given["count"]),
    ),
    "payload": ({"ident": (_hex, _REST)}, lambda desk, session, given: desk.payload(session, given["ident"])),
    "receipt": (
        {"sequence": (_number(0, 2**53), _REST)},
        lambda desk, session, given: desk.receipt(session, given["sequence"]),
    ),
    "policy": ({"hash": (_hex, _REST)}, lambda desk, session, given: {"text": desk.policy(session, given["hash"])}),
    "archive": ({}, _archive),
    "bundle": ({}, lambda desk, session, _: desk.bundle(session)),
    "bundle_text": (
        {"of": (lambda value: value in ("before", "after"), _REST)},
        lambda desk, session, given: {"text": desk.bundle_text(session, given["of"])},
    ),
    "bundle_marks": ({}, lambda desk, session, _: {"marks": desk.bundle_marks(session)}),
    "nonce": ({}, lambda desk, session, _: {"nonce": desk.nonce(session)}),
}


async def obey(desk: Desk, session: Session, request: Request) -> Said:
    """What the Desk says to it. Problem "unknown" or "arguments"; Refused and other errors as the Desk raises them."""
    if request.do in READINGS:
        checks, ask = READINGS[request.do]
        return ask(desk, session, _arguments(request, checks))
    if request.do in ACTIONS:
        return await desk.do(session, request.do, request.arguments, request.proof)
    raise Problem("unknown", request.ident)


def without_arguments(request: Request) -> None:
    """Problem "arguments" if it has any."""
    _arguments(request, {})


def _arguments(request: Request, checks: dict[str, tuple[_Check, Any]]) -> Said:
    given = request.arguments
    if request.proof is not None or set(given) - set(checks):
        raise Problem("arguments", request.ident)
    found = {name: given.get(name, default) for name, (_, default) in checks.items()}
    if not all(check(found[name]) for name, (check, _) in checks.items()):
        raise Problem("arguments", request.ident)
    return found
