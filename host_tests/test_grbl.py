"""GRBL and FluidNC: what they are asked and when, and what their answers mean. For every board: test_serial.py."""

import pytest

from firmware_agent.telemetry.sources.grbl import status, told_by
from host_tests.rigs.boards import GRBL
from host_tests.rigs.grbl import CANARY, Grbl
from host_tests.rigs.told import comes, state, story, told


@pytest.mark.parametrize("fluid", [True, False])
@pytest.mark.clause("L6")
def test_ok__what_it_is_and_how_it_stands_by_the_catalogues_names(tmp_path, fluid):
    async def tale():
        board = Grbl(tmp_path / "port", fluid=fluid).plug()
        board.feed, board.power = 1200, 800
        source = GRBL.reads(board)
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
        source = GRBL.reads(board, lambda: time[0])
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
        source = GRBL.reads(board)
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
