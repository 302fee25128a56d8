"""What a declared field becomes before it may leave: one small total function a transform.

Each takes the raw value and the field's parameters and returns an integer, a bool, a text of a closed list or of a
short form, a pseudonym, or bytes of a picture or bundle; Unfit if the value is of the wrong type or out of bounds.
There is no way to pass free text (attack 13) but a bundle, which the owner saw and in which no rule finds anything. No
floats come out, so that both runtimes write the same bytes.
"""

import hmac

from firmware_agent import cbor, jpeg
from firmware_agent.cbor import is_int
from firmware_agent.errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    Parameters = dict[str, Any]

DAY = 86400
PSEUDONYM = 16  # bytes
_NAMED = 256  # characters or bytes of what a pseudonym stands for
SEALED_MAGIC = b"FAS1"  # a picture that the camera's process sealed for its recipient, see camera/sealed.py
SEALED = 60  # bytes that sealing adds: what it begins with, and the tag


class Unfit(Exception):
    """A value that its field's declaration does not allow. Carries no value."""


def keep(value: "Any", parameters: "Parameters") -> "Any":
    """A bool, or an integer from min to max, as it is."""
    if value is True or value is False:
        if "max" in parameters:
            raise Unfit
        return value
    if "max" not in parameters or not is_int(value):
        raise Unfit
    return _within(value, parameters)


def enum(value: "Any", parameters: "Parameters") -> "Any":
    """A text that is a member of `values`."""
    if not isinstance(value, str) or value not in parameters["values"]:
        raise Unfit
    return value


