"""The request of a printer's web API against hostile answers from a real socket, and what it can send at all."""

import asyncio
import traceback
from typing import Any

import pytest

from firmware_agent.addresses import readable
from firmware_agent.errors import SourceError
from firmware_agent.telemetry.http import POSTED, StatusError, ask, get_json

CANARY = "canary-7f3a"


def answered(raw: bytes, **bounds: Any) -> Any:
    """What get_json makes of these bytes from a real socket; b"" never answers."""

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if not raw:
            await reader.read()
        writer.write(raw)
        writer.close()

    async def ask() -> Any:
        async with await asyncio.start_server(peer, "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            return await get_json("http://127.0.0.1:%d/api/job?q=%s" % (port, CANARY), {"X-Api-Key": CANARY}, **bounds)

    return asyncio.run(ask())


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "raw", [ok(b'{"a": 1}'), CHUNKED + b'8\r\n{"a": 1}\r\n0\r\n\r\n', b"HTTP/1.0 200\r\n\r\n" + b'{"a": 1}']
)
def test_ok__an_object_arrives_however_it_is_framed(raw: bytes) -> None:
    assert answered(raw) == {"a": 1}


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (ok(b"<html>canary-7f3a"), "not a JSON object"),
        (ok(b'["canary-7f3a"]'), "not a JSON object"),
        (ok(b'{"canary-7f3a": NaN}'), "not a JSON object"),
        (ok(b'{"canary-7f3a": "\xff"}'), "not a JSON object"),
        (ok(b'{"canary-7f3a": ' + b"[" * 50_000), "not a JSON object"),
        (ok(b'{"canary-7f3a": ' + b"1" * 5_000 + b"}"), "not a JSON object"),
        (ok(b'{"canary-7f3a": "' + b"a" * 70_000 + b'"}'), "more than 65536 bytes"),
        (CHUNKED + b"20000\r\n" + b"a" * 0x20000 + b"\r\n0\r\n\r\n", "more than 65536 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\ncanary-7f3a", "broke off"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000, "does not speak HTTP"),
        (b"SSH-2.0-canary-7f3a\r\n\r\n", "does not speak HTTP"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/canary-7f3a\r\n\r\n", "answered 302: it leads elsewhere"),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "answered 403: the key is refused; make a new one"),
        (b"HTTP/1.1 500 canary-7f3a\r\n\r\n", "answered 500"),
    ],
)
def test_fail__a_hostile_answer_is_a_source_error_that_shows_nothing(raw: bytes, says: str) -> None:
    with pytest.raises(SourceError, match=says) as failed:
        answered(raw, limit=65536)
    assert "\n" not in str(failed.value)
    assert CANARY not in str(failed.value)
    chain = traceback.TracebackException.from_exception(failed.value)
    assert chain.__context__ is None and chain.__cause__ is None


def test_fail__a_server_that_never_answers_times_out() -> None:
    with pytest.raises(SourceError, match="no answer within"):
        answered(b"", timeout=0.2)


@pytest.mark.parametrize("key", [CANARY + "\r\nX: y", CANARY + "\u20ac", CANARY + "\x00"])
def test_fail__a_key_that_cannot_be_sent_is_not_shown(key: str) -> None:
    with pytest.raises(SourceError, match="copy it again") as failed:
        asyncio.run(get_json("http://127.0.0.1:9/", {"X-Api-Key": key}))
    assert CANARY not in "".join(traceback.format_exception(failed.value))


def test_fail__http_to_another_machine_is_never_tried() -> None:
    with pytest.raises(SourceError, match="an address is refused: use https"):
        asyncio.run(get_json("http://192.0.2.1/api/job?" + CANARY, {}))


LOCAL = [
    "http://127.0.0.1:5000",
    "http://127.9.9.9/x",
    "http://[::1]:80",
    "http://localhost/",
    "https://printer.example",
]
ELSEWHERE = [
    "http://192.0.2.1",
    "http://localhost.example",
    "http://127.1",
    "http://127.0.0.1@192.0.2.1/",
    "http://[::1",
]
ODD = [
    "",
    "ftp://127.0.0.1",
    "https://",
    "https://a:b@c",
    "http://127.0.0.1:x",
    "http://127.0.0.1/\n",
    "https://\u00fc.de",
    "HTTPS://printer.lan",
    "Http://127.0.0.1",
]


@pytest.mark.parametrize("url", LOCAL)
def test_ok__https_or_this_machine(url: str) -> None:
    assert readable(url)


@pytest.mark.parametrize("url", ELSEWHERE + ODD)
def test_fail__any_other_address(url: str) -> None:
    assert not readable(url)


def test_fail__a_missing_page_says_so() -> None:
    with pytest.raises(StatusError, match="404: there is no such page") as missing:
        answered(b"HTTP/1.1 404 Not Found\r\n\r\n")
    assert missing.value.status == 404


def test_fail__nobody_listens() -> None:
    with pytest.raises(SourceError, match="nothing listens there; start it"):
        asyncio.run(get_json("http://127.0.0.1:9/", {}))


def exchanged(raw: bytes, *arguments: Any, **options: Any) -> tuple[bytes, Any]:
    """(what arrives of one request, what `ask` makes of the answer `raw`)."""
    seen, over = bytearray(), asyncio.Event()

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.extend(await reader.readuntil(b"\r\n\r\n"))
        writer.write(raw)
        await writer.drain()
        seen.extend(await reader.read())  # whatever else there is
        over.set()

    async def story() -> Any:
        async with await asyncio.start_server(peer, "127.0.0.1", 0) as listening:
            url = "http://127.0.0.1:%d/a/" % listening.sockets[0].getsockname()[1]
            answer = await ask(url, {"X-Api-Key": "k"}, *arguments, **options)
            await over.wait()
            return answer

    answer = asyncio.run(story())
    return bytes(seen), answer


@pytest.mark.parametrize("text", POSTED)
def test_ok__what_is_posted_is_on_the_list(text: bytes) -> None:
    sent, answer = exchanged(b"HTTP/1.1 201 Created\r\nContent-Length: 8\r\n\r\n" + b'{"a": 1}', text)
    assert sent.startswith(b"POST /a/ HTTP/1.1\r\n") and sent.endswith(b"\r\n\r\n" + text)
    assert (answer.status, answer.found) == (201, {"a": 1})


@pytest.mark.parametrize("text", [b"", b"{}", b'{"command": "cancel"}', POSTED[0] + b" "])
def test_fail__nothing_else_can_be_posted(text: bytes) -> None:
    with pytest.raises(ValueError, match="not on the list"):
        asyncio.run(ask("http://127.0.0.1:9/", {}, text))


def test_ok__an_answer_without_a_body_is_one() -> None:
    _, answer = exchanged(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert (answer.status, answer.found) == (204, None)


def test_fail__a_secret_part_of_a_path_stands_in_no_message() -> None:
    sent, answer = exchanged(b"HTTP/1.1 404 X\r\n\r\n", secret=CANARY)
    assert sent.startswith(b"GET /a/" + CANARY.encode()) and CANARY not in answer.where  # the control: it was sent
    with pytest.raises(SourceError) as failed:
        asyncio.run(ask("http://127.0.0.1:9/a/", {}, secret=CANARY))
    assert CANARY not in "".join(traceback.format_exception(failed.value))
