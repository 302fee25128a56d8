"""A printer to try things with: replays one print over and over, with everything a real one would blurt out."""

from collections.abc import Callable

from firmware_agent.model import Record

HEATING = 60  # s
PRINTING = 600
COOLING = 60
LOOP = HEATING + PRINTING + COOLING
_MATERIAL = 4180.0  # mm of filament

# What no declaration lets through: the demonstration and the leak tests look for these.
BLURTED = {
    "job_file": "anns_birthday_gift.gcode",
    "job_path": "/home/ann/printer_data/gcodes/anns_birthday_gift.gcode",
    "job_user": "ann",
    "message": "Printing a gift for Ann",
    "serial": "LM-2209-004711",
    "device_name": "Ann's printer",
    "address": "192.168.178.23",
    "temperature_sensor anns_secret_chamber": 31.4,
    "wifi.ssid": "Ann and Bob",
}


class DemoSource:
    """Implements Source. ticks: seconds that only go forward, in every process alike, so that all see the same print.

    now: seconds since 1970 UTC or None.
    """

    name = "demo"
    pair: tuple[str, str] | None = None
    exclusive = False
    offers: tuple[str, ...] = (
        "state",
        "progress",
        "elapsed",
        "remaining",
        "nozzle_temperature",
        "nozzle_target",
        "bed_temperature",
        "bed_target",
        "job_start",
        "job_finish",
        "job_material",
    )
    pace = 1.0

    def __init__(self, ticks: Callable[[], float], now: Callable[[], int | None], speed: float = 1.0) -> None:
        self._ticks = ticks
        self._now = now
        self._speed = speed
        self._seen: int | None = None

    async def read(self) -> list[Record]:
        """The moment of the print that it is now, and a job record when one has ended since the last reading."""
        elapsed = self._ticks() * self._speed
        prints, at = divmod(elapsed, LOOP)
        records = [Record(_moment(at))]
        if self._seen is not None and int(prints) > self._seen:
            records.append(Record(self._job(at)))
        self._seen = int(prints)
        return records

    async def rest(self) -> None:
        """Forget how far the print was: what nobody allowed us to see is not seen later."""
        self._seen = None

    def _job(self, at: float) -> dict[str, object]:
        fields: dict[str, object] = {"job_material": _MATERIAL, **BLURTED}
        now = self._now()
        if now is not None:
            fields["job_finish"] = now - int((at + COOLING) / self._speed)
            fields["job_start"] = now - int((at + COOLING + PRINTING) / self._speed)
        return fields


def _moment(at: float) -> dict[str, object]:
    if at < HEATING:
        state, done, warm = "idle", 0.0, at / HEATING
    elif at < HEATING + PRINTING:
        state, done, warm = "printing", (at - HEATING) / PRINTING, 1.0
    else:
        state, done, warm = "finishing", 1.0, 1.0 - (at - HEATING - PRINTING) / COOLING
    return {
        "state": state,
        "progress": done * 100,
        "elapsed": done * PRINTING,
        "remaining": (1 - done) * PRINTING,
        "nozzle_temperature": 21.0 + 189.0 * warm,
        "nozzle_target": 210.0 if state != "finishing" else 0.0,
        "bed_temperature": 21.0 + 39.0 * warm,
        "bed_target": 60.0 if state != "finishing" else 0.0,
        **BLURTED,
    }
