"""Marlin on a serial port: asked in its own words and no others, heard in bounds, found again after any trouble."""

import asyncio
import errno
import fcntl
import logging
import os
import random
import termios
from pathlib import Path

import pytest
from serial import SerialException

from firmware_agent import accounts, config
from firmware_agent.errors import ConfigError, SourceError
from firmware_agent.telemetry import serial_line
from firmware_agent.telemetry.lines import LONGEST, MOST, Lines
from firmware_agent.telemetry.serial_line import QUERIES, SerialLine
from firmware_agent.telemetry.sources.marlin import OFFERS, firmware, marlin, temperatures
from firmware_agent.telemetry.sources.marlin import Marlin as Talk
from host_tests.rigs.agent import Rig, forward, plain, until
from host_tests.rigs.broker import Broker, Subscriber
from host_tests.rigs.cable import HOSTILE
from host_tests.rigs.marlin import BYTES, CANARY, Marlin
from host_tests.rigs.told import changed, comes, state, story, told, trouble

HARMLESS = {"M115", "M105", "M27", "M155 S5", "M155 S0"}


def source_of(board, now=lambda: 1000, silence=5.0, baud=115_200):
    source = marlin(board.cable.path, baud, now, pace=0.05, quiet=0.05, silence=silence)
    source._jitter = lambda: 0.0  # the shortest pauses
    return source


@pytest.mark.parametrize("reports", [True, False])
@pytest.mark.clause("L6")
def test_ok__what_it_is_and_how_it_stands_by_the_catalogues_names(tmp_path, reports):
    async def tale():
        board = Marlin(tmp_path / "port", reports=reports).plug()
        source = source_of(board)
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
        source = source_of(board, lambda: time[0])
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
        source = source_of(board)
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
        source = source_of(board)
        await told(source, state("idle"))
        await comes(lambda: board.asked.count("M105") > 5)
        assert board.asked.count("M27") == 1
        await source.rest()
        board.pull()

    story(tale())


def test_ok__a_halted_board_is_in_error_until_it_has_restarted(tmp_path):
    async def tale():
        board = Marlin(tmp_path / "port").plug()
        source = source_of(board, silence=0.5)
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


def test_ok__a_cable_that_is_pulled_is_told_and_found_again(tmp_path):
    async def tale():
        board = Marlin(tmp_path / "port").plug()
        source = source_of(board)
        await told(source, state("idle"))
        before = len(os.listdir("/proc/self/fd"))
        board.pull()
        assert "it is gone; see the cable" in await trouble(source)
        assert not source.heard  # nobody knows how it stands
        while "it is not there" not in await trouble(source):
            pass
        board.plug()
        await told(source, state("idle"))
        assert len(os.listdir("/proc/self/fd")) == before
        await source.rest()
        board.pull()

    story(tale())


def test_fail__one_that_says_nothing_and_one_at_another_baud_are_told_apart(tmp_path):
    async def tale():
        board = Marlin(tmp_path / "port").plug()
        board.dead = True
        source = source_of(board, silence=0.4)
        assert "it does not answer; see whether it is on" in await trouble(source)
        await source.rest()
        board.cable.send(b"\xff\xfe\n" * 30)
        source = source_of(board, silence=0.4)
        reading = asyncio.create_task(trouble(source))
        while not reading.done():
            board.cable.send(b"\xff\xfe\n")
            await asyncio.sleep(0.05)
        assert "what it says is no text; see the cable, and whether `baud` is right" in await reading
        await source.rest()
        board.pull()

    story(tale())


@pytest.mark.parametrize("mode", HOSTILE)
def test_fail__whatever_comes_is_bounded_and_what_is_right_is_still_heard(tmp_path, mode):
    async def tale():
        board = Marlin(tmp_path / "port", mode, seed=7).plug()
        source = source_of(board)
        await told(source, lambda fields: fields.get("nozzle_temperature") == 200.4 or mode == "endless")
        for _ in range(50):
            for record in await source.read():
                assert len(record.fields) <= 400
                for name, value in record.fields.items():
                    assert len(name) <= LONGEST + 20 and (not isinstance(value, str) or len(value) <= LONGEST)
            await asyncio.sleep(0.02)
        assert source.heard.dropped > 0 or mode in ("slow", "torn")
        board.cable.mode = "plain"  # the control: when that ends, all is well again
        board.nozzle = (77.0, 80.0)
        board.cable._out = b"\n"
        await told(source, lambda fields: fields.get("nozzle_temperature") == 77)
        await source.rest()
        assert set(board.asked) <= HARMLESS
        board.pull()

    story(tale())


