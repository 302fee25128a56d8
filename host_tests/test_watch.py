"""A write of any process to the watched files wakes the agent; other files do not."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from firmware_agent.device.linux import LinuxStorage
from firmware_agent.device.watch import watched

WRITE = "import os, sys; fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT); os.write(fd, b'x' * 9); os.close(fd)"


def write_elsewhere(file):
    """As another process does it."""
    subprocess.run([sys.executable, "-c", WRITE, file], check=True)


def play(tmp_path, story):
    storage = LinuxStorage(tmp_path / "state")
    storage.write("consent.0", b"old")

    async def main():
        await asyncio.sleep(0.1)  # a stamp of this moment says nothing
        woken = asyncio.Event()
        with watched(storage, ("consent.0", "floor.0"), woken.set) as tells:
            assert tells, "this kernel has no dnotify, and the agent would look four times a second"
            await story(storage, woken)
        assert signal.getsignal(signal.SIGIO) == signal.SIG_IGN  # a late signal must not end the process
        os.kill(os.getpid(), signal.SIGIO)

    asyncio.run(asyncio.wait_for(main(), 30))


@pytest.mark.clause("L12")
@pytest.mark.parametrize("name", ["consent.0", "floor.0"])
def test_ok__another_process_that_writes_wakes_the_agent(tmp_path, name):
    async def story(storage, woken):
        write_elsewhere(storage.directory / name)
        await woken.wait()

    play(tmp_path, story)


def test_ok__so_do_a_file_put_in_its_place_and_one_taken_away(tmp_path):
    async def story(storage, woken):
        (storage.directory / "new").write_bytes(b"an older copy")
        (storage.directory / "new").rename(storage.directory / "consent.0")
        await woken.wait()
        await asyncio.sleep(0.1)
        woken.clear()
        (storage.directory / "consent.0").unlink()
        await woken.wait()

    play(tmp_path, story)


def test_fail__a_write_to_another_file_is_not_heard(tmp_path):
    async def story(storage, woken):
        storage.append("ledger.0", b"an entry of our own")
        write_elsewhere(storage.directory / "journal.0")
        await asyncio.sleep(0.2)
        assert not woken.is_set()

    play(tmp_path, story)
