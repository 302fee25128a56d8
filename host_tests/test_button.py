"""The button: a press is a press of that key, on an input device of the kernel, while somebody looks."""

import asyncio
import logging
import os
import random
import struct

import pytest

from firmware_agent.device import button
from firmware_agent.device.button import EVENT, EVENT_32, EVENT_64, Button, is_input
from host_tests.fakes_socket import logged, settled

KEY, OTHER = 0x198, 0x1C  # KEY_RESTART and Enter
EV_SYN, EV_KEY, EV_REL = 0, 1, 2
REPORT = (EV_SYN, 0, 0)
DROPPED = (EV_SYN, 3, 0)
DOWN, HELD, UP = (EV_KEY, KEY, 1), (EV_KEY, KEY, 2), (EV_KEY, KEY, 0)
PRESS = (DOWN, REPORT, UP, REPORT)


def told(events, layout=EVENT):
    """The bytes that the kernel gives for (type, code, value)."""
    return b"".join(layout.pack(1795000000, 250000, *event) for event in events)


class Key:
    """A pipe in the file system that says what an input device says."""

    def __init__(self, directory, **options):
        self.path = directory / "event0"
        os.mkfifo(self.path)
        self.presses = 0
        self.button = Button(str(self.path), KEY, self._pressed, **{"accepts": anything, "retry": 0.01, **options})

    def _pressed(self):
        self.presses += 1

    def open(self):
        """The writing end; only while the button reads."""
        return os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)

    async def says(self, data):
        """Say it, whole, and let the button read it."""
        end = self.open()
        try:
            while data:
                data = data[os.write(end, data[:4096]) :]
                await asyncio.sleep(0.01)
        finally:
            os.close(end)


def anything(found):
    return True


def presses(directory, *parts, **options):
    """How many presses a button sees in these bytes."""

    async def run():
        key = Key(directory, **options)
        key.button.start()
        end = key.open()
        for part in parts:
            os.write(end, part)
            for _ in range(3):
                await asyncio.sleep(0)
        key.button.stop()
        os.close(end)
        return key.presses

    return asyncio.run(run())


@pytest.mark.parametrize("layout", [EVENT_64, EVENT_32])
def test_ok__each_press_counts_once_in_both_layouts(layout, tmp_path):
    assert presses(tmp_path, told(PRESS * 3, layout), layout=layout) == 3


def test_ok__the_layouts_are_the_kernels():
    assert (EVENT_64.size, EVENT_32.size) == (24, 16)
    assert struct.Struct("llHHi").size == EVENT.size  # what a C compiler of this machine makes of it
    assert EVENT_64.pack(1, 2, 3, 4, -5) == bytes.fromhex("0100000000000000 0200000000000000 0300 0400 fbffffff")
    assert EVENT_32.pack(1, 2, 3, 4, -5) == bytes.fromhex("01000000 02000000 0300 0400 fbffffff")


def test_fail__what_is_no_press_of_that_key(tmp_path):
    for at, events in enumerate(
        (
            (HELD, REPORT) * 20,
            (UP, REPORT),
            ((EV_KEY, OTHER, 1), REPORT),
            ((EV_REL, KEY, 1), REPORT),
            ((EV_KEY, KEY, -1), REPORT),
            (DROPPED, DOWN, REPORT),  # the kernel lost events: this may be half of one
            (DROPPED, (EV_SYN, 1, 0), DOWN, DOWN),
        )
    ):
        directory = tmp_path / str(at)
        directory.mkdir()
        assert presses(directory, told(events)) == 0, events
    assert presses(tmp_path, told((DROPPED, DOWN, REPORT, *PRESS))) == 1  # and after that it looks again


def test_ok__an_event_in_two_parts_is_one(tmp_path):
    data = told(PRESS)
    assert presses(tmp_path, data[:5], data[5:]) == 1


