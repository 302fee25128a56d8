"""Where a recipient listens, and on what terms we speak to it: TLS with both sides known. Opens nothing."""

import ssl
from dataclasses import dataclass

from firmware_agent.errors import UplinkError


@dataclass(frozen=True)
class Endpoint:
    """Where a recipient listens. Paths are of PEM files; timeout in seconds for each step of connecting."""

    host: str
    port: int
    topic: str
    tls: bool = True
    authority: str | None = None
    certificate: str | None = None
    key: str | None = None
    timeout: float = 10.0

    @property
    def where(self) -> str:
        return f"{self.host}:{self.port}"


def tls_context(endpoint: Endpoint) -> ssl.SSLContext:
    """TLS 1.2 or later, server name and authority always checked; UplinkError if a file cannot be used."""
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks name and authority; heeds no SSLKEYLOGFILE
        if endpoint.authority is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(endpoint.authority)
    except (OSError, ssl.SSLError):
        raise UplinkError(
            "authority_unusable", f"authority {endpoint.authority}: not a readable PEM certificate"
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if endpoint.certificate is not None:
        try:
            # A key with a pass phrase would make OpenSSL ask on the terminal, and everything wait.
            context.load_cert_chain(endpoint.certificate, endpoint.key, password=lambda: b"")
        except FileNotFoundError:
            raise UplinkError(
                "our_certificate_missing",
                f"certificate {endpoint.certificate} or key {endpoint.key}: no such file; put it there",
            ) from None
        except (OSError, ssl.SSLError):
            raise UplinkError(
                "our_certificate_unusable",
                f"certificate {endpoint.certificate} and key {endpoint.key}: unreadable, or not a pair",
            ) from None
    return context
