"""The support bundle at the owner's desk: who may, what is sent, and what stops it between shown and sent."""

import asyncio

import pytest

from firmware_agent import cbor
from firmware_agent.bundle import form
from firmware_agent.egress.ledger import entries
from firmware_agent.errors import AgentError, FormatError
from firmware_agent.model import REFUSED, WITHDRAWN, Record
from firmware_agent.owner import bundling
from firmware_agent.refusals import Refused
from firmware_agent.sessions import Actor
from host_tests.rigs.bundled import CANARIES, NAME, SERIAL, files
from host_tests.rigs.owners import Home

PAIR = ("support_bundle", "lightmake")
SENT = {"purpose": PAIR[0], "recipient": PAIR[1]}


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path, extra=files(tmp_path / "home"))


async def make(home, session, parts=("agent", "klippy", "config"), serial=False):
    """Until it stands; its state."""
    await home.desk.do(session, "make_bundle", {"parts": list(parts), "serial": serial}, None)
    while True:
        await asyncio.sleep(0.001)
        state = home.desk.bundle(session)
        if state["state"] != "working":
            break
    assert state["state"] == "ready", state
    return state["bundle"]


def run(work):
    async def bounded():
        async with asyncio.timeout(60):
            return await work

    return asyncio.run(bounded())


def waiting(home):
    return home.agent.uplinks[PAIR[1]].waits(PAIR[0])


def test_ok__made_shown_changed_and_sent_as_it_was_shown(home):
    phone, owner = home.pair("owner")
    home.allow(phone, owner, PAIR)

    async def work():
        first = await make(home, owner)
        text = home.desk.bundle_text(owner, "after")
        assert NAME in text and not any(one in text for one in CANARIES)
        assert all(one in home.desk.bundle_text(owner, "before") for one in CANARIES[:2])
        await home.desk.do(owner, "remove_text", {"texts": [{"text": NAME, "whole": True}]}, None)
        with pytest.raises(Refused) as caught:  # what was shown first is not what stands now
            await home.desk.do(owner, "send_bundle", {**SENT, "sha256": first["sha256"]}, None)
        assert caught.value.reason == "bundle_changed" and waiting(home) == 0
        second = home.desk.bundle(owner)["bundle"]
        assert second["removed"] == [{"text": NAME, "whole": True}] and second["counts"]["removed"] == 2
        await home.desk.do(owner, "undo_removal", {"texts": None}, None)
        await home.desk.do(owner, "remove_text", {"texts": [{"text": NAME, "whole": True}]}, None)
        assert home.desk.bundle(owner)["bundle"] == second
        await home.desk.do(owner, "send_bundle", {**SENT, "sha256": second["sha256"]}, None)
        release = home.agent.uplinks[PAIR[1]].outboxes[PAIR[0]].head()
        ((_, data),) = cbor.decode(release.payload)[3][0]
        assert data == home.desk.bundle_text(owner, "after").encode()
        assert release.media and release.count == 1 and release.categories == ("support_text",)
        home.agent.tick()
        assert not any("vault.support_bundle" in name for name in home.device.storage.names())
        await home.agent.close()

    run(work())


@pytest.mark.clause("L12", "L19")
@pytest.mark.attack(21)
@pytest.mark.parametrize("how", ["never asked", "refused", "withdrawn", "expired", "minor", "by another process"])
def test_fail__without_consent_at_that_moment_it_does_not_leave_and_says_so(home, how):
    phone, owner = home.pair("owner")
    if how not in ("never asked", "refused"):
        home.allow(phone, owner, PAIR, hours=1 if how == "expired" else None)

    async def work():
        shown = await make(home, owner)
        if how == "refused":
            home.parts.authority.narrow(*PAIR, REFUSED, Actor("owner", "test"), home.parts.clock.now())
        if how == "withdrawn":
            await home.desk.do(owner, "withdraw", SENT, None)
        if how == "by another process":
            home.parts.authority.narrow(*PAIR, WITHDRAWN, Actor("owner", "test"), home.parts.clock.now())
        if how == "expired":
            home.device.wall += 3601
        if how == "minor":
            await home.desk.do(owner, "declare_minor", {}, None)
        with pytest.raises(Refused) as caught:
            await home.desk.do(owner, "send_bundle", {**SENT, "sha256": shown["sha256"]}, None)
        assert waiting(home) == 0
        return caught.value.reason

    assert run(work()) == {
        "never asked": "consent_missing",
        "refused": "consent_refused",
        "expired": "consent_expired",
    }.get(how, "consent_withdrawn")
    assert any(row["event"] == "refused" and row["purpose"] == PAIR[0] for row, _, _ in entries(home.device.storage))


