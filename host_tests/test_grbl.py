"""GRBL and FluidNC on a serial port: asked with a byte and one word, heard in bounds, found again after any trouble."""

import asyncio
import logging
import os

import pytest

from firmware_agent.errors import SourceError
from firmware_agent.telemetry.lines import LONGEST
from firmware_agent.telemetry.serial_line import QUERIES, SerialLine
from firmware_agent.telemetry.sources.grbl import OFFERS, grbl, status, told_by
from firmware_agent.telemetry.sources.grbl import Grbl as Talk
from host_tests.rigs.agent import Rig, forward, plain, until
from host_tests.rigs.broker import Broker, Subscriber
from host_tests.rigs.cable import HOSTILE
from host_tests.rigs.grbl import CANARY, Grbl
from host_tests.rigs.told import changed, comes, state, story, told, trouble


def source_of(board, now=lambda: 1000, silence=5.0):
    source = grbl(board.cable.path, 115_200, now, pace=0.05, quiet=0.05, silence=silence)
    source._jitter = lambda: 0.0  # the shortest pauses
    return source


@pytest.mark.parametrize("fluid", [True, False])
@pytest.mark.clause("L6")
def test_ok__what_it_is_and_how_it_stands_by_the_catalogues_names(tmp_path, fluid):
    async def tale():
        board = Grbl(tmp_path / "port", fluid=fluid).plug()
        board.feed, board.power = 1200, 800
        source = source_of(board)
        fields = await told(source, lambda fields: "grbl.OPT" in fields and (not fluid or "address" in fields))
        assert fields["state"] == "idle" and (fields["feed"], fields["laser_power"]) == (1200, 800)
        assert fields["firmware_version"] == ("3.7 FluidNC v3.7.8" if fluid else "1.1h.20190825")
        assert fields["grbl.MPos.0"] == 12.345 and fields["grbl.MPos.1"] == -7 and CANARY in fields["grbl.Pn"]
        if fluid:
            assert fields["address"] == "192.168.7.31" and fields["device_name"] == CANARY
            assert fields["grbl.net.SSID"] == CANARY and fields["grbl.net.MAC"].startswith("AA-BB")
        await comes(lambda: board.asked.count("?") > 5)
        await source.rest()
        assert set(board.asked) == {"?", "$I"} and board.asked.count("$I") == 1
        assert board.cable.took.replace(b"?", b"") == b"$I\n"
        assert not source.heard
        board.pull()

    story(tale())


STATES = [
    ("Idle", "idle"), ("Run", "printing"), ("Hold:0", "paused"), ("Hold:1", "paused"), ("Door:2", "paused"),
    ("Alarm", "error"), ("Home", "idle"), ("Jog", "idle"), ("Check", "idle"), ("Sleep", "idle"), ("Strange", None),
]  # fmt: skip


@pytest.mark.parametrize(("word", "meaning"), STATES)
def test_ok__each_of_its_states_is_one_of_ours(word, meaning):
    assert status("<%s|MPos:0.000,0.000,0.000|FS:0,0>" % word)["state"] == meaning
    assert status("<%s,MPos:0.000,0.000>" % word)["state"] == meaning  # as GRBL 0.9 wrote it


def test_ok__the_parts_of_a_status():
    fields = status("<Hold:1|WPos:1.0,2.0|F:500|WCO:0.5,0.5|Bf:15,128|Ln:99|A:SF|SD:12.50,/sd/a,b.nc>")
    assert fields == {
        "state": "paused",
        "grbl.state": "Hold",
        "grbl.substate": 1,
        "progress": 12.5,
        "job_file": "/sd/a,b.nc",
        "grbl.WPos.0": 1,
        "grbl.WPos.1": 2,
        "feed": 500,
        "grbl.WCO.0": 0.5,
        "grbl.WCO.1": 0.5,
        "grbl.Bf.0": 15,
        "grbl.Bf.1": 128,
        "grbl.Ln.0": 99,
        "grbl.A": "SF",
    }
    assert status("<Run|SD:101,a>")["progress"] is None and status("<Run|FS:nan,1e9>")["grbl.FS"] == "nan,1e9"
    assert status("Run|FS:1,1>") is None and status("<Run") is None and status("<>") is None
    assert told_by("[VER:1.1h.20190825:]") == {"firmware_version": "1.1h.20190825", "device_name": None}
    assert told_by("ALARM:2") == {"message": "ALARM:2"}