SAMPLES = [
    "ok T:200.40 /210.00 B:60.10 /60.00 T0:200.40 /210.00 @:64",
    "FIRMWARE_NAME:Marlin 2.1 SOURCE_CODE_URL:x PROTOCOL_VERSION:1.0 UUID:y",
    "Cap:AUTOREPORT_TEMP:1",
    "SD printing byte 123/456",
    "Not SD printing",
    "Done printing file",
    "echo:busy: paused for user",
    "Error:Printer halted. kill() called!",
    "//action:pause",
    "echo:Unknown command",
    "File opened: x.gco Size: 5",
    "start",
    "ok",
]


def test_fail__no_line_makes_it_raise_or_ask_for_more():
    talk, asked, good = Talk(pace=1, quiet=0), set(), 0
    for now, line in enumerate(changed(1, SAMPLES)):
        asked.add(talk.ask(now))
        for name, value in talk.hear(line, now).items():
            if value is not None and name in OFFERS:
                good += 1
                assert name != "progress" or 0 <= value <= 100
                assert "temperature" not in name or -10_000 < value < 10_000
                assert name != "state" or value in ("idle", "printing", "paused", "error")
        assert len(talk._todo) <= 4
    assert asked - {None} <= set(QUERIES["marlin"])
    assert good > 10_000  # the control: much of it was still understood


def test_fail__bytes_are_cut_into_bounded_lines_and_the_rest_is_counted():
    rng, lines, found = random.Random(2), Lines(), 0
    for _ in range(5000):
        piece = bytes(rng.choices(b"\n\r abcT:\xff\x00", k=rng.randrange(200))) * rng.choice([1, 1, 1, 20])
        for one in lines.feed(piece):
            found += 1
            assert one and len(one) <= LONGEST and one.isprintable()
        assert len(lines._part) <= LONGEST
    assert found > 1000 and lines.lost > 1000
    lines = Lines()
    for _ in range(1000):
        assert lines.feed(b"x" * 2048) == []
    assert lines.lost == 1 and lines.feed(b"tail\nok\n") == ["ok"]
    assert len(lines.feed(b"a\n" * 100)) == MOST and lines.lost == 1 + 100 - MOST


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


# The port itself, as far as a pseudo-terminal has one.


def test_ok__closing_leaves_dtr_alone_and_a_baud_of_its_own_is_set(tmp_path):
    """Linux lowers DTR at a close only with HUPCL: the next open would raise it again, and reset the board."""

    async def tale():
        board = Marlin(tmp_path / "port").plug()
        flags = termios.tcgetattr(board.cable._slave)
        flags[2] |= termios.HUPCL
        termios.tcsetattr(board.cable._slave, termios.TCSANOW, flags)
        assert board.cable.settings()[0] & termios.HUPCL
        with SerialLine("marlin", board.cable.path, 250_000).open():
            assert not board.cable.settings()[0] & termios.HUPCL and board.cable.settings()[1] == 250_000
        assert not board.cable.settings()[0] & termios.HUPCL
        board.pull()

    story(tale())


def test_fail__no_open_lowers_a_line(tmp_path, monkeypatch):
    """Linux raises DTR and RTS at each open: one that was lowered before would rise, and reset the board."""
    calls, real = [], fcntl.ioctl

    def noted(number, request, *rest):
        calls.append(request)
        return real(number, request, *rest)

    monkeypatch.setattr(fcntl, "ioctl", noted)

    async def tale():
        board = Marlin(tmp_path / "port").plug()
        for raised in (True, False):  # the second: the control
            monkeypatch.setattr(serial_line, "_RAISED", raised)
            calls.clear()
            with SerialLine("marlin", board.cable.path, 115_200).open():
                pass
            assert ({termios.TIOCMBIC, termios.TIOCMSET} & set(calls) == set()) is raised and calls
        board.pull()

    story(tale())


@pytest.mark.attack(13)
def test_fail__nothing_but_the_queries_can_be_sent(tmp_path):
    async def tale():
        board = Marlin(tmp_path / "port").plug()
        with SerialLine("marlin", board.cable.path, 115_200).open() as line:
            for query in (b"M104 S200\n", b"M27 C\n", b"M115", b"?", b"", b"\x18", b"M105\nG28\n"):
                with pytest.raises(ValueError):
                    line.ask(query)
            assert line.ask(b"M105\n")  # the control
            await comes(lambda: board.asked)
            assert board.cable.took == b"M105\n"
        board.pull()

    story(tale())


def test_fail__a_query_that_the_port_takes_in_part_is_ended_before_the_next(tmp_path):
    """Else "M1" and "M105" would be M1, which stops a printer."""

    async def tale():
        board = Marlin(tmp_path / "port").plug()
        asyncio.get_running_loop().remove_reader(board.cable._master)  # it takes nothing
        with SerialLine("marlin", board.cable.path, 115_200).open() as line:
            while line.ask(b"M115\n"):
                pass
            assert not line.ask(b"M105\n")
            asyncio.get_running_loop().add_reader(board.cable._master, board.cable._arrived)
            await comes(lambda: line.ask(b"M27\n"))
            await comes(lambda: board.asked and board.asked[-1] == "M27")
        assert set(board.asked) <= {"M115", "M27"}
        board.pull()

    story(tale())


