"""What works without a session: to ask whether pairing is open, to pair, and to sign in with a paired key."""

import re
from collections.abc import Callable
from typing import Any

from firmware_agent.consent.commands import FORM, LONGEST, Commands
from firmware_agent.consent.pairing import Invitation, Pairing
from firmware_agent.consent.people import People, Person, name_of
from firmware_agent.model import Session
from firmware_agent.refusals import Refused
from firmware_agent.sessions import SessionGate

_HEX = re.compile(r"([0-9a-f]{2})*")
_KEYED = 12 * 3600.0  # s of a session that a key opened: it signs in anew by itself
_KEYLESS = 12 * 3600.0  # s of a session without a key: then the phone is paired anew, at the device
_LONGEST = 40  # characters of a phone's name


class Doorbell:
    """now: -> seconds since 1970 UTC or None. languages: of the page. done: told about each pairing.

    private: nobody can listen; else no key is taken, for whoever listens could bring one.
    """

    def __init__(
        self,
        pairing: Pairing,
        people: People,
        commands: Commands,
        sessions: SessionGate,
        now: Callable[[], int | None],
        languages: list[str],
        done: Callable[[str, str], None],
        private: bool,
    ) -> None:
        self._pairing = pairing
        self._people = people
        self._commands = commands
        self._sessions = sessions
        self._now = now
        self._languages = languages
        self._done = done
        self._private = private

    def state(self) -> dict[str, Any]:
        """Whether pairing is open, and a nonce to sign with."""
        is_open, backoff = self._pairing.state()
        return {
            "open": is_open,
            "backoff": int(backoff) + (backoff > 0),
            "device": self._commands.device,
            "nonce": self._commands.nonces.new(),
            "words": self._languages,
        }

    def pair(self, arguments: dict[str, Any]) -> Session:
        """Pair with a secret or a code, and, if the browser can keep one, a key that has signed for itself."""
        name = _name(arguments.get("name"))
        public = _hex(arguments["key"], 65) if "key" in arguments else None
        if public is not None:
            if not self._private:
                raise Refused("not_private")
            self._signed(public, arguments)
        if "secret" in arguments:
            invitation = self._pairing.by_secret(_text(arguments["secret"], 64))
        else:
            invitation = self._pairing.by_code(_text(arguments.get("code"), 16))
        if public is None and invitation.role in ("guardian", "service"):
            raise Refused("key_needed")  # nobody could see later that it was let in
        until = None
        if invitation.hours:
            now = self._now()
            if now is None:
                raise Refused("clock_untrusted")
            until = now + invitation.hours * 3600
        if public is None:
            self._done("paired", invitation.role)
            return self._sessions.open(invitation.role, b"", name, _life(_KEYLESS, invitation))
        self._people.add(Person(public, invitation.role, name, self._now(), until, invitation.case))
        self._done("paired", invitation.role)
        return self._sessions.open(invitation.role, name_of(public), name, _life(_KEYED, invitation))

    def login(self, arguments: dict[str, Any]) -> Session:
        """Sign in with a paired key: the one whose signature it is."""
        body, signature = _text(arguments.get("body"), LONGEST), _hex(arguments.get("signature"), 64)
        person = self._commands.signer(body, signature)
        self._commands.check(person.key, body, signature, "login", {})
        return self._sessions.open(person.role, person.key, person.name, _KEYED)

    def _signed(self, public: bytes, arguments: dict[str, Any]) -> None:
        """The key signs its own pairing: whoever asks holds it, and asks this device, now."""
        body, signature = arguments.get("body"), _hex(arguments.get("signature"), 64)
        parts = self._commands.opened(public, _text(body, LONGEST), signature)
        fits = parts[:3] == [FORM, self._commands.device, name_of(public).hex()] and parts[5] == "pair"
        if not fits or not isinstance(parts[4], str) or not self._commands.nonces.use(parts[4]):
            raise Refused("command_old")


def _life(seconds: float, invitation: Invitation) -> float:
    return min(seconds, invitation.hours * 3600.0) if invitation.hours else seconds


def _name(value: Any) -> str:
    text = value.strip() if isinstance(value, str) else ""
    return text[:_LONGEST] if text and text.isprintable() else "phone"


def _text(value: Any, most: int) -> str:
    if not isinstance(value, str) or len(value) > most:
        raise Refused("command_wrong")
    return value


def _hex(value: Any, size: int) -> bytes:
    if not isinstance(value, str) or len(value) != 2 * size or not _HEX.fullmatch(value):
        raise Refused("command_wrong")
    return bytes.fromhex(value)
