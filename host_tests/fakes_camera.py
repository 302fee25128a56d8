"""A camera for the fake desk: its purposes, its viewers, and pictures that are really sealed for who asked.

`python -m host_tests.fakes_camera PORT` serves the page with it, as fakes_panel does without.
"""

import asyncio
import functools
import sys
import time
from datetime import UTC, datetime

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from firmware_agent.camera.sources import pattern
from firmware_agent.errors import FormatError, Refused

OWNER = "You, on your own network"
TIMELAPSE = "A time-lapse or recording program on your network"
HOME = "Your home automation, on your network"
LOCAL = {"owner": OWNER, "timelapse": TIMELAPSE, "home": HOME}
_PICTURE = [("picture", "camera_image", "sensitive")]
_SCAN = [("scan", "camera_image", "sensitive")]
_TO_MAKER = (True, 0, 30 * 86400, ["L1", "L23"])
_AT_HOME = (True, 0, 0, ["L1", "L4"])
_LIVE = (
    "You see the camera's picture on this page while you look at it. It stays on your own network and is never stored."
)
_STILL = "Your own programs get one picture when they ask for it. It stays on your own network."
_PROGRAM = "A program of yours on your network gets pictures. What it stores or passes on is up to that program."
_FAILED = "Pictures of the running print, so that the maker can tell you when it fails. Only while a print runs."
_PHOTO = "One photo of the inside of your printer, taken when you press the button, for a case that you reported."
_SCANNED = "The shape of the first layer, as points. Only when you start a scan."
# "purpose recipient": as in fakes_panel.PURPOSES
ROWS = {
    "live_view owner": ("Live view", _LIVE, _AT_HOME, _PICTURE),
    "snapshot owner": ("Pictures for your own programs", _STILL, _AT_HOME, _PICTURE),
    "failure_detection lightmake": ("Watch for failed prints", _FAILED, _TO_MAKER, _PICTURE),
    "support_photo lightmake": ("A photo for support", _PHOTO, _TO_MAKER, _PICTURE),
    "surface_scan lightmake": ("Surface scan", _SCANNED, _TO_MAKER, _SCAN),
    "local_service timelapse": ("A program of yours", _PROGRAM, _AT_HOME, _PICTURE),
    "local_service home": ("A program of yours", _PROGRAM, _AT_HOME, _PICTURE),
}
ACTIONS = ("add_viewer", "send_photo", "set_crop")
PROVED = ("add_viewer", "set_crop")
WHOLE = [0, 0, 0, 0]  # all of it


class Sealer:
    """The sealed pictures of one use, by the format of the contract."""

    def __init__(self, about, key):
        self._ephemeral = X25519PrivateKey.generate()
        raw, flat = serialization.Encoding.Raw, serialization.PublicFormat.Raw
        self._public = self._ephemeral.public_key().public_bytes(raw, flat)
        secret = self._ephemeral.exchange(X25519PublicKey.from_public_bytes(key))
        info = b"firmware_agent sealed picture 1 " + about.encode()
        self._key = AESGCM(HKDF(hashes.SHA256(), 32, self._public + key, info).derive(secret))
        self.count = 0

    def seal(self, picture):
        head = b"FAS1" + self._public + self.count.to_bytes(8, "big")
        sealed = self._key.encrypt(bytes(4) + self.count.to_bytes(8, "big"), picture, head)
        self.count += 1
        return head + sealed


@functools.cache
def picture(number):
    return pattern.jpeg(number)


