"""Proof that a person is at the device: a code shown on its terminal and typed back there.

A pipe, a service or a script without a terminal cannot pass. With presence "console" a remote login cannot either: its
terminal is a pseudo-terminal, and only real consoles count. Root on the device can fake a console; nothing stops root.
"""

import hmac
import os
import re
import secrets
import sys

from firmware_agent.errors import Refused

_CONSOLE = re.compile(r"/dev/(console|tty[0-9]+|tty(S|AMA|mxc|PS|GS|USB|ACM|O|SC|STM)[0-9]+)")


def require_terminal(mode: str, purpose: str, recipient: str) -> None:
    """Refused("no_presence") unless this process talks to a terminal that counts as being at the device."""
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        raise Refused("no_presence", purpose, recipient)
    if mode == "console" and not _CONSOLE.fullmatch(os.ttyname(sys.stdin.fileno())):
        raise Refused("no_presence", purpose, recipient)


def confirmed() -> bool:
    """Whether the person typed back the code that was shown; anything else is a no."""
    code = f"{secrets.randbelow(10_000):04}"
    try:
        typed = input(f"To allow this, type {code} and press Enter (anything else: no): ")
    except (EOFError, KeyboardInterrupt):
        print()
        return False
    return hmac.compare_digest(typed.strip().encode(), code.encode())
