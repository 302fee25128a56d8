"""The page's certificate: made here, says nothing of this device, lasts as long as phones take, and is made anew."""

import asyncio
import datetime
import hashlib
import ssl
import stat
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from firmware_agent.device.linux import LinuxStorage
from firmware_agent.owner.panel import certificate
from firmware_agent.owner.stores import is_key
from host_tests.rigs.panel import FILES, House

NOW = 1_790_000_000
DAY = 86400
NAMES = ["printer.local", "192.168.1.5", "fd00::5"]


@pytest.fixture
def storage(tmp_path):
    return LinuxStorage(tmp_path / "state")


def stored(storage):
    return x509.load_pem_x509_certificate(storage.read(certificate.PEM))


def moment(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


@pytest.mark.clause("L21")
def test_ok__it_says_printer_and_nothing_of_this_one(storage):
    assert certificate.ensure(storage, NAMES, NOW)
    found = stored(storage)
    assert found.subject.rfc4514_string() == found.issuer.rfc4514_string() == "CN=printer"
    assert isinstance(found.public_key().curve, ec.SECP256R1)
    assert found.serial_number.bit_length() > 64
    known = {"basicConstraints", "keyUsage", "extendedKeyUsage", "subjectAltName"}
    assert {one.oid._name for one in found.extensions} == known
    alternatives = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(one.value) for one in alternatives} == set(NAMES)
    assert not found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    found.verify_directly_issued_by(found)


def test_ok__two_devices_have_nothing_in_common(tmp_path):
    found = []
    for name in ("one", "two"):
        storage = LinuxStorage(tmp_path / name)
        certificate.ensure(storage, [], NOW)
        found.append(stored(storage))
    assert found[0].serial_number != found[1].serial_number
    assert found[0].public_key() != found[1].public_key()


@pytest.mark.clause("L22")
def test_ok__nobody_else_can_read_it_and_an_erase_knows_its_key(storage):
    certificate.ensure(storage, NAMES, NOW)
    for name in (certificate.PEM, certificate.KEY):
        assert stat.S_IMODE((storage.directory / name).stat().st_mode) == 0o600
    assert sorted(storage.names()) == ["panel.key", "panel.pem"]
    assert is_key(certificate.KEY) and not is_key(certificate.PEM)
    assert b"PRIVATE" not in storage.read(certificate.PEM)


def test_ok__it_lasts_825_days_and_is_made_anew_in_its_last_30(storage):
    assert certificate.ensure(storage, NAMES, NOW)
    first = stored(storage)
    assert first.not_valid_after_utc - first.not_valid_before_utc == datetime.timedelta(days=825)
    ends = int(first.not_valid_after_utc.timestamp())
    for now in (NOW, NOW + DAY, ends - 31 * DAY, None):
        assert not certificate.ensure(storage, reversed(NAMES), now)
    assert stored(storage) == first
    assert certificate.ensure(storage, NAMES, ends - 29 * DAY)
    assert stored(storage).not_valid_after_utc > first.not_valid_after_utc


def test_ok__without_a_clock_it_is_made_and_with_one_it_is_made_right(storage):
    assert certificate.ensure(storage, NAMES, None)
    assert not certificate.ensure(storage, NAMES, None)
    later = int(stored(storage).not_valid_after_utc.timestamp())
    assert certificate.ensure(storage, NAMES, later)
    assert stored(storage).not_valid_before_utc == moment(later - DAY)


@pytest.mark.parametrize("now", [NOW - 2 * DAY, 1_760_000_001])
def test_ok__one_that_is_not_valid_yet_is_made_anew(storage, now):
    assert certificate.ensure(storage, NAMES, NOW)
    assert certificate.ensure(storage, NAMES, now)


@pytest.mark.parametrize("names", [[], NAMES[:2], [*NAMES, "other.local"], ["PRINTER.local", *NAMES[1:]]])
def test_ok__other_names_make_another(storage, names):
    assert certificate.ensure(storage, NAMES, NOW)
    assert certificate.ensure(storage, names, NOW)
    assert not certificate.ensure(storage, names, NOW)


@pytest.mark.attack(5)
@pytest.mark.parametrize("name", [certificate.PEM, certificate.KEY])
@pytest.mark.parametrize("damage", ["gone", "empty", "half", "other", "noise"])
def test_fail__a_damaged_or_foreign_half_is_not_used(tmp_path, storage, name, damage):
    certificate.ensure(storage, NAMES, NOW)
    other = LinuxStorage(tmp_path / "other")
    certificate.ensure(other, NAMES, NOW)
    good = storage.read(name)
    if damage == "gone":
        storage.remove(name)
    else:
        bad = {"empty": b"", "half": good[: len(good) // 2], "other": other.read(name), "noise": b"\xff" * 99}
        storage.write(name, bad[damage])
    assert certificate.ensure(storage, NAMES, NOW)
    key = serialization.load_pem_private_key(storage.read(certificate.KEY), None)
    assert key.public_key() == stored(storage).public_key()
    certificate.context(storage.directory)


@pytest.mark.parametrize("name", ["drück.er", "nämé"])
def test_fail__a_name_that_no_certificate_can_hold(storage, name):
    with pytest.raises(ValueError):
        certificate.ensure(storage, [name], NOW)
    assert storage.names() == []


def test_ok__the_fingerprint_is_the_one_that_browsers_show(storage):
    certificate.ensure(storage, NAMES, NOW)
    shown = certificate.fingerprint(storage.read(certificate.PEM))
    der = ssl.PEM_cert_to_DER_cert(storage.read(certificate.PEM).decode())
    assert shown.replace(" ", "").lower() == hashlib.sha256(der).hexdigest()
    assert [len(part) for part in shown.split(" ")] == [4] * 16
    with pytest.raises(ValueError):
        certificate.fingerprint(b"no certificate")


@pytest.mark.clause("L15")
@pytest.mark.parametrize(
    ("version", "good"), [("TLSv1_1", False), ("TLSv1_2", True), ("TLSv1_3", True)], ids=lambda value: str(value)
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_ok__only_tls_1_2_and_newer(tmp_path, storage, version, good):
    """And the browser that trusts this certificate finds the device under its own name."""
    certificate.ensure(storage, ["127.0.0.1"], int(time.time()))
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.load_verify_locations(storage.directory / certificate.PEM)
    trusting.set_ciphers("ALL:@SECLEVEL=0")
    trusting.minimum_version = trusting.maximum_version = ssl.TLSVersion[version]

    async def tell():
        async with House(tmp_path, tls=certificate.context(storage.directory)) as house:
            where = ("127.0.0.1", house.panel.port)
            if not good:
                with pytest.raises((ssl.SSLError, ConnectionError)):
                    await asyncio.open_connection(*where, ssl=trusting)
                return
            reader, writer = await asyncio.open_connection(*where, ssl=trusting)
            writer.write(house.request("GET", "/", connection="close"))
            assert FILES["pair.html"].encode() in await reader.read()
            assert writer.get_extra_info("cipher")[0].startswith(("ECDHE", "TLS_"))
            writer.close()

    asyncio.run(tell())
