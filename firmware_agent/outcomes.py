"""What a field's transform can give: the values that a message may hold, whoever made it.

The other side of transforms.py, for what comes back from flash and for the published schema (profiles/cddl.py).
"""

from firmware_agent.cbor import is_int
from firmware_agent.transforms import DAY, PSEUDONYM, Unfit, log2, pattern

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Parameters = dict[str, Any]


def fits(transform: str, parameters: "Parameters", value: "Any") -> bool:
    """Whether `value` is one that this transform can give. False of what is never kept, as pictures."""
    if transform == "enum":
        return isinstance(value, str) and value in parameters["values"]
    if transform == "pattern":
        try:
            return bool(pattern(value, parameters))
        except Unfit:
            return False
    if transform == "pseudonym":
        return isinstance(value, bytes) and len(value) == PSEUDONYM
    if transform == "keep" and "max" not in parameters:
        return value is True or value is False
    if transform in ("picture", "point_cloud", "bundle", "drop") or not is_int(value):
        return False
    low, high = bounds(transform, parameters)
    return bool(low <= value <= high and value % parameters.get("step", 1) == 0)


def bounds(transform: str, parameters: "Parameters") -> "tuple[int, int]":
    """The least and the greatest integer that a transform gives which gives integers."""
    if transform == "bucket":
        return 0, len(parameters["edges"])
    if transform == "version":
        return 0, parameters["max"] * 1000 + 999
    low, high = parameters["min"], parameters["max"]
    if transform == "log2":
        return log2(low, parameters), log2(high, parameters)
    if transform == "day":
        return low // DAY, high // DAY
    step = parameters.get("step", 1)
    return low // step * step, -(-high // step) * step
