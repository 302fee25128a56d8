"""What clients ask for is understood, whatever else arrives is one of five answers; nothing in between."""

import base64
import random
import traceback
import urllib.parse

import pytest

from firmware_agent.camera.viewers.request import END, HEAD, Problem, Wanted, hopeful, wanted
from host_tests.rigs.viewing import basic, head

SECRET = "Zm9yd2FyZC1zZWNyZXQtMQ"
# What programs really ask for, from their own sources: (who, target, whether a stream).
HABITS = [
    ("OctoPrint's page, without a cache buster", "/webcam/?action=stream", True),
    ("OctoPrint's page, with one", "/webcam/?action=stream&1792000000000", True),
    ("OctoPrint's page, an address without a question mark", "/stream?1792000000000", True),
    ("OctoPrint's time-lapse", "/?action=snapshot", False),
    ("Mainsail, MJPEG-Streamer", "/webcam/?action=stream&timestamp=1792000000000", True),
    ("Mainsail, Adaptive MJPEG-Streamer", "/webcam/?action=snapshot&bypassCache=1792000000000", False),
    ("Fluidd, MJPEG Stream", "/webcam/?action=stream&cacheBust=1792000000000", True),
    ("Fluidd, MJPEG Adaptive", "/webcam/?action=snapshot&cacheBust=1792000000000", False),
    ("Fluidd, an address without a question mark", "/snapshot?cacheBust=1792000000000", False),
    ("Home Assistant, MJPEG IP Camera: its stream", "/stream", True),
    ("Home Assistant, MJPEG IP Camera: its still image", "/snapshot", False),
    ("Obico, by the webcam that Moonraker names", "/webcam/?action=snapshot", False),
    ("crowsnest's ustreamer", "/webcam/?action=stream", True),
    ("crowsnest's camera-streamer", "/webcam/stream", True),
    ("crowsnest's camera-streamer, a picture", "/webcam/snapshot", False),
    ("an address that lost its slash", "/webcam?action=stream", True),
    ("mjpg-streamer", "/?action=stream", True),
]


def problem(data):
    with pytest.raises(Problem) as caught:
        wanted(data)
    return caught.value.status


@pytest.mark.parametrize(("who", "target", "stream"), HABITS, ids=[row[0] for row in HABITS])
def test_ok__what_clients_ask_for(who, target, stream):
    assert wanted(head(target)) == Wanted(stream)
    assert wanted(head(f"/v/{SECRET}{target}")) == Wanted(stream, secret=SECRET)
    assert wanted(head(target, "HEAD")) == Wanted(stream, bare=True)
    assert wanted(head(target, version="HTTP/1.0", host=None)) == Wanted(stream)


def test_ok__a_query_as_url_libraries_write_it_anew():
    """Mainsail and Fluidd take the address apart and put it together again."""
    parts = urllib.parse.urlsplit(f"http://192.0.2.7:8089/v/{SECRET}/?action=stream")
    query = urllib.parse.urlencode([*urllib.parse.parse_qsl(parts.query), ("timestamp", "1792000000000")])
    assert wanted(head(f"{parts.path}?{query}")) == Wanted(True, secret=SECRET)


@pytest.mark.parametrize("coding", ["utf-8", "latin-1"])
def test_ok__name_and_password(coding):
    """Browsers send a name in UTF-8, requests and aiohttp (OctoPrint, Home Assistant) in Latin-1."""
    found = wanted(head("/stream", authorization=basic("Küche", "p:w", coding)))
    assert found == Wanted(True, user="Küche", password="p:w")
    assert wanted(head("/stream", authorization=basic("a", "b").replace("Basic ", "bAsIc   "))).user == "a"
    assert wanted(head("/stream", authorization=basic("", ""))) == Wanted(True, user="", password="")


