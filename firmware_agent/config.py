"""The agent's configuration: one table of checks, one line for whatever is wrong, nothing starts until it is right."""

import ipaddress
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firmware_agent.addresses import host, is_loopback, nearby, readable, talkable
from firmware_agent.errors import ConfigError

PRESENCE = ("console", "terminal")
ROLES = ("owner", "guardian", "viewer", "service")
SHIPPED = Path(__file__).parent / "profiles"


@dataclass(frozen=True)
class UplinkConfig:
    """Where one recipient of the profile listens. commands: whether it may withdraw consent from afar. media_key: the
    X25519 key, hex, that pictures to it are sealed to; "": pictures stay."""

    host: str
    port: int
    tls: bool
    authority: str | None
    certificate: str | None
    key: str | None
    timeout: float
    commands: bool
    media_key: str = ""


@dataclass(frozen=True)
class PanelConfig:
    """The owner's page. host: the address it listens on. names: by which browsers may call it, besides addresses."""

    host: str
    port: int
    tls: bool
    names: tuple[str, ...]

    @property
    def private(self) -> bool:
        """Whether nobody on the network can listen."""
        return self.tls or is_loopback(self.host)


@dataclass(frozen=True)
class ViewersConfig:
    """The port of programs that may look through the camera, plain HTTP. It listens only while there is one."""

    host: str
    port: int


@dataclass(frozen=True)
class SocketConfig:
    """The makers' socket. users: user -> role. screens: users that show codes to whoever is at the device. group: that
    may connect, "" for the agent's own.
    """

    path: Path
    users: dict[str, str]
    screens: tuple[str, ...]
    group: str


@dataclass(frozen=True)
class ButtonConfig:
    """device: of Linux evdev. code: of the key, as input-event-codes.h counts them."""

    device: Path
    code: int


@dataclass(frozen=True)
class BundleConfig:
    """Where the files of a support bundle lie, "" where the agent looks in people's homes. klippy, moonraker,
    octoprint: logs. config, jobs: folders. serial_file: holds the printer's serial number and nothing else."""

    klippy: str = ""
    moonraker: str = ""
    octoprint: str = ""
    config: str = ""
    jobs: str = ""
    serial_file: str = ""


@dataclass(frozen=True)
class Config:
    """file: where it was read from. outbox: KiB. window: seconds. sources: kind -> its settings. maker: the Ed25519
    key, hex, whose signature installs a profile, or ""."""

    file: str
    profile: Path
    state: Path
    presence: str
    outbox: int
    window: float
    maker: str = ""
    panel: PanelConfig | None = None
    socket: SocketConfig | None = None
    viewers: ViewersConfig | None = None
    button: ButtonConfig | None = None
    bundle: BundleConfig = field(default_factory=BundleConfig)
    uplinks: dict[str, UplinkConfig] = field(default_factory=dict)
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)


def _text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 400 and value.isprintable()


def _place(value: Any) -> bool:
    return _text(value) and value.startswith("/") and ".." not in value


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _between(low: float, high: float) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= high


