"""Shared fixtures, the clause report, and the count of core tests on both runtimes."""

import logging

import pytest

from host_tests import rigs  # noqa: F401 - the rigs are found from here

pytest_plugins = ["host_tests.clause_report", "host_tests.rigs.phones"]

_COUNTS = {"CPython": 0, "MicroPython": 0}


@pytest.fixture(autouse=True)
def _handlers():
    """What a command that runs inside a test sets up for its logs ends with that test."""
    root, ours = logging.getLogger(), logging.getLogger("firmware_agent")
    before, levels = list(root.handlers), (root.level, ours.level)
    yield
    for handler in [one for one in root.handlers if one not in before]:
        root.removeHandler(handler)
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


def pytest_runtest_logreport(report):
    if report.when != "call" or not report.passed:
        return
    if "host_tests/core/" in report.nodeid:
        _COUNTS["CPython"] += 1
    for name, value in report.user_properties:  # they come from whichever process ran the test
        if name == "MicroPython":
            _COUNTS[name] += value


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(
        f"core tests: {_COUNTS['CPython']} passed on CPython, "
        f"{_COUNTS['MicroPython']} passed on MicroPython (256 KiB heap)"
    )
