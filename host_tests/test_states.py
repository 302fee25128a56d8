"""A printer comes and goes: each way ends in a clear state on the owner's page, and recovers by itself."""

import asyncio
from pathlib import Path

import pytest

from host_tests.rigs import moonraker as rig
from host_tests.rigs.bambu import Printer
from host_tests.rigs.marlin import Marlin
from host_tests.rigs.owners import Home
from host_tests.test_bambu import section

PROGRAM = ("improvement_program", "lightmake")
FULL = {"print": {"command": "push_status", "gcode_state": "RUNNING", "mc_percent": 10, "nozzle_temper": 210.0}}


class Seen:
    """A home whose owner looks at one source of it. The clock runs ahead, so that each reading is due."""

    def __init__(self, directory: Path, name: str, extra: str) -> None:
        self.home = Home(directory, extra=extra)
        self.name = name
        phone, owner = self.home.pair("owner")
        self.home.allow(phone, owner, PROGRAM)
        open_ = self.home.sessions.open
        self.owner, self.viewer = (open_(role, b"", f"the {role}", 1e9) for role in ("owner", "viewer"))

    def standing(self):
        """As everybody sees it, and as the owner does."""
        found = [one for one in self.home.desk.home(self.viewer)["sources"] if one["name"] == self.name]
        row = [one for one in self.home.desk.said(self.owner)["sources"] if one["name"] == self.name]
        assert {key: row[0][key] for key in found[0]} == found[0]
        return row[0]

    async def until(self, holds):
        """The row, as soon as that holds of it."""
        async with asyncio.timeout(60):
            while not holds(row := self.standing()):
                self.home.device.passed += 10.0
                self.home.agent.tick()
                await asyncio.sleep(0.05)
        return row

    async def reads(self, state, machine=""):
        row = await self.until(lambda row: leaves(row).get("state") == state)
        assert (row["state"], row["trouble"], row["machine"]) == ("reading", "", machine)
        return row

    async def trouble(self, *codes):
        row = await self.until(lambda row: row["trouble"] in codes)
        assert row["state"] == "trouble" and row["time"] is not None and (row["said"], row["machine"]) == (0, "")
        assert not any(one["leaves"] for one in row["purposes"])
        return row


def leaves(row):
    return {part["field"]: part["value"] for one in row["purposes"] for part in one["leaves"]}


@pytest.mark.clause("L6", "L11")
def test_ok__moonraker_restarts(tmp_path):
    with rig.moonraker(tmp_path / "m") as (server, printer):
        seen = Seen(tmp_path / "home", "moonraker", f'[source.moonraker]\npath = "{server.socket}"')

        async def tale():
            await seen.reads("idle")
            server.stop()
            await seen.trouble("ended", "refused")
            again = rig.Moonraker(tmp_path / "m", printer.path)
            try:
                await seen.reads("idle")
            finally:
                again.stop()
                await seen.home.agent.close()

        asyncio.run(tale())


@pytest.mark.clause("L6", "L11")
def test_ok__klipper_shuts_down(tmp_path):
    with rig.moonraker(tmp_path / "m") as (server, printer):
        seen = Seen(tmp_path / "home", "moonraker", f'[source.moonraker]\npath = "{server.socket}"')

        async def tale():
            await seen.reads("idle")
            printer.change("webhooks", state="shutdown", state_message="MCU canary-mcu shutdown")
            row = await seen.reads("error", machine="error")
            assert "canary-mcu" not in repr(row)
            printer.change("webhooks", state="ready", state_message="Printer is ready")
            await seen.reads("idle")
            await seen.home.agent.close()

        asyncio.run(tale())


@pytest.mark.clause("L6", "L11")
def test_ok__the_serial_cable_is_pulled(tmp_path):
    seen = Seen(tmp_path / "home", "marlin", f'[source.marlin]\ndevice = "{tmp_path}/port"')

    async def tale():
        board = Marlin(tmp_path / "port").plug()
        await seen.reads("idle")
        board.pull()
        await seen.trouble("unplugged")
        board.plug()
        assert leaves(await seen.reads("idle"))["nozzle_temperature"] == 200
        await seen.home.agent.close()
        board.pull()

    asyncio.run(tale())


@pytest.mark.clause("L6", "L11", "P1")
@pytest.mark.attack(16)
def test_ok__bambu_changes_its_certificate(tmp_path):
    with Printer(tmp_path / "printer", FULL) as printer:
        (tmp_path / "home").mkdir()
        seen = Seen(tmp_path / "home", "bambu", section(printer, tmp_path / "home", printer.fingerprint))

        async def tale():
            await seen.reads("printing")
            other = printer.certify("second")
            printer.restart()
            row = await seen.trouble("certificate")
            assert other not in repr(row) and printer.fingerprint not in repr(row)
            printer.certify("first")
            printer.restart()
            await seen.reads("printing")
            await seen.home.agent.close()

        asyncio.run(tale())
