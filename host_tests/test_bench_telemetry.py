"""`tools/bench telemetry`: it counts what came, hears every source, and sees what is lost. Times are not judged."""

import asyncio
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

from benches import idle, procfs  # noqa: E402
from benches.telemetry_printers import NOZZLE, PRINTERS, Side, counted  # noqa: E402
from benches.telemetry_run import Told, measured, tally  # noqa: E402

from host_tests.rigs.told import story  # noqa: E402


def notes(*counts, settled=((20.0, 99),)):
    """The gate had these counts, one each second from second 11 on."""
    return {"taken": [(11.0 + at, 150 + one / 100) for at, one in enumerate(counts)], "settled": list(settled)}


def tallied(found, single=False):
    told = Told(1, 10.0)
    tally(told, {1: 10.5, 2: 10.75, 3: 11.5}, found, Side("", lambda count: None, single=single))
    return told


def test_ok__a_change_is_heard_when_the_gate_has_it_or_a_newer_one():
    told = tallied(notes(2, 3))
    assert (told.taken, told.told, told.reached) == (2, 3, 3)
    assert told.to_gate == pytest.approx([0.5, 0.25, 0.5]) and told.to_broker == pytest.approx([9.5, 9.25, 8.5])


def test_fail__what_never_came_is_not_counted_as_heard():
    assert tallied(notes(2)).reached == 2
    assert tallied(notes()).reached == 0
    assert tallied(notes(2, 3, settled=())).reached == 0  # the gate had it, and nobody acknowledged it
    assert tallied(notes(2, 3), single=True).reached == 2  # a record of its own is not made good by a newer one


def test_fail__what_is_no_count_is_none():
    assert [counted(NOZZLE, value) for value in (None, True, "150", 150, 150.01)] == [None, None, None, 0, 1]


def test_ok__a_process_that_waits_is_seen_to_wait():
    import subprocess
    import time

    with subprocess.Popen([sys.executable, "-c", "import time\nwhile True: time.sleep(0.001)"]) as process:
        try:
            before, end = procfs.wakes(process.pid), time.monotonic() + 60
            while procfs.wakes(process.pid) < before + 20 and time.monotonic() < end:
                time.sleep(0.01)
            assert procfs.wakes(process.pid) >= before + 20
        finally:
            process.kill()


def test_ok__every_source_is_heard_to_the_acknowledgement(tmp_path_factory):
    """All at once, and briefly: a real agent for each, a broker over TLS, each printer's own words."""
    place = tmp_path_factory.mktemp("b")

    async def all_of_them(link):
        starts = list(PRINTERS.values())
        each = (measured(place / f"s{at}", start, link, 1, 1.0, (10,)) for at, start in enumerate(starts))
        return await asyncio.gather(*each)

    with idle.link(place) as link:
        found = dict(zip(PRINTERS, story(all_of_them(link), 240), strict=True))
    for source, (told,) in found.items():
        assert told.told == 10 and told.reached == 10 and told.cpu[0] > 0, source
        assert all(0 < gate < broker for gate, broker in zip(told.to_gate, told.to_broker, strict=True)), source
    assert found["moonraker, websocket"][0].peer[0] > 0 and found["bambu"][0].peer == [0.0]
