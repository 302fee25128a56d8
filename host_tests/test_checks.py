"""The checks of tools/check find what they are there to find: each has hostile samples, and the tree passes."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from checks import arrows, core, exits, handles, micropython, programs  # noqa: E402

FILES = core.sources(ROOT)
ELSEWHERE = "firmware_agent/owner/rights.py"  # any file without a row in the table of exits
CORE_FILE = "firmware_agent/jpeg.py"


def exits_with(path: str, text: str) -> list[str]:
    return [line for line in exits.check({path: text})[0] if line.startswith(path)]


def arrows_with(path: str, text: str) -> list[str]:
    return [line for line in arrows.check({**dict.fromkeys(FILES, ""), path: text}) if line.startswith(path)]


def test_ok__the_tree_passes_arrows() -> None:
    assert arrows.check(FILES) == []


def test_ok__the_tree_has_exactly_the_exits_of_the_table() -> None:
    assert exits.check(FILES)[0] == []
    assert tuple(exits.EXITS) == ("door", "viewer", "panel")


def test_ok__the_tree_passes_the_lint_for_micropython() -> None:
    assert core.missing(FILES) == []
    assert micropython.check(FILES) == []


@pytest.mark.parametrize(
    "text",
    [
        "import socket\nsocket.socket()",
        "import socket as s\ns.socket()",
        "from socket import socket as s\ns()",
        "from socket import *",
        "import socket\nsocket.create_connection(('h', 1))",
        "import socket\nsocket.create_server(('', 1))",
        "import socket\nsocket.socketpair()",
        "import socket\nsocket.fromfd(3, 2, 1)",
        "import socket\nsocket.socket(fileno=3)",
        "import socket\nopener = socket.socket",
        "import socket\nclass S(socket.socket): ...",
        "import socket\ngetattr(socket, 'socket')()",
        "import socket\ngetattr(socket, 'soc' + 'ket')()",
        "import socket\ng = getattr\ng(socket, 'socket')()",
        "import socket\nvars(socket)['socket']()",
        "import socket\nsocket.__dict__['socket']()",
        "import socket\nm = socket\nm.socket()",
        "import socket\n(lambda m: m.socket())(socket)",
        "import _socket",
        "import ssl\nssl.socket.socket()",
        "import ssl\nssl.create_default_context().wrap_socket(s)",
        "import socket\ntype(sock)(2, 1)",
        "def f(sock):\n    sock.__class__(2, 1)",
        "def f():\n    import socket\n    socket.socket()",
        "def f():\n    from x import y as socket\ndef g():\n    import socket\n    socket.socket()",
        "import asyncio\nasyncio.open_connection('h', 1)",
        "import asyncio as a\na.open_connection('h', 1)",
        "from asyncio import open_connection as oc\noc('h', 1)",
        "from asyncio import streams\nstreams.open_connection('h', 1)",
        "import asyncio\nasyncio.start_server(f, '', 1)",
        "import asyncio\nasyncio.open_unix_connection('p')",
        "import asyncio\nasyncio.start_unix_server(f, 'p')",
        "import asyncio\nasyncio.create_subprocess_exec('x')",
        "import asyncio\nasyncio.create_subprocess_shell('x')",
        "async def f(loop):\n    await loop.create_connection(P, 'h', 1)",
        "async def f(loop):\n    await loop.create_server(P, '', 1)",
        "async def f(loop):\n    await loop.create_datagram_endpoint(P)",
        "async def f(loop):\n    await loop.sock_connect(s, a)",
        "async def f(loop):\n    await loop.subprocess_exec(P, 'x')",
        "async def f(loop):\n    await getattr(loop, 'create_connection')(P)",
        "async def f(loop, name):\n    await getattr(loop, name)(P)",
        "async def f(loop):\n    await loop.getaddrinfo('secret.example', 1)",
        "import socket\nsocket.gethostbyname('secret.example')",
        "import subprocess",
        "from subprocess import run as r",
        "from firmware_agent.camera.start import socket",
        "from firmware_agent.egress import wire_mqtt\nwire_mqtt.socket.socket()",
        "import os\nos.system('x')",
        "import os as o\no.execv('x', [])",
        "from os import fork",
        "import os\nos.posix_spawn('x', [], {})",
        "import os\nos.spawnl(0, 'x')",
        "import os\nos.popen('x')",
        "import posix",
        "import pty",
        "import multiprocessing",
        "from concurrent.futures import ProcessPoolExecutor",
        "import urllib.request",
        "from urllib import request",
        "import http.client",
        "import smtplib",
        "import ftplib",
        "import logging.handlers",
        "import httpx",
        "import requests",
        "import aiohttp",
        "import websockets",
        "import paho.mqtt.client as mqtt",
        "from paho.mqtt import publish",
        "import a_package_that_nobody_looked_at",
        "import ctypes",
        "from ctypes import CDLL",
        "import importlib",
        "__import__('socket')",
        "imp = __import__",
        "import builtins",
        "eval('1')",
        "exec('import socket')",
        "compile('1', '', 'eval')",
        "globals()['socket']",
        "import sys\nsys.modules['socket']",
        "import operator\noperator.attrgetter('socket')",
        "().__class__.__base__.__subclasses__()",
    ],
)
def test_fail__a_fourth_exit(text: str) -> None:
    assert exits_with(ELSEWHERE, text)


@pytest.mark.parametrize(
    "text",
    [
        "import socket\ndef f(s: socket.socket) -> socket.socket: ...",
        "import socket\ntry:\n    pass\nexcept socket.gaierror:\n    pass",
        "import asyncio\nasyncio.subprocess.DEVNULL\nasyncio.run(f())",
        "import re\nre.compile('a')",
        "from urllib.parse import urlsplit",
        "import h11\nimport logging\nimport os\nos.urandom(8)\ngetattr(h11, 'Request')",
    ],
)
def test_ok__what_opens_nothing(text: str) -> None:
    assert exits_with(ELSEWHERE, text) == []


def test_fail__a_listed_file_does_more_than_its_row_says() -> None:
    assert exits_with("firmware_agent/camera/worker.py", "import socket\nsocket.socket(fileno=3)\nsocket.socket()")
    assert exits_with("firmware_agent/camera/start.py", "import asyncio\nasyncio.open_connection('h', 1)")
    assert not exits_with("firmware_agent/camera/worker.py", "import socket\nsocket.socket(fileno=3)")


def test_fail__a_stale_row() -> None:
    assert "opens nothing any more" in exits_with("firmware_agent/egress/wire_mqtt.py", "x = 1")[0]
    assert "opens nothing any more" in exits.check({"firmware_agent/demo/broker.py": "x = 1"})[0][0]


def test_ok__a_row_whose_file_is_not_written_yet_is_a_note() -> None:
    findings, notes = exits.check({})
    assert findings == []
    assert len(notes) == len(exits.table()) + 1


def test_fail__a_fourth_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(exits.EXITS, "survey", ELSEWHERE)
    assert any(
        "the exits must be" in line for line in exits.check({**FILES, ELSEWHERE: "import socket\nsocket.socket()"})[0]
    )


@pytest.mark.parametrize(
    "text", ["import firmware_agent.demo", "from firmware_agent import demo", "from firmware_agent.demo import x"]
)
def test_fail__the_agent_imports_the_demonstration(text: str) -> None:
    assert exits_with(ELSEWHERE, text)
    assert exits_with("firmware_agent/agent.py", text)
    assert not exits_with("firmware_agent/cli/x.py", text)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("firmware_agent/camera/x.py", "from firmware_agent.egress.door import Door"),
        ("firmware_agent/camera/x.py", "def f():\n    import firmware_agent.telemetry.source"),
        (
            "firmware_agent/camera/x.py",
            "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    from firmware_agent.consent import store",
        ),
        ("firmware_agent/camera/x.py", "from firmware_agent import egress"),
        ("firmware_agent/camera/x.py", "from firmware_agent.agent import Agent"),
        ("firmware_agent/agent.py", "from firmware_agent.demo import demo"),
        ("firmware_agent/camera/x.py", "from firmware_agent.device.linux import LinuxDevice"),
        ("firmware_agent/agent.py", "from firmware_agent.device.linux import LinuxDevice"),
        ("firmware_agent/agent.py", "from firmware_agent.profiles import compiler"),
        ("firmware_agent/agent.py", "from firmware_agent.cli import main"),
        ("firmware_agent/gate.py", "from firmware_agent.egress import door"),
        ("firmware_agent/model.py", "from firmware_agent import gate"),
        ("firmware_agent/errors.py", "from firmware_agent import cbor"),
        ("firmware_agent/device/linux.py", "from firmware_agent.gate import Gate"),
        ("firmware_agent/camera/x.py", "from . import start"),
        ("firmware_agent/camera/x.py", "from ..egress import door"),
        ("firmware_agent/novelty.py", "from firmware_agent import errors"),
        (CORE_FILE, "import json"),
        (CORE_FILE, "import os"),
        (CORE_FILE, "from typing import Any"),
        (CORE_FILE, "import dataclasses"),
        (CORE_FILE, "import enum"),
        (CORE_FILE, "import abc"),
        (CORE_FILE, "import logging"),
        (CORE_FILE, "def f():\n    import functools"),
        (CORE_FILE, "try:\n    import datetime\nexcept ImportError:\n    pass"),
        (CORE_FILE, "if TYPE_CHECKING:\n    from typing import Any"),
        (CORE_FILE, "TYPE_CHECKING = True\nif TYPE_CHECKING:\n    from typing import Any"),
        (CORE_FILE, "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    pass\nelse:\n    from typing import Any"),
        (CORE_FILE, "from firmware_agent import config"),
        ("firmware_agent/egress/door.py", "from firmware_agent.egress.wire_mqtt import MqttWire"),
    ],
)
def test_fail__an_arrow_the_wrong_way(path: str, text: str) -> None:
    assert arrows_with(path, text)


def test_fail__imports_in_a_circle() -> None:
    a, b = "firmware_agent/owner/a.py", "firmware_agent/owner/b.py"
    circle = {a: "from firmware_agent.owner import b", b: "from firmware_agent.owner.a import x"}
    assert any("circle" in line for line in arrows.check(circle))


@pytest.mark.parametrize(
    "text",
    [
        "import re\nre.match('a{2,3}', x)",
        "import re\nre.match(b'a{2}', x)",
        "import re\nP = 'a{2,}'\nre.compile(P)",
        "import re\nre.search(r'\\bword\\b', x)",
        "import re\nre.search('\\bword', x)",
        "import re\nre.search(r'(a)\\1', x)",
        "import re\nre.search('(?P<name>a)', x)",
        "import re\nre.search('(?i)a', x)",
        "import re\nre.findall('a', x)",
        "match x:\n    case 1: pass",
        "try:\n    pass\nexcept* ValueError:\n    pass",
        "def f(a, /): ...",
        "f = lambda a, /: a",
        "isinstance(x, int)",
        "isinstance(x, (int, float))",
        "if x is True:\n    pass\nelif isinstance(x, int):\n    pass",
        "if y is True or y is False:\n    pass\nelif isinstance(x, int):\n    pass",
        "def is_int(x):\n    return isinstance(x, int)",
        "x.lower()",
        "x.upper()",
        "x.isalpha()",
        "x.isalnum()",
        "x.casefold()",
        "x.isascii()",
        "x.removeprefix('a')",
        "y = {**a}",
        "y = [*a]",
        "y = (*a, 1)",
        "y = {*a}",
        "y = {'a': 1} | x",
        "y = x | dict(a=1)",
        "x = {}\ny = z | x",
        "x = {}\nx |= z",
        "def f(x: 'dict[str, int]'):\n    return x | y",
        "f'{x=}'",
        "f'{x.y = }'",
        "f'{x[\"a\"]}'",
        "f'{x:{w}}'",
        "f'{x!a}'",
        "from __future__ import annotations",
        "x.to_bytes(2, 'big', signed=True)",
        "int.from_bytes(x, 'big', signed=True)",
        "import struct\nstruct.pack('B', x)",
        "zip(a, b, strict=True)",
        "import os\nos.fsync(3)",
        "import os\nos.replace('a', 'b')",
        "import hashlib\nhashlib.sha512(x)",
        "import hashlib\nhashlib.sha256(x).hexdigest()",
        "try:\n    pass\nexcept FileNotFoundError:\n    pass",
    ],
)
def test_fail__what_micropython_does_otherwise(text: str) -> None:
    assert micropython.check({CORE_FILE: text})
    assert not micropython.check({"firmware_agent/config.py": text}), "only core files run on boards"


@pytest.mark.parametrize(
    "text",
    [
        "if x is True or x is False:\n    pass\nelif isinstance(x, int):\n    pass",
        "def f(x):\n    if x is True or x is False:\n        return 1\n    return isinstance(x, int)",
        "isinstance(x, int) and x is not True and x is not False",
        "if isinstance(x, bool):\n    pass\nelif isinstance(x, int):\n    pass",
        "def f(x: int | None) -> 'dict[str, int] | None': ...",
        "y = major << 5 | number",
        "'ABC'.lower()",
        "f'{x}={y}' + f'{x!r:>4}'",
        "sorted(x, key=len)\nb'a'.hex()\nbytes.fromhex('00')\nx.to_bytes(2, 'big')",
        "y = 'a{2,3}'",
        "f(*a, **b)",
        "if (n := len(x)) > 3:\n    pass",
    ],
)
def test_ok__what_both_runtimes_do(text: str) -> None:
    assert micropython.check({CORE_FILE: text}) == []


def test_fail__a_core_file_that_is_gone() -> None:
    assert core.missing({path: text for path, text in FILES.items() if path != CORE_FILE})


def test_fail__a_word_of_mypy_that_is_not_suppressed_and_a_suppression_without_use() -> None:
    known = 'firmware_agent/model.py:1: error: Returning Any from function declared to return "bytes"  [no-any-return]'
    other = known.replace("model", "cbor")
    left = programs.judged([known, other])
    assert known not in left
    assert other in left
    assert len(left) == 2, "the second suppression had no use"


def sample(root: Path, text: str) -> Path:
    """A project of one bad core file, with this one's settings and programs."""
    for path in core.CORE + core.BOARD:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text if path == CORE_FILE else "")
    for name in ("host_tests", "tools/checks"):
        (root / name).mkdir(parents=True)
    for name in ("pyproject.toml", "tools/checks/board.ini"):
        (root / name).write_text((ROOT / name).read_text("utf-8"))
    (root / ".venv").symlink_to(ROOT / ".venv")
    return root


