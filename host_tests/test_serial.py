"""What holds for every board on a serial port, and for the port: bounded, read only, found again after any trouble."""

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
from host_tests.rigs.agent import Rig, forward, plain, until
from host_tests.rigs.boards import FAMILIES, GRBL, MARLIN
from host_tests.rigs.broker import Broker, Subscriber
from host_tests.rigs.cable import HOSTILE
from host_tests.rigs.marlin import Marlin
from host_tests.rigs.told import changed, comes, state, story, told, trouble

each = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


@each
def test_ok__a_cable_that_is_pulled_is_told_and_found_again(tmp_path, family):
    async def tale():
        board = family.plugged(tmp_path)
        source = family.reads(board)
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


@each
def test_ok__a_board_that_falls_silent_is_told_and_heard_again(tmp_path, family):
    async def tale():
        board = family.plugged(tmp_path, **family.plain)
        source = family.reads(board, silence=0.4)
        await told(source, state("idle"))
        family.mute(board, True)
        assert "it does not answer; see whether it is on" in await trouble(source)
        family.mute(board, False)
        await told(source, state("idle"))
        await source.rest()
        board.pull()

    story(tale())


@pytest.mark.parametrize("mode", HOSTILE)
@each
def test_fail__whatever_comes_is_bounded_and_what_is_right_is_still_heard(tmp_path, family, mode):
    name, first, later = family.told

    async def tale():
        board = family.plugged(tmp_path, mode=mode, seed=7)
        family.warm(board, first)
        source = family.reads(board)
        await told(source, lambda fields: fields.get(name) == first or mode == "endless")
        for _ in range(50):
            for record in await source.read():
                assert len(record.fields) <= 400
                for key, value in record.fields.items():
                    assert len(key) <= LONGEST + 20 and (not isinstance(value, str) or len(value) <= LONGEST)
            await asyncio.sleep(0.02)
        assert source.heard.dropped > 0 or mode in ("slow", "torn")
        board.cable.mode = "plain"  # the control: when that ends, all is well again
        family.warm(board, later)
        board.cable._out = b"\n"
        await told(source, lambda fields: fields.get(name) == later)
        await source.rest()
        assert set(board.asked) <= family.asked
        board.pull()

    story(tale())


@each
def test_fail__no_line_makes_it_raise_or_ask_for_more(family):
    talk, asked, good = family.talk(pace=1, quiet=0), set(), 0
    for now, line in enumerate(changed(1, list(family.samples))):
        asked.add(talk.ask(now))
        fields = talk.hear(line, now)
        assert len(fields) <= 32 * 33
        for name, value in fields.items():
            if value is not None and name in family.offers:
                good += 1
                assert name != "progress" or 0 <= value <= 100
                low, high = family.bounds.get(name, (None, None))
                assert low is None or low < value < high
                assert name != "state" or value in ("idle", "printing", "paused", "error")
        assert len(getattr(talk, "_todo", ())) <= 4
    assert asked - {None} <= set(QUERIES[family.name])
    assert len(asked - {None}) >= 2 and good > 5_000  # the control: much of it was still understood, and it asked


@pytest.mark.attack(13)
@each
def test_fail__nothing_but_the_queries_can_be_sent(tmp_path, family):
    async def tale():
        board = family.plugged(tmp_path)
        with SerialLine(family.name, board.cable.path, 115_200).open() as line:
            for query in family.forbidden:
                with pytest.raises(ValueError):
                    line.ask(query)
            assert line.ask(family.allowed)  # the control
            await comes(lambda: board.asked)
            assert board.cable.took == family.allowed
        board.pull()

    story(tale())


@pytest.mark.clause("L6", "L9", "L10", "L21")
@pytest.mark.attack(13, 14)
@pytest.mark.parametrize(
    "family",
    [pytest.param(MARLIN, id="marlin"), pytest.param(GRBL, id="grbl", marks=pytest.mark.clause("L8"))],
)
def test_ok__from_the_board_to_the_broker_and_no_name_with_it(tmp_path, caplog, family):
    caplog.set_level(logging.DEBUG)

    async def tale(maker):
        board = family.plugged(tmp_path)
        family.begin(board)
        raw = family.reads(board)  # the control: the canaries are there
        await told(raw, state("printing"))
        family.leak(board)
        await comes(lambda: family.leaked(repr(raw.heard._status)))
        everything = repr([record.fields for record in await raw.read()])
        assert everything.count(family.secrets[0]) > 5 and all(one in everything for one in family.secrets)
        await raw.rest()
        board.restart()
        agent = rig.agent()
        await asyncio.sleep(0.2)  # what was under way has arrived
        before = len(board.asked)
        agent.tick()
        await asyncio.sleep(0.2)
        assert len(board.asked) == before  # nothing is permitted, nothing is asked
        rig.grant("improvement_program")
        rig.grant("print_history")
        for _ in range(200):
            family.begin(board)
            board.chatter()
            await forward(rig, agent, 10, step=10.0)
            await asyncio.sleep(0.1)
            if len(maker.messages) >= 2:
                break
        board.pull()
        while not agent.troubles.get(family.name):
            await forward(rig, agent, 10, step=10.0)
        trouble = agent.troubles[family.name]
        await until(agent, lambda: not agent.uplinks["lightmake"].waiting())
        await agent.close()
        return agent.gate.undeclared, trouble

    with Broker(tmp_path) as broker, Subscriber(broker.inside) as maker:
        rig = Rig(tmp_path, plain(broker.port), sources=f'[source.{family.name}]\ndevice = "{tmp_path}/port"')
        undeclared, why = story(tale(maker), 100)
        rows = maker.payloads()
        topics = repr(maker.messages) + broker.log.read_text()
    assert undeclared > 0 and len(rows) >= 2 and isinstance(why, SourceError)
    said = b"".join(rows) + (tmp_path / "state/ledger.0").read_bytes() + topics.encode() + caplog.text.encode()
    assert [one for one in family.secrets if one.encode() in said] == []
    assert [one for one in family.hints if one.encode() in said.lower()] == []
    assert "it is gone" in caplog.text or "it is not there" in caplog.text


def test_fail__one_that_says_nothing_and_one_at_another_baud_are_told_apart(tmp_path):
    async def tale():
        board = Marlin(tmp_path / "port").plug()
        board.dead = True
        source = MARLIN.reads(board, silence=0.4)
        assert "it does not answer; see whether it is on" in await trouble(source)
        await source.rest()
        board.cable.send(b"\xff\xfe\n" * 30)
        source = MARLIN.reads(board, silence=0.4)
        reading = asyncio.create_task(trouble(source))
        while not reading.done():
            board.cable.send(b"\xff\xfe\n")
            await asyncio.sleep(0.05)
        assert "what it says is no text; see the cable, and whether `baud` is right" in await reading
        await source.rest()
        board.pull()

    story(tale())


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
        source = MARLIN.reads(board)
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
