"""The live view's way through the page's server: sealed pictures go to the session that asked, and pile up nowhere."""

import asyncio
import base64

import h11
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from firmware_agent.errors import Refused, SourceError
from firmware_agent.owner.panel import pictures
from firmware_agent.owner.panel.answers import PICTURES, SECURITY
from host_tests.fakes_camera import FakeCamera
from host_tests.rigs.panel import House, until

PATH = "/api/watch/live_view/owner"


class Watcher:
    """A browser's own key pair, its line, and the pictures that it opens."""

    def __init__(self):
        self._private = X25519PrivateKey.generate()
        self.public = self._private.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw
        )
        self._http = h11.Connection(h11.CLIENT)
        self._held = b""
        self.head = None

    async def begin(self, phone, path=PATH):
        """Ask for the pictures; the head of the answer has come."""
        self.line = await phone.house.line()
        headers = {"cookie": phone.cookie, "x_token": phone.token}
        self._http.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
        self._http.send(h11.EndOfMessage())
        await self.line.send(phone.house.request("POST", path, {"key": text(self.public)}, **headers))
        self.head = await self._event()
        assert isinstance(self.head, h11.Response), self.head
        return self

    async def piece(self):
        """The next sealed picture, b"" for a sign of life; None at the end."""
        while len(self._held) < 4 or len(self._held) < 4 + int.from_bytes(self._held[:4], "big"):
            event = await self._event()
            if not isinstance(event, h11.Data):
                return None
            self._held += event.data
        size = int.from_bytes(self._held[:4], "big")
        found, self._held = self._held[4 : 4 + size], self._held[4 + size :]
        return found

    def opened(self, piece, about="live_view owner"):
        """The picture: what the page does, in Python."""
        head, public = piece[:44], piece[4:36]
        secret = self._private.exchange(X25519PublicKey.from_public_bytes(public))
        info = b"firmware_agent sealed picture 1 " + about.encode()
        key = HKDF(hashes.SHA256(), 32, public + self.public, info).derive(secret)
        return AESGCM(key).decrypt(bytes(4) + piece[36:44], piece[44:], head)

    async def _event(self):
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event
            data = await self.line.data()
            if not data:
                return None
            self._http.receive_data(data)


def text(key):
    return base64.urlsafe_b64encode(key).decode().rstrip("=")


def story(tmp_path, tell, allowed=True, **settings):
    """Run `tell(house)` in a house with a camera."""

    async def whole():
        async with House(tmp_path, camera=FakeCamera(), **settings) as house:
            if allowed:
                house.desk.states["live_view owner"] = {"state": "allowed"}
            await tell(house)

    asyncio.run(whole())


@pytest.mark.clause("L4", "L16")
def test_ok__a_session_watches_pictures_that_only_it_can_open(tmp_path):
    async def tell(house):
        phone = await house.paired()
        watcher, other = await Watcher().begin(phone), Watcher()
        headers = {name.decode(): value.decode() for name, value in watcher.head.headers}
        assert watcher.head.status_code == 200 and headers["content-type"] == PICTURES
        assert headers["cache-control"] == "no-store" and all(headers[name.lower()] == one for name, one in SECURITY)
        for number in range(3):
            piece = await watcher.piece()
            assert piece[36:44] == number.to_bytes(8, "big")
            assert watcher.opened(piece)[:2] == b"\xff\xd8" and b"\xff\xd8" not in piece[:46]
            with pytest.raises(InvalidTag):
                other.opened(piece)
            with pytest.raises(InvalidTag):
                watcher.opened(piece, "snapshot owner")
        assert len(house.desk.camera.watching) == 1
        watcher.line.close()
        await until(lambda: not house.desk.camera.watching)  # who goes is not filmed any longer

    story(tmp_path, tell)


@pytest.mark.clause("L1", "L2")
@pytest.mark.attack(9)
def test_fail__nobody_watches_without_session_token_origin_or_consent(tmp_path):
    async def tell(house):
        phone = await house.paired()
        asked = {"key": text(Watcher().public)}
        assert (await house.post(PATH, asked)).status == 401
        assert (await phone.post(PATH, asked, x_token="0" * 64)).error == "token"
        assert (await phone.post(PATH, asked, origin="https://elsewhere.test")).error == "origin"
        assert (await phone.post(PATH, asked, content_type="text/plain")).error == "content_type"
        assert (await phone.get(PATH)).status == 405
        said = await phone.post(PATH, asked)
        assert (said.status, said.error) == (403, "consent_missing")
        assert not house.desk.camera.sent and not house.desk.camera.watching
        house.desk.states["live_view owner"] = {"state": "allowed"}
        assert await (await Watcher().begin(phone)).piece()  # the control

    story(tmp_path, tell, allowed=False)


