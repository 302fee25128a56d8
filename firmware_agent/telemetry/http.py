"""One bounded, read-only HTTP/1.1 GET of a JSON object: what a source needs of a printer's web API, and no more."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

import h11

from firmware_agent.addresses import readable
from firmware_agent.errors import SourceError
from firmware_agent.telemetry.flat import parse

_TODO = {
    401: ("the key is refused; make a new one on the printer's host and put it into the configuration", "key"),
    403: ("the key is refused; make a new one on the printer's host and put it into the configuration", "key"),
    404: ("there is no such page; see whether address and kind of source in the configuration are right", "strange"),
    429: ("it wants fewer requests; read it less often", "full"),
}


class StatusError(SourceError):
    """The server answered, and not with 200. `status` is its number."""

    def __init__(self, where: str, status: int) -> None:
        # Redirects are not followed: the key must reach the configured address only.
        todo, code = _TODO.get(status, ("see what that server's own log says", "fault"))
        super().__init__("cannot read %s: answered %d: %s" % (where, status, todo), code)
        self.status = status


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
    if not readable(url):
        raise SourceError(
            "an address is refused: use https, or http to this machine itself, without a user name in it", "setup"
        )
    parts = urlsplit(url)
    where = "%s://%s%s" % (parts.scheme, parts.netloc, parts.path)
    status, body = 0, b""
    try:
        async with asyncio.timeout(timeout):
            status, body = await _get(parts, headers, limit)
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
    if status != 200:
        raise StatusError(where, status)
    found = parse(body)
    if found is None:
        raise SourceError("cannot read %s: not a JSON object; see whether the address is right" % where, "strange")
    return found


async def _get(parts: SplitResult, headers: Mapping[str, str], limit: int) -> tuple[int, bytes]:
    connection = h11.Connection(h11.CLIENT)
    target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
    own = [("Host", parts.netloc), ("Accept", "application/json"), ("Connection", "close")]
    request = connection.send(h11.Request(method="GET", target=target, headers=own + list(headers.items())))
    request = (request or b"") + (connection.send(h11.EndOfMessage()) or b"")
    tls = ssl.create_default_context() if parts.scheme == "https" else None
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or (443 if tls else 80), ssl=tls)
    try:
        writer.write(request)
        await writer.drain()
        body = bytearray()
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await reader.read(65536))
            elif isinstance(event, h11.Response):
                if event.status_code != 200:
                    return event.status_code, b""
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > limit:
                    raise _TooLarge
            elif isinstance(event, h11.EndOfMessage):
                return 200, bytes(body)
            elif not isinstance(event, h11.InformationalResponse):
                raise h11.RemoteProtocolError("neither an answer nor its end")
    finally:
        writer.transport.abort()  # all that was wanted is here: no waiting for a peer's goodbye
