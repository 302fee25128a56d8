"""QR codes (ISO/IEC 18004), for a terminal and for the page."""

import io
from typing import TextIO

import segno


def terminal(text: str, out: TextIO) -> None:
    """Draw it with half blocks."""
    segno.make(text, micro=False).terminal(out, compact=True)


def svg(text: str) -> str:
    """As a picture, black on white in every colour scheme."""
    out = io.BytesIO()
    segno.make(text, micro=False).save(out, kind="svg", scale=4, border=4, light="#fff", xmldecl=False)
    return out.getvalue().decode()