def test_ok__other_credentials_are_none_and_an_address_needs_none():
    for other in ("Bearer abc", "Digest username=x", "Basic", "basic", ""):
        if other.lower() != "basic":
            assert wanted(head("/stream", authorization=other)) == Wanted(True)
    assert wanted(head(f"/v/{SECRET}/stream", authorization=basic("a", "b"))) == Wanted(True, secret=SECRET)


def test_fail__credentials_that_are_none():
    for broken in ("Basic", "Basic ", "Basic !!!", "Basic YQ", "Basic YQ==", "Basic YTpi=", "Basic YTpi YTpi"):
        assert problem(head("/stream", authorization=broken)) == 400, broken


def test_fail__addresses_that_are_none():
    for target in (
        "/", "/?", "/?action=", "/?action=command", "/?Action=stream", "/?action=streams", "/index.html",
        "/favicon.ico", "/stream/", "/stream.mjpg", "//stream", "/./stream", "/webcam/../stream", "/%73tream",
        "/stream%00", "/stream#x",
        "/webcam2/?action=stream", "/v/", f"/v/{SECRET}", f"/v/{SECRET}/", f"/v//{SECRET}/stream", "/v/a.b/stream",
        "/v/" + "a" * 65 + "/stream", f"/v/{SECRET}/v/{SECRET}/stream", f"/V/{SECRET}/stream", "/api/home", "/?stream",
    ):  # fmt: skip
        assert problem(head(target)) == 404, target


def test_fail__two_readers_could_differ():
    for target in ("/?action=stream&action=stream", "/?action=stream&action=snapshot", "/stream?action=snapshot"):
        assert problem(head(target)) == 400, target
    assert problem(head("/stream?" + "&".join(["a"] * 17))) == 400
    assert wanted(head("/stream?" + "&".join(["a"] * 16))).stream  # the control
    assert wanted(head("/stream?action=stream")).stream


def test_fail__requests_for_somebody_else():
    for target in ("http://192.0.2.7:8089/stream", "HTTP://h/stream", "*", "192.0.2.7:443", "stream"):
        assert problem(head(target)) == 400, target
    for method in ("POST", "PUT", "OPTIONS", "DELETE", "CONNECT", "get", "GETS", "PRI"):
        assert problem(head("/stream", method)) == 405, method


