"""What the page's server can answer, and what every answer says to the browser.

A Page goes only to its session; what goes to others is in free.py. The exit (server.py) looks at nothing but the type.
"""

import json
from collections.abc import AsyncIterator
from typing import Any

from firmware_agent.model import Session

SECURITY = (
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    ("X-Frame-Options", "DENY"),  # for browsers that do not know frame-ancestors
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    (
        "Permissions-Policy",
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), "
        "magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=()",
    ),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Embedder-Policy", "require-corp"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
JSON = "application/json; charset=utf-8"
EVENTS = "text/event-stream; charset=utf-8"
PICTURES = "application/octet-stream"  # sealed, each after its length
Headers = tuple[tuple[str, str], ...]


class Answer:
    """status, kind (the content type), body, and further headers.

    A body that is no bytes is a live view: its pieces, and `beat`, the sign of life between them.
    """

    def __init__(
        self,
        body: "bytes | AsyncIterator[bytes]",
        kind: str = JSON,
        status: int = 200,
        headers: Headers = (),
        keep: str = "no-store",
        beat: bytes = b"",
    ) -> None:
        self.body = body
        self.kind = kind
        self.status = status
        self.headers = (*SECURITY, ("Cache-Control", keep), *headers)
        self.beat = beat

    async def drop(self) -> None:
        """It goes to nobody: what makes its pieces is ended."""
        end = getattr(self.body, "aclose", None)
        if end is not None:
            await end()


class Page(Answer):
    """Goes to `session` and to nobody else."""

    def __init__(self, session: Session, body: "bytes | AsyncIterator[bytes]", kind: str = JSON, **more: Any) -> None:
        super().__init__(body, kind, **more)
        self.session = session


def packed(value: Any) -> bytes:
    """As JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")
