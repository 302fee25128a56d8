"""What MicroPython silently does otherwise than CPython, or does not have: refused in core files.

Measured on MicroPython 1.28. Running the tests there is the authority; this says it earlier and where.
"""

import ast
import re

from checks.core import BOARD, CORE, PACKAGE
from checks.syntax import dotted, running

# The one place that may look at `isinstance(x, int)` without more: everybody else asks it.
IS_INT = (f"{PACKAGE}/cbor.py", "is_int")

# A regular expression's parts that MicroPython does not match and says nothing about, or refuses.
_PATTERN = (
    (re.compile(r"\{\d*(,\d*)?\}"), "{m,n} never matches there; write the part m times"),
    (re.compile(r"\\[bB]|\x08"), "\\b never matches there; name the characters around it"),
    (re.compile(r"\\[1-9]"), "a back-reference never matches there; compare the groups in code"),
    (re.compile(r"\(\?(?!:)"), "named groups, flags and look-around do not exist there; use plain groups"),
)
_NO_RE = ("findall", "finditer", "fullmatch", "escape", "split", "subn")
_ASCII_ONLY = ("lower", "upper", "isalpha", "isdigit", "isspace", "isupper", "islower")
_ABSENT = (
    "isascii",
    "removeprefix",
    "removesuffix",
    "isalnum",
    "isdecimal",
    "isnumeric",
    "casefold",
    "title",
    "capitalize",
    "swapcase",
    "zfill",
    "ljust",
    "rjust",
    "expandtabs",
    "translate",
    "maketrans",
    "format_map",
    "isprintable",
    "isidentifier",
    "istitle",
    "hexdigest",
)
# What the stubs promise all the same: members of the allowed modules and builtins that a board has not.
_NO_MEMBER = {
    "os": (
        "fsync",
        "fdatasync",
        "replace",
        "getpid",
        "path",
        "makedirs",
        "scandir",
        "truncate",
        "sync",
        "open",
        "write",
    ),
    "hashlib": ("new", "md5", "sha1", "sha224", "sha384", "sha512", "blake2b", "blake2s", "pbkdf2_hmac", "scrypt"),
}
_NO_BUILTIN = (
    "FileNotFoundError",
    "FileExistsError",
    "PermissionError",
    "ConnectionError",
    "ConnectionResetError",
    "TimeoutError",
    "InterruptedError",
    "BlockingIOError",
    "IsADirectoryError",
    "NotADirectoryError",
    "BrokenPipeError",
    "ProcessLookupError",
    "UnicodeDecodeError",
    "UnicodeEncodeError",
    "RecursionError",
    "ExceptionGroup",
    "Warning",
    "ascii",
    "format",
    "vars",
    "aiter",
    "anext",
)
_F_EQUALS = re.compile(r"\{[^{}\"']*[^{}=!<>\"'\s]\s*=\s*(![rsa])?(:[^{}]*)?\}")


def check(files: dict[str, str]) -> list[str]:
    """Findings in the core files among `files`."""
    findings = []
    for path in CORE + BOARD:
        if path in files:
            found = {(line, why) for line, why in lint(path, files[path])}
            findings += [f"{path}:{line}: {why}" for line, why in sorted(found)]
    return findings


def lint(path: str, text: str) -> list[tuple[int, str]]:
    """(line, what and what to do) for each difference in one file."""
    tree = ast.parse(text)
    found = _imports(tree) + _bool_guards(path, tree)
    if any("re" in _modules(node) for node in ast.walk(tree)):
        found += _patterns(tree)
    dicts = _dict_names(tree)
    for node in running(tree):
        why = _statement(node) or _names_and_calls(node) or _expression(node, dicts) or _f_string(node, text)
        if why:
            found.append((getattr(node, "lineno", getattr(getattr(node, "args", None), "lineno", 1)), why))
    return found


def _modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


def _imports(tree: ast.Module) -> list[tuple[int, str]]:
    why = "there is no __future__ there; quote the annotation instead"
    return [(node.lineno, why) for node in ast.walk(tree) if "__future__" in _modules(node)]  # type: ignore[attr-defined]


def _patterns(tree: ast.Module) -> list[tuple[int, str]]:
    """In a file that imports re, every text that is not a docstring is read as a pattern."""
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)) and id(node) not in docs:
            pattern = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
            found += [(node.lineno, f"regular expression: {why}") for part, why in _PATTERN if part.search(pattern)]
    return found


def _statement(node: ast.AST) -> str:
    if isinstance(node, ast.Match):
        return "`match` does not exist there; write if and elif"
    if isinstance(node, ast.TryStar):
        return "`except*` does not exist there; catch one error"
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) and node.args.posonlyargs:
        return "`/` in a signature does not exist there; leave it out"
    return ""


