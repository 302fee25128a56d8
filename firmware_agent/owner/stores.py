"""What stands in the state directory: each file belongs to exactly one store, and each store says what it is.

Export, erase and retention go over the register and over nothing else: a store that is not in it has no files.
"""

import datetime
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]  # names -> what JSON can say


def _nothing() -> dict[str, bytes]:
    return {}


@dataclass(frozen=True)
class Store:
    """One kind of thing that is kept.

    name: of its folder in an export, a-z and _. title, kept: what it is and for how long, in the owner's words. holds:
    whether a file of the state directory, by name, is its own. rows: read anew at each call, changing nothing, for an
    agent may run; AgentError for what cannot be read. schema: the JSON Schema of one row. extra: further files for an
    export, by name. expire: takes the time (s since 1970) and lets go what is too old, None if nothing ages; ttl: the
    seconds after which any row is too old. stays: why an erase leaves it, "" if it does not.
    """

    name: str
    title: str
    kept: str
    holds: Callable[[str], bool]
    rows: Callable[[], Iterable[Row]]
    schema: Row
    extra: Callable[[], dict[str, bytes]] = _nothing
    expire: Callable[[int], object] | None = None
    ttl: int | None = None
    stays: str = ""


class Register:
    """All stores, in the order in which they are exported."""

    def __init__(self, stores: Iterable[Store]) -> None:
        """ValueError if two have one name."""
        self._stores: dict[str, Store] = {}
        for store in stores:
            if store.name in self._stores:
                raise ValueError(f"two stores are named {store.name}; name one of them otherwise")
            self._stores[store.name] = store

    def __iter__(self) -> Iterator[Store]:
        return iter(self._stores.values())

    def owner(self, file: str) -> Store | None:
        """The store that this file belongs to; ValueError if there are two."""
        found = [store for store in self if store.holds(file)]
        if len(found) > 1:
            names = " and ".join(store.name for store in found)
            raise ValueError(f"the file {file} belongs to {names}; let only one of them hold it")
        return found[0] if found else None

    def unknown(self, files: Iterable[str]) -> list[str]:
        """Those of `files` that no store holds."""
        return [file for file in files if self.owner(file) is None]

    def expiries(self) -> list[Callable[[int], object]]:
        """What the agent calls at each tick."""
        return [store.expire for store in self if store.expire is not None]


def is_key(file: str) -> bool:
    """Whether a file holds a key: whoever makes one ends its name in this."""
    return file.endswith(".key")


def schema(**properties: Row) -> Row:
    """The JSON Schema of a row: exactly these properties, all of them there."""
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def text(about: str, **more: Any) -> Row:
    return {"type": "string", "description": about, **more}


def number(about: str) -> Row:
    return {"type": "integer", "minimum": 0, "description": about}


def moment(about: str) -> Row:
    """A time in UTC as RFC 3339 writes it, or null without a clock."""
    return {"type": ["string", "null"], "format": "date-time", "description": about}


def digest(about: str) -> Row:
    """Bytes as lower-case hex; may be empty."""
    return {"type": "string", "pattern": "^([0-9a-f]{2})*$", "description": about}


def instant(seconds: int | None) -> str | None:
    """RFC 3339 in UTC; None without a clock."""
    if not seconds:
        return None
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
