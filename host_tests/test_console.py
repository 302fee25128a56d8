"""The console: a code is shown on a screen that somebody can read, or not at all, and taken away afterwards."""

import asyncio
import fcntl
import os
import termios
import tty

import pytest

from firmware_agent.device.console import Console, in_text_mode
from host_tests.fakes_socket import logged

_END = b"<end>"
CLEAR = b"\x1b[0m\x1b[H\x1b[2J\x1b[3J"


class Screen:
    """A terminal that stands for the one in front, below made-up /sys and /dev."""

    def __init__(self, directory, active="tty1", consoles=(("(M) frame buffer device", "1"),), visible=True):
        self.ours, self.theirs = os.openpty()
        tty.setraw(self.theirs)
        os.set_blocking(self.ours, False)
        self.visible = visible
        system, devices = directory / "sys", directory / "dev"
        for at, (name, bind) in enumerate(consoles):
            found = system / f"class/vtconsole/vtcon{at}"
            found.mkdir(parents=True)
            (found / "name").write_text(name + "\n")
            (found / "bind").write_text(bind + "\n")
        (system / "class/tty/tty0").mkdir(parents=True)
        (system / "class/tty/tty0/active").write_text(active + "\n")
        devices.mkdir()
        for name in {"tty1", "ttyS0", active} - {""}:
            (devices / name).symlink_to(os.ttyname(self.theirs))
        self.console = Console(system, devices, lambda fd: self.visible)

    async def all(self):
        """All that was written since the last look."""
        os.write(self.theirs, _END)  # a terminal hands on in order, but not at once
        return (await self.until(_END)).removesuffix(_END)

    async def until(self, end):
        """What was written, up to `end`."""
        data = b""
        while not data.endswith(end):
            try:
                data += os.read(self.ours, 1 << 16)
            except BlockingIOError:
                await asyncio.sleep(0.002)
        return data

    def close(self):
        os.close(self.ours)
        os.close(self.theirs)


@pytest.fixture
def screen(tmp_path):
    made = []

    def make(**options):
        made.append(Screen(tmp_path, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("active", ["tty1", "tty7"])
def test_ok__a_code_is_shown_with_a_bell_and_taken_away(active, screen):
    async def run():
        found = screen(active=active)
        assert found.console.show("123456", "Allow the camera?", 60) is True
        shown = await found.all()
        assert shown.startswith(CLEAR + b"\a") and b"Allow the camera?" in shown and b"123456" in shown
        found.console.hide()
        assert await found.all() == CLEAR
        found.console.hide()
        assert await found.all() == b""

    asyncio.run(run())


def test_ok__it_goes_by_itself_after_its_time(screen):
    async def run():
        found = screen()
        assert found.console.show("123456", "Allow?", 0.01)
        assert b"123456" in await found.all()
        assert await found.until(CLEAR) == CLEAR

    asyncio.run(run())


def test_ok__a_second_code_takes_the_place_of_the_first(screen):
    async def run():
        found = screen()
        assert found.console.show("111111", "One?", 60) and found.console.show("222222", "Two?", 60)
        shown = await found.all()
        assert shown.index(b"111111") < shown.rindex(CLEAR) < shown.index(b"222222")

    asyncio.run(run())


def test_fail__a_text_that_would_steer_the_terminal(screen):
    async def run():
        found = screen()
        assert found.console.show("12\x1b[8m3456", "a\x1b]0;b\x07c\r\n\x9b2Jd \u4f60", 60)
        shown = (await found.all()).removeprefix(CLEAR + b"\a")
        assert b"\x1b" not in shown and b"\a" not in shown and b"\xc2\x9b" not in shown
        assert "\u4f60".encode() in shown

    asyncio.run(run())


@pytest.mark.parametrize(
    "options",
    [
        {"active": "ttyS0"},  # a serial line is no screen
        {"active": "tty0"},
        {"active": "../tty1"},
        {"active": ""},
        {"consoles": ()},
        {"consoles": (("(S) dummy device", "1"),)},
        {"consoles": (("(S) dummy device", "1"), ("(M) frame buffer device", "0"))},
        {"visible": False},  # a graphical program lies over it
    ],
)
def test_fail__nothing_is_shown_where_nobody_could_read_it(options, screen):
    async def run():
        found = screen(**options)
        assert found.console.show("123456", "Allow?", 60) is False
        assert b"123456" not in await found.all()

    asyncio.run(run())


def test_fail__a_terminal_that_is_gone_or_halted(screen, tmp_path, caplog):
    async def run():
        found = screen()
        termios.tcflow(found.theirs, termios.TCOOFF)  # what Ctrl-S does
        assert found.console.show("123456", "Allow?", 60) is False
        termios.tcflow(found.theirs, termios.TCOON)
        assert b"123456" not in await found.all()
        (tmp_path / "dev/tty1").unlink()
        assert found.console.show("123456", "Allow?", 60) is False
        (tmp_path / "sys/class/tty/tty0/active").unlink()
        assert found.console.show("123456", "Allow?", 60) is False

    asyncio.run(run())
    text = logged(caplog)
    assert "takes nothing" in text and "cannot be opened" in text and "123456" not in text


def test_fail__half_a_text_is_not_shown(screen, tmp_path):
    async def run():
        found = screen()
        terminal = tmp_path / "dev/tty1"
        terminal.unlink()
        os.mkfifo(terminal)
        held = os.open(terminal, os.O_RDWR | os.O_NONBLOCK)
        fcntl.fcntl(held, fcntl.F_SETPIPE_SZ, 4096)
        assert found.console.show("123456", "x" * 9000, 60) is False
        os.read(held, 1 << 16)
        assert found.console.show("123456", "Allow?", 60) is True
        os.close(held)

    asyncio.run(run())


def test_ok__a_code_is_cleared_although_graphics_came_in_front(screen):
    async def run():
        found = screen()
        assert found.console.show("123456", "Allow?", 60)
        await found.all()
        found.visible = False
        found.console.hide()
        assert await found.all() == CLEAR

    asyncio.run(run())


def test_fail__only_the_kernels_virtual_terminals_show_text():
    ours, theirs = os.openpty()
    assert not in_text_mode(theirs)
    os.close(ours)
    os.close(theirs)
