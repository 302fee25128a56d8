"""A pytest plug-in: notes which clauses and attacks each test proves and how it went, for tools/clauses.

Tests may run in several processes: what a test proves travels with its reports, and one process writes the file.
"""

import json
from typing import Any

import pytest

_WORST = ("failed", "skipped", "passed")
_PROVES = "proves"


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_Rows(config), "clause rows")


def pytest_itemcollected(item: pytest.Item) -> None:
    clauses = {name for mark in item.iter_markers("clause") for name in mark.args}
    attacks = {number for mark in item.iter_markers("attack") for number in mark.args}
    if clauses or attacks:
        item.user_properties.append((_PROVES, {"clauses": sorted(clauses), "attacks": sorted(attacks)}))


class _Rows:
    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._rows: dict[str, dict[str, Any]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the worst outcome of the test's phases; a skip or a failure may come from a fixture."""
        for name, proves in report.user_properties:
            if name == _PROVES:
                row = self._rows.setdefault(report.nodeid, {"outcome": "passed", **dict(proves)})  # type: ignore[call-overload]
                row["outcome"] = min(row["outcome"], report.outcome, key=_WORST.index)

    def pytest_sessionfinish(self) -> None:
        """Write the results of this run over those of the one before."""
        if self._config.option.collectonly or hasattr(self._config, "workerinput"):
            return
        path = self._config.rootpath / ".pytest_cache" / "clauses.json"
        path.parent.mkdir(exist_ok=True)
        tests = [{"test": name, **row} for name, row in sorted(self._rows.items())]
        path.write_text(json.dumps({"tests": tests}, indent=1) + "\n", "utf-8")
