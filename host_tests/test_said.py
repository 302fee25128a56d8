"""What the printers say now, field by field: true to what leaves, and no value that stays, for nobody."""

import ast
import asyncio
import datetime
import json
from pathlib import Path

import pytest

import firmware_agent
from firmware_agent import cbor
from firmware_agent.cli.sight import Source
from firmware_agent.gate import compose, plan
from firmware_agent.model import Record
from firmware_agent.owner.said import NAMES, Said
from firmware_agent.refusals import Refused
from firmware_agent.telemetry.reading import Reading
from firmware_agent.telemetry.troubles import TROUBLES
from host_tests.fakes import NOW
from host_tests.properties.generate import shipped
from host_tests.rigs.agent import forward
from host_tests.rigs.owners import ROLES, Home
from host_tests.test_changes import write
from host_tests.test_profile import edited

PROGRAM, HISTORY = (("improvement_program", "lightmake"), ("print_history", "lightmake"))
CANARY = "canary-7f3a"
RAW = {
    "state": "printing",
    "progress": 47,
    "nozzle_temperature": 987654.0,
    "job_file": f"{CANARY}-file",
    "message": f"{CANARY}-message",
    "address": 135440576,
    f"{CANARY}-object": f"{CANARY}-value",
    f"{CANARY}-\x1b[2J\u202e{'x' * 100}": 4711.25,
}


class Printer:
    """A source that says RAW, or what a test wants."""

    name, pair, exclusive, pace = "fake", None, False, 1.0
    offers = ("state", "progress", "nozzle_temperature", "job_start", "job_finish", "job_material")

    def __init__(self, fields):
        self.records = [Record(fields)]

    async def read(self):
        return self.records

    async def rest(self):
        """Nothing is held."""


class World:
    """A home whose one source is a Printer."""

    def __init__(self, directory, fields=RAW, profile="lightmake"):
        self.home = Home(directory, profile)
        self.printer = Printer(fields)
        agent = self.home.agent
        agent._sources[:] = [Reading(self.printer, agent._pairs_for(self.printer))]
        self.sessions = {role: self.home.sessions.open(role, b"", role, 1e9) for role in ROLES}

    def allow(self, pair=PROGRAM):
        phone, owner = self.home.pair("owner")
        self.home.allow(phone, owner, pair)
        self.read()

    def read(self, seconds=30):
        asyncio.run(forward(self.home, self.home.agent, seconds, step=10.0))

    def row(self, role="owner"):
        (row,) = self.home.desk.said(self.sessions[role])["sources"]
        return row

    def purpose(self, pair=PROGRAM):
        return next(one for one in self.row()["purposes"] if (one["purpose"], one["recipient"]) == pair)


@pytest.mark.clause("L6", "L13", "L17")
def test_ok__what_leaves_is_what_the_gate_would_let_out(tmp_path):
    world = World(tmp_path)
    world.allow()
    row, shown = world.row(), world.purpose()
    catalogue = world.home.parts.catalogue
    pairs, unfit = compose(plan(catalogue, PROGRAM[0]), world.printer.records[0], NOW)
    ids = {name: field["id"] for name, field in catalogue.fields.items()}
    *leaves, number = [[ids[one["field"]], one["value"]] for one in shown["leaves"]]
    assert leaves == pairs and len(pairs) == 2
    assert number == [31, "0" * 32]  # a pseudonym leaves, too; to look at it makes none
    assert (row["state"], row["said"], row["leaving"]) == ("reading", len(RAW), 3)
    assert [one["field"] for one in shown["stays"]] == unfit == ["nozzle_temperature"]
    assert shown["stays"] == [{"field": "nozzle_temperature", "fate": "unfit"}]
    assert {one["field"] for one in row["never"]} == {"job_file", "message", "address"}
    assert row["undeclared"]["count"] == 2
    history = world.purpose(HISTORY)
    assert (history["allowed"], history["reason"], history["leaves"]) == (False, "consent_missing", [])
    assert [one["field"] for one in history["would"]] == ["job_start", "job_finish", "job_material"]
    assert set(history["elsewhere"]) == {"state", "progress", "nozzle_temperature"}


@pytest.mark.clause("L6", "L8", "L9", "L10", "L21")
@pytest.mark.attack(13, 14)
def test_fail__a_value_that_stays_or_a_name_for_others(tmp_path):
    world = World(tmp_path)
    world.allow()
    world.allow(HISTORY)
    told = {role: [json.dumps(world.home.desk.home(one))] for role, one in world.sessions.items()}
    for role in ("viewer", "service"):
        with pytest.raises(Refused) as caught:
            world.home.desk.said(world.sessions[role])
        assert caught.value.reason == "not_your_role"
    for role in ("owner", "guardian"):
        told[role].append(json.dumps(world.row(role), ensure_ascii=False))
    assert world.row("guardian")["undeclared"] == {"count": 2, "names": []}
    names = world.row()["undeclared"]["names"]
    assert all(name.startswith(CANARY) and len(name) <= 40 and name.isprintable() for name in names) and names
    for role, texts in told.items():
        text = "".join(texts)
        for value in ("987654", "135440576", "4711", f"{CANARY}-file", f"{CANARY}-message", f"{CANARY}-value"):
            assert value not in text, (role, value)
        assert (CANARY in text) == (role == "owner")


