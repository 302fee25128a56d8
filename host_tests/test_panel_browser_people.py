"""The owner's page in a real Chromium: who may do what on it, and what a newer policy changes."""

import pytest

from host_tests.rigs.page import PURPOSES, RECIPIENT, Arrived, hurried
from host_tests.rigs.visitor import card

ONE, TWO, CAMERA = PURPOSES


def vault(page, purpose=ONE):
    """The key and the rings of a purpose on the flash."""
    storage = page.parts.device.storage
    return [storage.read(f"vault.{purpose}.{RECIPIENT}.{ending}") or b"" for ending in ("key", "outbox", "sent")]


def waits(visitor, purpose=ONE):
    """The broker is away, and the card says that something waits."""
    visitor.page.broker.stop()
    text = visitor.words["waiting.other"].replace("{n} ", "")
    visitor.browser.until(lambda: text in visitor.browser.text(card(purpose)), "something waits")
    assert all(map(any, vault(visitor.page, purpose)[:2]))


def invited(owner, role, **fields):
    """The code of an invitation that the owner makes on the page."""
    browser = owner.browser
    owner.tab("people")
    browser.click("#invite")
    browser.click(f"#invite-role input[value={role}]")
    for name, text in fields.items():
        browser.write(f"#invite-{name}", text)
    browser.click("#invite-send")
    return browser.text("#invite-code").replace(" ", "")


def outside(visitor):
    """The pairing page, and nothing else."""
    visitor.browser.find("#form #code")
    assert visitor.browser.script("return (await fetch('/api/home')).status") == 401


def may_not(visitor, action, arguments):
    """Ask past the page's buttons, with its token, as a program would; the reason it is refused for."""
    text = """
    const token = (await (await fetch("/api/home")).json()).token;
    const options = { method: "POST", headers: { "Content-Type": "application/json", "X-Token": token } };
    const body = JSON.stringify({ arguments: arguments[1], proof: null });
    return (await (await fetch("/api/do/" + arguments[0], { ...options, body })).json()).error;
    """
    return visitor.browser.script(text, action, arguments)


def signed(visitor, action, arguments):
    """The same with the key of this phone; the reason it is refused for, "" if it is done."""
    text = """
    const { widen } = await import("/pages/store.js");
    return widen(arguments[0], arguments[1]).then(() => "", (fault) => fault.name);
    """
    return visitor.browser.script(text, action, arguments)


def choices(visitor, purpose):
    policy = visitor.page.parts.catalogue.policy(purpose, RECIPIENT).hex()
    row = {"purpose": purpose, "recipient": RECIPIENT, "choice": "allow", "policy": policy, "hours": None}
    return {"choices": [row], "of_age": True}


@pytest.mark.clause("L12", "L20", "P6")
@pytest.mark.attack(21)
def test_ok__stop_everything_holds_while_the_network_is_away(visitor):
    visitor.pair()
    visitor.first(**{ONE: "allow", CAMERA: "allow"})
    visitor.browser.find("#camera[data-on=true]")
    waits(visitor)
    visitor.look("waiting")
    visitor.browser.click("#stop")
    visitor.browser.find("#status[data-done=stop] #stopped")
    visitor.look("stopped")
    assert not visitor.page.allowed() and not any(map(any, vault(visitor.page)))
    assert visitor.words["stop.done"] in visitor.browser.text("#stopped")
    visitor.shut()
    visitor.browser.find("#camera[data-on=false]")
    visitor.page.broker.start()
    with Arrived(visitor.page.broker.inside) as arrived:
        visitor.decide_again(TWO, "allow")
        arrived.next(TWO, 2)
        assert {one[2] for one in arrived.decoded()} == {TWO}


@pytest.mark.clause("L18", "P7", "P8", "C4")
def test_ok__a_minor_declared_shuts_and_wipes_everything_at_once(visitor):
    visitor.pair()
    visitor.first(**{ONE: "allow"})
    waits(visitor)
    visitor.tab("people")
    visitor.browser.click("#declare-minor")
    visitor.toast("minor.done")
    assert not visitor.page.allowed() and not any(map(any, vault(visitor.page)))
    assert visitor.browser.find("#age").get_attribute("data-age") == "minor"
    visitor.tab("now")
    visitor.shut()
    visitor.inspect("minor")
    assert visitor.words["minor.off"] in visitor.browser.text("#minor")
    assert not visitor.browser.has("[data-choice=allow]")
    visitor.browser.expected = ["403"]
    assert signed(visitor, "decide", choices(visitor, ONE)) == "minor"  # not even with the owner's own key


