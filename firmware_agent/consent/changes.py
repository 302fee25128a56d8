"""What a new policy text changes against the one that was consented to, and what that does to privacy (L19).

Anything that is not plainly narrower counts as wider: then the purpose is shut until it is asked for again.
"""

from collections.abc import Callable
from dataclasses import dataclass

from firmware_agent import notice
from firmware_agent.catalogue import Catalogue

_SAME = ("purpose.clauses", "policy")  # which clause a row rests on says nothing about what leaves


@dataclass(frozen=True)
class Change:
    """what: the key of the policy text. before, after: its values, "" if it was not there. meaning: for privacy."""

    what: str
    before: str
    after: str
    wider: bool
    meaning: str


def changes(old: str, new: str) -> list[Change]:
    """Every difference between two policy texts of one purpose and recipient, in the order of the new one."""
    before, after = notice.parse(old), notice.parse(new)
    found = []
    gone = {_field(key) for key in before} - {_field(key) for key in after}
    come = {_field(key) for key in after} - {_field(key) for key in before}
    for name in sorted(come - {""}):
        found.append(Change(f"field.{name}", "", _about(after, name), True, "one more thing can leave"))
    for name in sorted(gone - {""}):
        found.append(Change(f"field.{name}", _about(before, name), "", False, "this does not leave any more"))
    for key in [*after, *(key for key in before if key not in after)]:
        old_value, new_value = before.get(key, ""), after.get(key, "")
        if old_value != new_value and _field(key) not in gone | come - {""} and key not in _SAME:
            found.append(_change(key, old_value, new_value))
    return found


def wider(old: str, new: str) -> bool:
    """Whether the owner has to be asked again."""
    return any(change.wider for change in changes(old, new))


def settle(catalogue: Catalogue, pairs: dict[tuple[str, str], bytes], kept: Callable[[bytes], str | None]) -> None:
    """Tell the catalogue which older texts still cover today's. pairs: (purpose, recipient) -> hash consented to.

    kept: hash -> the text that was shown, None if it is lost: then nothing is covered.
    """
    for pair, policy in pairs.items():
        if not catalogue.allows(*pair) or policy == catalogue.policy(*pair):
            continue
        old = kept(policy)
        if old is not None and not wider(old, "".join(catalogue.text(*pair))):
            catalogue.narrowed(*pair, policy)


def _field(key: str) -> str:
    parts = key.split(".")
    return parts[1] if parts[0] == "field" and len(parts) > 2 else ""


def _about(rows: dict[str, str], name: str) -> str:
    return ", ".join(f"{key.split('.', 2)[2]}: {value}" for key, value in rows.items() if _field(key) == name)


def _change(key: str, before: str, after: str) -> Change:
    end = key.rpartition(".")[2]
    if end == "retention" and _number(after) < _number(before):
        return Change(key, before, after, False, "it is kept for less time")
    if end == "retention":
        return Change(key, before, after, True, "it is kept for longer")
    if end == "expires" and 0 < _number(after) < (_number(before) if before else float("inf")):
        return Change(key, before, after, False, "it stops sooner")
    if end == "expires":
        return Change(key, before, after, True, "it goes on for longer")
    if end == "epoch" and _number(after) < _number(before):
        return Change(key, before, after, False, "the number that stands for this device changes more often")
    if end == "epoch":
        return Change(key, before, after, True, "the number that stands for this device stays the same for longer")
    if key == "purpose.every" and _number(after) > _number(before):
        return Change(key, before, after, False, "it leaves less often")
    if key == "purpose.every":
        return Change(key, before, after, True, "it leaves more often")
    if end == "step" and _coarser(before, after):
        return Change(key, before, after, False, "it is rounded more")
    if end == "step":
        return Change(key, before, after, True, "it is told more exactly")
    if end in ("values", "edges") and set(after.split(", ")) < set(before.split(", ")):
        return Change(key, before, after, False, "fewer different values can leave")
    if key in ("purpose.title", "purpose.notice"):
        return Change(key, before, after, True, "it is described in other words")
    if key.startswith("recipient"):
        return Change(key, before, after, True, "it goes to somebody else, or another way")
    if key.startswith("age."):
        return Change(key, before, after, True, "the policy is meant for people of another age")
    return Change(key, before, after, True, "something else leaves than you agreed to")


def _coarser(before: str, after: str) -> bool:
    """Whether rounding by `after` tells less: an odd multiple, so that no old step is told apart by the new one."""
    small, large = _number(before), _number(after)
    return 0 < small < large < float("inf") and large % small == 0 and (large // small) % 2 == 1


def _number(text: str) -> float:
    return int(text) if text.isascii() and text.isdigit() else float("inf")
