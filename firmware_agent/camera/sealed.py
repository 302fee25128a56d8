"""A picture for one recipient: sealed in the camera process, opened by whoever has the private key, and by nobody else.

MAGIC, the sender's public key of this use (X25519, 32 bytes), the picture's count (8 bytes, big-endian), then the
picture as AES-256-GCM makes it, tag at the end. All before the ciphertext is its additional data. The key comes from
both keys and from what the pictures are for, by HKDF-SHA256. Written so that a browser can open it by WebCrypto.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from firmware_agent.errors import FormatError
from firmware_agent.transforms import SEALED_MAGIC

MAGIC = SEALED_MAGIC
HEAD = 44  # bytes before the ciphertext
TAG = 16  # bytes that a sealed picture is longer than its head and the picture
KEY = 32  # bytes of a key, private or public
_INFO = b"firmware_agent sealed picture 1 "


class Seal:
    """One use's seal. recipient: a public key. about: what the pictures are for. private: KEY fresh random bytes.

    FormatError: that public key is none to seal for.
    """

    def __init__(self, recipient: bytes, about: str, private: bytes) -> None:
        mine = X25519PrivateKey.from_private_bytes(private)
        self._sender = public_key(private)
        self._cipher = _cipher(mine, recipient, self._sender + recipient, about)
        self.count = 0

    def seal(self, picture: bytes) -> bytes:
        """The next picture, HEAD + TAG bytes longer."""
        number = self.count.to_bytes(8, "big")
        head = MAGIC + self._sender + number
        self.count += 1
        return head + self._cipher.encrypt(bytes(4) + number, picture, head)


def public_key(private: bytes) -> bytes:
    """The key that others seal with for whoever has `private` (KEY random bytes)."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def open_sealed(private: bytes, about: str, data: bytes) -> bytes:
    """The picture in `data`; FormatError if it is not for this key and purpose, or not as it was sealed."""
    head = data[:HEAD]
    if len(data) < HEAD + TAG or not head.startswith(MAGIC):
        raise FormatError("sealed picture: not one")
    mine = X25519PrivateKey.from_private_bytes(private)
    sender, number = head[4:36], head[36:]
    try:
        cipher = _cipher(mine, sender, sender + public_key(private), about)
        return cipher.decrypt(bytes(4) + number, data[HEAD:], head)
    except InvalidTag:
        raise FormatError("sealed picture: for another key or purpose, or changed on its way") from None


def count(data: bytes) -> int:
    """Which picture of its use a sealed one is, from 0; to be believed once it is opened."""
    return int.from_bytes(data[36:HEAD], "big")


def _cipher(mine: X25519PrivateKey, theirs: bytes, salt: bytes, about: str) -> AESGCM:
    try:
        shared = mine.exchange(X25519PublicKey.from_public_bytes(theirs))
    except ValueError:
        raise FormatError("sealed picture: no key to seal for") from None
    return AESGCM(HKDF(SHA256(), 32, salt, _INFO + about.encode()).derive(shared))