@pytest.mark.clause("L6", "L12")
def test_ok__nothing_is_remembered_once_nothing_is_permitted(tmp_path):
    world = World(tmp_path)
    assert (world.row()["state"], world.row()["said"], world.row()["undeclared"]["count"]) == ("rest", 0, 0)
    assert [one["field"] for one in world.purpose()["would"]] == ["state", "progress", "nozzle_temperature"]
    world.allow()
    (reading,) = world.home.agent.readings
    assert reading.last is not None  # the control
    arguments = {"purpose": PROGRAM[0], "recipient": PROGRAM[1]}
    world.home.do(world.sessions["owner"], "withdraw", arguments)
    assert world.row()["state"] == "rest" and world.purpose()["leaves"] == []  # at once
    world.read(10)
    assert reading.last is None and reading.at is None


def test_ok__a_failure_forgets_what_was_said_and_a_picture_is_never_remembered(tmp_path):
    reading = Reading(Printer(RAW), [])
    reading.heard([Record({"job_finish": 1}, at=5), Record(RAW)], 7)
    assert (reading.last.fields, reading.at) == (RAW, 7)  # the status, not what ended
    reading.failed()
    assert (reading.last, reading.at) == (None, 7)
    reading.source.pair = ("snapshot", "lightmake")
    reading.heard([Record({"picture": b"x"})], 9)
    assert (reading.last, reading.at) == (None, 7)


@pytest.mark.clause("L14")
def test_ok__a_field_that_expired_says_so(tmp_path):
    tree = edited(
        "field.progress.expires", datetime.datetime.fromtimestamp(NOW - 2 * 86400, datetime.UTC).date(), shipped()
    )
    world = World(tmp_path, profile=str(write(tmp_path / "policy.cbor", tree)))
    world.allow()
    assert {"field": "progress", "fate": "expired"} in world.purpose()["stays"]


def test_ok__400_and_more_names_are_counted_and_listed_in_bounds(tmp_path):
    world = World(tmp_path, {"state": "idle", **{f"object {one}": one for one in range(NAMES + 50)}})
    world.allow()
    found = world.row()["undeclared"]
    assert found["count"] == NAMES + 50 and len(found["names"]) == NAMES
    assert len(json.dumps(world.row())) < 20_000


@pytest.mark.parametrize("state", ["error", "offline"])
def test_ok__a_printer_that_cannot_work_is_named(tmp_path, state):
    world = World(tmp_path, {"state": state})
    world.allow()
    assert world.row()["machine"] == state
    world.printer.records = [Record({"state": CANARY})]  # of a closed list only
    world.read()
    assert world.row()["machine"] == "" and CANARY not in json.dumps(world.row())


def test_ok__without_anybody_who_could_get_it_it_is_not_read(tmp_path):
    world = World(tmp_path)
    made = world.home.parts
    said = Said(made.catalogue, made.gate, lambda payload: [[]])
    nowhere = Source(Reading(world.printer, []), None)
    assert said.row(nowhere, True)["state"] == "nowhere"


@pytest.mark.clause("L13")
def test_ok__only_those_who_may_read_it_are_told_that_it_changed(tmp_path):
    world = World(tmp_path)

    async def heard(role):
        changes = world.home.desk.changes(world.sessions[role])
        found = [await anext(changes)]
        world.home.live.ring("said")
        world.home.live.ring()
        found.append(await anext(changes))
        if role in ("owner", "guardian"):
            found.append(await anext(changes))
        await changes.aclose()
        return [one["what"] for one in found]

    for role in ROLES:
        told = ["home", "home", "said"] if role in ("owner", "guardian") else ["home", "home"]
        assert asyncio.run(heard(role)) == told


def test_ok__each_trouble_of_a_source_has_a_code_with_words():
    root, used = Path(firmware_agent.__file__).parent, set()
    asked_for = root / "telemetry/octoprint_key.py"  # by a command, not by the page
    for path in [*{*(root / "telemetry").rglob("*.py")} - {asked_for}, root / "cli/sources.py"]:
        tree = ast.parse(path.read_text("utf-8"))
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name = getattr(call.func, "id", getattr(call.func, "attr", ""))
            if name == "SourceError":
                assert len(call.args) == 2, f"{path.name}:{call.lineno}: no code"
            if name in ("SourceError", "_wrong") and isinstance(call.args[-1], ast.Constant):
                used.add(call.args[-1].value)
    assert used and used <= set(TROUBLES), used - set(TROUBLES)
    assert all("; " in text for text in TROUBLES.values())  # what, and what to do


def test_ok__the_payload_shown_is_no_message(tmp_path):
    """It bears no ident that a recipient would take, and nothing is sealed or sent by looking."""
    world = World(tmp_path)
    world.allow()
    payload, _ = world.home.parts.gate.explain(world.printer.records[0], *PROGRAM)
    assert cbor.decode(payload)[1] == bytes(16)
    before = world.home.agent.ledger.head
    world.row()
    assert before == world.home.agent.ledger.head
