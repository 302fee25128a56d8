"""The rows of a policy in plain words: what becomes of a value, how often, how long, where to. Each is a phrase."""

import datetime
from collections.abc import Callable
from typing import Any

from firmware_agent.cli.words import span
from firmware_agent.errors import CatalogueError

Parameters = dict[str, Any]
_FIRST_DAY, _LAST_DAY = -2208988800, 7258118400  # 1900 and 2200: beyond, it is no date that people know
_DAY = 86400
_MONTHS = ("January", "February", "March", "April", "May", "June") + (
    *("July", "August", "September", "October", "November", "December"),
)


def becomes(row: dict[str, Any]) -> str:
    """What leaves of a field's value, by its row; CatalogueError if its transform has no words here."""
    words = _TRANSFORMS.get(row["transform"])
    if words is None:
        raise CatalogueError(f"transform {row['transform']}: has no words; add them in firmware_agent/cli/meaning.py")
    end = row["parameters"].get("expires")
    return words(row["parameters"]) + (f"; from {_date(end)} on it stays" if end is not None else "")


def often(purpose: dict[str, Any]) -> str:
    """When something of a purpose leaves the owner's network; who is inside it is served when they ask."""
    if purpose["every"]:
        return f"at most once every {span(purpose['every']).removeprefix('1 ')}"
    if purpose["media"]:
        return "only when somebody asks for it, never by the clock"
    return "each time there is something to tell, not by the clock"


def kept(seconds: int) -> str:
    """How long something may be kept, from a period in seconds."""
    return f"at most {span(seconds)}" if seconds else "not kept"


def where(recipient: dict[str, Any]) -> str:
    """Where something goes: over the Internet, or no further than the owner's own network."""
    if not recipient["topic"]:
        return "stays on the owner's own network"
    return f"leaves the owner's network: encrypted, to this recipient's server (topic {recipient['topic']})"


def asked(purpose: dict[str, Any]) -> str:
    """When an owner is asked for it."""
    return "on the first run" if purpose["ask"] == "first" else "not on the first run, but when it is first wanted"


def size(count: int) -> str:
    """A number of bytes."""
    for unit, word in ((2**20, "MiB"), (2**10, "KiB")):
        if count >= unit and count % unit == 0:
            return f"{count // unit:,} {word}"
    return f"{count:,} bytes"


def _date(seconds: int) -> str:
    day = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def _bounds(parameters: Parameters) -> str:
    """From the least to the greatest; as days as well, if both are the beginning of one, some years after 1970."""
    low, high = parameters["min"], parameters["max"]
    said = f"from {low:,} to {high:,}"
    if _DAY * 10_000 <= low < high <= _LAST_DAY and low % _DAY == high % _DAY == 0:
        said += f" (in seconds since 1970: from {_date(low)} to {_date(high)})"
    return said


def _keep(parameters: Parameters) -> str:
    return f"as it is: a whole number {_bounds(parameters)}" if "max" in parameters else "as it is: yes or no"


def _enum(parameters: Parameters) -> str:
    values = parameters["values"]
    return f"always the word: {values[0]}" if len(values) == 1 else "one of: " + ", ".join(values)


def _round(parameters: Parameters) -> str:
    step = parameters["step"]
    how = "to a whole number" if step == 1 else f"to {step:,}"
    return f"rounded {how}, {_bounds(parameters)}"


def _bucket(parameters: Parameters) -> str:
    edges = [f"{edge:,}" for edge in parameters["edges"]]
    last = " or ".join([", ".join(edges[:-1]), edges[-1]] if edges[1:] else edges)
    said = f"only in which of {len(edges) + 1} steps it is: below {edges[0]}, or from {last} on"
    return f"{said}; of a number {_bounds(parameters)}"


def _log2(parameters: Parameters) -> str:
    return f"only how many binary digits it has (2 and 3 have two, 4 to 7 three); of a number {_bounds(parameters)}"


def _count(parameters: Parameters) -> str:
    return f"only how many there are, {_bounds(parameters)}; never which"


def _version(parameters: Parameters) -> str:
    return f"only the first two numbers of the version, like 1.12 (the first at most {parameters['max']}); not the rest"


def _day(parameters: Parameters) -> str:
    if _FIRST_DAY <= parameters["min"] <= parameters["max"] <= _LAST_DAY:
        return f"only the day, without the time, from {_date(parameters['min'])} to {_date(parameters['max'])}"
    return f"only the day, without the time; of a number of seconds since 1970 {_bounds(parameters)}"


def _picture(parameters: Parameters) -> str:
    return (
        f"the picture, at most {size(parameters['max'])}; what its file says besides (place, time, device) is cut out"
    )


def _point_cloud(parameters: Parameters) -> str:
    return f"the points, at most {size(parameters['max'])}; the file's header is written anew, without any notes"


def _bundle(parameters: Parameters) -> str:
    return (
        f"the text that was shown, at most {size(parameters['max'])}; it stays if an address, a person's name or any "
        "other identifier is recognised in it; a serial number only in the one line that is ticked for it"
    )


def _pattern(parameters: Parameters) -> str:
    return f"only a text of the form {parameters['form']} (# is a digit, @ a letter from A to Z); any other stays"


def _pseudonym(parameters: Parameters) -> str:
    period = span(parameters["epoch"]).removeprefix("1 ")
    return f"not the value: a number made from it with a secret key of the device, another one every {period}"


def _drop(parameters: Parameters) -> str:
    return "nothing: it never leaves"


# By the names of catalogue.PARAMETERS; a transform without words here is an error, and never an empty cell.
_TRANSFORMS: dict[str, Callable[[Parameters], str]] = {
    "keep": _keep,
    "enum": _enum,
    "round": _round,
    "bucket": _bucket,
    "log2": _log2,
    "count": _count,
    "version": _version,
    "day": _day,
    "pattern": _pattern,
    "pseudonym": _pseudonym,
    "picture": _picture,
    "point_cloud": _point_cloud,
    "bundle": _bundle,
    "drop": _drop,
}
