"""What stands where a name stood, the same for the same name within one file, in bounded memory."""

from collections.abc import Callable

Alias = Callable[[str, str], str]

# How a kind is called in its token, where the kind's own name says too much or is long.
_SHORT = {"filename": "file", "object_name": "object", "profile_name": "profile", "hostname": "host"}
_SHORT |= {"home_user": "user", "hw_serial": "serial", "ipv4": "ip", "uuid": "id", "ssid": "network"}
_LONGEST = 512  # of a name that is remembered, in bytes; of a longer one the beginning tells
_MOST = 50_000  # different names that one file may have before they are all called alike


class Names:
    """One file's. alias: (kind, value) -> token, where files are shared together; else tokens are counted here."""

    def __init__(self, alias: "Alias | None" = None) -> None:
        self._alias = alias
        self._tokens: dict[tuple[str, bytes], bytes] = {}
        self._counts: dict[str, int] = {}

    def token(self, kind: str, value: bytes) -> bytes:
        """As b"<file-1>": what a person or a program reads and no firmware runs."""
        if self._alias is not None:
            return self._alias(kind, value[:_LONGEST].decode("utf-8", "replace")).encode()
        return b"<" + self._named(_SHORT.get(kind, kind), b"-", value) + b">"

    def plain(self, value: bytes) -> bytes:
        """As b"object_1": valid as an argument of a command; where files are shared together, by the same number."""
        if self._alias is not None:
            token = self._alias("object_name", value[:_LONGEST].decode("utf-8", "surrogateescape"))
            return token.strip("<>").replace("-", "_").encode()
        return self._named("object", b"_", value)

    def _named(self, short: str, joint: bytes, value: bytes) -> bytes:
        key = (short + joint.decode(), value[:_LONGEST])
        token = self._tokens.get(key)
        if token is None:
            if len(self._tokens) >= _MOST:
                return short.encode() + joint + b"more"
            self._counts[key[0]] = self._counts.get(key[0], 0) + 1
            token = self._tokens[key] = short.encode() + joint + str(self._counts[key[0]]).encode()
        return token
