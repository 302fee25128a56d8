"""TLS to a printer that signs for itself: what it shows must have the known fingerprint, before a byte of ours is sent.

The hand-shake proves that the other side holds the key of the certificate that it shows; the fingerprint, compared in
constant time, proves which certificate that is. What the certificate says of itself (its name is the serial number)
counts for nothing, and neither does who signed it.
"""

import asyncio
import hashlib
import hmac
import socket
import ssl

from firmware_agent.errors import SourceError


async def connected(
    host: str, port: int, fingerprint: bytes, patience: float
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the owner of that certificate. fingerprint: SHA-256 (DER); b"" matches none. patience: s.

    SourceError: what is wrong and what to do. It shows the fingerprint that was seen, if it is another, and nothing
    else of what the other side said.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # TLS 1.2 or later; heeds no SSLKEYLOGFILE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False  # its name is no host's,
    context.verify_mode = ssl.CERT_NONE  # and its authority none that anybody knows: what counts comes below
    try:
        async with asyncio.timeout(patience):
            reader, writer = await asyncio.open_connection(host, port, ssl=context)
    except (OSError, ValueError) as error:
        why, code = _why(error)
    else:
        shown = hashlib.sha256(writer.get_extra_info("ssl_object").getpeercert(True) or b"").digest()
        if hmac.compare_digest(shown, fingerprint):
            return reader, writer
        writer.transport.abort()
        why, code = _strange(shown.hex(), bool(fingerprint)), "certificate" if fingerprint else "unpinned"
    raise SourceError("cannot read %s:%d: %s" % (host, port, why), code)


def _why(error: Exception) -> tuple[str, str]:
    if isinstance(error, ssl.SSLError):
        return "it does not speak TLS as it should; correct `host` and `port`", "strange"
    if isinstance(error, socket.gaierror | ValueError):
        return "the name cannot be looked up; correct `host`, an address is best", "setup"
    if isinstance(error, TimeoutError):
        return "no answer; see whether the printer is on and in the same network", "silent"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there; switch its LAN access on, or correct the address", "refused"
    return "the connection failed (%s); check the address and the network" % type(error).__name__, "silent"


def _strange(shown: str, known: bool) -> str:
    what = "its certificate is not the one that `fingerprint` names" if known else "`fingerprint` is not set"
    todo = (
        "compare with `openssl s_client -connect HOST:PORT </dev/null | openssl x509 -noout -fingerprint -sha256` from "
        "another computer beside the printer; only if both are the same, put it into `fingerprint`"
    )
    return "%s: nothing was sent; it shows %s; %s" % (what, shown, todo)