@pytest.mark.clause("L7")
def test_ok__a_job_from_its_card_has_progress_and_an_end_and_an_aborted_one_none(tmp_path):
    time = [1000]

    async def tale():
        board = Grbl(tmp_path / "port").plug()
        source = source_of(board, lambda: time[0])
        await told(source, state("idle"))
        board.state, board.job = "Run", 0.0
        await told(source, state("printing"))
        time[0], board.job = 5000, 41.5
        fields = await told(source, lambda fields: fields.get("progress") == 41.5)
        assert CANARY in fields["job_file"]
        board.state = "Hold:0"
        await told(source, state("paused"))
        board.state = "Run"
        await told(source, state("printing"))
        board.finish()  # and it still moves
        fields = await told(source, lambda fields: "job_file" not in fields and "state" in fields)
        assert fields["state"] == "printing"
        board.state = "Idle"
        assert await told(source, lambda fields: "job_finish" in fields) == {"job_start": 1000, "job_finish": 5000}
        board.state, board.job = "Run", 50.0
        await told(source, state("printing"))
        board.state, board.job = "Idle", None  # reset by hand
        await told(source, state("idle"))
        assert not any("job_finish" in record.fields for record in await source.read())
        await source.rest()
        board.pull()

    story(tale())


def test_fail__the_word_that_a_job_would_refuse_is_not_sent_within_one(tmp_path):
    async def tale():
        board = Grbl(tmp_path / "port").plug()
        board.state = "Run"
        source = source_of(board)
        await told(source, state("printing"))
        await comes(lambda: board.asked.count("?") > 10)
        assert set(board.asked) == {"?"}
        board.alarm()
        fields = await told(source, lambda fields: "grbl.OPT" in fields)
        assert fields["state"] == "error" and board.asked.count("$I") == 1
        board.restart()  # the control: another start, another word
        await comes(lambda: board.asked.count("$I") == 2)
        await told(source, state("idle"))
        await source.rest()
        board.pull()

    story(tale())


@pytest.mark.attack(13)
def test_fail__no_byte_that_commands_can_be_sent(tmp_path):
    async def tale():
        board = Grbl(tmp_path / "port").plug()
        with SerialLine("grbl", board.cable.path, 115_200).open() as line:
            for query in (
                b"~",
                b"!",
                b"\x18",
                b"\x84",
                b"$H\n",
                b"$X\n",
                b"$$\n",
                b"$RST=*\n",
                b"M105\n",
                b"G0X1\n",
                b"$I",
            ):
                with pytest.raises(ValueError):
                    line.ask(query)
            assert line.ask(b"?")  # the control
            await comes(lambda: board.asked)
            assert board.cable.took == b"?"
        board.pull()

    story(tale())


def test_ok__a_cable_that_is_pulled_is_told_and_found_again(tmp_path):
    async def tale():
        board = Grbl(tmp_path / "port").plug()
        source = source_of(board)
        await told(source, state("idle"))
        before = len(os.listdir("/proc/self/fd"))
        board.pull()
        assert "it is gone; see the cable" in await trouble(source)
        assert not source.heard
        while "it is not there" not in await trouble(source):
            pass
        board.plug()
        await told(source, state("idle"))
        assert len(os.listdir("/proc/self/fd")) == before
        await source.rest()
        board.pull()

    story(tale())


def test_ok__a_board_that_falls_silent_is_told_and_heard_again(tmp_path):
    async def tale():
        board = Grbl(tmp_path / "port").plug()
        source = source_of(board, silence=0.4)
        await told(source, state("idle"))
        board.mute = True
        assert "it does not answer; see whether it is on" in await trouble(source)
        board.mute = False
        await told(source, state("idle"))
        await source.rest()
        board.pull()

    story(tale())


