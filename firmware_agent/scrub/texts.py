"""Bytes to text and back: whatever a log holds, what is not masked stays as it was, byte for byte."""

_MARKS = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


def decoded(data: bytes) -> tuple[str, str]:
    """(text, how it was written). A mark of the order of bytes stays in the text; bytes that are no UTF-8 stay, too."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            try:
                return data.decode(name), name
            except UnicodeDecodeError:
                break
    return data.decode("utf-8", "surrogateescape"), "utf-8"


def encoded(text: str, name: str) -> bytes:
    return text.encode(name, "surrogateescape" if name == "utf-8" else "strict")