@pytest.mark.attack(21)
def test_fail__withdrawn_while_it_waits_it_never_leaves(home):
    phone, owner = home.pair("owner")
    home.allow(phone, owner, PAIR)

    async def work():
        shown = await make(home, owner)
        home.agent.tick()
        await home.desk.do(owner, "send_bundle", {**SENT, "sha256": shown["sha256"]}, None)
        assert waiting(home) == 1
        answer = await home.desk.do(owner, "withdraw", SENT, None)
        assert answer["destroyed"] == 1 and waiting(home) == 0

    run(work())


@pytest.mark.clause("L16")
@pytest.mark.parametrize("role", ["viewer", "service"])
def test_fail__nobody_but_owner_and_guardian(home, role):
    _, owner = home.pair("owner")
    _, somebody = home.pair(role)

    async def work():
        shown = await make(home, owner)
        acts = {
            "make_bundle": {"parts": ["klippy"], "serial": True},
            "remove_text": {"texts": [{"text": NAME, "whole": True}]},
            "undo_removal": {"texts": None},
            "forget_bundle": {},
            "send_bundle": {**SENT, "sha256": shown["sha256"]},
        }
        for action, arguments in acts.items():
            with pytest.raises(Refused) as caught:
                await home.desk.do(somebody, action, arguments, None)
            assert caught.value.reason == "not_your_role"
        for read in (home.desk.bundle, home.desk.bundle_marks, lambda one: home.desk.bundle_text(one, "after")):
            with pytest.raises(Refused) as caught:
                read(somebody)
            assert caught.value.reason == "not_your_role"
        assert home.desk.bundle(owner)["bundle"] == shown

    run(work())


@pytest.mark.clause("L10")
def test_ok__the_serial_number_is_in_it_only_if_it_was_ticked(home):
    _, owner = home.pair("guardian")

    async def work():
        assert [one["name"] for one in home.desk.bundle(owner)["choices"] if one["ticked"]] == [
            *("agent", "klippy", "moonraker", "config")
        ]
        await make(home, owner)
        assert SERIAL not in home.desk.bundle_text(owner, "after")
        await make(home, owner, serial=True)
        assert home.desk.bundle_text(owner, "after").count(SERIAL) == 1
        await home.desk.do(owner, "forget_bundle", {}, None)
        assert home.desk.bundle(owner)["bundle"] is None
        with pytest.raises(Refused):
            home.desk.bundle_text(owner, "before")

    run(work())


def test_fail__arguments_that_are_none(home):
    _, owner = home.pair("owner")

    async def work():
        wrong = [
            ("make_bundle", {"parts": [], "serial": False}),
            ("make_bundle", {"parts": ["etc"], "serial": False}),
            ("make_bundle", {"parts": ["klippy", "klippy"], "serial": False}),
            ("make_bundle", {"parts": [7], "serial": False}),
            ("make_bundle", {"parts": ["klippy"], "serial": 1}),
            ("remove_text", {"texts": []}),
            ("remove_text", {"texts": ["text"]}),
            ("remove_text", {"texts": [{"text": "a word"}]}),
            ("undo_removal", {"texts": 3}),
            ("send_bundle", {**SENT, "sha256": "zz"}),
        ]
        for action, arguments in wrong:
            with pytest.raises(FormatError):
                await home.desk.do(owner, action, arguments, None)
        with pytest.raises(Refused):
            await home.desk.do(owner, "remove_text", {"texts": [{"text": "a word", "whole": True}]}, None)

    run(work())