def round_to(value: "Any", parameters: "Parameters") -> "Any":
    """A number from min to max, to the nearest multiple of the integer `step` (halves go up)."""
    number = value if type(value) is float else _number(value)
    if not parameters["min"] <= number <= parameters["max"]:
        raise Unfit
    step: int = parameters["step"]
    if type(number) is int:
        low = number // step * step
        return low + step if (number - low) * 2 >= step else low
    whole = int(number // 1)
    low = whole // step * step  # in integers: a float has 53 bits here and 24 on some boards
    return low + step if (whole - low + (number - whole)) * 2 >= step else low


def bucket(value: "Any", parameters: "Parameters") -> "Any":
    """How many of the rising `edges` a number from min to max has reached: 0 is below the first."""
    number = _within(_number(value), parameters)
    return len([edge for edge in parameters["edges"] if number >= edge])


def log2(value: "Any", parameters: "Parameters") -> "Any":
    """How many binary digits the whole part of a number from min to max has: 0 none, 1 one, 2 and 3 two."""
    whole = int(_within(_number(value), parameters))
    digits = 0
    while whole:
        digits += 1
        whole >>= 1
    return digits


def pattern(value: "Any", parameters: "Parameters") -> "Any":
    """A text of exactly the `form`: there # is a digit, @ a letter from A to Z, and every other character itself."""
    form = parameters["form"]
    if not isinstance(value, str) or len(value) != len(form):
        raise Unfit
    for at in range(len(form)):
        one, wanted = value[at], form[at]
        if not ("0" <= one <= "9" if wanted == "#" else "A" <= one <= "Z" if wanted == "@" else one == wanted):
            raise Unfit
    return value


def pseudonym(value: "Any", parameters: "Parameters") -> "Any":
    """16 bytes in place of a text, bytes or an integer: HMAC-SHA256(`key`, CBOR [`kind`, value])[:16].

    The gate gives both: the key of this purpose, recipient and epoch (egress/pseudonyms.py), and the field's name. With
    an empty key, for showing what would leave, zeros: nothing is ever hashed without a key.
    """
    if isinstance(value, (str, bytes, bytearray)):
        if not 0 < len(value) <= _NAMED:
            raise Unfit
    elif not is_int(value):
        raise Unfit
    try:
        named = cbor.encode([parameters["kind"], value])
    except FormatError:
        raise Unfit
    key = parameters["key"]
    return hmac.digest(key, named, "sha256")[:PSEUDONYM] if key else bytes(PSEUDONYM)


def count(value: "Any", parameters: "Parameters") -> "Any":
    """How many things a list or a table holds, or a whole number of them, from min to max; never the things."""
    number = len(value) if isinstance(value, (list, tuple, dict)) else value
    if not is_int(number):
        raise Unfit
    return _within(number, parameters)


def version(value: "Any", parameters: "Parameters") -> "Any":
    """The first two numbers of a text like "v1.12.3-beta", as 1000 times the first, to `max`, plus the second, to 999.

    What follows them names builds, computers and people, and stays.
    """
    if not isinstance(value, str) or _address(value):
        raise Unfit
    first, at = _digits(value, 1 if value[:1] in ("v", "V") else 0)
    if value[at : at + 1] != ".":
        raise Unfit
    second, at = _digits(value, at + 1)
    if first > parameters["max"] or second > 999 or value[at : at + 1] not in ("", ".", "-", "+", " "):
        raise Unfit
    return first * 1000 + second


def _address(text: str) -> bool:
    """Whether it could be one of IPv4: then its beginning names a network. Versions like 01.08.02.00 cannot."""
    parts = text.split(".")
    if len(parts) != 4 or not all(
        [0 < len(one) < 4 and all([digit in "0123456789" for digit in one]) for one in parts]
    ):
        return False
    return all([str(int(one)) == one and int(one) < 256 for one in parts])


def _digits(text: str, at: int) -> "tuple[int, int]":
    """(the number of one to four digits that stands there, where it ends)."""
    end = at
    while end < len(text) and text[end] in "0123456789":
        end += 1
    if not at < end <= at + 4:
        raise Unfit
    return int(text[at:end]), end


def day(value: "Any", parameters: "Parameters") -> "Any":
    """A time in seconds since 1970 from min to max, as whole days since 1970."""
    return int(_within(_number(value), parameters) // DAY)


def picture(value: "Any", parameters: "Parameters") -> "Any":
    """A JPEG of at most `max` bytes without any metadata segment; or one that is sealed, as it is: nothing here can
    look into it, and the camera's process stripped it before."""
    if not isinstance(value, (bytes, bytearray)):
        raise Unfit
    if value[:4] == SEALED_MAGIC:
        if not SEALED <= len(value) <= parameters["max"] + SEALED:
            raise Unfit
        return bytes(value)
    if len(value) > parameters["max"]:
        raise Unfit
    try:
        return jpeg.strip(bytes(value))
    except FormatError:
        raise Unfit


def point_cloud(value: "Any", parameters: "Parameters") -> "Any":
    """A PLY or PCD of at most `max` bytes, its header by allow-list."""
    if not isinstance(value, (bytes, bytearray)) or len(value) > parameters["max"]:
        raise Unfit
    from firmware_agent import pointcloud  # here: a board that sends none has no room for it

    try:
        clean = pointcloud.strip(value)
    except FormatError:
        raise Unfit
    if len(clean) > parameters["max"]:
        raise Unfit
    return clean


def bundle(value: "Any", parameters: "Parameters") -> "Any":
    """A support bundle of at most `max` bytes, in which the rules of scrub/ find nothing any more."""
    if not isinstance(value, (bytes, bytearray)) or len(value) > parameters["max"]:
        raise Unfit
    from firmware_agent.bundle import form  # here: a board that sends none has no room for it

    try:
        form.check(bytes(value))
    except FormatError:
        raise Unfit
    return bytes(value)


def drop(value: "Any", parameters: "Parameters") -> "Any":
    """Never: declared so that the owner can be told why it stays."""
    raise Unfit


def _number(value: "Any") -> "Any":
    if not is_int(value) and not isinstance(value, float):
        raise Unfit
    return value


def _within(number: "Any", parameters: "Parameters") -> "Any":
    if not parameters["min"] <= number <= parameters["max"]:  # NaN is never within
        raise Unfit
    return number


# By the names of catalogue.PARAMETERS, which says what each is given.
TRANSFORMS: "dict[str, Callable[[Any, Parameters], Any]]" = {
    "keep": keep,
    "enum": enum,
    "round": round_to,
    "bucket": bucket,
    "log2": log2,
    "count": count,
    "version": version,
    "day": day,
    "pattern": pattern,
    "pseudonym": pseudonym,
    "picture": picture,
    "point_cloud": point_cloud,
    "bundle": bundle,
    "drop": drop,
}
