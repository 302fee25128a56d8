"""The core's tests on real MicroPython, with the heap of a small board."""

import re
from pathlib import Path

import pytest

from host_tests.rigs import board

MODULES = sorted(path.stem for path in (Path(__file__).parent / "core").glob("test_*.py"))


@pytest.fixture(scope="session")
def flash(tmp_path_factory):
    return board.build(tmp_path_factory.mktemp("flash"))


@pytest.mark.parametrize("module", MODULES)
def test_ok__core_on_micropython(module, flash, record_property):
    done = board.run(flash, module)
    found = re.search(r"^COUNT (\d+) (\d+)$", done.stdout, re.M)
    assert found and found[2] == "0" and done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    source = (Path(__file__).parent / "core" / f"{module}.py").read_text()
    assert int(found[1]) == len(re.findall(r"^def test_", source, re.M)) > 0
    record_property("MicroPython", int(found[1]))


def test_fail__a_failing_test_is_seen(flash):
    """The control: a core test that fails on the board fails here."""
    (flash / "lib/test_broken.py").write_text("def test_fail__on_purpose():\n    assert 1 == 2\n")
    done = board.run(flash, "test_broken")
    assert "COUNT 0 1" in done.stdout
