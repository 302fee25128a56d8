"""The certificate of the owner's page: made on the device, signed by itself, and shown there as a fingerprint.

Its subject says "printer" and nothing of this one: whoever is on the network reads it before any key is agreed.
"""

import datetime
import hashlib
import ipaddress
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PEM, KEY = "panel.pem", "panel.key"
DAYS, LEFT = 825, 30  # of its life, the longest that phones take; left when it is made anew
_EARLIEST = 1_760_000_000  # s since 1970: without a clock it begins here
_DAY = 86400


class Storage(Protocol):
    """The device's: files of one private directory, mode 0600."""

    directory: Path

    def read(self, name: str) -> bytes | None: ...
    def write(self, name: str, data: bytes) -> None: ...


def ensure(storage: Storage, names: Iterable[str], now: int | None) -> bool:
    """Make certificate and key unless there are good ones for exactly these `names`; whether they were made.

    names: hosts and addresses that the page is called by. now: seconds since 1970, None without a clock: then any
    date counts. ValueError for what is no name.
    """
    wanted = _names(names)
    if _good(storage.read(PEM), storage.read(KEY), wanted, now):
        return False
    key = ec.generate_private_key(ec.SECP256R1())
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    storage.write(KEY, private)
    storage.write(PEM, _made(key, wanted, _EARLIEST if now is None else now).public_bytes(encoding))
    return True


def context(directory: Path) -> ssl.SSLContext:
    """TLS 1.2 and newer with the certificate in `directory`; OSError if there is none."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    tls.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")  # of 1.2; all of 1.3 are good
    tls.options |= ssl.OP_NO_RENEGOTIATION
    tls.load_cert_chain(directory / PEM, directory / KEY)
    return tls


def fingerprint(pem: bytes) -> str:
    """SHA-256 of the certificate as browsers show it, in groups of four digits; ValueError if it is none."""
    digest = hashlib.sha256(x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)).hexdigest()
    return " ".join(digest[at : at + 4] for at in range(0, len(digest), 4)).upper()


def _names(names: Iterable[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in sorted(set(names)):
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return found


def _made(key: ec.EllipticCurvePrivateKey, names: list[x509.GeneralName], now: int) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "printer")])
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_moment(now - _DAY))  # a phone's clock may be behind
        .not_valid_after(_moment(now + (DAYS - 1) * _DAY))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    if names:
        made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return made.sign(key, hashes.SHA256())


def _good(pem: bytes | None, private: bytes | None, wanted: list[x509.GeneralName], now: int | None) -> bool:
    if not pem or not private:
        return False
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        key = serialization.load_pem_private_key(private, None)
        if certificate.public_key() != key.public_key():
            return False
        found = list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        found = []
    except (ValueError, TypeError):
        return False
    begins = int(certificate.not_valid_before_utc.timestamp())
    ends = int(certificate.not_valid_after_utc.timestamp())
    return found == wanted and (now is None or begins <= now < ends - LEFT * _DAY)


def _moment(seconds: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)
