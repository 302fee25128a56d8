"""The USB port of a camera: while nothing of it is allowed the kernel lets no program use the device (L12, attack 18).

Linux, Documentation/usb/authorization: 0 in a device's file `authorized` takes it from every driver, 1 gives it back.
"""

import asyncio
import logging
from pathlib import Path

from firmware_agent.errors import SourceError

log = logging.getLogger(__name__)

DEVICES = Path("/sys/bus/usb/devices")
_APPEARS = 5.0  # s for the device node
_LOOK = 0.05


class Port:
    """name: as /sys/bus/usb/devices has it, like "1-1.2". device: the camera's node, which comes and goes with it."""

    def __init__(self, name: str, device: str, devices: Path = DEVICES) -> None:
        self._switch = devices / name / "authorized"
        self._device = Path(device)
        self._told = False

    def off(self) -> None:
        """Take the device from every program. What does not work is said once in the log."""
        try:
            if self._state() != "0":
                self._switch.write_text("0", "ascii")
                log.info("camera: its USB device is off for every program")
            self._told = False
        except OSError as error:
            if not self._told:
                log.warning("camera: its USB device could not be taken off the bus (%s)", error.strerror)
            self._told = True

    async def on(self) -> None:
        """Give it back, and wait for its node; SourceError."""
        try:
            if self._state() != "1":
                self._switch.write_text("1", "ascii")
        except OSError as error:
            raise SourceError(
                f"camera: its USB port cannot be switched on ({error.strerror}); see [source.camera] port"
            ) from None
        end = asyncio.get_running_loop().time() + _APPEARS
        while not self._device.exists():
            if asyncio.get_running_loop().time() > end:
                raise SourceError(f"camera: {self._device} does not come back on its USB port; is it plugged in there?")
            await asyncio.sleep(_LOOK)

    def _state(self) -> str:
        return self._switch.read_text("ascii").strip()
