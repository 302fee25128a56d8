"""Cuts what a broker sends into MQTT 3.1.1 packets, before anything reads them: of four kinds, and bounded."""

LARGEST = 1 << 18  # bytes of a packet; a report of everything has some 20,000
_SHORT = {0x20: 2, 0x90: 3, 0xD0: 0}  # CONNACK, SUBACK of one topic, PINGRESP: their length
_REPORT = (0x30, 0x31)  # PUBLISH of QoS 0, as it is or kept


class Strange(Exception):
    """No packet that a broker has to send to a client that listens to one topic at QoS 0."""


def body(data: bytes) -> bytes | None:
    """What follows the head of `data`, if that is one whole packet of at most 16 KiB; else None."""
    for place, byte in enumerate(data[1:3]):
        if byte < 128:
            length = byte if place == 0 else (data[1] & 127) | byte << 7
            found = data[2 + place :]
            return found if len(found) == length else None
    return None


def cut(buffer: bytearray) -> bytes | None:
    """Take the first packet off `buffer`; None until it is whole. Strange, as soon as it shows: another kind or length.

    MQTT 3.1.1, 2.2: a byte of kind and flags, the length of the rest in up to four bytes of seven bits, the rest.
    """
    if not buffer:
        return None
    kind, length = buffer[0], 0
    if kind not in _SHORT and kind not in _REPORT:
        raise Strange
    for place, byte in enumerate(buffer[1:4]):
        length |= (byte & 127) << 7 * place
        if byte < 128:
            break
        if place == 2:  # a fourth byte would say 2 MiB and more
            raise Strange
    else:
        return None
    if not (2 <= length <= LARGEST if kind in _REPORT else length == _SHORT[kind]):
        raise Strange
    end = 2 + place + length
    if len(buffer) < end:
        return None
    packet = bytes(buffer[:end])
    del buffer[:end]
    return packet