@pytest.mark.attack(9)
@pytest.mark.parametrize(
    ("what", "data"),
    [
        ("two hosts", b"GET /stream HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        ("no host", b"GET /stream HTTP/1.1\r\n\r\n"),
        ("two passwords", head("/stream", authorization=basic("a", "b")).replace(END, b"\r\nAuthorization: x\r\n\r\n")),
        ("two lengths", head("/stream").replace(END, b"\r\nContent-Length: 0\r\ncontent-length: 0\r\n\r\n")),
        ("a length that is none", head("/stream", content_length=None).replace(END, b"\r\nContent-Length: +0\r\n\r\n")),
        ("a length below nothing", head("/stream").replace(END, b"\r\nContent-Length: -1\r\n\r\n")),
        ("chunks", head("/stream").replace(END, b"\r\nTransfer-Encoding: chunked\r\n\r\n")),
        ("chunks and a length", head("/stream").replace(END, b"\r\nContent-Length: 0\r\nTransfer-Encoding: x\r\n\r\n")),
        ("a hidden coding", head("/stream").replace(END, b"\r\nTransfer-Encoding: \tidentity, chunked\r\n\r\n")),
        ("a body that asks first", head("/stream").replace(END, b"\r\nExpect: 100-continue\r\n\r\n")),
        ("a header that goes on", head("/stream").replace(END, b"\r\nX: a\r\n b\r\n\r\n")),
        ("a header that goes on by a tab", head("/stream").replace(END, b"\r\nX: a\r\n\tb\r\n\r\n")),
        ("a space before the colon", head("/stream").replace(END, b"\r\nHost : b\r\n\r\n")),
        ("a header without a name", head("/stream").replace(END, b"\r\n: b\r\n\r\n")),
        ("NUL in a header", head("/stream").replace(END, b"\r\nX: a\0b\r\n\r\n")),
        ("NUL in the address", b"GET /stream\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("escape", head("/stream").replace(END, b"\r\nX: \x1b[2J\r\n\r\n")),
        ("lines that end in LF", b"GET /stream HTTP/1.1\nHost: a\n\n"),
        ("one line that ends in LF", b"GET /stream HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"),
        ("CR alone", b"GET /stream HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"),
        ("an empty line before", b"\r\n" + head("/stream")),
        ("a second request", head("/stream") + head("/snapshot")),
        ("bytes after it", head("/stream") + b"x"),
        ("no end", head("/stream")[:-2]),
        ("nothing", b""),
        ("only its end", END),
        ("two spaces", b"GET  /stream HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("HTTP/0.9", b"GET /stream\r\n\r\n"),
        ("HTTP/2", b"GET /stream HTTP/2.0\r\nHost: a\r\n\r\n"),
        ("HTTP/1.2", b"GET /stream HTTP/1.2\r\nHost: a\r\n\r\n"),
        ("no ASCII", "GET /strëam HTTP/1.1\r\nHost: a\r\n\r\n".encode()),
        ("TLS", bytes.fromhex("16030100f8010000f40303") + bytes(32)),
        ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_fail__header_tricks(what, data):
    assert problem(data) == 400


def test_fail__a_body():
    for length in ("1", "007", "99999999999999999999"):
        assert problem(head("/stream").replace(END, b"\r\nContent-Length: %s\r\n\r\n" % length.encode())) == 413
    for length in ("0", "000"):
        assert wanted(head("/stream").replace(END, b"\r\nContent-Length: %s\r\n\r\n" % length.encode())).stream


def test_fail__larger_than_any():
    base = head("/stream").replace(END, b"\r\nX: \r\n\r\n")
    fits = base.replace(b"X: ", b"X: " + b"a" * (HEAD - len(base)))
    assert len(fits) == HEAD and wanted(fits).stream
    assert problem(fits.replace(b"X: ", b"X: a")) == 431


def test_ok__what_can_be_no_request_is_seen_before_its_end():
    whole = head("/?action=stream", authorization=basic("a", "b"))
    for at in range(len(whole)):
        hopeful(whole[:at])
    for start in (b"\x16\x03\x01", b"GET /\n", b"GET / HTTP/1.1\r\n\tX", b"\0", b"GET /\rx"):
        with pytest.raises(Problem):
            hopeful(start)


@pytest.mark.clause("L22")
@pytest.mark.attack(16)
def test_ok__no_secret_is_in_a_repr_or_an_exception():
    found = wanted(head("/stream", authorization=basic("ann", SECRET)))
    assert SECRET not in repr(found) and "ann" not in repr(found)
    assert SECRET not in repr(wanted(head(f"/v/{SECRET}/stream")))
    for data in (
        head(f"/v/{SECRET}/stream", authorization="Basic !"),
        b"GET /v/%s/stream HTTP/1.1\r\nHost: a\r\n%s: \r\n: x\r\n\r\n" % (SECRET.encode(), SECRET.encode()),
        b"GET /v/%s/stre\xe4m HTTP/1.1\r\nHost: a\r\n\r\n" % SECRET.encode(),
        b"%s\r\n\r\n" % SECRET.encode(),
    ):
        try:
            wanted(data)
        except Problem as caught:
            said = "".join(traceback.format_exception(caught)) + repr(caught.__context__) + repr(caught.args)
            assert SECRET not in said and caught.__context__ is None
    with pytest.raises(ValueError) as plain:  # the control: this is how an exception tells
        raise ValueError(SECRET)
    assert SECRET in "".join(traceback.format_exception(plain.value))


# --- a reduced fuzz; `tools/prove fuzz` does more of it

_TOKENS = [
    b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"/", b"?", b"&", b"=", b"%00", b"\0", b"action=stream", b"/v/", b"HEAD ",
    b"POST ", b"HTTP/1.1", b"HTTP/1.0", b"Host: a\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Authorization: Basic YTpi\r\n", b"Authorization: ", b"http://", b"\r\n\r\n", b"\xff", b"/webcam", b"#", b"..",
]  # fmt: skip


def mutated(random):
    _, target, _ = random.choice(HABITS)
    headers = {"authorization": basic("a", "b")} if random.random() < 0.3 else {}
    if random.random() < 0.3:
        target = f"/v/{SECRET}{target}"
    data = bytearray(head(target, random.choice(["GET", "GET", "HEAD", "PUT"]), **headers))
    for _ in range(random.choice((0, 1, 1, 1, 2, 4, 8))):
        at = random.randrange(len(data) + 1)
        kind = random.randrange(5)
        if kind == 0:
            if random.random() < 0.5:
                at = data.rfind(b"\r\n", 0, at) + 2
            data[at:at] = random.choice(_TOKENS)
        elif kind == 1:
            del data[at : at + random.choice((1, 1, 2, 8, 40))]
        elif kind == 2 and at < len(data):
            data[at] = random.randrange(256)
        elif kind == 3:
            data[at:at] = data[at : at + random.randrange(60)]
        else:
            data[at:at] = random.randbytes(random.choice((1, 3, 4096)) if random.random() < 0.1 else 1)
    return bytes(data)


def strictly(data):
    """The same judgement on what was understood, by other means: what a plain reader sees in the first line."""
    assert data.endswith(END) and data.count(END) == 1 and len(data) <= HEAD
    line = data.split(b"\r\n")[0].decode("ascii")
    method, target, version = line.split(" ")
    assert method in ("GET", "HEAD") and version in ("HTTP/1.1", "HTTP/1.0")
    path, _, query = target.partition("?")
    secret = None
    if path.startswith("/v/"):
        _, _, secret, rest = path.split("/", 3) if path.count("/") > 2 else (*path.split("/"), "")
        path = "/" + rest
    arguments = query.split("&")
    stream = path in ("/stream", "/webcam/stream") or "action=stream" in arguments
    assert path in ("/", "/webcam", "/webcam/", "/stream", "/snapshot", "/webcam/stream", "/webcam/snapshot")
    assert stream or "action=snapshot" in arguments or path.endswith("/snapshot")
    return stream, method == "HEAD", secret


def test_ok__twenty_thousand_requests_that_were_damaged():
    source, seen = random.Random(5), {}
    for number in range(20_000):
        data = mutated(source)
        try:
            found = wanted(data)
        except Problem as caught:
            assert caught.status in (400, 404, 405, 413, 431), number
            seen[caught.status] = seen.get(caught.status, 0) + 1
            continue
        assert (found.stream, found.bare, found.secret) == strictly(data), (number, data)
        if found.user is not None:
            assert secrets_of(data) == (found.user, found.password), number
        seen[200] = seen.get(200, 0) + 1
    assert set(seen) == {200, 400, 404, 405, 413, 431} and min(seen.values()) > 5  # it reaches every answer


def secrets_of(data):
    line = next(line for line in data.split(b"\r\n") if line.lower().startswith(b"authorization:"))
    both = base64.b64decode(line.split(b":", 1)[1].split()[1])
    user, _, password = both.partition(b":")
    try:
        return user.decode(), password.decode()
    except UnicodeDecodeError:
        return user.decode("latin-1"), password.decode("latin-1")


def test_fail__the_fuzz_would_see_a_reader_that_is_not_strict():
    """The control: one that takes what h11 takes by itself."""
    lax = b"GET /stream HTTP/1.1\nHost: a\n\n"
    with pytest.raises(AssertionError):
        strictly(lax)
    with pytest.raises(AssertionError):
        strictly(head("/stream/.."))