BAD = {
    "none": {},
    "short": {"key": text(bytes(31))},
    "long": {"key": text(bytes(33))},
    "padded": {"key": text(bytes(32)) + "="},
    "another way of writing it": {"key": text(bytes(32))[:-1] + "B"},
    "no text": {"key": 7},
    "hex": {"key": "00" * 32},
    "more": {"key": text(bytes(32)), "more": 1},
}


@pytest.mark.parametrize("document", BAD.values(), ids=BAD)
def test_fail__a_key_that_is_not_32_bytes(tmp_path, document):
    async def tell(house):
        phone = await house.paired()
        house.desk.watch = None
        assert (await phone.post(PATH, document)).status == 400

    story(tmp_path, tell)


@pytest.mark.parametrize(
    "path",
    ["/api/watch/live_view", "/api/watch/live-view/owner", "/api/watch/Live/owner", f"/api/watch/{'x' * 41}/owner"],
)
def test_fail__a_purpose_or_a_recipient_that_has_no_such_name(tmp_path, path):
    async def tell(house):
        phone = await house.paired()
        house.desk.watch = None
        assert (await phone.post(f"/api/watch/{path}", {"key": text(Watcher().public)})).status == 404

    story(tmp_path, tell)


@pytest.mark.parametrize("role", ["viewer", "service"])
def test_ok__a_viewer_may_watch_and_service_may_not(tmp_path, role):
    async def tell(house):
        phone = await house.paired()
        session = house.world.gate.open(role, b"", "somebody", 1e9)
        phone.cookie = f"{house.settings.cookie}={session.ident.hex()}"
        await phone.open()
        watcher = Watcher()
        if role == "viewer":
            assert watcher.opened(await (await watcher.begin(phone)).piece())
        else:
            assert (await phone.post(PATH, {"key": text(watcher.public)})).error == "not_your_role"

    story(tmp_path, tell)


@pytest.mark.clause("L12", "L16")
@pytest.mark.parametrize("how", ["session", "withdrawn", "by the camera"])
def test_fail__pictures_after_the_session_the_consent_or_the_camera_ended(tmp_path, how):
    async def tell(house):
        phone = await house.paired()
        watcher = await Watcher().begin(phone)
        assert await watcher.piece()
        if how == "session":
            house.world.gate.close(house.world.gate.by_ident(phone.ident))
        elif how == "withdrawn":
            assert (await phone.do("withdraw", {"purpose": "live_view", "recipient": "owner"})).status == 200
        else:
            house.desk.camera.watching.clear()
        while await watcher.piece() is not None:
            pass
        camera = house.desk.camera
        await until(lambda: not camera.watching)
        sent = camera.sent
        await asyncio.sleep(3 / camera.rate)
        assert camera.sent == sent
        assert (await phone.get("/api/home")).status == (401 if how == "session" else 200)

    story(tmp_path, tell)


def test_fail__a_third_live_view_with_pictures_of_one_session_and_a_ninth_of_all(tmp_path):
    async def tell(house):
        phones = [await house.paired() for _ in range(3)]
        asked = {"key": text(Watcher().public)}
        watchers = [await Watcher().begin(phones[0]) for _ in range(2)]
        assert (await phones[0].post(PATH, asked)).status == 429
        await phones[0].live()  # the events of a page are counted apart
        watchers.append(await Watcher().begin(phones[1]))
        assert (await phones[2].post(PATH, asked)).status == 429
        watchers[0].line.close()
        await until(lambda: house.panel._crowd.live(b"", PICTURES) == 2)
        assert await (await Watcher().begin(phones[2])).piece()

    story(tmp_path, tell, watching=3)


