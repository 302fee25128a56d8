"""A pytest plug-in: notes which clauses and attacks each test proves and how it went, for tools/clauses."""

import json
from collections.abc import Generator
from typing import Any

import pytest

_WORST = ("failed", "skipped", "passed")
_KEY = pytest.StashKey[dict[str, dict[str, Any]]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_KEY] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep the worst outcome of the test's phases; a skip or a failure may come from a fixture."""
    report = yield
    clauses = [name for mark in item.iter_markers("clause") for name in mark.args]
    attacks = [number for mark in item.iter_markers("attack") for number in mark.args]
    if clauses or attacks:
        row = item.config.stash[_KEY].setdefault(item.nodeid, {"outcome": "passed"})
        row.update(clauses=sorted(set(clauses)), attacks=sorted(set(attacks)))
        row["outcome"] = min(row["outcome"], report.outcome, key=_WORST.index)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the results of this run over those of the one before."""
    if session.config.option.collectonly:
        return
    path = session.config.rootpath / ".pytest_cache" / "clauses.json"
    path.parent.mkdir(exist_ok=True)
    tests = [{"test": name, **row} for name, row in sorted(session.config.stash[_KEY].items())]
    path.write_text(json.dumps({"tests": tests}, indent=1) + "\n", "utf-8")
