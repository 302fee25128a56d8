"""The clauses of the policy: which rows keep each, and what keeps those that no row is needed for."""

from explaining.html import Markup, Text, first, joined, link, table, tag, text
from explaining.names import Names
from explaining.purposes import ordered
from firmware_agent.catalogue import Catalogue
from firmware_agent.profiles.clauses import Clause

_BY_ROW = (
    "The clauses are numbered and told as in this profile. Each is kept by the rows beside it: purposes that the owner "
    "is asked for, fields that leave in a coarser form, fields that never leave. "
)
_BY_WORDS = (
    "These clauses are about the device, and not about one purpose or field. A clause that has neither a row nor a "
    "reason here would be refused when the profile is compiled."
)


def by_row(catalogue: Catalogue, promises: dict[str, Clause], names: Names) -> list[Markup]:
    """Every clause that a row names, with those rows."""
    rows = [
        (_id(key), _sentence(one.promise), _rows(key, catalogue, names))
        for key, one in promises.items()
        if not one.kept
    ]
    return [
        tag("p", _BY_ROW, link("others", "The others"), " are kept by the device, whatever a profile says."),
        table("Clauses", ("Clause", "What it promises", "The rows that keep it"), rows, "clauses"),
    ]


def by_words(promises: dict[str, Clause]) -> list[Markup]:
    """Every clause that no row names, with what keeps it."""
    rows = [(_id(key), _sentence(one.promise), one.kept) for key, one in promises.items() if one.kept]
    if not rows:
        return [tag("p", "There is none: a row names every clause.")]
    return [
        tag("p", _BY_WORDS),
        table("Clauses without a row", ("Clause", "What it promises", "What keeps it"), rows, "clauses"),
    ]


def _id(key: str) -> Markup:
    return tag("span", key, id=f"clause-{key}")


def _sentence(promise: str) -> str:
    return first(promise) + "." * (not promise.endswith("."))


def _rows(key: str, catalogue: Catalogue, names: Names) -> Markup:
    asked = [name for name, row in ordered(catalogue) if key in row["clauses"]]
    known = sorted(catalogue.fields.items(), key=lambda one: int(one[1]["id"]))
    fields = [(name, row) for name, row in known if row["clause"] == key]
    found: list[tuple[str, list[Text]]] = [
        ("Asked for: ", [_asked(name, catalogue) for name in asked]),
        ("Leaves: ", [link(f"field-{name}", names.of("field", name)) for name, row in fields if row["purposes"]]),
        ("Never leaves: ", [names.of("field", name) for name, row in fields if not row["purposes"]]),
    ]
    return Markup("".join(tag("p", what, joined(parts)) for what, parts in found if parts))


def _asked(purpose: str, catalogue: Catalogue) -> Markup:
    row = catalogue.purposes[purpose]
    afar = [catalogue.recipients[one]["name"] for one in row["recipients"] if not catalogue.local(one)]
    inside = ["own network"] * (len(afar) < len(row["recipients"]))
    to = "; ".join(inside + [name.partition(" (")[0] for name in afar])
    return Markup(f"{link(f'purpose-{purpose}', row['title'])} ({text(to)})")