@pytest.mark.parametrize("mode", HOSTILE)
def test_fail__whatever_comes_is_bounded_and_what_is_right_is_still_heard(tmp_path, mode):
    async def tale():
        board = Grbl(tmp_path / "port", mode, seed=11).plug()
        board.feed = 321
        source = source_of(board)
        await told(source, lambda fields: fields.get("feed") == 321 or mode == "endless")
        for _ in range(50):
            for record in await source.read():
                assert len(record.fields) <= 400
                for name, value in record.fields.items():
                    assert len(name) <= LONGEST + 20 and (not isinstance(value, str) or len(value) <= LONGEST)
            await asyncio.sleep(0.02)
        assert source.heard.dropped > 0 or mode in ("slow", "torn")
        board.cable.mode = "plain"  # the control: when that ends, all is well again
        board.feed = 77
        board.cable._out = b"\n"
        await told(source, lambda fields: fields.get("feed") == 77)
        await source.rest()
        assert set(board.asked) <= {"?", "$I"}
        board.pull()

    story(tale())


SAMPLES = [
    "<Run|MPos:12.345,-7.000,0.000|FS:1200,800|Ov:100,100,100|SD:42.00,/sd/a.nc>",
    "<Hold:0|WPos:1,2,3|F:5|Pn:XYZ|A:S>",
    "<Idle|FS:0,0>",
    "[VER:1.1h.20190825:mine]",
    "[OPT:V,15,128]",
    "[MSG: Mode=STA:SSID=x:Status=Connected:IP=1.2.3.4:MAC=AA-BB]",
    "[MSG:INFO: /sd/a.nc file job succeeded]",
    "ALARM:1",
    "error:8",
    "Grbl 1.1h ['$' for help]",
    "ok",
]


def test_fail__no_line_makes_it_raise_or_ask_for_more():
    talk, asked, good = Talk(pace=1, quiet=0), set(), 0
    for now, line in enumerate(changed(3, SAMPLES)):
        asked.add(talk.ask(now))
        fields = talk.hear(line, now)
        assert len(fields) <= 32 * 33
        for name, value in fields.items():
            if value is not None and name in OFFERS:
                good += 1
                assert name != "progress" or 0 <= value <= 100
                assert name not in ("feed", "laser_power") or abs(value) < 10**9
                assert name != "state" or value in ("idle", "printing", "paused", "error")
    assert asked - {None} == set(QUERIES["grbl"])
    assert good > 5_000  # the control: much of it was still understood


@pytest.mark.clause("L6", "L8", "L9", "L10", "L21")
@pytest.mark.attack(13, 14)
def test_ok__from_the_board_to_the_broker_and_no_name_with_it(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)

    async def tale(maker):
        board = Grbl(tmp_path / "port").plug()
        board.job = 41.5
        raw = source_of(board)  # the control: the canaries are there
        await told(raw, lambda fields: "address" in fields)
        board.chatter()
        board.alarm()
        await comes(lambda: "grbl.canaryc04d" in raw.heard._status and "message" in raw.heard._status)
        everything = repr([record.fields for record in await raw.read()])
        assert everything.count(CANARY) > 5 and "192.168.7.31" in everything
        await raw.rest()
        board.restart()
        agent = rig.agent()
        before = len(board.asked)
        agent.tick()
        await asyncio.sleep(0.2)
        assert len(board.asked) == before  # nothing is permitted, nothing is asked
        rig.grant("improvement_program")
        rig.grant("print_history")
        for _ in range(200):
            board.state, board.job = "Run", 41.5
            board.chatter()
            await forward(rig, agent, 10, step=10.0)
            await asyncio.sleep(0.1)
            if len(maker.messages) >= 2:
                break
        board.pull()
        while not agent.troubles.get("grbl"):
            await forward(rig, agent, 10, step=10.0)
        trouble = agent.troubles["grbl"]
        await until(agent, lambda: not agent.uplinks["lightmake"].waiting())
        await agent.close()
        return agent.gate.undeclared, trouble

    with Broker(tmp_path) as broker, Subscriber(broker.inside) as maker:
        rig = Rig(tmp_path, plain(broker.port), sources=f'[source.grbl]\ndevice = "{tmp_path}/port"')
        undeclared, why = story(tale(maker), 100)
        rows = maker.payloads()
        topics = repr(maker.messages) + broker.log.read_text()
    assert undeclared > 0 and len(rows) >= 2 and isinstance(why, SourceError)
    said = b"".join(rows) + (tmp_path / "state/ledger.0").read_bytes() + topics.encode() + caplog.text.encode()
    assert CANARY.encode() not in said and b"c04d" not in said.lower() and b"192.168.7.31" not in said
    assert "it is gone" in caplog.text or "it is not there" in caplog.text