def _names(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= 16 and all(isinstance(one, str) and host(one) for one in value)


def _address(value: Any) -> bool:
    try:
        ipaddress.ip_address(value if isinstance(value, str) else "")
    except ValueError:
        return False
    return "%" not in value


def _users(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= 16 and all(_text(one) for one in value)


def _senders(value: Any) -> bool:
    return isinstance(value, list) and 0 < len(value) <= 16 and all(_text(one) or type(one) is int for one in value)


def _roles(value: Any) -> bool:
    return isinstance(value, dict) and all(role in ROLES for role in value.values())


def _key(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"([0-9a-f]{64})?", value) is not None


def _fingerprint(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"(([0-9a-fA-F]{2}:?){31}[0-9a-fA-F]{2})?", value) is not None


def _crop(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 4 or not all(type(one) is int and one >= 0 for one in value):
        return False
    left, top, width, height = value
    return value == [0] * 4 or (min(width, height) > 0 and left + width <= 1000 and top + height <= 1000)


def _video(value: Any) -> bool:
    return _text(value) and value.startswith("/dev/") and ".." not in value


def _port(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"([0-9]{1,3}-[0-9]{1,3}(\.[0-9]{1,3}){0,6})?", value) is not None


def _command(value: Any) -> bool:
    return isinstance(value, list) and 0 < len(value) <= 64 and all(_text(one) for one in value) and value[0][0] == "/"


_REQUIRED = object()
Check = tuple[Callable[[Any], bool], str, Any]  # test, what is allowed, default

_TOP: dict[str, Check] = {
    "profile": (_text, 'the name of a shipped profile ("lightmake") or the path of a compiled one (.cbor)', _REQUIRED),
    "state": (_text, "a directory for consent, ledger and keys", _REQUIRED),
    "presence": (
        lambda value: value in PRESENCE,
        '"console" (only the device\'s own console can grant) or "terminal" (any interactive terminal can)',
        "console",
    ),
    "outbox": (_whole(16, 1_048_576), "KiB of flash for what waits of each purpose, 16 to 1048576", 4096),
    "maker": (_key, 'the Ed25519 public key, 64 digits of hex, that signs profiles; "": only a person installs', ""),
    "window": (_between(0, 3600), "seconds of events that a power cut may lose, 0 to 3600", 5),
}
_UPLINK: dict[str, Check] = {
    "host": (host, "a host name or address, without port and scheme", _REQUIRED),
    "port": (_whole(1, 65535), "a whole number, a port from 1 to 65535", 8883),
    "tls": (_flag, "true, or false for a broker on this machine", True),
    "authority": (_text, "the path of a PEM file; without it the system's authorities count", None),
    "certificate": (_text, "the path of our PEM certificate", None),
    "key": (_text, "the path of its PEM key", None),
    "timeout": (_between(0.1, 120), "seconds from 0.1 to 120", 10),
    "commands": (_flag, "true, so that this recipient can withdraw consent from afar, or false", False),
    "media_key": (_key, 'the X25519 public key, 64 digits of hex, that pictures are sealed to; "": pictures stay', ""),
}
_PANEL: dict[str, Check] = {
    "host": (host, "an address of this device; 0.0.0.0 is all of them", "0.0.0.0"),  # noqa: S104 - the owner's page
    "port": (_whole(1, 65535), "a whole number, a port from 1 to 65535", 8443),
    "tls": (_flag, "true, or false for plain HTTP: then anybody on the network can listen", True),
    "names": (_names, 'a list of host names that browsers may call it by, like ["printer.local"]', []),
}
_VIEWERS: dict[str, Check] = {
    "host": (_address, "an address of this device, no name; 0.0.0.0 is all of them", "0.0.0.0"),  # noqa: S104 - asks who
    "port": (_whole(1, 65535), "a whole number, a port from 1 to 65535", 8089),
}
_SOCKET: dict[str, Check] = {
    "path": (_text, "where the socket lies; inside the state directory if it is not a full path", "control.sock"),
    "users": (_roles, f"a table of users and their roles ({', '.join(ROLES)})", _REQUIRED),
    "group": (_text, "the name of the group that may connect; without it, the agent's own", ""),
    "screens": (_users, "a list of users, out of `users`, whose programs show codes on the device's own screen", []),
}
_BUTTON: dict[str, Check] = {
    "device": (_text, "the path of an input device, like /dev/input/event0", _REQUIRED),
    "code": (_whole(1, 767), "the number of its key, as evtest shows it", _REQUIRED),
}
_BUNDLE: dict[str, Check] = {
    **dict.fromkeys(
        ("klippy", "moonraker", "octoprint"), (_place, "the full path of that log; without it, in people's homes", "")
    ),
    "config": (_place, "the full path of the folder with printer.cfg; without it, in people's homes", ""),
    "jobs": (_place, "the full path of the folder with jobs; without it, in people's homes", ""),
    "serial_file": (_text, "the path of a file that holds the printer's serial number and nothing else", ""),
}
_LINE: dict[str, Check] = {
    "device": (_place, "the full path of a serial port, like a name below /dev/serial/by-id", _REQUIRED),
    "baud": (_whole(2400, 4_000_000), "bits a second, 2400 to 4000000, as the board has them", 115_200),
}
_SOURCES: dict[str, dict[str, Check]] = {
    "bambu": {
        "host": (host, "the printer's address, or its name in the own network", _REQUIRED),
        "port": (_whole(1, 65535), "a whole number, a port from 1 to 65535", 8883),
        "serial_file": (_text, "the path of a file that holds the serial number and nothing else", _REQUIRED),
        "code_file": (_text, "the path of a file that holds the access code and nothing else", _REQUIRED),
        "fingerprint": (
            _fingerprint,
            'SHA-256 of its certificate, 64 digits of hex; "" until you know it: `doctor` shows what it sees',
            _REQUIRED,
        ),
    },
    "demo": {"speed": (_between(0.1, 10_000), "how many times faster than real, 0.1 to 10000", 1)},
    "intake": {
        "path": (_text, "where its socket lies; inside the state directory if it is not a full path", "intake.sock"),
        "users": (_senders, "a list of the users whose programs may hand over records, by name or number", _REQUIRED),
        "group": (_text, "the name of the group that may send; without it, the agent's own", ""),
    },
    "moonraker": {  # `path` or `url`: cli/sources.py
        "url": (talkable, '"ws://127.0.0.1:7125/websocket" for one on this machine, wss for any other', ""),
        "path": (_place, "the full path of its Unix socket, moonraker.sock; or `url` instead", ""),
        "key_file": (_text, "the path of a file that holds an API key and nothing else", ""),
    },
    "marlin": _LINE,
    "grbl": _LINE,
    "octoprint": {
        "url": (readable, '"http://127.0.0.1:5000" for an OctoPrint on this machine, https for any other', _REQUIRED),
        "key_file": (_text, "the path of a file that holds an application key and nothing else", _REQUIRED),
    },
}
_UNIT: dict[str, Check] = {
    "unit": (_text, "the path of the socket of the camera's own systemd unit; without it the agent starts it", ""),
}
_RATE: dict[str, Check] = {"rate": (_whole(1, 120), "pictures a second, 1 to 120", 30)}
_CROP: dict[str, Check] = {
    "crop": (_crop, "the part that is shown: [left, top, width, height] in thousandths of the picture", [0, 0, 0, 0]),
}
_CAMERAS: dict[str, dict[str, Check]] = {
    "pattern": {**_RATE, **_UNIT},
    "v4l2": {
        "device": (_video, "a camera, like /dev/video0 or a name below /dev/v4l/by-id", _REQUIRED),
        "width": (_whole(0, 16384), "pixels, 0 to 16384; 0: what the camera likes", 0),
        "height": (_whole(0, 16384), "pixels, 0 to 16384; 0: what the camera likes", 0),
        "port": (_port, 'its USB port, like "1-1.2", to be off while nothing is allowed; "": it stays on', ""),
        **_RATE,
        **_CROP,
        **_UNIT,
    },
    "mjpeg": {
        "url": (nearby, '"http://HOST/..." of a camera or program on this device or its own network', _REQUIRED),
        **_RATE,
        **_CROP,
        **_UNIT,
    },
    "adapter": {
        "command": (_command, 'a list, the program\'s full path first: ["/usr/bin/rpicam-vid", ...]', _REQUIRED),
        **_RATE,
        **_CROP,
        **_UNIT,
    },
}
_KINDS = ", ".join(f'"{kind}"' for kind in _CAMERAS)


def load(path: Path) -> Config:
    """Read and check `path`; ConfigError is one line: file, key, what is wrong, what is allowed."""
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; write one (docs/integrate.md) or name it with --config") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({type(error).__name__})") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    except (ValueError, RecursionError):  # a number of thousands of digits, or nesting as deep
        raise ConfigError(f"{path}: not a configuration that anybody would write") from None
    return _Reader(path).config(raw)


class _Reader:
    def __init__(self, path: Path) -> None:
        self.file = str(path)
        self.base = path.parent

    def config(self, raw: dict[str, Any]) -> Config:
        uplinks = self._table(raw.pop("uplink", {}), "uplink")
        sources = self._table(raw.pop("source", {}), "source")
        alone = ("panel", "socket", "viewers", "button", "bundle")
        panel, control, viewers, button, bundle = (raw.pop(name, None) for name in alone)
        sections = "[panel], [socket], [viewers], [button], [bundle], [uplink.RECIPIENT] and [source.KIND]"
        top = self._section("", raw, _TOP, hint=f"; sections are {sections}")
        known = sorted([*_SOURCES, "camera"])
        for kind in sources:
            if kind not in known:
                raise self._wrong(f"source.{kind}", "there is no such source", "one of " + ", ".join(known))
        if not sources:
            raise self._wrong("source", "there is none", "at least one [source.KIND]: " + ", ".join(known))
        camera = sources.pop("camera", None)
        settings = {kind: self._section(f"source.{kind}.", row, _SOURCES[kind]) for kind, row in sources.items()}
        if camera is not None:
            settings["camera"] = self._camera(camera)
        for row in settings.values():
            row.update({key: str(self.base / path) for key, path in row.items() if key.endswith("_file") and path})
        return Config(
            file=self.file,
            profile=self._profile(top["profile"]),
            state=self.base / top["state"],
            presence=top["presence"],
            outbox=top["outbox"],
            window=top["window"],
            maker=top["maker"],
            panel=self._panel(panel),
            socket=self._socket(control, self.base / top["state"]),
            viewers=self._viewers(viewers),
            button=self._button(button),
            bundle=self._bundle(bundle, settings.get("bambu", {}).get("serial_file", "")),
            uplinks={name: self._uplink(name, row) for name, row in uplinks.items()},
            sources=settings,
        )

    def _profile(self, name: str) -> Path:
        shipped = SHIPPED / f"{name}.cbor"
        path = shipped if "/" not in name and shipped.exists() else self.base / name
        if path.suffix == ".toml" and path.exists():
            raise self._wrong("profile", f'"{name}" is for people', "its .cbor, made by tools/compile_profile")
        if path.suffix != ".cbor" or not path.exists():
            names = ", ".join(sorted(one.stem for one in SHIPPED.glob("*.cbor")))
            raise self._wrong("profile", f'"{name}" is not there', f"one of {names}, or the path of a compiled .cbor")
        return path

    def _panel(self, row: Any) -> PanelConfig | None:
        if row is None:
            return None
        values = self._section("panel.", self._one(row, "panel"), _PANEL)
        return PanelConfig(**{**values, "names": tuple(values["names"])})

    def _socket(self, row: Any, state: Path) -> SocketConfig | None:
        if row is None:
            return None
        values = self._section("socket.", self._one(row, "socket"), _SOCKET)
        return SocketConfig(state / values["path"], values["users"], tuple(values["screens"]), values["group"])

    def _viewers(self, row: Any) -> ViewersConfig | None:
        if row is None:
            return None
        return ViewersConfig(**self._section("viewers.", self._one(row, "viewers"), _VIEWERS))

    def _button(self, row: Any) -> ButtonConfig | None:
        if row is None:
            return None
        values = self._section("button.", self._one(row, "button"), _BUTTON)
        return ButtonConfig(Path(values["device"]), values["code"])

    def _bundle(self, row: Any, serial: str) -> BundleConfig:
        """serial: the file of a source that has one."""
        values = self._section("bundle.", self._one({} if row is None else row, "bundle"), _BUNDLE)
        own = values["serial_file"] and str(self.base / values["serial_file"])
        return BundleConfig(**{**values, "serial_file": own or serial})

    def _one(self, value: Any, name: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._wrong(name, "is not a section", f"[{name}]")
        return value

    def _camera(self, row: dict[str, Any]) -> dict[str, Any]:
        kind = row.get("kind")
        if not isinstance(kind, str) or kind not in _CAMERAS:
            raise self._wrong("source.camera.kind", "is missing" if kind is None else "is wrong", f"one of {_KINDS}")
        checks: dict[str, Check] = {"kind": (_text, "", _REQUIRED), **_CAMERAS[kind]}
        return self._section("source.camera.", row, checks)

    def _uplink(self, name: str, row: Any) -> UplinkConfig:
        where = f"uplink.{name}."
        values = self._section(where, row, _UPLINK)
        if not values["tls"] and not is_loopback(values["host"]):
            raise self._wrong(
                where + "tls", "false would send in the clear", "true, unless host is this machine itself"
            )
        if (values["certificate"] is None) != (values["key"] is None):
            raise self._wrong(where + "key", "certificate and key go together", "both or neither")
        for key in ("authority", "certificate", "key"):
            if values[key] is not None:
                values[key] = str(self.base / values[key])
        return UplinkConfig(**values)

    def _table(self, value: Any, name: str) -> dict[str, Any]:
        if not isinstance(value, dict) or not all(isinstance(row, dict) for row in value.values()):
            raise self._wrong(name, "is not a section", f"[{name}.NAME]")
        return value

    def _section(self, where: str, row: dict[str, Any], checks: dict[str, Check], hint: str = "") -> dict[str, Any]:
        for key in row:
            if key not in checks:
                raise self._wrong(where + key, "is not a key", "one of " + ", ".join(checks) + hint)
        values = {}
        for key, (test, allowed, default) in checks.items():
            value = row.get(key, default)
            if value is _REQUIRED:
                raise self._wrong(where + key, "is missing", allowed)
            if key in row and not test(value):
                raise self._wrong(where + key, "is wrong", allowed)
            values[key] = value
        return values

    def _wrong(self, key: str, what: str, allowed: str) -> ConfigError:
        return ConfigError(f"{self.file}: {key}: {what}; allowed: {allowed}")
