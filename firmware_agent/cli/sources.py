"""Builds the sources of records that the configuration names: a new kind is one row here, and one in config.py."""

import os
import re
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firmware_agent import accounts, itself
from firmware_agent.catalogue import BLOBS, Catalogue
from firmware_agent.config import Config
from firmware_agent.errors import ConfigError, SourceError
from firmware_agent.telemetry.datagrams import Datagrams
from firmware_agent.telemetry.mqtt_line import Place
from firmware_agent.telemetry.source import Source
from firmware_agent.telemetry.sources.alive import AliveSource
from firmware_agent.telemetry.sources.bambu import bambu
from firmware_agent.telemetry.sources.demo import DemoSource
from firmware_agent.telemetry.sources.grbl import grbl
from firmware_agent.telemetry.sources.intake import LARGEST, intake
from firmware_agent.telemetry.sources.marlin import marlin
from firmware_agent.telemetry.sources.moonraker import moonraker
from firmware_agent.telemetry.sources.network import NetworkSource
from firmware_agent.telemetry.sources.octoprint import octoprint
from firmware_agent.telemetry.sources.region import RegionSource

_LONGEST_SECRET = 4096  # bytes
Now = Callable[[], int | None]


def sources(
    config: Config, catalogue: Catalogue, ticks: Callable[[], float], now: Now, region: Callable[[], str]
) -> list[Source]:
    """One object for each [source.KIND] of records, and those of the device itself. The camera is none of them. ticks:
    s that only go forward; now: epoch s; region: what the owner chose, or "". ConfigError, SourceError: what is
    missing, and what to do."""
    kinds: dict[str, Callable[[dict[str, Any]], Source]] = {
        "bambu": lambda row: _bambu(row, now),
        "demo": lambda row: DemoSource(ticks, now, row["speed"]),
        "octoprint": lambda row: octoprint(row["url"], lambda: _octoprint_key(Path(row["key_file"])), now),
        "marlin": lambda row: marlin(Path(row["device"]), row["baud"], now),
        "grbl": lambda row: grbl(Path(row["device"]), row["baud"], now),
        "intake": lambda row: _intake(config, catalogue, row, now),
        "moonraker": lambda row: _moonraker(config, row, now),
    }
    found = [kinds[kind](row) for kind, row in config.sources.items() if kind in kinds]
    return found + device_sources(catalogue, region)


def device_sources(catalogue: Catalogue, region: Callable[[], str], platform: str = sys.platform) -> list[Source]:
    """What tells of the device itself: always there, without a word in the configuration, where the policy declares a
    field of it. region: what the owner chose, or ""."""
    found: list[Source] = [RegionSource(region)]
    if platform == "linux":
        found += [NetworkSource(), AliveSource()]
    return [one for one in found if any(name in catalogue.fields for name in one.offers)]


def _intake(config: Config, catalogue: Catalogue, row: dict[str, Any], now: Now) -> Source:
    where = f"{config.file}: source.intake"
    users = {accounts.user(name, f"{where}.users") for name in row["users"]}
    place = Datagrams(config.state / row["path"], accounts.group(row["group"], f"{where}.group"), LARGEST)
    ours = (*AliveSource.offers, *RegionSource.offers, *itself.OFFERS)  # firmware has no say in these: when, and what
    fields = [(name, row["transform"]) for name, row in catalogue.fields.items()]
    told = tuple(name for name, transform in fields if transform not in (*BLOBS, "drop") and name not in ours)
    return intake(place, users, told, now)


def _moonraker(config: Config, row: dict[str, Any], now: Now) -> Source:
    if bool(row["path"]) == bool(row["url"]):
        raise ConfigError(f"{config.file}: source.moonraker: `url` or `path` is needed; allowed: one of them")
    return moonraker(row["path"], row["url"], _secret(Path(row["key_file"])) if row["key_file"] else "", now)


def _bambu(row: dict[str, Any], now: Now) -> Source:
    serial, code = Path(row["serial_file"]), Path(row["code_file"])
    fingerprint = bytes.fromhex(row["fingerprint"].replace(":", ""))
    place = Place(row["host"], row["port"], fingerprint, _short(serial, "serial number", "[0-9A-Za-z_-]{1,32}"))
    return bambu(place, lambda: _short(code, "access code", "[!-~]{1,64}"), now)


def _octoprint_key(path: Path) -> str:
    try:
        return _secret(path)
    except SourceError as error:
        raise SourceError(f"{error}; `firmware-agent key octoprint` asks OctoPrint for one", "key") from None


def _short(path: Path, what: str, pattern: str) -> str:
    """A word that people copy from a screen or a label; the message never holds it."""
    found = _secret(path, what)
    if re.fullmatch(pattern, found) is None:
        raise SourceError(f"{path}: that is no {what}; put it there alone, as the printer shows it", "setup")
    return found


def _secret(path: Path, what: str = "key") -> str:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe must hold nobody up
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise OSError
            return os.read(file, _LONGEST_SECRET).decode("ascii").strip()
        finally:
            os.close(file)
    except (OSError, UnicodeDecodeError) as error:
        why = f"the {what} cannot be read ({type(error).__name__}); put it there, mode 0600"
        raise SourceError(f"{path}: {why}", "setup") from None
