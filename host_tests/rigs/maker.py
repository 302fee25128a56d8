"""A maker that signs: its profile, its answers and its commands."""

from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from firmware_agent import cbor
from firmware_agent.profiles.compiler import compile_profile

ANSWER, COMMAND = b"firmware_agent answer 1\0", b"firmware_agent command 1\0"
TOPIC = "lightmake/agent/1"
_SHIPPED = Path(__file__).parents[2] / "firmware_agent/profiles/lightmake.toml"


class Maker:
    """`profile` is the shipped one with this maker's key, compiled; `pem` the key as tools/receiver takes it."""

    def __init__(self, directory: Path, seed: int = 1) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.public = self._key.public_key().public_bytes_raw()
        text = _SHIPPED.read_text("utf-8")
        topic = f'topic = "{TOPIC}"\n'
        assert text.count(topic) == 1
        source = directory / f"signed{seed}.toml"
        source.write_text(text.replace(topic, f'{topic}answers = "{self.public.hex()}"\n'))
        self.profile = directory / f"signed{seed}.cbor"
        self.profile.write_bytes(compile_profile(source))
        self.pem = directory / f"signing{seed}.pem"
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self.pem.write_bytes(self._key.private_bytes(*form))

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data)

    def envelope(self, prefix: bytes, body: Any) -> bytes:
        data = cbor.encode(body)
        return cbor.encode([1, data, self._key.sign(prefix + data)])

    def command(self, *body: Any) -> bytes:
        return self.envelope(COMMAND, list(body))

    def answer(self, *body: Any) -> bytes:
        return self.envelope(ANSWER, list(body))
