"""docs/socket.md says what the socket does: its conversation is replayed, its client run, its tables are complete."""

import asyncio
import re
import sys
from pathlib import Path

import pytest

from firmware_agent.errors import REASONS
from firmware_agent.owner import strict
from firmware_agent.owner.socket import commands, connection, lines, pace, pushes, server
from host_tests.fakes_panel import policy_hash
from host_tests.fakes_socket import Rig

PAGE = (Path(__file__).resolve().parents[1] / "docs/socket.md").read_text("utf-8")


def steps(page):
    """What the page's conversation sends, each with the patterns of what comes back."""
    found = []
    for line in page.split("## A conversation")[1].split("```")[1].strip().splitlines():
        way, text = line[:2], line[2:].replace("HASH", policy_hash("snapshot"))
        if way == "> ":
            found.append((text.encode(), []))
        else:
            assert way == "< ", line
            found[-1][1].append(".*".join(map(re.escape, text.split("..."))))
    return found


def replay(directory, page):
    """What differs, line by line; nothing if the page tells the truth."""

    async def run():
        wrong = []
        async with asyncio.timeout(60), Rig(directory, screens=("kiosk",)) as rig:
            peer = await rig.connect()
            for sent, expected in steps(page):
                peer.send(sent)
                got = [(await peer.reader.readline()).decode().strip() for _ in expected]
                for pattern in expected:  # events and answers may change places
                    match = next((line for line in got if re.fullmatch(pattern, line)), None)
                    if match is None:
                        wrong.append((sent, pattern, got))
                    else:
                        got.remove(match)
            peer.send(b"{}")
            left = (await peer.reader.readline()).decode()
            if '"malformed"' not in left:
                wrong.append(("nothing more", left))
        return wrong

    return asyncio.run(run())


def test_ok__the_conversation_is_what_the_socket_says(tmp_path):
    assert len(steps(PAGE)) == 9
    assert replay(tmp_path, PAGE) == []


@pytest.mark.parametrize(
    ("told", "otherwise"),
    [
        ('"error":"no_presence"', '"error":"not_your_role"'),
        ('"destroyed":3', '"destroyed":4'),
        ('{"hide":true}', '{"hide":false}'),
        ("user kiosk", "user other"),
    ],
)
def test_fail__a_conversation_that_rots_is_noticed(told, otherwise, tmp_path):
    assert told in PAGE
    assert replay(tmp_path, PAGE.replace(told, otherwise)) != []


def test_ok__the_client_of_the_page_runs(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    assert len([line for line in code.splitlines() if line.strip()]) <= 15

    async def run():
        async with asyncio.timeout(60), Rig(tmp_path) as rig:
            command = (sys.executable, "-I", "-c", code, str(rig.path))
            client = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
            assert client.stdout is not None
            first = (await client.stdout.readline()).decode()
            assert first == "3 purposes; {'v': 1, 'id': 0, 'ok': {'destroyed': 0, 'milliseconds': 12}}\n"
            assert await client.stdout.readline() == b"changed: home\n"
            rig.desk.leaves()
            assert await client.stdout.readline() == b"changed: entry\n"
            await rig.server.stop()
            assert await client.wait() == 0

    asyncio.run(run())


def test_ok__every_request_and_every_error_is_on_the_page():
    names = set(re.findall(r"`(\w+)`", PAGE.split("| `do` |")[1].split("\n\n")[0]))
    assert {*commands.READINGS, *commands.ACTIONS, "watch", "screen"} <= names
    errors = set(re.findall(r"`(\w+)`", PAGE.split("| Error |")[1].split("\n\n")[0]))
    assert set(lines.PROBLEMS) <= errors <= set(lines.PROBLEMS) | set(REASONS) | {"text"}


def test_ok__the_limits_on_the_page_are_the_codes():
    for said in (
        f"at most {lines.LINE} bytes, {strict.DEPTH} levels, numbers of at most 16 digits",
        f"{pace.BURST} requests at once, then {pace.RATE:.0f} a second",
        f"within {connection.PATIENCE:.0f} seconds",
        f"at most {pushes.MOST}; then the oldest",
        f"there are {server.MOST} connections, or {server.EACH} of this user",
    ):
        assert said in " ".join(PAGE.split()), said
    assert connection.SECONDS == 86_400 and "a day has passed" in PAGE
