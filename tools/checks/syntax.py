"""What several checks ask of a syntax tree."""

import ast
from collections.abc import Iterator


def is_type_checking(node: ast.AST) -> bool:
    """Whether `node` is an `if TYPE_CHECKING:`."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def running(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes below `node` that run: no `if TYPE_CHECKING:` body, no annotations."""
    annotations: list[ast.AST | None] = []
    skipped: list[ast.AST] = []
    if is_type_checking(node):
        assert isinstance(node, ast.If)
        skipped = list(node.body)
    if isinstance(node, (ast.AnnAssign, ast.arg)):
        annotations.append(node.annotation)
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        annotations.append(node.returns)
    for child in ast.iter_child_nodes(node):
        if child in annotations or child in skipped:
            continue
        yield child
        yield from running(child)


def dotted(node: ast.AST) -> str | None:
    """`a.b.c` as text; None for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = dotted(node.value)
        return None if base is None else f"{base}.{node.attr}"
    return None
