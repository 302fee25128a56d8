"""Another camera's stream: its pictures come out whole, and what is no such stream is refused, whatever it is."""

import random

import pytest

from firmware_agent.camera.sources.multipart import LARGEST, Pictures
from firmware_agent.errors import FormatError

ONE, TWO, THREE = b"\xff\xd8one\r\n\r\n--\xff\xd9", b"\xff\xd8\n--two\xff\xd9", b"\xff\xd8three\xff\xd9"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=%b\r\nServer: any\r\n%b\r\n"


def part(picture, boundary=b"cut", end=b"\r\n", length=True, kind=b"image/jpeg"):
    said = b"Content-Length: %d" % len(picture) + end if length else b""
    return b"--" + boundary + end + b"Content-Type: " + kind + end + said + end + picture + end


def stream(*pictures, boundary=b"cut", extra=b"", **how):
    return HEAD % (boundary, extra) + b"".join(part(one, **how) for one in pictures)


def chunked(data, size):
    whole = (data[at : at + size] for at in range(0, len(data), size))
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in whole)


def read(data, size=None):
    """The pictures in `data`, fed in pieces of `size`."""
    parser = Pictures()
    return [
        one for at in range(0, len(data), size or len(data)) for one in parser.feed(data[at : at + (size or len(data))])
    ]


NEXT = part(b"")  # without a length, a picture is whole when the next begins
KINDS = {
    "with lengths": stream(ONE, TWO, THREE),
    "without lengths": stream(ONE, TWO, THREE, length=False) + NEXT,
    "line ends of Unix": stream(ONE, TWO, THREE, end=b"\n"),
    "and without lengths": stream(ONE, TWO, THREE, end=b"\n", length=False) + NEXT,
    "in quotes": stream(ONE, TWO, THREE, boundary=b'"cut"'),
    "dashes in the boundary's name": stream(ONE, TWO, THREE, boundary=b"--cut"),
    "a boundary before": HEAD % (b"cut", b"") + b"\r\n" + part(ONE) + b"\r\n" + part(TWO) + part(THREE),
    "old HTTP": stream(ONE, TWO, THREE).replace(b"HTTP/1.1", b"HTTP/1.0"),
    "another name of the kind": stream(ONE, TWO, THREE, kind=b"Image/JPG; x=y"),
    "more headers": stream(ONE, TWO, THREE).replace(b"Content-Length", b"X-Timestamp: 1.5\r\ncontent-length"),
    "in chunks": HEAD % (b"cut", b"Transfer-Encoding: chunked\r\n")
    + chunked(b"".join(part(one) for one in (ONE, TWO, THREE)), 7),
    "after a hint": b"HTTP/1.1 103 Early Hints\r\n\r\n" + stream(ONE, TWO, THREE),
}


@pytest.mark.parametrize("kind", KINDS)
def test_ok__pictures_come_out_whole_however_they_arrive(kind):
    data = KINDS[kind]
    for size in (None, 1, 2, 3, 5, 8, 13, 64):
        found = [one for one in read(data, size) if one]
        assert found == [ONE, TWO, THREE]


def test_ok__a_picture_is_there_with_its_last_byte():
    data = HEAD % (b"cut", b"") + part(ONE).removesuffix(b"\r\n")
    assert read(data) == [ONE] and read(data[:-1]) == []


def test_ok__the_largest_picture_and_no_larger():
    assert read(stream(bytes(LARGEST)), 65536) == [bytes(LARGEST)]
    assert read(stream(bytes(LARGEST), length=False) + NEXT, 65536)[0] == bytes(LARGEST)
    with pytest.raises(FormatError, match="too large"):
        read(stream(bytes(LARGEST + 1)), 65536)
    with pytest.raises(FormatError, match="too large"):
        read(stream(bytes(LARGEST + 1), length=False) + NEXT, 65536)
    with pytest.raises(FormatError, match="too large"):
        read(stream(length=False) + part(bytes(2 * LARGEST), length=False), 65536)


OTHER = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "a refusal": b"HTTP/1.1 401 Unauthorized\r\n\r\n",
    "elsewhere": b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere.example/\r\n\r\n",
    "a page": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>",
    "a picture": b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n" + ONE,
    "no kind": b"HTTP/1.1 200 OK\r\n\r\n" + part(ONE),
    "no boundary": stream(ONE).replace(b"boundary=cut", b"x=y"),
    "an empty boundary": stream(ONE, boundary=b""),
    "two boundaries": stream(ONE, boundary=b"cut; boundary=other"),
    "a long boundary": stream(ONE, boundary=b"x" * 71),
    "another boundary": stream(ONE, boundary=b"other"),
    "a head without end": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000,
    "a preamble": HEAD % (b"cut", b"") + b"This is a multipart message.\r\n" + part(ONE),
    "line ends without end": HEAD % (b"cut", b"") + b"\r\n" * 5000,
    "a part's head without end": HEAD % (b"cut", b"") + b"--cut\r\n" + b"X: y\r\n" * 5000,
    "a part without a kind": stream(ONE).replace(b"Content-Type: image/jpeg", b"X: y"),
    "a part of another kind": stream(ONE, kind=b"image/png"),
    "a field without a colon": stream(ONE).replace(b"Content-Type: image", b"odd\r\nContent-Type: image"),
    "two lengths": stream(ONE).replace(b"Content-Length", b"content-length: 1\r\nContent-Length"),
    "an odd length": stream(ONE).replace(b"Content-Length: ", b"Content-Length: -"),
    "a length that lies": stream(ONE, TWO).replace(b"Content-Length: 1", b"Content-Length: "),
    "the end": stream(ONE) + b"--cut--\r\n\r\n",
    "the end of chunks": HEAD % (b"cut", b"Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n",
    "the end of a length": stream(ONE, TWO, extra=b"Content-Length: 90\r\n"),
}


@pytest.mark.parametrize("kind", OTHER)
def test_fail__what_is_no_such_stream(kind):
    for size in (None, 1, 7):
        with pytest.raises(FormatError, match="upstream camera: "):
            read(OTHER[kind], size)


def test_fail__the_other_side_closes():
    parser = Pictures()
    assert list(parser.feed(stream(ONE))) == [ONE]
    with pytest.raises(FormatError, match="has ended"):
        list(parser.feed(b""))


@pytest.mark.attack(14)
def test_ok__damage_is_refused_or_gives_bounded_pictures():
    """The control: a stream that is not damaged gives its pictures each time."""
    rolls = random.Random(5)
    outcomes = {"refused": 0, "pictures": 0}
    for _ in range(4000):
        data = bytearray(rolls.choice(list(KINDS.values())))
        for _ in range(rolls.randrange(1, 4)):
            at = rolls.randrange(len(data))
            match rolls.randrange(4):
                case 0:
                    data[at] ^= 1 << rolls.randrange(8)
                case 1:
                    del data[at : at + rolls.randrange(1, 40)]
                case 2:
                    data[at:at] = rolls.choice([b"\r\n", b"\n\n", b"--cut", b"\r\n--cut--\r\n", b"0", b":", b"\xff"])
                case 3:
                    data[at:at] = data[at // 2 : at]
        try:
            found = read(bytes(data), rolls.choice([None, 1, 11]))
        except FormatError:
            outcomes["refused"] += 1
        else:
            assert all(len(one) <= len(data) for one in found)
            outcomes["pictures"] += bool(found)
    assert min(outcomes.values()) > 100, outcomes
