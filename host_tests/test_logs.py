"""Names, never values: in no log, at no level, in no crash (L22, attack 16)."""

import asyncio
import io
import logging
import subprocess
import sys

import pytest

from firmware_agent.cli import logs
from firmware_agent.device.linux import LinuxStorage
from firmware_agent.errors import SourceError
from host_tests.rigs.agent import Rig, forward, plain

TOKEN = "canary-token-7f3a"


@pytest.fixture
def heard(monkeypatch):
    """What is logged at debug level, by anybody."""
    shown = io.StringIO()
    handler = logging.StreamHandler(shown)
    handler.setFormatter(logs.Redacted("%(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield shown
    root.removeHandler(handler)
    root.setLevel(before)


def test_ok__ours_is_told_with_its_names(heard):
    logging.getLogger("firmware_agent.egress").warning("link to %s: %s", "lightmake", SourceError("fake: gone"))
    assert "WARNING firmware_agent.egress: link to lightmake: fake: gone" in heard.getvalue()


@pytest.mark.clause("L22")
@pytest.mark.attack(16)
def test_fail__no_value_at_any_level_by_any_way(heard):
    class Holds:
        def __str__(self):
            return TOKEN

        __repr__ = __str__

    for name in ("firmware_agent.telemetry", "paho", "asyncio", "root", "firmware_agently"):
        log = logging.getLogger(name)
        for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
            for argument in (TOKEN, TOKEN.encode(), [TOKEN], {"a": TOKEN}, Holds(), ValueError(TOKEN), "Ann's printer"):
                log.log(level, "read %s", argument)
            log.log(level, "%(a)s", {"a": TOKEN})
            try:
                raise KeyError(TOKEN) from OSError(TOKEN)
            except KeyError:
                log.log(level, "failed", exc_info=True)
    for name in ("paho", "asyncio", "root", "firmware_agently"):
        logging.getLogger(name).error(TOKEN)
    assert TOKEN not in heard.getvalue() and "Ann" not in heard.getvalue()
    assert heard.getvalue().count("withheld") > 100  # they were said, without their text
    assert "KeyError (its text may hold values and is withheld)" in heard.getvalue()
    assert "host_tests/test_logs.py" in heard.getvalue() or "test_logs.py:" in heard.getvalue()


def test_fail__the_control_a_plain_formatter_tells_all():
    shown = io.StringIO()
    handler = logging.StreamHandler(shown)
    log = logging.getLogger("firmware_agent.control")
    log.addHandler(handler)
    log.error("read %s", TOKEN)
    log.removeHandler(handler)
    assert TOKEN in shown.getvalue()


@pytest.mark.clause("L22")
@pytest.mark.attack(16)
def test_fail__a_crash_shows_where_and_not_what():
    code = f"""
from firmware_agent.cli import logs
logs.set_up("debug")
def inner(token):
    raise ValueError("bad token " + token)
inner("{TOKEN}"[:7] + "{TOKEN}"[7:])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and TOKEN not in done.stderr
    assert "A defect, please report it" in done.stderr and "ValueError" in done.stderr and "in inner" in done.stderr


def test_fail__what_asyncio_finds_is_redacted(heard):
    async def story():
        logs.watch(asyncio.get_running_loop())

        async def lost():
            raise RuntimeError(TOKEN)

        task = asyncio.get_running_loop().create_task(lost())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        del task

    asyncio.run(story())
    import gc

    gc.collect()
    assert "RuntimeError" in heard.getvalue() and TOKEN not in heard.getvalue()


def test_ok__the_journal_is_bounded(tmp_path):
    storage = LinuxStorage(tmp_path / "state")
    handler = logs.Journal(storage)
    log = logging.getLogger("firmware_agent.journal")
    log.setLevel(logging.INFO)
    try:
        for number in range(5000):
            log.info("entry %d of many, so that the files must turn over", number)
    finally:
        handler.close()
    sizes = [storage.size(name) for name in logs.JOURNAL]
    assert all(0 < size <= 65_536 for size in sizes)
    newest = max(logs.JOURNAL, key=lambda name: (tmp_path / "state" / name).stat().st_mtime_ns)
    assert b"entry 4999 of many" in (storage.read(newest) or b"")


@pytest.mark.clause("L22")
@pytest.mark.attack(16)
def test_fail__a_printer_that_says_everything_and_a_source_that_fails_with_it(tmp_path, heard):
    rig = Rig(tmp_path, plain(1))
    rig.grant("improvement_program")

    async def story():
        agent = rig.agent()
        source = agent._sources[0].source
        reading = source.read

        async def failing():
            await reading()
            raise RuntimeError(TOKEN)

        source.read = failing
        try:
            await forward(rig, agent, 5)
        except RuntimeError as error:
            logging.getLogger("firmware_agent").error("stopped", exc_info=error)
        await agent.close()

    asyncio.run(story())
    assert TOKEN not in heard.getvalue() and "RuntimeError" in heard.getvalue()
