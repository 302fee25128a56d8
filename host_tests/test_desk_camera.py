"""The camera on the owner's desk: who looks is shown, who may look is the owner's, and nothing of it is mixed up."""

import asyncio

import pytest

from firmware_agent.camera import start
from firmware_agent.camera.crop import SPOT
from firmware_agent.camera.sealed import open_sealed, public_key
from firmware_agent.cli.swap import swaps
from firmware_agent.egress.ledger import entries
from firmware_agent.errors import AgentError, FormatError, SourceError
from firmware_agent.refusals import Refused
from host_tests.rigs.broker import free_port
from host_tests.rigs.hub import soon
from host_tests.rigs.media import CAMERA, KEYED, PRIVATE
from host_tests.rigs.owners import Home

LIVE, SNAPSHOT, PHOTO = ("live_view", "owner"), ("snapshot", "lightmake"), ("support_photo", "lightmake")
TIMELAPSE = ("local_service", "timelapse")
KEY = public_key(PRIVATE)
ADDED = {"name": "Home Assistant", "purpose": LIVE[0], "recipient": LIVE[1], "way": "basic"}


@pytest.fixture
def home(tmp_path):
    viewers = f'[viewers]\nhost = "127.0.0.1"\nport = {free_port()}\n'
    return Home(tmp_path, extra=f"{CAMERA}\n{viewers}", uplink=KEYED)


def named(pair):
    return {"purpose": pair[0], "recipient": pair[1]}


def rows(home, event):
    return [row for row, _, _ in entries(home.device.storage) if row["event"] == event]


def reason(home, session, action, arguments, proof=None):
    with pytest.raises(Refused) as caught:
        home.do(session, action, arguments, proof)
    return caught.value.reason


async def watched(home, session, pair=LIVE):
    """The first picture."""
    pieces = home.desk.watch(session, *pair, KEY)
    try:
        return await anext(pieces)
    finally:
        await pieces.aclose()


@pytest.mark.attack(17)
def test_fail__memory_that_is_not_locked_while_there_is_swap_is_shown(home, monkeypatch):
    phone, owner = home.pair("owner")
    home.allow(phone, owner, LIVE)
    locked, swap = [True], [True]
    real = start.greet

    async def greeted(*parts):
        found, facts = await real(*parts)
        return found._replace(memory=locked[0]), facts

    monkeypatch.setattr(start, "greet", greeted)
    monkeypatch.setattr("firmware_agent.cli.sight.swaps", lambda: swap[0])

    def warned():
        return "camera_memory" in [row["code"] for row in home.desk.home(owner)["warnings"]]

    async def story():
        for memory, there, shown in (
            (True, True, False),
            (False, True, True),
            (False, False, False),
            (True, True, False),
        ):
            locked[0], swap[0] = memory, there
            await watched(home, owner)
            assert warned() == shown
            home.agent.camera.cut_all()
            await soon(lambda: not home.agent.camera.busy)
            assert warned() == shown  # it stays when nobody looks any more
        await home.agent.close()

    asyncio.run(story())


def test_ok__whether_there_is_swap(tmp_path):
    table = tmp_path / "swaps"
    assert swaps(table)  # nobody knows
    table.write_text("Filename\tType\tSize\tUsed\tPriority\n")
    assert not swaps(table)
    table.write_text(table.read_text() + "/swapfile file 1048572 0 -2\n")
    assert swaps(table)


@pytest.mark.clause("L1", "L12")
def test_ok__the_owner_watches_and_home_says_who_looks(home):
    phone, owner = home.pair("owner")
    _, viewer = home.pair("viewer")
    home.allow(phone, owner, LIVE)

    async def story():
        shown = home.desk.home(owner)["camera"]
        assert shown["there"] and not shown["on"] and shown["watching"] == [] and shown["live"]["allowed"]
        pieces = home.desk.watch(viewer, *LIVE, KEY)
        for _ in range(3):
            assert open_sealed(PRIVATE, "live_view owner", await anext(pieces))[:2] == b"\xff\xd8"
        shown = home.desk.home(owner)["camera"]
        assert shown["on"] and not shown["trouble"]
        (row,) = shown["watching"]
        assert (row["viewer"], row["purpose"], row["recipient"]) == ("the viewer's phone", *LIVE)
        assert row["since"] and "You" in row["who"]
        await home.desk.do(owner, "withdraw", named(LIVE), None)
        assert home.desk.home(owner)["camera"]["watching"] == [] and not home.desk.home(owner)["camera"]["on"]
        with pytest.raises(StopAsyncIteration):
            await anext(pieces)
        await home.agent.close()

    asyncio.run(story())
    (begun,), (ended,) = rows(home, "watching"), rows(home, "watched")
    assert (begun["purpose"], begun["detail"], begun["ident"]) == ("live_view", "page", ended["ident"])
    assert ended["count"] >= 3 and ended["size"] > 0 and "phone" not in str(begun)