def test_fail__what_other_programs_find(tmp_path: Path) -> None:
    bad = sample(tmp_path, 'import os\ndef f(a: int) -> bytes:\n    os.nothing()\n    return {**a} # "\n')
    (bad / "tools/odd").write_text("#!/usr/bin/env python3\nimport os\n")
    assert any(line.startswith("tools/odd:2") for line in programs.ruff(bad)), (
        "a tool without an extension is linted, too"
    )
    assert any(line.startswith(CORE_FILE) and "not formatted" in line for line in programs.ruff(bad))
    assert any(line.startswith(f"{CORE_FILE}:3") for line in programs.mypy(bad))
    assert any(line.startswith(f"{CORE_FILE}:4") for line in programs.mpy_cross(bad))


def test_fail__what_only_the_boards_stubs_find(tmp_path: Path) -> None:
    bad = sample(tmp_path, "import time\n\n\ndef f() -> float:\n    return time.monotonic()\n")
    assert not any(line.startswith(CORE_FILE) for line in programs.mypy(bad))
    assert any(line.startswith(f"{CORE_FILE}:5") for line in programs.mypy_board(bad))


CLAUSE_TESTS = """
import pytest
pytestmark = pytest.mark.clause("L1")

@pytest.mark.attack(23)
def test_good(): pass

@pytest.mark.clause("L2")
@pytest.mark.parametrize("n", [0, 1])
def test_bad(n): assert n == 0

@pytest.mark.clause("P3", "L99")
def test_skipped(): pytest.skip()
"""


