"""What a profile changes for owners who consented under an older one."""

from firmware_agent.catalogue import Catalogue
from firmware_agent.consent.changes import Change, changes

Pair = tuple[str, str]


def since(old: Catalogue, new: Catalogue) -> tuple[list[Pair], list[Pair], dict[Pair, list[Change]]]:
    """(purposes and recipients that are new, that are gone, and for the others what changed, if anything did)."""
    come = [pair for pair in new.pairs() if not old.allows(*pair)]
    gone = [pair for pair in old.pairs() if not new.allows(*pair)]
    both = [pair for pair in new.pairs() if old.allows(*pair) and old.policy(*pair) != new.policy(*pair)]
    found = {pair: changes("".join(old.text(*pair)), "".join(new.text(*pair))) for pair in both}
    return come, gone, {pair: rows for pair, rows in found.items() if rows}


def lines(old: Catalogue, new: Catalogue) -> list[str]:
    """The same for a terminal."""
    come, gone, changed = since(old, new)
    said = [f"against {old.profile} {old.version}:"]
    said += [f"  {purpose} -> {recipient}: new; owners are asked" for purpose, recipient in come]
    said += [f"  {purpose} -> {recipient}: gone; consent to it ends" for purpose, recipient in gone]
    for (purpose, recipient), rows in changed.items():
        said.append(f"  {purpose} -> {recipient}: {consequence(rows)}")
        said += [f"    {row.what}: {row.before or '-'} becomes {row.after or '-'}: {row.meaning}" for row in rows]
    return said if said[1:] else [f"against {old.profile} {old.version}: nothing changes for owners"]


def consequence(rows: list[Change]) -> str:
    """What these changes do to a consent that was given."""
    if any(row.wider for row in rows):
        return "wider; shut until the owner is asked again"
    return "narrower; consent goes on"
