"""The purposes: what is asked of the owner, word for word, and what leaves when the answer is yes."""

from typing import Any

from explaining.html import Markup, code, facts, first, joined, link, table, tag, text
from explaining.names import Names
from firmware_agent.catalogue import Catalogue
from firmware_agent.cli import meaning

_HEADS = ("Field", "What leaves of it", "Category", "Sensitivity", "Kept", "Clause")


def all_of(catalogue: Catalogue, names: Names) -> list[Markup]:
    """One part for each purpose, in the order of `ordered`."""
    seen: set[str] = set()
    return [part for name, _ in ordered(catalogue) for part in _purpose(name, catalogue, names, seen)]


def ordered(catalogue: Catalogue) -> list[tuple[str, dict[str, Any]]]:
    """(name, row): what is asked on the first run, then the rest; records, then pictures; by name."""
    return sorted(catalogue.purposes.items(), key=lambda one: (one[1]["ask"] != "first", one[1]["media"], one[0]))


def how_often(row: dict[str, Any], catalogue: Catalogue) -> str:
    """For recipients elsewhere, and for those on the owner's own network where that differs."""
    inside = any(catalogue.local(one) for one in row["recipients"])
    return first(meaning.often(row)) + (
        "; on the owner's own network, when somebody asks" if inside and row["every"] else ""
    )


def how_long(row: dict[str, Any], catalogue: Catalogue) -> str:
    """How long a recipient elsewhere may keep it; nobody has a say in what the owner's own programs do."""
    if all(catalogue.local(one) for one in row["recipients"]):
        return "Not by the device; the owner's own programs decide for themselves"
    return first(meaning.kept(row["retention"]))


def field_name(name: str, names: Names) -> Markup:
    """What the owner's page calls it, and below how the profile does."""
    return joined([text(names.of("field", name)), tag("span", code(name), class_="key")], "")


def _purpose(name: str, catalogue: Catalogue, names: Names, seen: set[str]) -> list[Markup]:
    row = catalogue.purposes[name]
    waits = 0 if row["media"] else catalogue.keep(name)
    title = tag("h3", row["title"], " ", tag("span", code(name), class_="key"), id=f"purpose-{name}")
    known = facts(
        [
            ("To whom", Markup("".join(_recipient(name, one, catalogue) for one in row["recipients"]))),
            ("How often", how_often(row, catalogue)),
            ("Kept by whoever gets it", how_long(row, catalogue)),
            ("Waits on the device", first(meaning.kept(waits)) if waits else "Never: it goes now or not at all"),
            ("When it is asked", first(meaning.asked(row))),
            ("Clauses", joined(link(f"clause-{one}", one) for one in row["clauses"])),
        ]
    )
    rows = [_field(one, found, names, seen) for one, found in catalogue.fields_of(name)]
    return [
        title,
        tag("p", "The owner is asked, word for word:", class_="label"),
        tag("blockquote", tag("p", row["notice"])),
        known,
        table(f"What leaves: {row['title']}", _HEADS, rows, "fields"),
    ]


def _recipient(purpose: str, recipient: str, catalogue: Catalogue) -> Markup:
    row = catalogue.recipients[recipient]
    jump = tag("span", link(f"text-{purpose}-{recipient}", "The exact text"), class_="jump")  # none on paper
    return tag("div", row["name"], tag("span", first(meaning.where(row)), ". ", jump, class_="key"))


def _field(name: str, row: dict[str, Any], names: Names, seen: set[str]) -> tuple[Markup | str, ...]:
    place = "" if name in seen else f"field-{name}"  # an anchor stands once on a page
    seen.add(name)
    return (
        tag("span", field_name(name, names), id=place),
        first(meaning.becomes(row)),
        names.of("category", row["category"]),
        names.of("sensitivity", row["sensitivity"]),
        first(meaning.kept(row["retention"])),
        link(f"clause-{row['clause']}", row["clause"]),
    )
