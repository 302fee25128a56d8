"""The owner's page in a real Chromium: other people, other policies, other ways to it; and that all can use it."""

import pytest
from selenium.webdriver.common.keys import Keys

from host_tests.rigs.browser import NAMED
from host_tests.rigs.page import PURPOSES, RECIPIENT, Arrived, hurried
from host_tests.rigs.visitor import Visitor, card

ONE, TWO, CAMERA = PURPOSES
PLAIN = {"tls": False, "host": "0.0.0.0", "names": (NAMED,)}  # noqa: S104 - as a phone sees it


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
    assert may_not(visitor, "decide", choices(visitor, ONE)) in ("minor", "no_presence")


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
    newer = hurried(page.directory, version='version = "2026-12"', retention='retention = "180 d"')
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


@pytest.mark.clause("L16", "L23")
@pytest.mark.attack(9)
@pytest.mark.parametrize("page", [PLAIN], indirect=True)
def test_ok__plain_http_says_what_is_lost_and_allows_by_the_devices_code(visitor):
    page, browser, words = visitor.page, visitor.browser, visitor.words
    browser.expected = ["Cross-Origin-Opener-Policy"]  # it counts for nothing without encryption
    _, code = page.window()
    browser.open(page.origin)
    assert visitor.door["warning.plain_http"] in browser.text("#plain")
    visitor.inspect("plain-pairing")
    visitor.enter(page.origin, "Ann's phone", code)
    assert page.parts.people.all() == []  # no key, so nobody is paired for longer than this session
    visitor.answer(**{ONE: "allow"})
    browser.expected += ["403"]
    with page.screen() as screen:
        browser.click("#save")
        shown = screen.code()
        visitor.inspect("code")
        browser.write("#code", f"{(int(shown) + 1) % 10 ** len(shown):0{len(shown)}}")
        browser.click("#code-form [type=submit]")
        assert browser.text("#code-form .problem") == words["reason.code_wrong"]
        assert not page.allowed()
        browser.write("#code", shown)
        browser.click("#code-form [type=submit]")
        browser.click("#finish")
    browser.find("[data-warning=plain_http]")
    visitor.inspect("plain-home")
    assert page.allowed() == {ONE}
    assert {one.method for one in page.parts.consents.records() if one.purpose == ONE} == {"screen code"}


@pytest.mark.clause("L12", "L20")
def test_ok__by_keyboard_alone_paired_decided_and_stopped(visitor):
    browser = visitor.browser
    _, code = visitor.page.window()
    browser.open(visitor.page.origin)
    browser.find("#form")
    browser.tab_to("#name")
    browser.keys("Ann")
    browser.tab_to("#code")
    browser.keys(code, Keys.ENTER)
    for purpose, choice in zip(PURPOSES, ("allow", "refuse", "later"), strict=True):
        browser.find(f"#{choice}-{purpose}-{RECIPIENT}")
        browser.tab_to(f"#{choice}-{purpose}-{RECIPIENT}")
        browser.keys(Keys.ENTER)
    browser.find("#age-yes")
    browser.tab_to("#age-yes")
    browser.keys(Keys.SPACE)
    for button in ("save", "finish", "stop"):
        browser.find(f"#{button}")
        if button == "stop":
            assert visitor.page.allowed() == {ONE}
        browser.tab_to(f"#{button}")
        browser.keys(Keys.ENTER)
    browser.find("#status[data-done=stop] #stopped")
    assert not visitor.page.allowed()


@pytest.mark.attack(10)
def test_fail__five_wrong_codes_end_the_pairing_and_the_page_says_how_long_to_wait(visitor):
    browser, words = visitor.browser, visitor.door
    browser.expected = ["403"]
    _, code = visitor.page.window()
    browser.open(visitor.page.origin)
    browser.write("#code", "1234")
    browser.click("#pair")
    assert browser.text("#problem") == words["pair.code.missing"]  # asked nobody, cost no guess
    for number in range(1, 6):
        browser.write("#code", f"{(int(code) + number) % 10**8:08}")
        browser.click("#pair")
        browser.until(lambda: browser.text("#problem") == words["reason.code_wrong"], "told so")
    browser.write("#code", code)
    browser.click("#pair")
    browser.until(lambda: browser.text("#problem") == words["reason.pairing_waits"], "the right one is too late")
    browser.open(visitor.page.origin)
    assert words["pair.backoff.one"] in browser.text("#backoff")
    visitor.inspect("backoff")


