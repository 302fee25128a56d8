"""What the agent is made of is pinned by hash and listed; a new or changed dependency shows (attack 20)."""

import importlib.machinery
import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def tool():
    sys.path.insert(0, str(ROOT / "tools"))
    loader = importlib.machinery.SourceFileLoader("sbom_tool", str(ROOT / "tools/sbom"))
    spec = importlib.util.spec_from_loader("sbom_tool", loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    sys.path.remove(str(ROOT / "tools"))
    return module


@pytest.mark.attack(20)
def test_ok__exactly_what_is_needed_is_pinned_by_hash(tool):
    rows = tool.locked(tool.LOCK.read_text())
    assert set(rows) == tool.needed()
    assert len(rows) <= 10  # each one more has to be argued for in docs/dependencies.md
    assert all(digests for _, digests in rows.values())


@pytest.mark.attack(20)
def test_ok__the_bill_of_materials_is_what_is_pinned(tool):
    assert json.loads(tool.SBOM.read_text()) == tool.sbom(tool.locked(tool.LOCK.read_text()))


def test_fail__another_package_or_another_hash_is_a_difference(tool):
    text = tool.LOCK.read_text()
    bill = json.loads(tool.SBOM.read_text())
    digest = tool.locked(text)["h11"][1][0]
    more = text + "\nextra==1.0 \\\n    --hash=sha256:" + "0" * 64 + "\n"
    for changed in (text.replace(digest, "0" * 64), text.replace("h11==", "h11==9"), more):
        assert tool.sbom(tool.locked(changed)) != bill
    assert set(tool.locked(more)) != tool.needed()