@pytest.mark.parametrize("processes", [[], ["-n", "2"]])
def test_ok__clauses_prints_each_clause_its_tests_and_their_result(tmp_path: Path, processes: list[str]) -> None:
    (tmp_path / "test_it.py").write_text(CLAUSE_TESTS)
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["clause_report"]\n')
    (tmp_path / "clause_report.py").write_text((ROOT / "host_tests/clause_report.py").read_text("utf-8"))
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  clause(*ids): x\n  attack(*numbers): x\n")
    pytest_ = [sys.executable, "-m", "pytest", "-q", *processes, "--rootdir", str(tmp_path), str(tmp_path)]
    subprocess.run(pytest_, cwd=tmp_path, capture_output=True, check=False)
    results = tmp_path / ".pytest_cache/clauses.json"
    printed = {}
    for option in ("", "--markdown"):
        command = [sys.executable, str(ROOT / "tools/clauses"), str(results), *option.split()]
        printed[option] = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    words = [" ".join(line.split()[:2]) for line in printed[""].splitlines()]
    for line in ("L1 failed", "L2 failed", "P3 skipped", "P4 open", "23 partly", "22 open"):
        assert line in words
    assert "unknown: test_it.py::test_skipped: clauses has no L99" in printed[""]
    assert any(
        line.startswith("| 23 |") and "| partly: " in line and "| `test_it.py::test_good`" in line
        for line in printed["--markdown"].splitlines()
    )
    assert printed["--markdown"].count("| open |") == 40 - 3 + 24 - 1


