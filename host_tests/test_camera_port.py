"""A camera's USB port: off for every program while nothing is allowed, on before the next use."""

import asyncio
import logging

import pytest

from firmware_agent.camera.port import Port
from firmware_agent.camera.settings import SourceSettings
from firmware_agent.errors import SourceError
from host_tests.rigs.hub import LIVE, Place, PlayedStarter, soon, story


@pytest.fixture
def usb(tmp_path):
    """(folder of devices, switch, node): a bus with one camera."""
    (tmp_path / "1-1").mkdir()
    switch, node = tmp_path / "1-1" / "authorized", tmp_path / "video0"
    switch.write_text("1\n")
    node.touch()
    return tmp_path, switch, node


def place(usb):
    folder, _, node = usb
    port = Port("1-1", str(node), folder)
    return Place(LIVE, starter=PlayedStarter(), settings=SourceSettings("v4l2", str(node)), port=port)


@pytest.mark.clause("L1", "L12")
@pytest.mark.attack(18)
def test_ok__with_the_last_consent_it_goes_off_once_the_process_is_gone(usb):
    async def tale():
        one = place(usb)
        one.hub.tick(True)
        assert usb[1].read_text().strip() == "1"
        await one.view()
        one.gate.given.clear()
        one.hub.cut(*LIVE)
        one.hub.tick(False)
        assert usb[1].read_text().strip() == "1"  # the process may have the device still
        await soon(lambda: not one.hub.busy)
        one.hub.tick(False)
        assert usb[1].read_text().strip() == "0"
        await one.hub.close()

    story(tale())


def test_ok__it_goes_on_before_the_next_use(usb):
    _, switch, node = usb

    async def tale():
        one = place(usb)
        one.hub.tick(False)
        node.unlink()  # as the kernel does
        coming = asyncio.ensure_future(one.view())
        await soon(lambda: switch.read_text() == "1")
        assert one.starter.begun == []
        node.touch()
        await coming
        assert len(one.starter.begun) == 1
        await one.hub.close()

    story(tale())


def test_fail__a_switch_that_may_not_be_moved_is_said_once(usb, caplog, monkeypatch):
    folder, switch, node = usb
    port = Port("1-1", str(node), folder)
    switch.unlink()
    with caplog.at_level(logging.WARNING):
        port.off()
        port.off()
    assert len(caplog.records) == 1
    with pytest.raises(SourceError, match="cannot be switched on"):
        asyncio.run(port.on())


def test_fail__a_camera_that_does_not_come_back_is_said(usb, monkeypatch):
    folder, _, node = usb
    monkeypatch.setattr("firmware_agent.camera.port._APPEARS", 0.1)
    node.unlink()
    with pytest.raises(SourceError, match="does not come back"):
        asyncio.run(Port("1-1", str(node), folder).on())
