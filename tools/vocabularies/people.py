"""What people and towns are called: words that the vocabulary must not learn from a program."""

import ast
import json
import re
from collections.abc import Iterator
from typing import NamedTuple

_WORD = re.compile(r"[^\W\d_]+")
_SURNAMES, _WOMEN = 3000, 1500  # that are common, of lists sorted by how many people are called so
_LISTS = re.compile(r"(first|last)_?name|^names|surname")


class People(NamedTuple):
    """common: given names and surnames of many; all: those, others, and towns. In small letters."""

    common: frozenset[str]
    all: frozenset[str]


def wanted(path: str) -> bool:
    return bool(
        re.search(r"dist\.(all|male|female)\.\w+$|providers/person/\w+/__init__\.py$|data/cities15000\.json$", path)
    )


def people(files: dict[str, bytes]) -> People:
    """files: path -> content, of the packages that hold lists of names."""
    common, every = set[str](), set[str]()
    for path, data in files.items():
        text = data.decode("utf-8")
        if path.endswith(".py"):
            every.update(word.lower() for name in _python(text) for word in _WORD.findall(name))
        elif path.endswith(".json"):
            every.update(word.lower() for city in json.loads(text).values() for word in _WORD.findall(city["name"]))
        else:
            names = [line.split()[0].lower() for line in text.splitlines() if line.strip()]
            every.update(names)
            most = _SURNAMES if path.endswith("all.last") else _WOMEN if path.endswith("female.first") else None
            common.update(names[:most])
    return People(frozenset(common), frozenset(every))


def _python(text: str) -> Iterator[str]:
    """The strings of lists of names in a module that makes names up."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and _LISTS.search(node.targets[0].id):
            for leaf in ast.walk(node.value):
                if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str):
                    yield leaf.value
