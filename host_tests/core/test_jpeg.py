"""Pictures leave without metadata, or not at all (L4, attack 14)."""

import pytest

from firmware_agent import jpeg
from firmware_agent.errors import FormatError

CANARY = b"canary-48.8583N-2.2945E"


def segment(kind, body):
    return bytes((0xFF, kind)) + (len(body) + 2).to_bytes(2, "big") + body


TABLES = segment(0xDB, b"\x00" + bytes(range(1, 65)))
FRAME = segment(0xC0, b"\x08\x00\x08\x00\x08\x01\x01\x11\x00")
HUFFMAN = segment(0xC4, b"\x00" + bytes([1] + [0] * 15) + b"\x00")
SCAN = segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + b"\x3f\xff\x00\x12\xff\xd0\x34"
RESTARTS = segment(0xDD, b"\x00\x04")
PLAIN = b"\xff\xd8" + TABLES + RESTARTS + FRAME + HUFFMAN + SCAN + b"\xff\xd9"


def test_ok__a_plain_picture_is_untouched():
    assert jpeg.strip(PLAIN) == PLAIN


@pytest.mark.clause("L4")
@pytest.mark.attack(14)
def test_ok__every_metadata_segment_goes():
    for kind in list(range(0xE0, 0xF0)) + [0xFE]:
        for place in (2, 2 + len(TABLES), len(PLAIN) - 2 - len(SCAN)):
            dirty = PLAIN[:place] + segment(kind, CANARY) + PLAIN[place:]
            assert jpeg.strip(dirty) == PLAIN, kind


def test_ok__the_colour_marker_stays_only_in_its_plain_form():
    adobe = segment(0xEE, b"Adobe\x00\x64\x00\x00\x00\x00\x01")
    assert jpeg.strip(PLAIN[:2] + adobe + PLAIN[2:]) == PLAIN[:2] + adobe + PLAIN[2:]
    free = segment(0xEE, b"Adobe" + CANARY[:6] + b"\x01")
    assert jpeg.strip(PLAIN[:2] + free + PLAIN[2:]) == PLAIN[:2] + adobe + PLAIN[2:]
    stuffed = segment(0xEE, b"Adobe\x00\x64\x00\x00\x00\x00\x01" + CANARY)
    assert jpeg.strip(PLAIN[:2] + stuffed + PLAIN[2:]) == PLAIN[:2] + adobe + PLAIN[2:]
    short = segment(0xEE, b"Adobe" + CANARY[:6])
    assert jpeg.strip(PLAIN[:2] + short + PLAIN[2:]) == PLAIN


def test_fail__a_picture_whose_colours_are_said_in_two_ways():
    """Without the marker that goes, a decoder would show it in other colours."""
    jfif = segment(0xE0, b"JFIF\x00\x01\x02\x00\x00\x01\x00\x01\x00\x00")
    for ids, adobe, odd in (
        (b"\x01\x02\x03", 0, True),
        (b"\x01\x02\x03", 1, False),
        (b"RGB", 1, False),
        (b"RGB", None, True),
    ):
        parts = b"".join([ids[at : at + 1] + b"\x11\x00" for at in range(3)])
        frame = segment(0xC0, b"\x08\x00\x08\x00\x08\x03" + parts)
        said = b"" if adobe is None else segment(0xEE, b"Adobe\x00\x64\x00\x00\x00\x00" + bytes([adobe]))
        scan = SCAN[:5] + ids[:1] + SCAN[6:]
        plain = b"\xff\xd8" + said + TABLES + RESTARTS + frame + HUFFMAN + scan + b"\xff\xd9"
        assert jpeg.strip(plain) == plain
        if odd:
            with pytest.raises(FormatError):
                jpeg.strip(plain[:2] + jfif + plain[2:])
        else:
            assert jpeg.strip(plain[:2] + jfif + plain[2:]) == plain


def test_ok__what_follows_the_end_is_cut():
    assert jpeg.strip(PLAIN + CANARY + PLAIN) == PLAIN


@pytest.mark.attack(14)
def test_fail__a_segment_that_is_kept_has_no_room_for_more():
    for part in (TABLES, FRAME, HUFFMAN, SCAN[: 2 + 8], RESTARTS):
        longer = segment(part[1], part[4:] + CANARY)
        assert part in PLAIN
        with pytest.raises(FormatError):
            jpeg.strip(PLAIN.replace(part, longer))
            print(part[:2])


@pytest.mark.attack(14)
def test_fail__a_header_of_more_colours_than_there_are():
    """It would be as long as it says, and hold whatever somebody writes there."""
    for colours in (0, 5, 9, 255):
        body = (CANARY * 12)[: 2 * colours]
        scan = segment(0xDA, bytes([colours]) + body + b"\x00\x3f\x00") + SCAN[10:]
        frame = segment(0xC0, b"\x08\x00\x08\x00\x08" + bytes([colours]) + (CANARY * 40)[: 3 * colours])
        for odd in (PLAIN.replace(SCAN, scan), PLAIN.replace(FRAME, frame)):
            with pytest.raises(FormatError):
                jpeg.strip(odd)


@pytest.mark.attack(14)
def test_fail__a_scan_of_colours_that_its_frame_does_not_have():
    """Its header has room for eleven letters."""
    for odd in (b"\x01C\x00\x00\x3f\x00", b"\x01\x01A\x00\x3f\x00", b"\x01\x01\x00N\x3f\x00", b"\x01\x01\x00\x00A\x00"):
        with pytest.raises(FormatError):
            jpeg.strip(PLAIN.replace(SCAN[:10], segment(0xDA, odd)))