@pytest.mark.attack(13, 14)
def test_fail__the_gate_itself_refuses_a_bundle_in_which_something_is_found(home):
    phone, owner = home.pair("owner")
    home.allow(phone, owner, PAIR)
    gate, head = home.parts.gate, f"{form.FIRST}\n{form.SERIAL}{form.NO_SERIAL}\n"
    for line in ("peer 192.168.4.17 gone", "/home/orunkefa/x", "api_key = 'QWERT12345'"):
        with pytest.raises(Refused) as caught:
            gate.collect(Record({"bundle": f"{head}{line}\n".encode()}), *PAIR)
        assert caught.value.reason == "nothing_declared" and line not in str(caught.value)
    gate.collect(Record({"bundle": f"{head}peer <ip-1> gone\n".encode()}), *PAIR)  # the control
    assert b"<ip-1>" in gate.release(*PAIR).payload


def test_fail__no_link_to_send_it_by(tmp_path):
    home = Home(tmp_path, extra=files(tmp_path / "home"), recipients=())
    _, owner = home.pair("owner")

    async def work():
        shown = await make(home, owner)
        with pytest.raises(AgentError, match="uplink"):
            await home.desk.do(owner, "send_bundle", {**SENT, "sha256": shown["sha256"]}, None)

    run(work())


def test_ok__everything_else_goes_on_while_it_is_made(tmp_path):
    home = Home(tmp_path, extra=files(tmp_path / "home", lines=3000))
    _, owner = home.pair("owner")

    async def work():
        turns = 0
        await home.desk.do(owner, "make_bundle", {"parts": ["klippy"], "serial": False}, None)
        while home.desk.bundle(owner)["state"] == "working":
            await asyncio.sleep(0)
            turns += 1
        return turns

    assert run(work()) > 20


@pytest.mark.parametrize(("kept", "state"), [(0.0, "none"), (1800.0, "ready")])
def test_ok__a_bundle_is_forgotten_after_its_time_though_nobody_ever_looked(home, monkeypatch, kept, state):
    _, owner = home.pair("owner")
    monkeypatch.setattr(bundling, "_KEPT", kept)

    async def work():
        before = asyncio.all_tasks()
        await home.desk.do(owner, "make_bundle", {"parts": ["agent"], "serial": False}, None)
        await asyncio.gather(*asyncio.all_tasks() - before)  # it is made, and no page asked how it stands
        await asyncio.sleep(0.01)
        return home.desk.bundle(owner)["state"]

    assert run(work()) == state


@pytest.mark.parametrize("action", ["remove_text", "undo_removal"])
def test_fail__broken_off_a_removal_changes_nothing(home, action):
    _, owner = home.pair("owner")

    async def work():
        await make(home, owner)
        if action == "undo_removal":
            await home.desk.do(owner, "remove_text", {"texts": [{"text": NAME, "whole": True}]}, None)
        before = home.desk.bundle(owner)["bundle"], home.desk.bundle_text(owner, "after")
        arguments = {"texts": [{"text": "klippy", "whole": False}] if action == "remove_text" else None}
        doing = asyncio.create_task(home.desk.do(owner, action, arguments, None))
        for _ in range(2):
            await asyncio.sleep(0)
        assert home.desk.bundle(owner)["bundle"]["removed"] != before[0]["removed"]  # it has begun
        doing.cancel()  # the program that asked is gone
        with pytest.raises(asyncio.CancelledError):
            await doing
        assert (home.desk.bundle(owner)["bundle"], home.desk.bundle_text(owner, "after")) == before
        await home.desk.do(owner, action, arguments, None)  # the control
        assert home.desk.bundle_text(owner, "after") != before[1]

    run(work())


@pytest.mark.attack(24)
def test_ok__an_erase_takes_the_bundle_in_hand_with_it(home):
    phone, owner = home.pair("owner")
    proof = home.signed(phone, "erase")

    async def work():
        await make(home, owner)
        await home.desk.do(owner, "erase", {}, proof)

    run(work())
    _, later = home.pair("owner")
    assert home.erased == 1 and home.desk.bundle(later)["state"] == "none"