@pytest.mark.parametrize("size,language", [("phone", "en"), ("desktop", "zh")])
def test_ok__every_page_and_dialog_is_clean_for_axe_light_and_dark_and_fits_320_px(phones, page, size, language):
    browser = phones[0].fresh(size, language)
    visitor = Visitor(browser, page, language)
    url, _ = page.window()
    browser.open(page.origin)
    browser.find("#form #code")
    visitor.inspect("pairing")
    browser.open("about:blank")
    browser.open(url)
    browser.gone("#form #code")
    visitor.inspect("pairing-by-qr")
    browser.click("#pair")
    for purpose in PURPOSES:
        browser.find(f"#wizard [data-purpose={purpose}]")
        visitor.inspect(f"question-{purpose}")
        browser.click(f"#{'allow' if purpose == ONE else 'refuse'}-{purpose}-{RECIPIENT}")
    browser.find("#age-yes")
    visitor.inspect("question-age")
    browser.click("#age-yes")
    browser.find("#save")
    visitor.inspect("summary")
    browser.click("#save")
    browser.find("#finish")
    visitor.inspect("first-done")
    browser.click("#finish")
    browser.find(f"#today [data-purpose={ONE}]")
    for one in browser.all(".card details summary"):
        one.click()
    visitor.inspect("home")
    browser.click("[data-act=reopen]")
    visitor.inspect("home-reopened")
    for opener, dialog in ((f"{card(ONE)} [data-act=policy]", "policy"), ("#today [data-act=look]", "payload")):
        browser.click(opener)
        browser.find(f"#{dialog}-dialog")
        visitor.inspect(dialog)
        browser.click("dialog .close")
    for tab in ("history", "rights", "people"):
        visitor.tab(tab)
        browser.until(lambda: browser.text("#view h2"))
        visitor.inspect(tab)
    browser.click("#invite")
    browser.click("#invite-role input[value=service]")
    browser.write("#invite-case", "4711")
    visitor.inspect("invite")
    browser.click("#invite-send")
    browser.find("#invite-qr")
    visitor.inspect("invitation")
    browser.click("dialog .close")
    browser.click("#leave")
    visitor.inspect("leave")
    browser.click("dialog .close")
    visitor.tab("rights")
    browser.click("#erase-do")
    visitor.inspect("erase")
    browser.expected = ["/api/events"]
    browser.click("#yes")
    browser.find("#erase-receipt")
    visitor.inspect("erased")


def test_fail__what_these_checks_are_for_is_found(visitor):
    """A page with one of each fault: axe, the width, the console and a request to somebody else all show."""
    visitor.pair()
    browser = visitor.browser
    assert (browser.violations(), browser.sideways(), browser.complaints()) == ([], 0, [])
    browser.script(
        "const bad = document.createElement('div');"
        'bad.innerHTML = \'<img src="/pages/icon.svg"><p style="color:#999;background:#fff">pale</p><input>\';'
        "bad.style.width = '3000px'; document.querySelector('main').append(bad);"
        "console.error('a fault');"
        f"fetch('http://{NAMED}/elsewhere').catch(() => null);"
    )
    found = {rule for rule, _ in browser.violations()}
    assert {"image-alt", "label"} <= found
    assert browser.sideways() > 2000
    said = browser.until(browser.complaints)
    assert any("a fault" in one for one in said)
    assert any("Content Security Policy" in one for one in said)  # the page's own rule keeps it from being asked
    browser.expected = ["Content Security Policy", "printer.test"]
