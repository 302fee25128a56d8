"""The worked example of docs/source.md does what the page says: it reads, it tells all, it decides nothing."""

import asyncio
import json
import re
from pathlib import Path
from random import Random

import pytest

from firmware_agent.errors import SourceError
from firmware_agent.gate import compose, plan
from host_tests.fakes import catalogue

PAGE = (Path(__file__).parents[1] / "docs/source.md").read_text("utf-8")
CANARY = "canary-6c1d"
STATUS = {
    "printer": {"state": "PRINTING", "temp_nozzle": 214.9, "target_nozzle": 215.0, "temp_bed": 59.8, "target_bed": 60},
    "job": {"id": 3, "progress": 41.0, "time_printing": 526, "file": CANARY},
    "storage": {"path": "/" + CANARY, "name": CANARY},
}


@pytest.fixture(scope="module")
def page():
    names = {}
    exec(re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1], names)  # noqa: S102 - the page's own code
    return names


def served(body, status=200):
    """A server that answers one request; (address, what it was asked)."""
    asked = []

    async def answer(reader, writer):
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body)
        await writer.drain()
        writer.close()

    return asyncio.start_server(answer, "127.0.0.1", 0), asked


def read(page, body, status=200):
    async def story():
        starting, asked = served(body, status)
        async with await starting as server:
            port = server.sockets[0].getsockname()[1]
            records = await page["PrusaLinkSource"](f"http://127.0.0.1:{port}/", "key").read()
            return records, asked

    return asyncio.run(story())


def test_ok__it_hands_over_everything_and_the_gate_takes_what_is_declared(page):
    (record,), (asked,) = read(page, json.dumps(STATUS).encode())
    assert asked.startswith(b"GET /api/v1/status HTTP/1.1\r\n") and b"X-Api-Key: key" in asked
    assert record.fields["state"] == "printing" and record.fields["progress"] == 41.0
    assert record.fields["prusalink.job.file"] == CANARY  # the control: it was there to leak
    for purpose in catalogue().purposes:
        pairs, _ = compose(plan(catalogue(), purpose), record, None)
        assert CANARY not in repr(pairs)
    assert compose(plan(catalogue(), "improvement_program"), record, None)[0]


@pytest.mark.parametrize(("body", "status"), [(b"[]", 200), (b"{", 200), (b"{}", 401), (b"{}", 500)])
def test_fail__what_is_no_status_is_an_error_that_says_what_to_do(page, body, status):
    with pytest.raises(SourceError, match=r"cannot read http://127\.0\.0\.1:\d+/api/v1/status: .*(;|see) "):
        read(page, body, status)


def test_fail__whatever_it_is_told_its_pure_part_does_not_raise(page):
    dice = Random(11)
    values = [None, True, -1, 10**400, 1e308, float("nan"), "", CANARY, [], {}, [[1]], {"state": {"state": 1}}]
    known = 0
    for _ in range(5000):
        told = {
            table: {name: dice.choice([*values, value]) for name, value in row.items()}
            if dice.random() < 0.8
            else dice.choice(values)
            for table, row in STATUS.items()
        }
        fields = page["normalise"](told)
        known += "progress" in fields
        assert fields.get("state") in (None, "printing") and 0 <= fields.get("progress", 0) <= 100
    assert known > 100