class FakeCamera:
    """What a test may set: there, covered, trouble, can_crop, viewers; `rate`: pictures a second; `spoil`: what is done
    to each sealed picture on its way.
    """

    def __init__(self):
        self.there, self.covered, self.trouble, self.can_crop = True, False, "", True
        self.plain_trouble = ""
        self.viewers, self.crop, self.watching, self.rate = [], list(WHOLE), [], 10.0
        self.spoil = lambda sealed: sealed
        self.anyway = False  # pictures come although it is covered
        self.fault = None  # what is raised instead of a first picture
        self.sent = 0  # pictures to pages
        self._changed = lambda: None

    def tells(self, work):
        self._changed = work

    def home(self, allowed):
        live = {"purpose": "live_view", "recipient": "owner", "allowed": allowed("live_view owner")}
        rows = [{**row, "active": self._looks(row["name"])} for row in self.viewers]
        return {
            "on": bool(self.watching),
            "there": self.there,
            "covered": self.covered,
            "trouble": self.trouble,
            "watching": [dict(row) for row in self.watching],
            "viewers": rows,
            "plain_port": 8089 if rows else 0,
            "plain_trouble": self.plain_trouble,
            "plain_local": False,
            "crop": list(self.crop),
            "can_crop": self.can_crop,
            "live": live,
        }

    async def pictures(self, session, purpose, recipient, key, allowed):
        if self.fault is not None:
            raise self.fault
        row = self.looks(session.name, purpose, recipient)
        sealer, number = Sealer(f"{purpose} {recipient}", key), 0
        try:
            while allowed() and row in self.watching:
                if self.anyway or not self.covered:
                    yield self.spoil(sealer.seal(picture(number % 40)))
                    self.sent += 1
                    number += 1
                await asyncio.sleep(1 / self.rate)
        finally:
            self.leaves(row)

    def looks(self, viewer, purpose, recipient, ago=0):
        """Somebody begins to watch; the row, for `leaves`."""
        since = datetime.fromtimestamp(time.time() - ago, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        who = LOCAL.get(recipient, recipient)
        row = {"who": who, "viewer": viewer, "purpose": purpose, "recipient": recipient, "since": since}
        self.watching.append(row)
        self._changed()
        return row

    def leaves(self, row):
        if row in self.watching:
            self.watching.remove(row)
            self._changed()

    def do(self, action, arguments):
        """What the desk does with it, after role and proof."""
        return getattr(self, "_" + action)(arguments)

    def _add_viewer(self, arguments):
        name, way = arguments["name"], arguments["way"]
        if any(row["name"] == name for row in self.viewers):
            raise FormatError(f"viewer {name}: there is one of this name; give it another")
        if way not in ("address", "basic") or f"{arguments['purpose']} {arguments['recipient']}" not in ROWS:
            raise Refused("command_wrong")
        since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.viewers.append({**arguments, "since": since, "active": False})
        secret = "kTq3vYx8LwP0aZs5RjNc2A"
        base = "http://192.168.1.24:8089" + (f"/v/{secret}" if way == "address" else "")
        stills = [f"{base}/?action=snapshot"]
        streams = [f"{base}/?action=stream"] if arguments["purpose"] != "snapshot" else []
        user, password = (name, secret) if way == "basic" else ("", "")
        return {"name": name, "user": user, "password": password, "addresses": streams + stills}

    def _remove_viewer(self, arguments):
        self.viewers = [row for row in self.viewers if row["name"] != arguments["name"]]
        self.watching = [row for row in self.watching if row["viewer"] != arguments["name"]]
        return {}

    def _send_photo(self, arguments):
        if self.covered:
            raise FormatError("camera: it is covered by its switch; open it and try again")
        return {}

    def _set_crop(self, arguments):
        crop = [arguments[name] for name in ("left", "top", "width", "height")]
        if not all(type(one) is int and 0 <= one <= 1000 for one in crop) or crop[0] + crop[2] > 1000:
            raise Refused("command_wrong")
        self.crop = crop
        return {}

    def _looks(self, name):
        return any(row["viewer"] == name for row in self.watching)


if __name__ == "__main__":
    from host_tests.fakes_panel import serve

    try:
        asyncio.run(serve(int(sys.argv[1]), FakeCamera()))
    except KeyboardInterrupt:
        pass
