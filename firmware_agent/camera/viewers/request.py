"""The head of one request, read strictly: bytes in, what is wanted out. Opens, keeps and logs nothing.

Which program asks for what, as their own sources have it (docs/viewers.md says which field to change in each):

    /?action=stream, /?action=snapshot      mjpg-streamer and ustreamer, so everything that was set up for them
    /webcam/?action=...                     the same behind the web server of OctoPi, MainsailOS and FluiddPi
    /stream, /snapshot, /webcam/stream ...  camera-streamer, and so what crowsnest tells people to write
    /v/SECRET/ before each of them          ours: an address of one viewer, for programs that know no password

What they add to keep caches away is passed over: OctoPrint `&1792000000000`, with no name; Mainsail `timestamp=` to
streams and `bypassCache=` to snapshots; Fluidd `cacheBust=`.
"""

import binascii
import re
from dataclasses import dataclass, field

import h11

HEAD = 4096  # bytes of a whole head, its last empty line included
END = b"\r\n\r\n"

_ARGUMENTS = 16
_ACTION = ("/", "/webcam", "/webcam/")  # what is wanted is said by `action`
_NAMED = {
    "/stream": True,
    "/snapshot": False,
    "/webcam/stream": True,
    "/webcam/snapshot": False,
}
_ACTIONS = {"stream": True, "snapshot": False}
_OWN = re.compile(r"/v/([A-Za-z0-9_-]{1,64})(/.*)?")
# Control characters; a line that ends otherwise than in CR LF; a header that goes on in the next line.
_NEVER_BYTES = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r(?!\n|\Z)|\r\n[ \t]")
_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_LENGTH = re.compile(rb"\r\ncontent-length:", re.IGNORECASE)
_ONCE = (b"host", b"authorization")
_NEVER = (b"transfer-encoding", b"expect", b"content-encoding")  # nobody who wants a picture sends a body


class Problem(Exception):
    """It is not given. status: of HTTP, one of answers.py. Holds nothing of the request."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True)
class Wanted:
    """stream: pictures for as long as it lasts, else one. bare: the head of the answer only. secret: of an address of
    one viewer, before all; user, password: of HTTP Basic. None: not given."""

    stream: bool
    bare: bool = False
    secret: str | None = field(default=None, repr=False)
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


def hopeful(data: bytes) -> None:
    """Problem(400) as soon as what has come so far can be the beginning of no request: TLS, say."""
    if _NEVER_BYTES.search(data) is not None:
        raise Problem(400)


def wanted(head: bytes) -> Wanted:
    """What a whole head asks for; Problem with 400, 404, 405, 413 or 431. Nothing else is ever raised."""
    if len(head) > HEAD:
        raise Problem(431)
    hopeful(head)
    if head.find(END) != len(head) - len(END):  # once, at its end
        raise Problem(400)
    request = _request(head)
    if len(_LENGTH.findall(head)) > 1:  # h11 makes one of two that are equal
        raise Problem(400)
    if request is None or request.http_version not in (b"1.0", b"1.1"):
        raise Problem(400)
    if request.method not in (b"GET", b"HEAD"):
        raise Problem(405)
    headers = _headers(request)
    if headers.get(b"content-length", b"").strip(b"0"):
        raise Problem(413)
    secret, stream = _address(request.target.decode("ascii"))
    bare = request.method == b"HEAD"
    if secret is not None:
        return Wanted(stream, bare, secret)
    user, password = _basic(headers.get(b"authorization", b""))
    return Wanted(stream, bare, None, user, password)


def _request(head: bytes) -> h11.Request | None:
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD)
    connection.receive_data(head)
    try:
        event = connection.next_event()
    except h11.RemoteProtocolError:  # its text may quote the request
        return None
    return event if isinstance(event, h11.Request) else None


def _headers(request: h11.Request) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for name, value in request.headers.raw_items():
        name = name.lower()
        if name in _NEVER or (name in _ONCE and name in found):
            raise Problem(400)
        found[name] = value
    return found


def _address(target: str) -> tuple[str | None, bool]:
    """(secret or None, whether a stream is wanted); Problem(404) if there is no such address."""
    path, _, query = target.partition("?")
    if not path.startswith("/"):
        raise Problem(400)  # of a proxy, or of no resource at all
    secret = None
    own = _OWN.fullmatch(path)
    if own is not None:
        secret, path = own[1], own[2] or "/"
    arguments = query.split("&") if query else []
    actions = [value for name, _, value in (one.partition("=") for one in arguments) if name == "action"]
    if len(arguments) > _ARGUMENTS or len(actions) > 1:
        raise Problem(400)
    if path in _ACTION:
        if not actions or actions[0] not in _ACTIONS:
            raise Problem(404)
        return secret, _ACTIONS[actions[0]]
    if path not in _NAMED:
        raise Problem(404)
    if actions and _ACTIONS.get(actions[0]) != _NAMED[path]:  # two readers could differ
        raise Problem(400)
    return secret, _NAMED[path]


def _basic(header: bytes) -> tuple[str | None, str | None]:
    """(user, password) of an Authorization header; None for each if it is of another kind."""
    scheme, _, rest = header.partition(b" ")
    if scheme.lower() != b"basic":
        return None, None
    rest = rest.strip(b" ")
    both = binascii.a2b_base64(rest) if _BASE64.fullmatch(rest) else b""
    user, colon, password = both.partition(b":")
    if not colon:
        raise Problem(400)
    return _text(user), _text(password)


def _text(part: bytes) -> str:
    """Browsers send UTF-8, Python's clients Latin-1."""
    try:
        return part.decode("utf-8")
    except UnicodeDecodeError:
        return part.decode("latin-1")