def test_fail__what_was_pressed_before_anybody_looked(tmp_path):
    async def run():
        key = Key(tmp_path)
        held = os.open(key.path, os.O_RDWR | os.O_NONBLOCK)
        key.button.start()
        key.button.stop()
        key.button.start()
        os.write(held, told(PRESS))
        await asyncio.sleep(0)
        key.button.stop()
        os.write(held, told(PRESS))
        await asyncio.sleep(0.02)
        os.close(held)
        return key

    key = asyncio.run(run())
    assert key.presses <= 1 and not key.button.there


def test_fail__noise_is_no_fault(tmp_path):
    chance = random.Random(17)
    noise = [chance.randbytes(chance.randrange(1, 600)) for _ in range(200)]
    assert presses(tmp_path, *noise) == 0
    (tmp_path / "2").mkdir()
    assert presses(tmp_path / "2", *noise, layout=EVENT_32) == 0


@pytest.mark.parametrize("kind", ["pipe", "file", "directory", "terminal"])
def test_fail__something_that_only_looks_like_a_button(kind, tmp_path, caplog):
    ours, theirs = os.openpty()

    async def run():
        key = Key(tmp_path, accepts=is_input)
        if kind != "pipe":
            key.path.unlink()
        if kind == "file":
            key.path.write_bytes(told(PRESS))
        elif kind == "directory":
            key.path.mkdir()
        elif kind == "terminal":
            key.path.symlink_to(os.ttyname(theirs))
        key.button.start()
        held = os.open(key.path, os.O_RDWR | os.O_NONBLOCK) if kind in ("pipe", "terminal") else -1
        if held >= 0:
            os.write(held, told(PRESS))
        await asyncio.sleep(0.05)
        assert not key.button.there and key.presses == 0
        key.button.stop()
        if held >= 0:
            os.close(held)

    asyncio.run(run())
    os.close(ours)
    os.close(theirs)
    assert len([line for line in caplog.records if line.levelno == logging.WARNING]) == 1
    assert "it is no input device" in caplog.text


def test_ok__the_kernels_input_devices_are_known_by_their_number():
    class Found:
        st_mode = 0o020660  # a character device

        def __init__(self, major):
            self.st_rdev = os.makedev(major, 64)

    assert is_input(Found(13)) and not is_input(Found(4)) and not is_input(os.stat("/dev/null"))


@pytest.mark.parametrize("kind", ["never there", "it ended"])
def test_ok__a_device_that_vanishes_is_reported_once_and_found_again(kind, tmp_path, caplog):
    caplog.set_level(logging.INFO)

    async def run():
        key = Key(tmp_path)
        away = tmp_path / "away"
        if kind == "never there":
            key.path.rename(away)
        key.button.start()
        if kind == "it ended":
            await key.says(told(PRESS))
            key.path.rename(away)
            assert key.presses == 1
        await asyncio.sleep(0.05)  # several tries
        assert not key.button.there
        before = key.presses
        away.rename(key.path)
        await settled(lambda: key.button.there)
        end = key.open()
        os.write(end, told(PRESS))
        await settled(lambda: key.presses > before)
        key.button.stop()
        os.close(end)

    asyncio.run(run())
    gone = [line.getMessage() for line in caplog.records if "cannot be read" in line.getMessage()]
    back = [line.getMessage() for line in caplog.records if "is there again" in line.getMessage()]
    assert (len(gone), len(back)) == (1, 1), caplog.text
    assert f"{tmp_path}/event0 cannot be read" in logged(caplog)


def test_ok__a_button_that_was_stopped_leaves_nothing_behind(tmp_path):
    before = os.listdir("/proc/self/fd")

    async def run():
        for path in (tmp_path / "missing", tmp_path / "event0"):
            found = Button(str(path), KEY, lambda: None, accepts=anything, retry=0.01)
            found.start()
            found.start()
            await asyncio.sleep(0.03)
            found.stop()
            found.stop()
            if not path.exists():
                os.mkfifo(path)  # it comes too late
            await asyncio.sleep(0.03)
            assert not found.there

    os.mkfifo(tmp_path / "event0")
    asyncio.run(run())
    assert len(os.listdir("/proc/self/fd")) == len(before)
    assert button.RETRY > 0
