"""MQTT 3.1.1 packets cut out of a stream of bytes, as they come."""

from typing import NamedTuple

CONNECT, CONNACK, PUBLISH, PUBACK, PINGREQ, PINGRESP, DISCONNECT = 1, 2, 3, 4, 12, 13, 14


class Packet(NamedTuple):
    """kind: the packet type. flags: the low four bits. body: what follows the length. end: bytes of the stream up to
    and with this packet."""

    kind: int
    flags: int
    body: bytes
    end: int

    @property
    def qos(self) -> int:
        """Of a PUBLISH."""
        return self.flags >> 1 & 3

    @property
    def payload(self) -> bytes:
        """Of a PUBLISH: without topic and packet identifier; else the body."""
        if self.kind != PUBLISH:
            return self.body
        return self.body[2 + int.from_bytes(self.body[:2], "big") + (2 if self.qos else 0) :]


class Splitter:
    """`feed` it what was read; it returns the packets that are complete."""

    def __init__(self) -> None:
        self._rest = b""
        self._before = 0  # bytes of the stream before _rest

    def feed(self, data: bytes) -> tuple[bytes, list[Packet]]:
        """(the bytes of the packets that `data` completes, those packets); ValueError if this is not MQTT."""
        data = self._rest + data
        packets, start, size = [], 0, len(data)
        while start + 2 <= size:
            length, body, shift = data[start + 1] & 127, start + 2, 7
            while data[body - 1] > 127 and body < size:
                length |= (data[body] & 127) << shift
                body, shift = body + 1, shift + 7
            if not data[start] >> 4 or shift > 28:
                where = self._before + start
                raise ValueError("byte %d of the stream begins no MQTT packet; for TLS give parse=False" % where)
            end = body + length
            if data[body - 1] > 127 or end > size:
                break
            packets.append(Packet(data[start] >> 4, data[start] & 15, data[body:end], self._before + end))
            start = end
        self._before += start
        self._rest = data[start:]
        return data[:start], packets
