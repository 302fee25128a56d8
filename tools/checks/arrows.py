"""Imports point one way: from the entry points through the rooms and the gate down to the errors."""

import ast

from checks.core import BOARD, CORE, PACKAGE, module
from checks.syntax import is_type_checking

# A unit is a file or a folder right below the package. It may import what stands in a lower layer, and itself.
LAYERS = (
    ("__main__", "cli", "demo"),  # the entry points; these may import one another
    ("agent",),
    ("camera", "telemetry", "consent", "egress", "owner"),  # siblings: agent.py passes objects in
    ("gate", "sessions", "admissions"),
    ("outcomes",),
    ("decide", "transforms", "clock"),
    ("catalogue", "itself"),
    ("model", "jpeg", "pointcloud", "notice", "bundle"),
    ("cbor", "config", "pointbody", "scrub"),
    ("refusals", "accounts"),
    ("errors", "addresses", "limits", "phase", "waiting"),
)
# Beside the layers: who may import the unit, and what the unit may import.
ASIDE = {
    "device": (("__main__", "cli", "demo"), ("errors",)),  # handed in, never fetched
    "profiles": (
        ("cli",),
        ("gate", "outcomes", "transforms", "catalogue", "model", "jpeg", "cbor", "config", "errors"),
    ),
}
CORE_STANDARD = ("hashlib", "hmac", "binascii")
BOARD_STANDARD = {
    f"{PACKAGE}/device/micropython.py": ("os", "time"),
    f"{PACKAGE}/scrub/forms.py": ("re",),  # every pattern there is made for it
}
TYPES_ONLY = ("typing", "collections.abc")  # for the type checker; boards have neither


def check(files: dict[str, str]) -> list[str]:
    """Every import against the arrows, every core file against the modules that a board has."""
    modules = {module(path) for path in files}
    findings = []
    graph: dict[str, dict[str, tuple[str, int]]] = {}
    for path, text in files.items():
        edges = graph.setdefault(module(path), {})
        for node, for_types in _imports(ast.parse(text)):
            where = f"{path}:{node.lineno}"
            if isinstance(node, ast.ImportFrom) and node.level:
                findings.append(f"{where}: relative import; write the whole name from {PACKAGE} on")
                continue
            targets = _targets(node, modules)
            for target in targets:
                if _inside(target):
                    edges.setdefault(target, (path, node.lineno))
                    findings += [f"{where}: {why}" for why in _layer(module(path), target)]
            if path in CORE + BOARD:
                findings += [f"{where}: {why}" for why in _core(path, targets, for_types)]
        if path in CORE + BOARD:
            findings += _flag_lines(path, ast.parse(text))
    return findings + _cycles(graph)


def _imports(tree: ast.AST, for_types: bool = False) -> "list[tuple[ast.Import | ast.ImportFrom, bool]]":
    found: list[tuple[ast.Import | ast.ImportFrom, bool]] = []
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            found.append((child, for_types))
        elif is_type_checking(child):
            assert isinstance(child, ast.If)
            for part in child.body:
                found += _imports(ast.Module([part], []), True)
            for part in child.orelse:
                found += _imports(ast.Module([part], []), for_types)
        else:
            found += _imports(child, for_types)
    return found


def _targets(node: "ast.Import | ast.ImportFrom", modules: set[str]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    longer = [f"{base}.{alias.name}" for alias in node.names]
    return sorted({name if name in modules else base for name in longer})


def _inside(name: str) -> bool:
    return name == PACKAGE or name.startswith(PACKAGE + ".")


def _unit(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


def _level(unit: str) -> int | None:
    return next((level for level, units in enumerate(LAYERS) if unit in units), None)


def _layer(importer: str, imported: str) -> list[str]:
    """Why `importer` may not import `imported`; nothing if it may."""
    a, b = _unit(importer), _unit(imported)
    if a == b or not b:  # the package itself holds only the version
        return []
    for unit in (a, b):
        if unit not in ASIDE and _level(unit) is None:
            return [f"{unit or PACKAGE} stands in no layer; give it a place in LAYERS of tools/checks/arrows.py"]
    if b in ASIDE:
        users = ASIDE[b][0]
        return [] if a in users else [f"{a} imports {b}; only {' and '.join(users)} may: have it handed in"]
    if a in ASIDE:
        return [] if b in ASIDE[a][1] else [f"{a} imports {b}; it may import only {', '.join(ASIDE[a][1])}"]
    high, low = _level(a), _level(b)
    assert high is not None
    assert low is not None
    if high == low == 0:
        return []
    if high == low:
        return [f"{a} imports its sibling {b}; let agent.py pass the object in"]
    return [] if high < low else [f"{a} imports {b}, which stands above it; turn the arrow round or pass the object in"]


def _core(path: str, targets: list[str], for_types: bool) -> list[str]:
    allowed = (CORE_STANDARD + BOARD_STANDARD.get(path, ())) + (TYPES_ONLY if for_types else ())
    core = {module(core) for core in CORE}
    return [
        f"a core file imports {name}; boards have only {', '.join(CORE_STANDARD)}"
        + (": put it under `if TYPE_CHECKING:`" if name in TYPES_ONLY else " and the other core files")
        for name in targets
        if name not in allowed and name not in core
    ]


def _flag_lines(path: str, tree: ast.Module) -> list[str]:
    """`TYPE_CHECKING` must be the plain `TYPE_CHECKING = False`: otherwise its body would run on a board."""
    used = [node.lineno for node in ast.walk(tree) if is_type_checking(node)]
    plain = [
        node.lineno
        for node in tree.body
        if isinstance(node, ast.Assign)
        and [ast.unparse(target) for target in node.targets] == ["TYPE_CHECKING"]
        and isinstance(node.value, ast.Constant)
        and node.value.value is False
    ]
    stores = [
        n
        for n in ast.walk(tree)
        if isinstance(n, ast.Name) and n.id == "TYPE_CHECKING" and isinstance(n.ctx, ast.Store)
    ]
    if used and not (len(plain) == len(stores) == 1 and plain[0] < used[0]):
        return [f"{path}:{used[0]}: TYPE_CHECKING is not the plain name; write `TYPE_CHECKING = False` above, once"]
    return []


def _cycles(graph: "dict[str, dict[str, tuple[str, int]]]") -> list[str]:
    """One finding for each circle of imports, at one of its imports."""
    findings = []
    done: set[str] = set()

    def walk(name: str, trail: list[str]) -> None:
        for target, (path, line) in graph.get(name, {}).items():
            if target in trail:
                circle = [*trail[trail.index(target) :], target]
                findings.append(
                    f"{path}:{line}: imports go in a circle, {' -> '.join(circle)}; move what both need below"
                )
            elif target not in done:
                walk(target, [*trail, target])
        done.add(name)

    for name in sorted(graph):
        if name not in done:
            walk(name, [name])
    return findings
