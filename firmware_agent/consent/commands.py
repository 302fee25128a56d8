"""A command that a paired key signed: bound to this device, this key, a counter and a nonce (attacks 1, 2, 12).

The signature is verified over the bytes as they came, before anything in them is read. A counter that was used stays
used across restarts; a nonce is good once, for two minutes, in this run only.
"""

import hmac
import json
from collections.abc import Callable
from typing import Any

from firmware_agent.consent.people import People, Person
from firmware_agent.refusals import Refused

FORM = "firmware_agent command 1"
LONGEST = 8192  # characters of a command
_LIFE = 120.0  # s for which a nonce is good
_MOST = 4096  # used nonces in two minutes; none more is taken
_HIGHEST = 2**53 - 1

Verify = Callable[[bytes, bytes, bytes], bool]  # public key, signature, data


class Nonces:
    """16 bytes each, good once. Only those that were used are remembered, so whoever asks for many pushes none out.

    entropy: unpredictable bytes. ticks: seconds that only go forward.
    """

    def __init__(self, entropy: Callable[[int], bytes], ticks: Callable[[], float]) -> None:
        self._entropy = entropy
        self._ticks = ticks
        self._key = entropy(32)
        self._used: dict[str, float] = {}  # nonce -> when it ends, oldest use first

    def new(self) -> str:
        """32 hex digits: when it ends, 4 random bytes, and 8 of an HMAC over both by a key of this run."""
        head = int(self._ticks() + _LIFE).to_bytes(4, "big") + self._entropy(4)
        return (head + self._mark(head)).hex()

    def use(self, nonce: str) -> bool:
        """Whether it was given out here, lately, and not used yet."""
        now = self._ticks()
        for old in [one for one, until in self._used.items() if until < now]:
            del self._used[old]
        try:
            data = bytes.fromhex(nonce)
        except ValueError:
            return False
        if len(data) != 16 or nonce in self._used or not hmac.compare_digest(self._mark(data[:8]), data[8:]):
            return False
        until = int.from_bytes(data[:4], "big")
        if now >= until or len(self._used) >= _MOST:
            return False
        self._used[data.hex()] = until
        return data.hex() == nonce

    def _mark(self, head: bytes) -> bytes:
        return hmac.digest(self._key, b"nonce " + head, "sha256")[:8]


class Commands:
    """device: 32 hex digits that name this device to those who paired."""

    def __init__(self, people: People, device: str, nonces: Nonces, verify: Verify) -> None:
        self.device = device
        self.nonces = nonces
        self._people = people
        self._verify = verify

    def check(self, key: bytes, body: str, signature: bytes, action: str, arguments: dict[str, Any]) -> Person:
        """The person whose key signed exactly this command; Refused, with the reason, if anything about it differs."""
        person = self._people.find(key)
        if person is None:
            raise Refused("key_unknown")
        parts = self.opened(person.public, body, signature)
        if parts[0] != FORM or parts[1] != self.device or parts[2] != key.hex():
            raise Refused("command_wrong")
        counter, nonce = parts[3], parts[4]
        if type(counter) is not int or not 0 < counter <= _HIGHEST or not isinstance(nonce, str):
            raise Refused("command_wrong")
        if parts[5] != action or not same(parts[6], arguments):
            raise Refused("command_wrong")
        if not self.nonces.use(nonce):
            raise Refused("command_old")
        self._people.count(key, counter)
        return person

    def signer(self, body: str, signature: bytes) -> Person:
        """Whose signature it is, of all who are paired: found by trying, for what is not verified is not read."""
        data = body.encode("utf-8", "surrogatepass")
        for person in self._people.all():
            if self._verify(person.public, signature, data):
                return person
        raise Refused("key_unknown")

    def opened(self, public: bytes, body: str, signature: bytes) -> list[Any]:
        """The seven parts of a command whose signature holds; it is not read before that."""
        if not isinstance(body, str) or len(body) > LONGEST or not isinstance(signature, bytes):
            raise Refused("signature_wrong")
        if not self._verify(public, signature, body.encode("utf-8", "surrogatepass")):
            raise Refused("signature_wrong")
        try:
            parts = json.loads(body)
        except (ValueError, RecursionError):
            raise Refused("command_wrong") from None
        if not isinstance(parts, list) or len(parts) != 7:
            raise Refused("command_wrong")
        return parts


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same, types included: True is not 1."""
    try:
        return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    except (TypeError, ValueError, RecursionError):
        return False
