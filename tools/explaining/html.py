"""Small parts of a page. Text that comes in is escaped; what is markup already is of type Markup."""

from collections.abc import Iterable
from html import escape


class Markup(str):
    """Text that is HTML already."""


Text = str | Markup


def text(value: Text) -> Markup:
    """As HTML; what is not markup yet is escaped."""
    return value if isinstance(value, Markup) else Markup(escape(value))


def first(words: str) -> str:
    """With a capital letter."""
    return words[:1].upper() + words[1:]


def tag(name: str, *inside: Text, **attributes: str) -> Markup:
    """An element. In the names of attributes class_ stands for class, and aria_label for aria-label."""
    named = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items() if value}
    given = "".join(f' {key}="{escape(value)}"' for key, value in named.items())
    return Markup(f"<{name}{given}>{''.join(map(text, inside))}</{name}>")


def joined(parts: Iterable[Text], between: str = ", ") -> Markup:
    """One after the other."""
    return Markup(escape(between).join(map(text, parts)))


def link(target: str, *inside: Text) -> Markup:
    """To another place of this page."""
    return tag("a", *inside, href=f"#{target}")


def code(value: str) -> Markup:
    """A name as the profile writes it; it may break after an underscore."""
    return tag("code", Markup(escape(value).replace("_", "_<wbr>")))


def digest(value: str) -> Markup:
    """A long number in hex: in one piece when it is copied, in lines of equal length when it is read."""
    parts = [value[at : at + 16] for at in range(0, len(value), 16)]
    return tag("code", Markup("<wbr>".join(map(escape, parts))), class_="digest")


def facts(rows: Iterable[tuple[str, Text]]) -> Markup:
    """A list of what is known: its name, and what it is."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in rows))


def table(name: str, heads: tuple[str, ...], rows: Iterable[tuple[Text, ...]], kind: str = "") -> Markup:
    """A table whose first column names the row. On a small screen it can be moved sideways, also with the keys."""
    head = tag("tr", *(tag("th", one, scope="col") for one in heads))
    body = [tag("tr", tag("th", row[0], scope="row"), *(tag("td", one) for one in row[1:]), "\n") for row in rows]
    whole = tag("table", tag("thead", head), "\n", tag("tbody", *body), class_=kind)
    return tag("div", whole, class_="wide", role="region", aria_label=name, tabindex="0")
