"""The page: everything that a compiled profile says, by clause and by purpose, and the texts that consents bind."""

import hashlib
from pathlib import Path

from explaining import clauses, purposes
from explaining.html import Markup, code, digest, facts, first, joined, link, table, tag, text
from explaining.names import Names
from explaining.since import consequence, since
from firmware_agent.catalogue import Catalogue
from firmware_agent.cli import meaning
from firmware_agent.errors import ConfigError
from firmware_agent.profiles.clauses import Clause
from firmware_agent.profiles.compiler import clauses_of, compile_profile

_STYLE = Path(__file__).with_name("page.css")
Section = tuple[str, str, list[Markup]]  # its anchor, its title, what stands in it


def explained(profile: Path, old: Catalogue | None = None) -> str:
    """The page of the profile at `profile`; ConfigError if it is none, or does not list the clauses of its policy."""
    promises = clauses_of(profile)
    if not promises:
        raise ConfigError(f"{profile.name}: clause: is missing; --explain needs the clauses of the policy")
    return page(compile_profile(profile), promises, old)


def page(compiled: bytes, promises: dict[str, Clause], old: Catalogue | None = None) -> str:
    """The page as HTML, without scripts and without anything from elsewhere. The same input, the same bytes.

    promises: from profiles/compiler.clauses_of. old: the profile that owners have now, if changes are to be shown.
    """
    catalogue, names = Catalogue(compiled), Names()
    sections: list[Section] = [
        ("glance", "At a glance", _glance(compiled, catalogue)),
        ("clauses", "The policy, clause by clause", clauses.by_row(catalogue, promises, names)),
        ("purposes", "What the owner is asked, and what leaves then", _purposes(catalogue, names)),
        ("never", "What never leaves", _never(catalogue, names)),
        ("others", "Clauses that no row is needed for", clauses.by_words(promises)),
        ("texts", "The exact texts of consent", _texts(catalogue)),
        ("beyond", "What this page cannot say", _beyond()),
    ]
    if old is not None:
        sections.insert(1, ("since", f"What changes against version {old.version}", _since(old, catalogue)))
    title = f"{catalogue.profile} {catalogue.version}: what may leave"
    body = [
        tag("h1", f"What may leave: the profile {catalogue.profile}, version {catalogue.version}"),
        tag("p", _LEAD, class_="lead"),
        _contents(sections, catalogue),
        *(_section(number, section) for number, section in enumerate(sections, 1)),
    ]
    head = [
        Markup('<meta charset="utf-8">\n'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">\n'),
        tag("title", title),
        Markup(f"\n<style>\n{_STYLE.read_text('utf-8')}</style>"),
    ]
    main = tag("main", *(Markup(f"{one}\n") for one in body))
    return f'<!doctype html>\n<html lang="en">\n{tag("head", *head)}\n{tag("body", main)}\n</html>\n'


_LEAD = (
    "A device with this profile can send what stands here, to whom it stands here, after its owner has allowed exactly "
    "that. It has no other way out. This page is made by a program from the file that devices load."
)
_PURPOSES = (
    "Each purpose is asked for on its own, for each recipient. Nothing is preselected, and silence is a no. Of each "
    "field leaves what is said beside it, and no more. Times are in seconds, unless another unit is named."
)
_NEVER = (
    "These fields are declared as never leaving, so that the owner can be told why. Whatever else a machine says, and "
    "has no row in this profile, never leaves either."
)
_TEXTS = (
    "A consent is given to one of these texts, word for word, and holds its SHA-256. A receipt names the same number "
    "as its notice. If anything in a text changes, its number changes."
)


def _section(number: int, section: Section) -> Markup:
    anchor, title, parts = section
    name = f"{anchor}-title"
    inside = [tag("h2", f"{number}. {title}", id=name), *parts]
    return tag("section", *(Markup(f"{one}\n") for one in inside), id=anchor, aria_labelledby=name)


def _contents(sections: list[Section], catalogue: Catalogue) -> Markup:
    items = []
    for number, (anchor, title, _) in enumerate(sections, 1):
        inner: list[Markup] = []
        if anchor == "purposes":
            rows = [tag("li", link(f"purpose-{name}", row["title"])) for name, row in purposes.ordered(catalogue)]
            inner = [tag("ol", *rows)]
        items.append(tag("li", f"{number}. ", link(anchor, title), *inner))
    return tag("nav", tag("p", "Contents", class_="label"), tag("ol", *items), aria_label="Contents")


def _glance(compiled: bytes, catalogue: Catalogue) -> list[Markup]:
    leaving = [row for row in catalogue.fields.values() if row["purposes"]]
    guardian = "a guardian decides" if catalogue.age["guardian"] else "nothing leaves"
    device = catalogue.device
    known = facts(
        [
            ("Profile", code(catalogue.profile)),
            ("Version", catalogue.version),
            ("SHA-256 of the file that devices load", digest(hashlib.sha256(compiled).hexdigest())),
            ("Age", f"Meant for people of {catalogue.age['threshold']} and more; for anybody younger, {guardian}"),
            ("Copies of what left, on the device", f"{first(meaning.kept(device['sent']))}, sealed, never pictures"),
            ("History, on the device", f"{first(meaning.kept(device['ledger']))}, without any value"),
            ("Fields that may leave", str(len(leaving))),
            ("Fields declared as never leaving", str(len(catalogue.fields) - len(leaving))),
        ]
    )
    known_as = sorted(catalogue.recipients.items(), key=lambda one: (not one[1]["topic"], one[0]))
    people = table(
        "Recipients",
        ("Recipient", "Where it goes", "Answers"),
        ((_recipient(name, row), first(meaning.where(row)), _answers(row)) for name, row in known_as),
    )
    rows = [
        (
            link(f"purpose-{name}", row["title"]),
            joined((catalogue.recipients[one]["name"] for one in row["recipients"]), "; "),
            purposes.how_often(row, catalogue),
            purposes.how_long(row, catalogue),
        )
        for name, row in purposes.ordered(catalogue)
    ]
    overview = table("Purposes", ("Purpose", "To whom", "How often", "Kept there"), rows)
    return [known, _label("Recipients"), people, _label("Purposes"), overview]


def _label(words: str) -> Markup:
    return tag("p", words, class_="label")


def _recipient(name: str, row: dict[str, object]) -> Markup:
    return joined([text(str(row["name"])), tag("span", code(name), class_="key")], "")


def _answers(row: dict[str, bytes]) -> str:
    if not row["topic"]:
        return "It is sent no message"
    return "Signs what it answers" if row["answers"] else "No key is named: its server's word is all"


def _purposes(catalogue: Catalogue, names: Names) -> list[Markup]:
    return [tag("p", _PURPOSES), *purposes.all_of(catalogue, names)]


def _never(catalogue: Catalogue, names: Names) -> list[Markup]:
    rows = [
        (
            purposes.field_name(name, names),
            names.of("category", row["category"]),
            names.of("sensitivity", row["sensitivity"]),
            link(f"clause-{row['clause']}", row["clause"]),
        )
        for name, row in sorted(catalogue.fields.items(), key=lambda one: int(one[1]["id"]))
        if not row["purposes"]
    ]
    return [
        tag("p", _NEVER),
        table("What never leaves", ("Field", "Category", "Sensitivity", "Clause"), rows),
    ]


def _texts(catalogue: Catalogue) -> list[Markup]:
    parts = [
        tag("p", _TEXTS),
    ]
    for purpose, recipient in catalogue.pairs():
        title, name = catalogue.purposes[purpose]["title"], catalogue.recipients[recipient]["name"]
        parts.append(tag("h3", f"{title}, to: {name}", id=f"text-{purpose}-{recipient}"))
        parts.append(tag("p", "SHA-256 ", digest(catalogue.policy(purpose, recipient).hex()), class_="note"))
        # The first line break after <pre> is not part of its text.
        parts.append(Markup(f"<pre>\n{text(''.join(catalogue.text(purpose, recipient)))}</pre>"))
    return parts


def _beyond() -> list[Markup]:
    said = (
        "Whoever is connected to sees an address: a recipient's server learns the network address that the connection "
        "comes from, as every server does. It is in no message.",
        "At the owner's wish, and only then, a recipient is asked to delete what it has. That request holds no field.",
        "What a recipient does with what it was given is not in the device's hands. The periods here are what it is "
        "told to keep to.",
        "Numbers that lie outside of the bounds given here stay, and so does whatever is of another kind.",
    )
    return [tag("p", one) for one in said]


def _since(old: Catalogue, new: Catalogue) -> list[Markup]:
    come, gone, changed = since(old, new)
    rows: list[tuple[Markup | str, ...]] = []
    for kinds, what in ((come, "New; owners are asked"), (gone, "Gone; consent to it ends")):
        rows += [(" to ".join(pair), what, "", "") for pair in kinds]
    for pair, found in changed.items():
        rows.append((" to ".join(pair), first(consequence(found)), "", ""))
        rows += [(code(one.what), first(one.meaning), one.before or "-", one.after or "-") for one in found]
    if not rows:
        return [tag("p", "Nothing changes for owners.")]
    return [table("Changes", ("What", "What it means", "Before", "Now"), rows)]
