"""Programs that open cameras, or pass on what others stream: one row each. A new one is one row here."""

from dataclasses import dataclass
from pathlib import PurePath


@dataclass(frozen=True)
class Program:
    """units: patterns of its systemd units. words: what its processes are called, by their own name, their program or
    the Python module that they run. ports: where it listens if nobody changed that. means: to the owner, a sentence.
    stops: whether taking the camera over stops its units; False where a print or more than pictures hangs on them.
    taking: what that does to it, a sentence.
    """

    name: str
    units: tuple[str, ...]
    words: tuple[str, ...]
    ports: tuple[int, ...]
    means: str
    stops: bool
    taking: str


_STREAMS = "It streams the camera to whoever asks it, by no consent."
_ENDS = "It ends and stays off until you give the camera back; what read it reads the agent's address instead."
_STAYS = "It goes on. Give it one of the agent's addresses if it is to see pictures."
_CLOUD = "It sends pictures to a service on the internet, by settings of its own."

PROGRAMS = (
    Program(
        "crowsnest",
        ("crowsnest.service", "crowsnest@*.service", "webcamd.service", "webcamd@*.service"),
        ("crowsnest", "webcamd"),
        (8080, 8081, 8082, 8083),
        _STREAMS,
        True,
        _ENDS,
    ),
    Program("ustreamer", ("ustreamer.service", "ustreamer@*.service"), ("ustreamer",), (8080,), _STREAMS, True, _ENDS),
    Program(
        "camera-streamer",
        ("camera-streamer*.service", "camera_streamer*.service", "ffmpeg_hls.service"),
        ("camera-streamer",),
        (8080, 8090),
        _STREAMS,
        True,
        _ENDS,
    ),
    Program(
        "mjpg-streamer",
        ("mjpg-streamer*.service", "mjpg_streamer*.service"),
        ("mjpg_streamer", "mjpg-streamer"),
        (8080,),
        _STREAMS,
        True,
        _ENDS,
    ),
    Program("Spyglass", ("spyglass*.service",), ("spyglass",), (8080,), _STREAMS, True, _ENDS),
    Program("go2rtc", ("go2rtc*.service",), ("go2rtc",), (1984, 8554, 8555), _STREAMS, True, _ENDS),
    Program("MediaMTX", ("mediamtx*.service",), ("mediamtx",), (8554, 8888, 8889), _STREAMS, True, _ENDS),
    Program(
        "Motion",
        ("motion.service", "motioneye.service"),
        ("motion", "motioneye", "meyectl"),
        (8080, 8081, 8765),
        "It streams the camera, and stores pictures when something moves.",
        True,
        _ENDS,
    ),
    Program(
        "Obico",
        ("moonraker-obico*.service", "obico*.service"),
        ("moonraker-obico", "moonraker_obico", "janus"),
        (17730, 17732),
        _CLOUD,
        True,
        "It ends, its remote control too, and stays off until you give the camera back.",
    ),
    Program(
        "OctoEverywhere",
        ("octoeverywhere*.service",),
        ("octoeverywhere", "moonraker_octoeverywhere", "linux_host", "bambu_octoeverywhere"),
        (),
        "It reads the stream of other programs and shows it over its own cloud.",
        False,
        _STAYS,
    ),
    Program(
        "OctoPrint",
        ("octoprint.service", "octoprint@*.service", "octopi.service"),
        ("octoprint",),
        (),
        "It shows a stream by its address, also to its plugins (Obico, OctoEverywhere, Octolapse); a plugin can also "
        "open the camera itself.",
        False,
        "It goes on, for it prints. Give its webcam settings one of the agent's addresses.",
    ),
    Program(
        "Moonraker",
        ("moonraker.service", "moonraker@*.service"),
        ("moonraker",),
        (),
        "It tells every client where the streams are; its time-lapse part stores pictures of them.",
        False,
        "It goes on, for it prints. Give its webcam settings one of the agent's addresses.",
    ),
    Program(
        "Home Assistant",
        ("home-assistant*.service", "hass.service"),
        ("hass", "homeassistant"),
        (),
        "It reads streams by their address, and can store them.",
        False,
        _STAYS,
    ),
    Program(
        "a vendor's camera service",
        ("cam_app.service", "webrtc.service", "gkcam.service", "lmd.service"),
        ("cam_app", "cam_sub_app", "webrtc_local", "gkcam", "lmd"),
        (),
        "The printer's maker put it there; it can send pictures to the maker's cloud.",
        True,
        "It ends and stays off until you give the camera back; the maker's app shows no picture meanwhile.",
    ),
    Program(
        "a recording or streaming tool",
        (),
        ("ffmpeg", "gst-launch-1.0", "vlc", "fswebcam", "rpicam-vid", "libcamera-vid", "zmc"),
        (),
        "Somebody started it by hand or from a script; it can store what it sees.",
        False,
        "It keeps what it has open until it ends: end it yourself.",
    ),
)
# Never stopped, whatever else they do: a print, or the way into this machine, hangs on them.
_NEEDED = ("octoprint", "klipper", "klippy", "moonraker", "marlin", "prusalink", "repetier", "ssh", "systemd-", "dbus")


def by_unit(name: str) -> Program | None:
    """The row whose unit this is."""
    return next((row for row in PROGRAMS if any(PurePath(name).match(one) for one in row.units)), None)


def by_words(words: tuple[str, ...]) -> Program | None:
    """The row that a process of these names belongs to."""
    return next((row for row in PROGRAMS if set(row.words) & set(words)), None)


def needed(unit: str) -> bool:
    """Whether more than pictures may hang on this unit."""
    return unit.lower().startswith(_NEEDED) and by_unit(unit) not in [row for row in PROGRAMS if row.stops]