def test_fail__two_programs_on_one_port_are_told_what_to_do(tmp_path):
    async def tale():
        board = Marlin(tmp_path / "port").plug()
        other = os.open(board.cable.path, os.O_RDWR | os.O_NOCTTY)
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)  # as OctoPrint and Klipper do
        source = source_of(board)
        assert "two cannot share one port; stop that program" in await trouble(source)
        assert board.cable.took == b""
        os.close(other)
        await told(source, state("idle"))
        with pytest.raises(BlockingIOError):  # and the other way round
            other = os.open(board.cable.path, os.O_RDWR | os.O_NOCTTY)
            try:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            finally:
                os.close(other)
        await source.rest()
        board.pull()

    story(tale())


def test_fail__a_port_that_may_not_be_opened_names_the_group_to_join(tmp_path, monkeypatch):
    path = tmp_path / "port"
    path.touch()
    names = {number: name for name, number in accounts._numbers(accounts.GROUPS, "", 4).items()}
    monkeypatch.setattr(os, "open", lambda *_: (_ for _ in ()).throw(PermissionError(errno.EACCES, "no")))
    with pytest.raises(SourceError) as caught, SerialLine("grbl", path, 115_200).open():
        pass
    name = names.get(path.stat().st_gid, str(path.stat().st_gid))
    assert f"add its user to the group {name} (usermod -aG {name} firmware-agent)" in str(caught.value)
    assert accounts.group_name(4_294_967_000) == "4294967000"


def test_fail__what_is_no_port_says_so(tmp_path):
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", Path("/dev/null"), tmp_path):
        with pytest.raises(SourceError, match="see `device` and `baud`"), SerialLine("marlin", path, 115_200).open():
            pass
    assert issubclass(SerialException, OSError)  # what serial_line.py relies on


WRONG = ['device = "socket://host:1"', 'device = "/dev/../x"', "", 'device = "/x"\nbaud = 1200']


@pytest.mark.parametrize("row", WRONG)
def test_fail__a_wrong_row_is_refused(tmp_path, row):
    file = tmp_path / "agent.toml"
    file.write_text(f'profile = "lightmake"\nstate = "state"\n[source.marlin]\n{row}\n')
    with pytest.raises(ConfigError, match=r"source[.]marlin"):
        config.load(file)
    file.write_text('profile = "lightmake"\nstate = "state"\n[source.grbl]\ndevice = "/dev/ttyUSB0"\n')
    assert config.load(file).sources["grbl"]["baud"] == 115_200


@pytest.mark.clause("L6", "L9", "L10", "L21")
@pytest.mark.attack(13, 14)
def test_ok__from_the_board_to_the_broker_and_no_name_with_it(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)

    async def tale(maker):
        board = Marlin(tmp_path / "port").plug()
        board.begin()
        raw = source_of(board)  # the control: the canaries are there
        await told(raw, state("printing"))
        board.chatter()
        await comes(lambda: "canary_93be" in repr(raw.heard._status).lower())
        everything = repr([record.fields for record in await raw.read()])
        assert everything.count(CANARY) > 5
        await raw.rest()
        agent = rig.agent()
        await asyncio.sleep(0.2)
        agent.tick()
        before = len(board.asked)
        await asyncio.sleep(0.2)
        assert len(board.asked) == before  # nothing is permitted, nothing is asked
        rig.grant("improvement_program")
        rig.grant("print_history")
        for _ in range(200):
            board.begin()
            board.chatter()
            await forward(rig, agent, 10, step=10.0)
            await asyncio.sleep(0.1)
            if len(maker.messages) >= 2:
                break
        board.pull()
        while not agent.troubles.get("marlin"):
            await forward(rig, agent, 10, step=10.0)
        await until(agent, lambda: not agent.uplinks["lightmake"].waiting())
        await agent.close()
        return agent.gate.undeclared

    with Broker(tmp_path) as broker, Subscriber(broker.inside) as maker:
        rig = Rig(tmp_path, plain(broker.port), sources=f'[source.marlin]\ndevice = "{tmp_path}/port"')
        undeclared = story(tale(maker), 100)
        rows = maker.payloads()
        topics = repr(maker.messages) + broker.log.read_text()
    assert undeclared > 0 and len(rows) >= 2
    said = b"".join(rows) + (tmp_path / "state/ledger.0").read_bytes() + topics.encode() + caplog.text.encode()
    assert CANARY.encode() not in said and b"93be" not in said.lower()
    assert "it is gone" in caplog.text or "it is not there" in caplog.text