def _names_and_calls(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute) and node.attr in _ABSENT:
        return f".{node.attr} does not exist there; write it out, or test the bytes"
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        if node.attr in _NO_MEMBER.get(node.value.id, ()):
            return f"{node.value.id}.{node.attr} does not exist on every port; do without it"
    elif isinstance(node, ast.Name) and node.id in _NO_BUILTIN and isinstance(node.ctx, ast.Load):
        return f"{node.id} does not exist there; for an error, catch OSError and look at its errno"
    if not isinstance(node, ast.Call):
        return ""
    keywords = [keyword.arg for keyword in node.keywords]
    if isinstance(node.func, ast.Name) and node.func.id == "zip" and keywords:
        return "zip takes no keyword there; compare the lengths before"
    if not isinstance(node.func, ast.Attribute):
        return ""
    name, whole = node.func.attr, dotted(node.func) or ""
    if name in _ASCII_ONLY and not isinstance(node.func.value, ast.Constant):
        return f".{name}() knows only ASCII there; compare with a list of what is allowed"
    if name in ("to_bytes", "from_bytes") and keywords:
        return f"{name} takes no keyword there; shift and add by hand"
    if whole.startswith(("struct.pack", "ustruct.pack")):
        return "struct.pack does not check ranges there; use int.to_bytes"
    if whole.startswith(("re.", "ure.")) and (name in _NO_RE or keywords):
        return f"re.{name} or its keyword does not exist there; loop over search()"
    return ""


def _expression(node: ast.AST, dicts: set[str]) -> str:
    if isinstance(node, ast.Dict) and None in node.keys:
        return "`{**a}` does not exist there; use dict(a) and update()"
    literal = isinstance(node, ast.Set) or (isinstance(node, (ast.List, ast.Tuple)) and isinstance(node.ctx, ast.Load))
    if literal and any(isinstance(item, ast.Starred) for item in ast.iter_child_nodes(node)):
        return "`[*a]` does not exist there; join with +"
    sides: list[ast.expr] = []
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        sides = [node.left, node.right]
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.BitOr):
        sides = [node.target, node.value]
    if any(_is_dict(side) or dotted(side) in dicts for side in sides):
        return "`dict | dict` does not exist on every port; use update()"
    return ""


def _is_dict(node: ast.AST | None) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "dict"
    return isinstance(node, (ast.Dict, ast.DictComp))


def _dict_names(tree: ast.Module) -> set[str]:
    """Names that somewhere in the file are given a dict."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and _is_dict(node.value):
            found |= {dotted(target) for target in node.targets}
        elif isinstance(node, (ast.AnnAssign, ast.arg)) and node.annotation is not None:
            annotation = ast.unparse(node.annotation).strip("'\"")
            if annotation.startswith("dict") and "|" not in annotation:
                found.add(node.arg if isinstance(node, ast.arg) else dotted(node.target))
    return {name for name in found if name}


def _f_string(node: ast.AST, text: str) -> str:
    if not isinstance(node, ast.JoinedStr):
        return ""
    if _F_EQUALS.search((ast.get_source_segment(text, node) or "").replace("{{", "").replace("}}", "")):
        return "`{x=}` in an f-string depends on the port; write the name as text"
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            if any(isinstance(n, ast.JoinedStr) or _is_text(n) for n in ast.walk(part.value)):
                return "quotes inside the braces of an f-string depend on the port; use % formatting"
            if part.conversion == ord("a"):
                return "`!a` does not exist there; use !r"
            if part.format_spec is not None and any(
                isinstance(n, ast.FormattedValue) for n in ast.walk(part.format_spec)
            ):
                return "braces in a format depend on the port; use % formatting"
    return ""


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))


def _bool_guards(path: str, tree: ast.Module) -> list[tuple[int, str]]:
    """isinstance(x, int) where nothing has yet said that x is no bool: True is an int on CPython only."""
    found: list[tuple[int, str]] = []
    why = "isinstance(True, int) is False there; ask cbor.is_int, or test `is True` and `is False` before"

    def walk(node: ast.AST, safe: frozenset[str]) -> None:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if (path, node.name) == IS_INT:
                return
            safe = frozenset()
        if isinstance(node, ast.BoolOp):
            safe |= _tested(node)
        if isinstance(node, ast.Call) and _asks_int(node) and ast.unparse(node.args[0]) not in safe:
            found.append((node.lineno, why))
        for name, value in ast.iter_fields(node):
            inner = safe
            if name == "orelse" and isinstance(node, (ast.If, ast.IfExp)):
                inner = safe | _tested(node.test)
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, ast.AST):
                    walk(item, inner)
                    if isinstance(item, ast.If) and isinstance(item.body[-1], (ast.Return, ast.Raise, ast.Continue)):
                        inner = inner | _tested(item.test)

    walk(tree, frozenset())
    return found


def _asks_int(node: ast.Call) -> bool:
    if not (isinstance(node.func, ast.Name) and node.func.id == "isinstance" and len(node.args) == 2):
        return False
    return any(isinstance(name, ast.Name) and name.id == "int" for name in ast.walk(node.args[1]))


def _tested(test: ast.AST) -> frozenset[str]:
    """The expressions that `test` compares with both True and False, or asks whether they are a bool."""
    seen: dict[str, set[object]] = {}
    for node in ast.walk(test):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Is, ast.IsNot)):
            right = node.comparators[0]
            if isinstance(right, ast.Constant) and isinstance(right.value, bool):
                seen.setdefault(ast.unparse(node.left), set()).add(right.value)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance" and len(node.args) == 2:
            kind = ast.unparse(node.args[1])
            seen.setdefault(ast.unparse(node.args[0]), set()).update((True, False) if kind == "bool" else ())
    return frozenset(name for name, values in seen.items() if len(values) == 2)
