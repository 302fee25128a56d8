"""The few answers that main gives itself. They hold nothing of the printer: no name, no date, no picture, no programs.

Pictures are never answered here: the camera process writes those, on the viewer's own connection.
"""

from firmware_agent.refusals import REASONS

# status: (its phrase, what to do about it)
_TEXTS = {
    200: ("OK", ""),
    400: ("Bad Request", "This is not a request that a camera client makes. This port speaks plain HTTP only."),
    401: (
        "Unauthorized",
        "The name and password of a viewer are needed here: `viewer add` or the printer's own page shows them.",
    ),
    403: ("Forbidden", "The camera is not shown"),
    404: (
        "Not Found",
        "No such address, or it was taken back: `viewer list`. Pictures are at its /stream and /snapshot.",
    ),
    405: ("Method Not Allowed", "Pictures can be asked for with GET, and nothing else can be done here."),
    408: ("Request Timeout", "The request took too long."),
    413: ("Content Too Large", "A request for pictures has no body."),
    431: ("Request Header Fields Too Large", "The request is larger than any that a camera client makes."),
    503: ("Service Unavailable", "The camera gives no picture just now; try again in a moment."),
}
_MORE = {
    401: 'WWW-Authenticate: Basic realm="camera", charset="UTF-8"\r\n',
    405: "Allow: GET, HEAD\r\n",
}
_LATER = 5  # s after which a client may try again
_BUSY = {
    "too_many_viewers": _LATER,
    "viewer_full": _LATER,
    "stills_paced": 1,
}  # refusals that are over by themselves: after how many s


def told(status: int, bare: bool = False, why: str = "", later: int = _LATER) -> bytes:
    """The whole answer; without its body if only the head was asked for. why: in place of what to do. later: s after
    which a 503 is over, perhaps.
    """
    phrase, text = _TEXTS[status]
    more = f"Retry-After: {later}\r\n" if status == 503 else _MORE.get(status, "")
    body = ((why or text) + "\n").encode("utf-8")
    head = (
        f"HTTP/1.1 {status} {phrase}\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"{more}"
        "X-Content-Type-Options: nosniff\r\n"
        "Cache-Control: no-store\r\n"
        "Connection: close\r\n"
        "\r\n"
    )
    return head.encode("ascii") + (b"" if bare else body)


def refused(reason: str, bare: bool = False) -> bytes:
    """Why the camera is not shown to somebody whom the owner let in. reason: a name of REASONS."""
    if reason in _BUSY:
        return told(503, bare, _said("", reason), _BUSY[reason])
    return told(403, bare, _said(_TEXTS[403][1] + ": ", reason))


def promised(stream: bool) -> bytes:
    """To HEAD: what GET would bring at this moment. Nothing is opened for it."""
    kind = "multipart/x-mixed-replace" if stream else "image/jpeg"
    return (
        f"HTTP/1.1 200 {_TEXTS[200][0]}\r\nContent-Type: {kind}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    ).encode("ascii")


def _said(before: str, reason: str) -> str:
    why, todo = REASONS[reason]
    return f"{before}{why}." if todo.startswith("nothing") else f"{before}{why}; {todo}."