@pytest.mark.clause("L1", "L2", "L3", "L16")
def test_fail__the_page_shows_nothing_that_was_allowed_for_others(home):
    phone, owner = home.pair("owner")
    _, service = home.pair("service")

    async def refused(session, pair):
        with pytest.raises(Refused) as caught:
            await watched(home, session, pair)
        return caught.value.reason

    async def story():
        assert await refused(owner, LIVE) == "consent_missing"
        for pair in (SNAPSHOT, PHOTO, TIMELAPSE, ("snapshot", "owner"), ("failure_detection", "lightmake")):
            assert await refused(owner, pair) == "not_for_the_page"
        assert await refused(owner, ("improvement_program", "lightmake")) == "not_for_the_page"
        assert await refused(owner, ("live_view", "lightmake")) == "unknown_recipient"
        assert await refused(owner, ("advertising", "owner")) == "unknown_purpose"
        assert await refused(service, LIVE) == "not_your_role"
        assert not home.agent.camera.busy

    home.allow(phone, owner, SNAPSHOT, PHOTO, TIMELAPSE, ("snapshot", "owner"), ("failure_detection", "lightmake"))
    asyncio.run(story())
    assert rows(home, "watching") == []


@pytest.mark.clause("L16")
def test_ok__a_view_ends_with_its_session(home):
    phone, owner = home.pair("owner")
    _, viewer = home.pair("viewer")
    home.allow(phone, owner, LIVE)

    async def story():
        pieces = home.desk.watch(viewer, *LIVE, KEY)
        await anext(pieces)
        home.sessions.close(viewer)
        with pytest.raises(Refused):
            await anext(pieces)
        assert home.desk.home(owner)["camera"]["watching"] == []
        await home.agent.close()

    asyncio.run(story())


@pytest.mark.attack(9)
@pytest.mark.clause("L16")
def test_ok__a_viewer_is_let_in_with_a_proof_and_put_out_without(home):
    phone, owner = home.pair("owner")
    _, viewer = home.pair("viewer")
    assert reason(home, owner, "add_viewer", ADDED) == "no_presence"
    assert reason(home, viewer, "add_viewer", ADDED) == "not_your_role"
    answer = home.do(owner, "add_viewer", ADDED, home.signed(phone, "add_viewer", ADDED))
    assert answer["user"] == "Home Assistant" and len(answer["password"]) >= 22
    assert all(one.startswith("http://") and answer["password"] not in one for one in answer["addresses"])
    by_address = {**ADDED, "name": "tablet", "way": "address"}
    other = home.do(owner, "add_viewer", by_address, home.shown(owner, "add_viewer", by_address))
    assert other["user"] == other["password"] == "" and "/v/" in other["addresses"][0]
    assert "look through the camera" in home.screen.texts[-1]
    shown = home.desk.home(viewer)["camera"]["viewers"]
    assert [(one["name"], one["way"], one["active"]) for one in shown] == [
        ("Home Assistant", "basic", False),
        ("tablet", "address", False),
    ]
    assert answer["password"] not in str(home.desk.home(owner))
    assert reason(home, owner, "add_viewer", ADDED, home.signed(phone, "add_viewer", ADDED)) == "viewer_exists"
    far = {**ADDED, "name": "far", **named(SNAPSHOT)}  # whom a link leads to is no viewer
    assert reason(home, owner, "add_viewer", far, home.signed(phone, "add_viewer", far)) == "not_for_viewers"
    for wrong in ({"way": "any"}, {"name": ""}, {"name": "a\nb"}, {"name": 5}):
        arguments = {**ADDED, **wrong}
        with pytest.raises(AgentError):
            home.do(owner, "add_viewer", arguments, home.signed(phone, "add_viewer", arguments))
    home.do(viewer, "remove_viewer", {"name": "tablet"})  # it only narrows
    assert [one["name"] for one in home.desk.home(owner)["camera"]["viewers"]] == ["Home Assistant"]
    assert reason(home, owner, "remove_viewer", {"name": "tablet"}) == "viewer_unknown"
    assert home.told("viewer_added") == ["live_view"] * 2 and home.told("viewer_removed") == ["live_view"]