HANDLES = {
    "a check for updates": "from firmware_agent.telemetry.http import get_json",
    "a wire of one's own": "from firmware_agent.egress.wire_mqtt import MqttWire",
    "its dialler": "from firmware_agent.egress.wire_mqtt import dial",
    "the module as a whole": "import firmware_agent.egress.wire_mqtt as w",
    "the module from its package": "from firmware_agent.egress import wire_mqtt",
    "a write past the door": "def f(wire, release):\n    wire.write(release)",
    "a publish past the door": "def f(client):\n    client.publish('a', b'')",
    "a connection to a printer": "from firmware_agent.telemetry.pinned import connected",
    "a line to a printer": "from firmware_agent.telemetry.mqtt_line import line",
    "a consent past the rules": "def f(made):\n    made.consents.put('p', 'r', 'ConsentGiven', b'', 'me', 'now', 0)",
    "a request past the owner": "def f(gate):\n    return gate.request('delete', 'p', 'r', b'', b'', b'')",
    "a subscription of one's own": "def f(client):\n    client.subscribe('#')",
    "ears for a wire": "def f(wire):\n    wire.subscriptions = ['#']",
    "the system log": "import syslog",
    "a parser that fetches": "import xml.sax",
    "the machine's name": "import platform",
    "the machine's address": "import uuid",
}