@pytest.mark.attack(14)
def test_fail__a_second_scan_of_the_same_colour():
    """No decoder needs it, and it may hold anything; of a progressive picture there are many, but not any number."""
    twice = PLAIN[:-2] + SCAN[:10] + CANARY + PLAIN[-2:]
    in_one = PLAIN.replace(SCAN[:10], segment(0xDA, b"\x02\x01\x00\x01\x00\x00\x3f\x00"))
    for odd in (twice, in_one):
        with pytest.raises(FormatError):
            jpeg.strip(odd)
    progressive = PLAIN.replace(b"\xff\xc0", b"\xff\xc2")
    many = progressive[:-2] + SCAN * 99
    assert jpeg.strip(many + PLAIN[-2:]) == many + PLAIN[-2:]
    with pytest.raises(FormatError):
        jpeg.strip(many + SCAN + PLAIN[-2:])


@pytest.mark.attack(14)
def test_fail__restarts_that_were_not_announced_or_are_not_in_turn():
    scan = SCAN[:10] + b"".join([bytes((0x12, 0xFF, 0xD0 | at & 7)) for at in range(19)]) + b"\x34"
    assert jpeg.strip(PLAIN.replace(SCAN, scan)) == PLAIN.replace(SCAN, scan)
    none, off = PLAIN.replace(RESTARTS, b""), PLAIN.replace(RESTARTS, segment(0xDD, b"\x00\x00"))
    assert jpeg.strip(none.replace(b"\xff\xd0", b"")) == none.replace(b"\xff\xd0", b"")
    later = PLAIN[:-2] + RESTARTS + PLAIN[-2:]
    for odd in (none, off, later.replace(RESTARTS, b"", 1), PLAIN.replace(b"\xff\xd0", b"\xff\xd1" + CANARY)):
        with pytest.raises(FormatError):
            jpeg.strip(odd)
    for at in range(19):  # one is missing, or stands twice
        mark = scan[10 + 3 * at : 13 + 3 * at]
        for odd in (scan[: 10 + 3 * at] + scan[13 + 3 * at :], scan[: 10 + 3 * at] + mark + scan[10 + 3 * at :]):
            if at < 18 or len(odd) > len(scan):
                with pytest.raises(FormatError):
                    jpeg.strip(PLAIN.replace(SCAN, odd))


@pytest.mark.attack(14)
def test_fail__tables_that_no_scan_can_use():
    """One that another replaces before any scan, one after the last scan, one in a place that there is not."""
    for table in (TABLES, HUFFMAN, RESTARTS, FRAME):
        for place in (2, len(PLAIN) - 2):
            with pytest.raises(FormatError):
                jpeg.strip(PLAIN[:place] + table + PLAIN[place:])
    wide = segment(0xDB, b"\x10" + CANARY + bytes(128 - len(CANARY)))  # the same place in 16 bits
    nowhere = segment(0xDB, b"\x04" + CANARY + bytes(64 - len(CANARY)))
    much = segment(0xC4, b"\x10" + b"\xff\x02" + bytes(14) + CANARY + bytes(257 - len(CANARY)))
    for table in (wide, nowhere, much):
        with pytest.raises(FormatError):
            jpeg.strip(PLAIN[:2] + table + PLAIN[2:])
    progressive = PLAIN.replace(b"\xff\xc0", b"\xff\xc2")[:-2] + HUFFMAN + SCAN + PLAIN[-2:]
    assert jpeg.strip(progressive) == progressive  # used, then another in its place


def test_fail__odd_pictures():
    odd = [b"", b"\xff", CANARY, PLAIN[:2], PLAIN[:2] + b"\xff\xd9", PLAIN[:-1], PLAIN[:-2]]
    odd.append(PLAIN[:2] + b"\x00" + PLAIN[2:])
    odd.append(PLAIN[:2] + segment(0xF5, CANARY) + PLAIN[2:])
    odd.append(PLAIN[:2] + segment(0xC3, CANARY) + PLAIN[2:])
    odd.append(b"\xff\xd8" + TABLES + SCAN + b"\xff\xd9")
    odd.append(b"\xff\xd8" + FRAME + FRAME + SCAN + b"\xff\xd9")
    odd.append(PLAIN[:2] + b"\xff\xe1\x00\x01" + PLAIN[2:])
    odd.append(PLAIN[:2] + b"\xff\xe1\xff\xff" + PLAIN[2:])
    for data in odd:
        with pytest.raises(FormatError):
            jpeg.strip(data)


def test_ok__any_damage_is_refused_or_passes_no_metadata():
    dirty = PLAIN[:2] + segment(0xE1, CANARY) + PLAIN[2:]
    for place in range(len(dirty)):
        for flip in (0x01, 0x10, 0xFF):
            damaged = dirty[:place] + bytes([dirty[place] ^ flip]) + dirty[place + 1 :]
            try:
                out = jpeg.strip(damaged)
            except FormatError:
                continue
            in_place = 6 <= place < 6 + len(CANARY)
            # a flipped kind can turn metadata into a table; nothing but such a flip of the marker itself may do so
            assert CANARY not in out or in_place or place == 3, place
