"""One bounded HTTP/1.1 request of a JSON object: what a source needs of a printer's web API, and no more.

It reads. What can be posted is the closed list POSTED, constant texts: nothing of this device can go that way.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

import h11

from firmware_agent.addresses import readable
from firmware_agent.errors import SourceError
from firmware_agent.telemetry.flat import parse

# To OctoPrint only: begin a session of the push socket for whom the key belongs to; ask its owner for a key.
LOG_IN, WANT_KEY = POSTED = (b'{"passive": true}', b'{"app": "firmware_agent"}')
_MOVED = "it leads elsewhere, and the key must reach the configured address only; configure the address it leads to"
_TODO = {
    **dict.fromkeys((301, 302, 303, 307, 308), (_MOVED, "setup")),
    401: ("the key is refused; make a new one on the printer's host and put it into the configuration", "key"),
    403: ("the key is refused; make a new one on the printer's host and put it into the configuration", "key"),
    404: ("there is no such page; see whether address and kind of source in the configuration are right", "strange"),
    429: ("it wants fewer requests; wait some minutes, and read it less often", "full"),
}


_CHUNK = 4096  # bytes at once


class StatusError(SourceError):
    """The server answered, and not as it should. `status` is its number."""

    def __init__(self, where: str, status: int) -> None:
        todo, code = _TODO.get(status, ("see what that server's own log says", "fault"))
        super().__init__("cannot read %s: answered %d: %s" % (where, status, todo), code)
        self.status = status


@dataclass(frozen=True)
class Answer:
    """status: its number. found: the JSON object; None: there is none. where: the address, for messages."""

    status: int
    found: dict[str, Any] | None
    where: str


class _TooLarge(Exception):
    pass


async def get_json(
    url: str,
    headers: Mapping[str, str],
    timeout: float = 5.0,  # noqa: ASYNC109  one bound for the whole request, the same for every caller
    limit: int = 1 << 20,
) -> dict[str, Any]:
    """The JSON object at `url`, over one connection of its own.

    timeout: seconds for the whole request. limit: bytes of body. StatusError for any answer but 200, SourceError for
    everything else; no message holds a header's value, the query or anything the server sent.
    """
    return whole(await ask(url, headers, timeout=timeout, limit=limit))


def whole(answer: Answer) -> dict[str, Any]:
    """The object of an answer that had to be 200. StatusError: it is not; SourceError: there is none."""
    if answer.status != 200:
        raise StatusError(answer.where, answer.status)
    if answer.found is None:
        why = "cannot read %s: not a JSON object; see whether the address is right" % answer.where
        raise SourceError(why, "strange")
    return answer.found


async def ask(
    url: str,
    headers: Mapping[str, str],
    posted: bytes | None = None,
    secret: str = "",
    timeout: float = 5.0,  # noqa: ASYNC109  as get_json
    limit: int = 1 << 20,
) -> Answer:
    """Whatever the status is; else as get_json. posted: of POSTED; None: it is a GET.

    secret: a last part of the path that no message may hold.
    """
    if posted is not None and posted not in POSTED:
        raise ValueError("that is not on the list of what may be posted")
    if not readable(url):
        raise SourceError(
            "an address is refused: use https, or http to this machine itself, without a user name in it", "setup"
        )
    parts = urlsplit(url)
    where = "%s://%s%s" % (parts.scheme, parts.netloc, parts.path)
    parts = parts._replace(path=parts.path + secret)
    status, body = 0, b""
    try:
        async with asyncio.timeout(timeout):
            status, body = await _talk(parts, headers, posted, limit)
        why, code = "", ""
    except TimeoutError:
        why, code = "no answer within %g s; see whether it hangs or is overloaded" % timeout, "silent"
    except ConnectionRefusedError:
        why, code = "nothing listens there; start it, or correct the address", "refused"
    except ssl.SSLCertVerificationError:
        why, code = "its certificate is not trusted; add its authority to the system's certificates", "setup"
    except ssl.SSLError:
        why, code = "it does not speak TLS as it should; correct the address", "strange"
    except OSError as failure:
        why = "the connection failed (%s); check the address and the network" % type(failure).__name__
        code = "silent"
    except _TooLarge:
        why, code = "more than %d bytes; see whether the address is right" % limit, "strange"
    except (h11.LocalProtocolError, UnicodeError):
        why, code = "the key or the address cannot be sent; copy it again into the configuration", "setup"
    except h11.RemoteProtocolError:
        why, code = "it does not speak HTTP, or broke off; see whether the address is right", "strange"
    # Raised out here, not in the handlers: h11 quotes the offending header, and a traceback would print it as context.
    if why:
        raise SourceError("cannot read %s: %s" % (where, why), code)
    return Answer(status, parse(body), where)


def _request(connection: h11.Connection, parts: SplitResult, headers: Mapping[str, str], posted: bytes | None) -> bytes:
    target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
    own = [("Host", parts.netloc), ("Accept", "application/json"), ("Connection", "close"), *headers.items()]
    if posted is not None:
        own += [("Content-Type", "application/json"), ("Content-Length", str(len(posted)))]
    method = "GET" if posted is None else "POST"
    request = connection.send(h11.Request(method=method, target=target, headers=own)) or b""
    request += connection.send(h11.Data(posted)) or b"" if posted is not None else b""
    return request + (connection.send(h11.EndOfMessage()) or b"")


async def _talk(parts: SplitResult, headers: Mapping[str, str], posted: bytes | None, limit: int) -> tuple[int, bytes]:
    connection = h11.Connection(h11.CLIENT)
    request = _request(connection, parts, headers, posted)
    tls = ssl.create_default_context() if parts.scheme == "https" else None
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or (443 if tls else 80), ssl=tls)
    try:
        writer.write(request)
        await writer.drain()
        status, body = 0, bytearray()
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await reader.read(_CHUNK))
                await asyncio.sleep(0)  # else many small pieces would hold up everything else
            elif isinstance(event, h11.Response):
                status = event.status_code
                if not 200 <= status < 300:
                    return status, b""
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > limit:
                    raise _TooLarge
            elif isinstance(event, h11.EndOfMessage):
                return status, bytes(body)
            elif not isinstance(event, h11.InformationalResponse):
                raise h11.RemoteProtocolError("neither an answer nor its end")
    finally:
        writer.transport.abort()  # all that was wanted is here: no waiting for a peer's goodbye