@pytest.mark.clause("L1", "L23")
def test_ok__a_photo_leaves_at_the_owner_s_word_only(home):
    phone, owner = home.pair("owner")
    _, viewer = home.pair("viewer")
    assert reason(home, owner, "send_photo", named(PHOTO)) == "consent_missing"
    home.allow(phone, owner, PHOTO, SNAPSHOT)
    assert reason(home, viewer, "send_photo", named(PHOTO)) == "not_your_role"
    for pair in (SNAPSHOT, TIMELAPSE, ("improvement_program", "lightmake")):
        assert reason(home, owner, "send_photo", named(pair)) == "not_asked_for"

    async def story():
        uplink = home.agent.uplinks["lightmake"]
        assert uplink.waits(PHOTO[0]) == 0
        await home.desk.do(owner, "send_photo", named(PHOTO), None)
        assert uplink.waits(PHOTO[0]) == 1 and uplink.waits(SNAPSHOT[0]) == 0
        assert [one["purpose"] for one in home.desk.home(owner)["camera"]["watching"]] == ["support_photo"]
        await home.agent.close()

    asyncio.run(story())


@pytest.mark.clause("L16")
def test_ok__what_is_shown_of_the_picture_is_the_owner_s_with_a_proof(home):
    phone, owner = home.pair("owner")
    part = {"left": 100, "top": 200, "width": 300, "height": 400}

    def crop():
        return home.desk.home(owner)["camera"]["crop"]

    async def choose(arguments):
        await home.desk.do(owner, "set_crop", arguments, home.signed(phone, "set_crop", arguments))

    assert crop() == [0, 0, 0, 0] and reason(home, owner, "set_crop", part) == "no_presence"
    asyncio.run(choose(part))
    assert crop() == [100, 200, 300, 400] == list(home.agent.camera.source.crop)
    for wrong in ({"left": 701}, {"width": 0}, {"height": -1}, {"top": 1000}, {"left": True}):
        with pytest.raises(FormatError):
            asyncio.run(choose({**part, **wrong}))
    home.start()  # it outlives a restart
    owner = home.sessions.open("owner", phone.key, "phone", 3600.0)
    assert crop() == [100, 200, 300, 400]
    for name in ("camera.crop.0", "camera.crop.1"):  # damage to one changes nothing, to both shows next to nothing
        home.device.storage.write(name, b"damaged")
        home.start()
        owner = home.sessions.open("owner", phone.key, "phone", 3600.0)
        assert crop() == ([100, 200, 300, 400] if name.endswith("0") else list(SPOT))
    asyncio.run(choose(dict.fromkeys(part, 0)))
    assert crop() == [0, 0, 0, 0]


def test_fail__without_a_camera_nothing_of_it_can_be_done(tmp_path):
    home = Home(tmp_path)
    phone, owner = home.pair("owner")
    home.allow(phone, owner, LIVE, PHOTO)
    part = dict.fromkeys(("left", "top", "width", "height"), 0)
    with pytest.raises(SourceError, match="there is no camera"):
        asyncio.run(watched(home, owner))
    with pytest.raises(SourceError, match="there is no camera"):
        home.do(owner, "send_photo", named(PHOTO))
    with pytest.raises(SourceError, match="there is no camera"):
        home.do(owner, "set_crop", part, home.signed(phone, "set_crop", part))
    shown = home.desk.home(owner)["camera"]
    assert not shown["there"] and shown["viewers"] == [] and shown["plain_port"] == 0
