"""One value, one encoding (attack 13: nothing can hide in a second spelling)."""

import pytest

from firmware_agent import cbor
from firmware_agent.errors import FormatError
from host_tests.fakes import Dice

# RFC 8949, appendix A
KNOWN = (
    (0, "00"),
    (23, "17"),
    (24, "1818"),
    (100, "1864"),
    (1000, "1903e8"),
    (1000000, "1a000f4240"),
    (1000000000000, "1b000000e8d4a51000"),
    (18446744073709551615, "1bffffffffffffffff"),
    (-1, "20"),
    (-100, "3863"),
    (-18446744073709551616, "3bffffffffffffffff"),
    (False, "f4"),
    (True, "f5"),
    (None, "f6"),
    (b"\x01\x02\x03\x04", "4401020304"),
    ("", "60"),
    ("IETF", "6449455446"),
    ("\u00fc", "62c3bc"),
    ("\u6c34", "63e6b0b4"),
    ([1, [2, 3], [4, 5]], "8301820203820405"),
    ({"a": 1, "b": [2, 3]}, "a26161016162820203"),
)

REFUSED = (
    ("", "nothing"),
    ("0000", "a trailing byte"),
    ("1817", "23 in two bytes"),
    ("190018", "24 in three bytes"),
    ("1a0000ffff", "65535 in five bytes"),
    ("1b00000000ffffffff", "32 bits in nine bytes"),
    ("5801aa", "a length not in its shortest form"),
    ("5f42010243030405ff", "bytes of indefinite length"),
    ("7f657374726561646d696e67ff", "text of indefinite length"),
    ("9fff", "an array of indefinite length"),
    ("bfff", "a map of indefinite length"),
    ("a2616101616102", "a repeated key"),
    ("a2616201616102", "keys out of order"),
    ("a10101", "a key that is not text"),
    ("f93c00", "a half float"),
    ("fa47c35000", "a float"),
    ("fb3ff199999999999a", "a double"),
    ("c074323031332d30332d32315432303a30343a30305a", "a tag"),
    ("f7", "undefined"),
    ("f0", "a simple value"),
    ("f818", "a long simple value"),
    ("ff", "a break"),
    ("1c", "a reserved length"),
    ("61ff", "text that is not UTF-8"),
    ("62c080", "an overlong form"),
    ("63eda080", "a surrogate"),
    ("64f4908080", "a code point beyond Unicode"),
    ("44010203", "bytes that end early"),
    ("8201", "an array that ends early"),
    ("9b7fffffffffffffff", "an array longer than the input"),
    ("81" * 9 + "00", "nesting beyond the limit"),
)


def test_ok__known_values_have_the_standard_encoding():
    for value, text in KNOWN:
        assert cbor.encode(value) == bytes.fromhex(text), text
        back = cbor.decode(bytes.fromhex(text))
        assert back == value and type(back) is type(value), text


@pytest.mark.attack(13)
def test_fail__every_other_spelling_is_refused():
    for text, what in REFUSED:
        with pytest.raises(FormatError):
            cbor.decode(bytes.fromhex(text))
            print("accepted:", what)


def test_fail__values_without_an_encoding():
    for value in (1.5, 1 << 64, -(1 << 64) - 1, {1: 2}, {3, 4}, object(), "\ud800"):
        with pytest.raises(FormatError):
            cbor.encode(value)


def test_ok__whatever_decodes_encodes_to_the_same_bytes():
    dice = Dice(1)
    accepted = 0
    for _ in range(4000):
        data = bytes(
            [
                dice.below(256) if dice.below(3) else dice.pick((0x80, 0x81, 0x82, 0xA1, 0x61))
                for _ in range(1 + dice.below(6))
            ]
        )
        try:
            value = cbor.decode(data)
        except FormatError:
            continue
        accepted += 1
        assert cbor.encode(value) == data
    assert accepted > 20
