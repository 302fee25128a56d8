"""A sealed picture is for one key and one purpose, and is what was sealed (L4)."""

import hashlib
import hmac
import random

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from firmware_agent.camera.sealed import HEAD, MAGIC, TAG, Seal, count, open_sealed, public_key
from firmware_agent.errors import FormatError

MINE, OTHER, SENDER = (bytes([number]) * 32 for number in (1, 2, 3))
ABOUT = "support_photo lightmake"
PICTURE = b"\xff\xd8picture"


def seal(**changes):
    return Seal(**{"recipient": public_key(MINE), "about": ABOUT, "private": SENDER, **changes})


@pytest.mark.clause("L4")
def test_ok__the_right_key_opens_it():
    one = seal()
    for number in range(300):
        picture = random.Random(number).randbytes(number)
        sealed = one.seal(picture)
        assert open_sealed(MINE, ABOUT, sealed) == picture
        assert count(sealed) == number and len(sealed) == HEAD + len(picture) + TAG
        assert number < 8 or picture[:8] not in sealed


@pytest.mark.clause("L2", "L4")
def test_fail__another_key_or_purpose():
    sealed = seal().seal(PICTURE)
    assert open_sealed(MINE, ABOUT, sealed) == PICTURE
    for private, about in ((OTHER, ABOUT), (SENDER, ABOUT), (MINE, "support_photo"), (MINE, "live_view owner")):
        with pytest.raises(FormatError, match="another key or purpose"):
            open_sealed(private, about, sealed)


@pytest.mark.clause("L4")
def test_fail__anything_changed_on_its_way():
    """Every bit of the head (magic, sender, count) and of the rest is bound; so is the length."""
    one = seal()
    sealed = one.seal(PICTURE)
    for place in range(len(sealed)):
        for bit in range(8):
            changed = sealed[:place] + bytes([sealed[place] ^ 1 << bit]) + sealed[place + 1 :]
            with pytest.raises(FormatError):
                open_sealed(MINE, ABOUT, changed)
    for cut in range(len(sealed)):
        with pytest.raises(FormatError):
            open_sealed(MINE, ABOUT, sealed[:cut])
    with pytest.raises(FormatError):
        open_sealed(MINE, ABOUT, sealed + b"\0")
    later = one.seal(PICTURE)
    with pytest.raises(FormatError):
        open_sealed(MINE, ABOUT, sealed[:36] + later[36:44] + sealed[44:])


def test_ok__it_is_the_documented_format():
    """Put together here a second time, from the parts that a browser has too."""
    one = seal()
    one.seal(b"the first")
    sealed = one.seal(PICTURE)
    sender, recipient = public_key(SENDER), public_key(MINE)
    shared = X25519PrivateKey.from_private_bytes(MINE).exchange(X25519PublicKey.from_public_bytes(sender))
    extracted = hmac.digest(sender + recipient, shared, hashlib.sha256)
    key = hmac.digest(extracted, b"firmware_agent sealed picture 1 " + ABOUT.encode() + b"\x01", hashlib.sha256)
    head = b"FAS1" + sender + (1).to_bytes(8, "big")
    assert MAGIC == b"FAS1" and sealed == head + AESGCM(key).encrypt(bytes(4) + head[36:], PICTURE, head)


def test_ok__no_two_uses_and_no_two_pictures_are_alike():
    one = seal()
    assert len({one.seal(PICTURE), one.seal(PICTURE), seal(private=OTHER).seal(PICTURE)}) == 3


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(32), bytes(33), b"\x01" + bytes(31)])
def test_fail__a_key_that_is_none(key):
    """Too short, too long, or one for which everybody could open it."""
    with pytest.raises(FormatError, match="no key to seal for"):
        seal(recipient=key)


@pytest.mark.parametrize("data", [b"", MAGIC, MAGIC + bytes(55), b"FAS2" + bytes(80), bytes(80), PICTURE * 20])
def test_fail__what_is_no_sealed_picture(data):
    with pytest.raises(FormatError):
        open_sealed(MINE, ABOUT, data)
