"""The clauses of a policy and what keeps each: rows that name it, or something else, in words. For people only.

`[clause]` of a profile: `L6 = "its promise"` if rows name L6, `L12 = { promise = "...", kept = "what keeps it" }` if
none does. Both directions are held, so neither a clause nor its reason is forgotten. Devices do not load it.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from firmware_agent.errors import ConfigError

PROMISE = 120  # characters
KEPT = 300


@dataclass(frozen=True)
class Clause:
    """promise: what the policy says, in our words. kept: what keeps it, "" if rows do."""

    promise: str
    kept: str = ""


class Checks(Protocol):
    """How the compiler looks at single values; each refusal names file, row and key."""

    def known(self, where: str, row: Any, needed: tuple[str, ...], optional: tuple[str, ...]) -> None: ...
    def clause(self, where: str, key: str, value: Any) -> str: ...
    def text(self, where: str, key: str, value: Any, most: int) -> str: ...
    def wrong(self, where: str, key: str, why: str) -> ConfigError: ...


def clauses(checks: Checks, table: Any, purposes: dict[str, Any], fields: dict[str, Any]) -> dict[str, Clause]:
    """Every clause of the policy, in the profile's order; ConfigError if one is neither in a row nor explained."""
    if not isinstance(table, dict) or not table:
        raise checks.wrong("profile", "clause", "must be a table of every clause of the policy, or be left out")
    found = {checks.clause("clause", key, key): _clause(checks, key, row) for key, row in table.items()}
    named = _named(purposes, fields)
    for key, rows in named.items():
        if key not in found:
            raise checks.wrong(rows[0], "clause", f"{key} is not a clause of this policy; add it to [clause]")
    for key, one in found.items():
        if not one.kept and key not in named:
            raise checks.wrong("clause", key, "no row names it; say what keeps it: { promise = ..., kept = ... }")
        if one.kept and key in named:
            raise checks.wrong("clause", key, f"{named[key][0]} names it, so a row keeps it: write the promise alone")
    return found


def _clause(checks: Checks, key: str, row: Any) -> Clause:
    if isinstance(row, str):
        return Clause(checks.text("clause", key, row, PROMISE))
    where = f"clause.{key}"
    checks.known(where, row, ("promise", "kept"), ())
    return Clause(checks.text(where, "promise", row["promise"], PROMISE), checks.text(where, "kept", row["kept"], KEPT))


def _named(purposes: dict[str, Any], fields: dict[str, Any]) -> dict[str, list[str]]:
    """Clause -> the rows that name it, purposes first."""
    found: dict[str, list[str]] = {}
    for name, row in purposes.items():
        for key in row["clauses"]:
            found.setdefault(key, []).append(f"purpose.{name}")
    for name, row in fields.items():
        found.setdefault(row["clause"], []).append(f"field.{name}")
    return found
