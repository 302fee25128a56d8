"""Proof that a person is at the device: a code shown on its terminal and typed back there.

A pipe, a service or a script without a terminal cannot pass. With presence "console" only virtual terminals and the
kernel's own consoles count: a remote login has a pseudo-terminal, and a serial line to the printer's mainboard, which
could be made to type, is no console. Root on the device can fake one; nothing stops root.
"""

import hmac
import os
import re
import secrets
import sys
from pathlib import Path

from firmware_agent.errors import Refused

_VIRTUAL = re.compile(r"/dev/tty[0-9]+")
_ACTIVE = Path("/sys/class/tty/console/active")  # the kernel's consoles, by name


def require_terminal(mode: str, purpose: str, recipient: str) -> None:
    """Refused("no_presence") unless this process talks to a terminal that counts as being at the device."""
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        raise Refused("no_presence", purpose, recipient)
    if mode == "console" and not is_console(os.ttyname(sys.stdin.fileno())):
        raise Refused("no_presence", purpose, recipient)


def is_console(name: str, active: Path = _ACTIVE) -> bool:
    """Whether the terminal `name` is a screen of this device or a console of its kernel."""
    if _VIRTUAL.fullmatch(name):
        return True
    try:
        return name in ["/dev/" + one for one in active.read_text().split()]
    except OSError:
        return False


def confirmed(aim: str = "To allow this") -> bool:
    """Whether the person typed back the code that was shown; anything else is a no. `aim` begins the question.

    Both go through the terminal that was looked at, wherever this process's output goes.
    """
    code = f"{secrets.randbelow(10_000):04}"
    with open(os.ttyname(sys.stdin.fileno()), "rb+", buffering=0) as terminal:
        terminal.write(f"{aim}, type {code} and press Enter (anything else: no): ".encode())
        try:
            typed = terminal.readline(80)
        except KeyboardInterrupt:
            typed = b""
    if not typed.endswith(b"\n"):
        print()
    return hmac.compare_digest(typed.strip(), code.encode())