@pytest.mark.parametrize("sample", HANDLES)
def test_fail__a_second_user_of_what_leads_out(sample: str) -> None:
    files = {**core.sources(ROOT), "firmware_agent/cli/updates.py": HANDLES[sample]}
    assert [line for line in handles.check(files) if line.startswith("firmware_agent/cli/updates.py:")]


def test_ok__nobody_but_those_listed_holds_what_leads_out() -> None:
    assert handles.check(core.sources(ROOT)) == []


LINE = "firmware_agent/telemetry/mqtt_line.py"
TOLD = {  # what would let something else out to a printer: what to change in its file
    "another text": ('"command": "pushall"', '"command": "stop"'),
    "a text of the caller's": ("def ask(self)", "def ask(self, PUSHALL: bytes)"),
    "a text that is put together": (", PUSHALL)", ", PUSHALL + b' ')"),
    "a second publish": (
        "    def ask(self)",
        "    def tell(self):\n        self._client.publish('a', b'')\n\n    def ask(self)",
    ),
    "another name for it": ("    def ask(self)", "    tell = mqtt.Client.publish\n\n    def ask(self)"),
    "a text that is changed later": ("_KEEPALIVE = 60", "PUSHALL = b'{}'\n_KEEPALIVE = 60"),
    "a kept message": (", PUSHALL)", ", PUSHALL, retain=True)"),
}


@pytest.mark.parametrize("sample", TOLD)
def test_fail__anything_but_the_one_question_to_a_printer(sample: str) -> None:
    files = core.sources(ROOT)
    before, after = TOLD[sample]
    assert before in files[LINE]
    changed = {**files, LINE: files[LINE].replace(before, after, 1)}
    assert [line for line in handles.check(changed) if line.startswith(LINE)]
