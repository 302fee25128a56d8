"""Presence: a code that the device shows, typed back where the person asks; or its button, pressed while asked.

A proof is good for exactly the action that was asked about, once, for two minutes. A role, a socket or a token is none.
"""

import hmac
from collections.abc import Callable, Iterable
from typing import Protocol

from firmware_agent.refusals import Refused

LASTS = 120.0  # s
_GUESSES = 5
_WAIT = 30.0  # s after five wrong codes; twice as long each time, up to an hour
_LONGEST = 3600.0


class Display(Protocol):
    """Something that only a person at the device sees."""

    def there(self) -> bool:
        """Whether a code would be seen now."""

    def show(self, code: str, text: str, seconds: float) -> bool: ...
    def hide(self) -> None: ...


class Presence:
    """displays: where a code can be shown. button: whether the device has one that calls `pressed`."""

    def __init__(
        self, displays: Iterable[Display], entropy: Callable[[int], bytes], ticks: Callable[[], float], button: bool
    ) -> None:
        self.button = button
        self._displays = list(displays)
        self._entropy = entropy
        self._ticks = ticks
        self._aim = ""
        self._who = ""
        self._code = ""
        self._until = 0.0
        self._guesses = _GUESSES
        self._pressed = False
        self._failures = 0
        self._wait = 0.0

    def possible(self) -> bool:
        """Whether anything at the device could show a code or be pressed."""
        return self.button or any(display.there() for display in self._displays)

    def ask(self, aim: str, text: str, who: str = "") -> bool:
        """Show a new code for `aim`; one that was shown before ends. True if the button can be pressed instead.

        who: asks. The same may think better of it and ask for something else, unless a press could then mean either.

        Refused("no_presence") if nothing at the device can show it, ("code_busy") while it asks about something else,
        ("pairing_waits") after five wrong codes, of however many asks.
        """
        if self._ticks() < self._wait:
            raise Refused("pairing_waits")
        if self._aim and self._ticks() < self._until and aim != self._aim and (self.button or who != self._who):
            raise Refused("code_busy")
        code = f"{int.from_bytes(self._entropy(8), 'big') % 1_000_000:06}"
        shown = [display.show(code, text, LASTS) for display in self._displays]
        if not any(shown) and not self.button:
            raise Refused("no_presence")
        self._aim, self._who, self._code = aim, who, code if any(shown) else ""
        self._until, self._pressed = self._ticks() + LASTS, False
        return self.button

    def pressed(self) -> None:
        """The button was pressed: it counts only while something is asked."""
        self._pressed = self._ticks() < self._until and bool(self._aim)

    def prove(self, aim: str, code: str) -> str:
        """Return how it was proved ("screen code" or "button"), once; Refused if it was not, or for something else."""
        if self._ticks() >= self._until or not self._aim:
            self._end()
            raise Refused("code_ended")
        if not hmac.compare_digest(aim.encode(), self._aim.encode()):  # somebody uses it for something else: it ends
            self._end()
            raise Refused("code_ended")
        if self._pressed and not code:
            self._end()
            return "button"
        if not code:
            raise Refused("no_presence")
        self._guesses -= 1
        if self._code and hmac.compare_digest(code.encode("utf-8", "replace"), self._code.encode()):
            self._end()
            self._failures, self._guesses = 0, _GUESSES
            return "screen code"
        if not self._guesses:
            self._end()
            self._failures, self._guesses = self._failures + 1, _GUESSES
            self._wait = self._ticks() + min(_LONGEST, _WAIT * 2 ** (self._failures - 1))
        raise Refused("code_wrong")

    def _end(self) -> None:
        self._aim = self._code = ""
        self._until = 0.0
        self._pressed = False
        for display in self._displays:
            display.hide()