@pytest.mark.clause("L16", "L12")
@pytest.mark.attack(9)
def test_fail__a_viewer_allows_nothing_but_stops_everything(visitor, other):
    visitor.pair()
    visitor.first(**{ONE: "allow"})
    other.enter(visitor.page.origin, "Bob's phone", invited(visitor, "viewer"))
    visitor.browser.click("#invitation-dialog .close")
    visitor.tab("now")
    other.browser.find("#stop")
    assert not other.browser.has("[data-choice=allow], [data-act=reopen], [data-receipt], [data-act=look]")
    other.inspect("viewer")
    other.browser.expected = ["403"]
    assert may_not(other, "decide", choices(other, TWO)) == "not_your_role"
    assert may_not(other, "invite", {"role": "owner", "name": "", "hours": 0, "case": ""}) == "not_your_role"
    assert visitor.page.allowed() == {ONE}
    other.browser.click("#stop")
    other.browser.find("#stopped")
    assert not visitor.page.allowed()
    visitor.shut(ONE)  # the owner's page says so by itself
    for tab in ("history", "rights", "people"):
        other.tab(tab)
        other.look(f"viewer-{tab}")


@pytest.mark.clause("L16")
def test_ok__service_is_seen_while_it_lasts_cannot_allow_and_is_ended(visitor, other):
    visitor.pair()
    visitor.first()
    code = invited(visitor, "service", case="Case 4711", hours="2")
    visitor.browser.click("#invitation-dialog .close")
    other.enter(visitor.page.origin, "Repair", code)
    visitor.tab("now")
    shown = visitor.browser.text("[id^=service-]")
    assert "Case 4711" in shown and "Repair" in shown
    visitor.inspect("service")
    other.browser.expected = ["403", "401", "/api/events"]
    assert may_not(other, "decide", choices(other, ONE)) == "not_your_role"
    other.look("as-service")
    visitor.browser.click("[data-act=end_service]")
    visitor.toast("service.ended")
    outside(other)
    visitor.browser.gone("[id^=service-]")


@pytest.mark.clause("L16")
@pytest.mark.attack(9)
def test_ok__a_removed_phone_is_out_at_once(visitor, other):
    visitor.pair()
    visitor.first()
    other.pair(name="Lost phone", by_code=True)
    other.browser.expected = ["401", "403", "/api/events"]
    visitor.tab("people")
    visitor.browser.click("[data-act=remove][data-name='Lost phone']")
    visitor.inspect("remove")
    visitor.browser.click("#remove-dialog #yes")
    visitor.toast("remove.done", name="Lost phone")
    outside(other)
    other.look("removed")
    assert [one.name for one in visitor.page.parts.people.all()] == ["Ann's phone"]


@pytest.mark.clause("L19", "P5", "P11")
@pytest.mark.attack(19)
def test_ok__a_wider_policy_shuts_shows_what_changed_and_asks_again(visitor):
    page, browser = visitor.page, visitor.browser
    visitor.pair()
    visitor.first(**{ONE: "allow", TWO: "allow"})
    newer = hurried(page.directory, version='version = "2027-01"', retention='retention = "180 d"')
    browser.expected = ["/api/", "/doorbell", "ERR_CONNECTION"]
    page.stop()
    visitor.browser.find("#unreached")
    visitor.inspect("unreached")
    page.install(newer)
    page.start()
    changed = browser.find(f'{card(ONE)}[data-state="changed"]')  # signed in by its key, without a touch
    assert changed.get_attribute("data-allowed") == "false" and page.parts.gate.decide(ONE, RECIPIENT).allowed is False
    assert page.parts.gate.decide(TWO, RECIPIENT).allowed is True  # nothing of it has changed
    shown = browser.text(f"{card(ONE)} .changes")
    assert "90" in shown and "180" in shown and visitor.words["meaning.it_is_kept_for_longer"] in shown
    visitor.inspect("changed")
    visitor.decide(ONE, "allow")
    assert page.parts.gate.decide(ONE, RECIPIENT).allowed is True
