"""Marlin: what it is asked and when, and what its answers mean. What holds for every board: test_serial.py."""

import asyncio

import pytest

from firmware_agent.telemetry.sources.marlin import Marlin as Talk
from firmware_agent.telemetry.sources.marlin import firmware, temperatures
from host_tests.rigs.boards import HARMLESS, MARLIN
from host_tests.rigs.marlin import BYTES, CANARY, Marlin
from host_tests.rigs.told import comes, state, story, told


@pytest.mark.parametrize("reports", [True, False])
@pytest.mark.clause("L6")
def test_ok__what_it_is_and_how_it_stands_by_the_catalogues_names(tmp_path, reports):
    async def tale():
        board = Marlin(tmp_path / "port", reports=reports).plug()
        source = MARLIN.reads(board)
        fields = await told(source, lambda fields: {"nozzle_temperature", "marlin.line"} <= set(fields))
        await source.rest()
        assert fields["state"] == "idle" and fields["firmware_version"] == "2.1.2.1"
        names = ("nozzle_temperature", "nozzle_target", "bed_temperature", "bed_target", "marlin.T1.actual")
        assert [fields[name] for name in names] == [200.4, 210, 60.1, 60, 21]
        assert fields["marlin.cap.EEPROM"] is True and fields["marlin.extruder_count"] == "1"
        assert fields["device_name"] == f"{CANARY}'s printer" and fields["serial"].startswith("cede2a2f")
        assert not source.heard  # and forgets
        await comes(lambda: not reports or board.asked[-1] == "M155 S0")
        await asyncio.sleep(0.05)
        assert board.asked.count("M115") == 1 and set(board.asked) <= HARMLESS
        assert ("M105" in board.asked) is not reports and ("M155 S5" in board.asked) is reports
        assert board.interval == 0
        board.pull()

    story(tale())


@pytest.mark.clause("L7")
def test_ok__a_print_from_its_card_has_progress_and_an_end(tmp_path):
    time = [1000]

    async def tale():
        board = Marlin(tmp_path / "port").plug()
        source = MARLIN.reads(board, lambda: time[0])
        await told(source, state("idle"))
        board.begin()
        await told(source, state("printing"))
        time[0] = 5000
        board.at = BYTES // 4
        fields = await told(source, lambda fields: fields.get("progress") == 25)
        assert fields["job_file"] == CANARY + ".gco"
        board.say("//action:paused")
        await told(source, state("paused"))
        board.say("//action:resumed")
        await told(source, state("printing"))
        board.finish()
        ended = await told(source, lambda fields: "job_finish" in fields)
        assert ended == {"job_start": 1000, "job_finish": 5000}
        fields = await told(source, state("idle"))
        assert "progress" not in fields
        board.begin()  # the next one is taken off: no end of it
        await told(source, state("printing"))
        board.at = None
        await told(source, state("idle"))
        assert not any("job_finish" in record.fields for record in await source.read())
        await source.rest()
        board.pull()

    story(tale())


def test_ok__an_answer_is_awaited_before_the_next_query(tmp_path):
    async def tale():
        board = Marlin(tmp_path / "port", reports=False).plug()
        source = MARLIN.reads(board)
        await told(source, state("idle"))
        answer, board._answer = board._answer, lambda query: board.say("echo:busy: processing")
        await comes(lambda: source.heard.take()[0].fields.get("message") == "echo:busy: processing")
        asked = len(board.asked)
        await asyncio.sleep(0.5)  # ten of its paces
        assert len(board.asked) == asked
        board._answer = answer
        board.say("ok")
        await comes(lambda: len(board.asked) > asked + 3)  # the control: it goes on
        await source.rest()
        board.pull()

    story(tale())


def test_ok__busy_for_long_is_not_gone_and_a_lost_answer_is_asked_for_again():
    talk = Talk(pace=5, quiet=0)
    assert talk.ask(0) == b"M115\n" and talk.ask(19.9) is None
    talk.hear("echo:busy: processing", 19.9)
    assert talk.ask(39) is None and talk.ask(40) == b"M115\n"
    talk.hear("ok", 40)
    assert talk.ask(40) == b"M27\n" and talk.ask(59) is None
    assert talk.ask(60) == b"M105\n"
    talk.hear("ok T:1 /0 B:1 /0", 61)
    assert talk.ask(65.9) is None and talk.ask(66) == b"M27\n"


def test_ok__reports_that_stay_away_are_asked_for():
    talk, asked = Talk(pace=1, quiet=0), []
    talk.ask(0)
    talk.hear("Cap:AUTOREPORT_TEMP:1", 0)
    talk.hear("ok", 0)
    for now in range(60):
        asked += [(query, now) for query in [talk.ask(now)] if query]
        talk.hear("ok", now)
        if now < 30:
            talk.hear(" T:20.0 /0.0 B:21.0 /0.0 @:0 B@:0", now)
    assert asked[0] == (b"M155 S5\n", 0) and [query for query, _ in asked].count(b"M155 S5\n") == 1
    late = [now for query, now in asked if query == b"M105\n"]
    assert late and min(late) >= 49 and (b"M27\n", 10) in asked


def test_ok__without_a_card_it_is_asked_for_once(tmp_path):
    async def tale():
        board = Marlin(tmp_path / "port", reports=False, card=False).plug()
        source = MARLIN.reads(board)
        await told(source, state("idle"))
        await comes(lambda: board.asked.count("M105") > 5)
        assert board.asked.count("M27") == 1
        await source.rest()
        board.pull()

    story(tale())


def test_ok__a_halted_board_is_in_error_until_it_has_restarted(tmp_path):
    async def tale():
        board = Marlin(tmp_path / "port").plug()
        source = MARLIN.reads(board, silence=0.5)
        await told(source, state("idle"))
        board.kill()
        fields = await told(source, state("error"))
        await asyncio.sleep(1.0)  # twice as long as a silent line may be
        fields = await told(source, state("error"))
        assert fields["message"].startswith("Error:") and CANARY in fields["message"]
        asked = board.asked.count("M115")
        board.restart()
        await told(source, state("idle"))
        assert board.asked.count("M115") == asked + 1
        assert not (await source.read())[0].fields.get("message", "").startswith("Error:")
        await source.rest()
        board.pull()

    story(tale())


def test_ok__reports_of_other_shapes():
    assert temperatures("T:20.0 E:0 W:?") == {"nozzle_temperature": 20}
    assert temperatures("ok T0:20.5 /0.0 T1:21.0 /0.0 B:-1 /0 @:0") == {
        "nozzle_temperature": 20.5,
        "nozzle_target": 0,
        "marlin.T1.actual": 21,
        "marlin.T1.target": 0,
        "bed_temperature": -1,
        "bed_target": 0,
    }
    assert temperatures("ok P15 B3") == {} == temperatures("T:1e5 /0 T:nan BT:20.0 T:99999.0")
    assert firmware("FIRMWARE_NAME:bugfix of mine")["firmware_version"] == "bugfix of mine"
