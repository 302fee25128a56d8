"""Which files run unchanged on CPython and on MicroPython. Every check and the test runner read this table."""

from pathlib import Path

PACKAGE = "firmware_agent"

CORE = tuple(
    f"{PACKAGE}/{name}"
    for name in (
        "__init__.py",
        "errors.py",
        "cbor.py",
        "model.py",
        "notice.py",
        "catalogue.py",
        "transforms.py",
        "outcomes.py",
        "jpeg.py",
        "pointbody.py",
        "pointcloud.py",
        "decide.py",
        "clock.py",
        "gate.py",
        "consent/__init__.py",
        "consent/slots.py",
        "consent/store.py",
        "egress/__init__.py",
        "egress/entry.py",
        "egress/standing.py",
        "egress/layout.py",
        "egress/segments.py",
        "egress/signed.py",
        "egress/repair.py",
        "egress/ledger.py",
        "egress/door.py",
        "egress/ring.py",
        "egress/vault.py",
        "egress/idents.py",
        "egress/pseudonyms.py",
        "egress/outbox.py",
        "egress/envelope.py",
        "egress/requests.py",
        "egress/rights.py",
        "egress/intake.py",
        "egress/uplink.py",
        "scrub/__init__.py",
        "scrub/words.py",
        "scrub/checks.py",
        "scrub/naming.py",
        "scrub/services.py",
        "scrub/rules.py",
        "scrub/forms.py",
        "scrub/files.py",
        "scrub/keys.py",
        "scrub/keyed.py",
        "scrub/lines.py",
        "bundle/__init__.py",
        "bundle/form.py",
        "device/__init__.py",
        "device/micropython.py",
    )
)
# stands in for a standard module on boards; CPython never runs it in the agent
BOARD = (f"{PACKAGE}/device/board/hmac.py",)


def sources(root: Path) -> dict[str, str]:
    """Every Python file of the package: path from `root` -> text."""
    found = sorted((root / PACKAGE).rglob("*.py"))
    return {path.relative_to(root).as_posix(): path.read_text("utf-8") for path in found}


def module(path: str) -> str:
    """The dotted name of a file: "a/b/__init__.py" -> "a.b"."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def missing(files: dict[str, str]) -> list[str]:
    """One finding for each file of the tables that is not there."""
    return [
        f"{path}:1: is listed in tools/checks/core.py and missing; restore it"
        for path in CORE + BOARD
        if path not in files
    ]
