"""The source of Bambu printers, as tests drive it."""

import asyncio

from firmware_agent.errors import SourceError
from firmware_agent.telemetry.following import Following
from firmware_agent.telemetry.sources.bambu import OFFERS, BambuFeed
from host_tests.rigs.bambu import CODE

IDLE = {"print": {"command": "push_status", "gcode_state": "IDLE", "mc_percent": 0, "nozzle_temper": 21.5}}


class Source(Following):
    """The source with a clock that the test moves, and the shortest back-off."""

    def __init__(self, where, code=lambda: CODE, **waits):
        self.time = 1000
        super().__init__("bambu", OFFERS, BambuFeed(where, code, **waits), lambda: self.time, jitter=lambda: 0.0)

    async def until(self, holds):
        """Read until `holds` of one record; that one."""
        while True:
            try:
                found = [one.fields for one in await self.read() if holds(one.fields)]
                if found:
                    return found[-1]
            except SourceError:
                pass
            await asyncio.sleep(0.02)

    async def trouble(self, *says):
        """Read until it fails in one of these words; the sentence."""
        while True:
            try:
                await self.read()
            except SourceError as error:
                if any(one in str(error) for one in says or ("",)):
                    return str(error)
            await asyncio.sleep(0.02)
