"""The words of a program's file: what it can say, and what it calls things; not who wrote it."""

import io
import re
import tokenize

from firmware_agent.scrub.vocabulary import parts

LONGEST = 20  # letters of a word that is taken
_LARGEST = 8 << 20  # bytes of a file that is read
_TEXTS = tuple(
    [
        ".md",
        ".rst",
        ".cfg",
        ".conf",
        ".ini",
        ".json",
        ".yaml",
        ".jinja2",
        ".html",
        ".service",
        ".rules",
        ".txt",
        ".def",
        ".xml",
        ".sh",
    ]
)
_LEFT_OUT = re.compile(
    r"(^|/)(tests?|testing|locale|localization|translations|man|doc|licenses?|[^/]*(dist|egg)-info|_?vendor|lib2to3"
    r"|idlelib|fonts|icons|completions?|hwdb\.d|include|Documentation|scripts|tools|samples|selftests|boot)/"
    r"|/(license|copying|authors|changelog|changes|news|credits|sponsors|contact|thanks|contributing|readme)[^/]*$",
    re.I,
)
_LINUX = re.compile(r"linux-source-[^/]+/(drivers|net|kernel|mm|init|fs|block|lib|sound/usb|arch/arm[^/]*)/.*\.c")
_PEOPLE = re.compile(
    r"copyright|\(c\)|©|author|maintain|contribut|thank|licen[sc]e|@[a-z]+\.|credit|written by|signed-off|sponsor"
    r"|patreon|github\.com|https?://",
    re.I,
)
_QUOTED = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
_AUTHOR = re.compile(r"\bMODULE_AUTHOR\s*\([^;]*;")
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
_PRINTED = re.compile(rb"[\x20-\x7e]{6,}")
_BLOCK = re.compile(r"[A-Za-z0-9+/=]{40,}")


def wanted(path: str) -> bool:
    """Whether a file of a package may say something of its program."""
    if "linux-source-" in path:
        return _LINUX.search(path) is not None and not _LEFT_OUT.search(path)
    if _LEFT_OUT.search("/" + path):
        return False
    program = re.search(r"(^|/)s?bin/|\.so(\.|$)|/lib/(systemd|udev|NetworkManager)/[^.]*$", path)
    return program is not None or path.endswith((".py", ".pyi", ".c", ".h", *_TEXTS))


def words(path: str, data: bytes) -> set[str]:
    """Its words of letters a to z, small. A line that names people gives none."""
    if len(data) > _LARGEST and not data.startswith(b"\x7fELF"):
        return set()
    lines = [_BLOCK.sub(" ", line) for line in _said(path, data).split("\n") if not _PEOPLE.search(line)]
    return {word for word in parts("\n".join(lines)) if word.isascii() and len(word) <= LONGEST}


def _said(path: str, data: bytes) -> str:
    if data.startswith(b"\x7fELF"):
        return "\n".join(run.decode("ascii") for run in _PRINTED.findall(data))
    text = data.decode("utf-8", "replace")
    if path.endswith((".py", ".pyi")):
        return "\n".join(_tokens(text))
    if path.endswith((".c", ".h")):
        code = _COMMENT.sub(" ", _AUTHOR.sub(" ", text)).split("\n")
        return "\n".join(quoted for line in code if not _PEOPLE.search(line) for quoted in _QUOTED.findall(line))
    return text


def _tokens(text: str) -> list[str]:
    """Names and strings; no comments."""
    found = list[str]()
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type in (tokenize.NAME, tokenize.STRING):
                found.append(token.string)
    except (tokenize.TokenError, SyntaxError):
        pass  # a template, or another Python's: what came before it counts
    return found