def test_ok__a_slow_browser_holds_one_picture_in_memory_and_is_left(tmp_path):
    made = {}

    async def tell(house):
        phone, other = await house.paired(), await house.paired()

        async def watch(key):
            while True:
                made[key] = made.get(key, 0) + 1
                yield bytes(400_000)
                await asyncio.sleep(0.001)

        async def taken(count):
            for _ in range(count):
                assert len(await quick.piece()) == 400_000
            return made[slow.public]

        house.desk.watch = lambda session, purpose, recipient, key: watch(key)
        slow = await Watcher().begin(phone)
        slow.line.writer.transport.pause_reading()
        quick = await Watcher().begin(other)
        before = 0
        while (now := await taken(10)) != before:  # until the kernel holds all it takes
            before = now
        assert await taken(40) == before < 40
        await until(lambda: house.panel._crowd.live(phone.ident) == 0)

    story(tmp_path, tell, taking=2)


def test_ok__while_the_camera_is_covered_the_line_shows_signs_of_life(tmp_path):
    async def tell(house):
        phone = await house.paired()
        house.desk.camera.covered = True
        watcher = await Watcher().begin(phone)
        assert [await watcher.piece() for _ in range(2)] == [b"", b""]
        house.desk.camera.covered = False
        while not (piece := await watcher.piece()):
            pass
        assert watcher.opened(piece)

    story(tmp_path, tell, beat=0.1, opening=0.1)


def test_fail__a_picture_of_no_bytes_or_too_many_is_left_out(tmp_path, caplog):
    async def tell(house):
        phone = await house.paired()

        async def watch():
            yield b""
            yield bytes(pictures.LARGEST + 1)
            yield b"the next"

        house.desk.watch = lambda *_: watch()
        watcher = await Watcher().begin(phone)
        assert await watcher.piece() == b"the next" and await watcher.piece() is None

    story(tmp_path, tell)
    assert caplog.text.count("empty or too large") == 2


REFUSALS = {
    "refused": (Refused("consent_withdrawn"), 403, "consent_withdrawn"),
    "no camera": (SourceError("camera: it cannot be opened; look whether another program has it"), 503, "fault"),
}


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("error, status, name", REFUSALS.values(), ids=REFUSALS)
def test_fail__what_forbids_the_first_picture_is_said(tmp_path, error, status, name, late):
    async def tell(house):
        phone = await house.paired()

        async def watch():
            await asyncio.sleep(0.05 * late)
            raise error
            yield b""

        house.desk.watch = lambda *_: watch()
        said = await phone.post(PATH, {"key": text(Watcher().public)})
        assert (said.status, said.error) == (status, name) and str(error) in said.json["text"]

    story(tmp_path, tell)


@pytest.mark.clause("L12", "L16")
def test_fail__a_session_that_ends_while_the_camera_begins(tmp_path):
    """It gets no picture, and the camera is left at once."""
    ended = []

    async def tell(house):
        phone = await house.paired()

        async def watch():
            try:
                house.world.gate.close(house.world.gate.by_ident(phone.ident))
                await asyncio.sleep(3600)
                yield b"never"
            finally:
                ended.append(1)

        house.desk.watch = lambda *_: watch()
        said = await phone.post(PATH, {"key": text(Watcher().public)})
        assert (said.status, said.error) == (401, "session_ended")
        await until(lambda: ended)

    story(tmp_path, tell, opening=0.1)


def test_fail__more_live_views_while_the_first_ones_begin(tmp_path):
    begun = []

    async def tell(house):
        phone = await house.paired()

        async def watch():
            begun.append(1)
            await asyncio.sleep(3600)
            yield b"never"

        house.desk.watch = lambda *_: watch()
        asked = {"key": text(Watcher().public)}
        first = [asyncio.ensure_future(phone.post(PATH, asked)) for _ in range(2)]
        await until(lambda: len(begun) == 2)
        assert (await phone.post(PATH, asked)).status == 429
        for one in first:
            one.cancel()

    story(tmp_path, tell)


@pytest.mark.parametrize("error", [Refused("consent_withdrawn"), ValueError("a secret value")])
def test_fail__a_camera_that_breaks_ends_the_view_and_says_nothing_of_values(tmp_path, error, caplog):
    async def tell(house):
        phone = await house.paired()

        async def watch():
            yield b"one"
            raise error

        house.desk.watch = lambda *_: watch()
        watcher = await Watcher().begin(phone)
        assert await watcher.piece() == b"one" and await watcher.piece() is None
        assert (await phone.get("/api/home")).status == 200

    story(tmp_path, tell)
    assert "secret" not in caplog.text
