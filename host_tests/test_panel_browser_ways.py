"""The owner's page in a real Chromium: other ways to it, by keyboard, by language, over plain HTTP; all can use it."""

import pytest
from selenium.webdriver.common.keys import Keys

from host_tests.rigs.browser import NAMED
from host_tests.rigs.page import PURPOSES, RECIPIENT
from host_tests.rigs.visitor import Visitor, card, words

ONE = PURPOSES[0]
PLAIN = {"tls": False, "host": "0.0.0.0", "names": (NAMED,)}  # noqa: S104 - as a phone sees it


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
    for one in browser.all(".card details summary"):  # what stands inside another opens after it
        if one.is_displayed():
            one.click()
    visitor.inspect("home")
    browser.click("[data-act=reopen]")
    visitor.inspect("home-reopened")
    for opener, dialog in ((f"{card(ONE)} [data-act=policy]", "policy"), ("#today [data-act=look]", "payload")):
        browser.click(opener)
        browser.find(f"#{dialog}-dialog")
        visitor.inspect(dialog)
        browser.click("dialog .close")
    for tab in ("camera", "history", "rights", "people"):
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
    browser.script(f"location.href = 'http://{NAMED}:1/elsewhere'")
    browser.until(lambda: any(f"a request to http://{NAMED}" in one for one in browser.complaints()), "it was seen")
    browser.driver.get("about:blank")
    browser.complaints()


def test_ok__the_language_changes_at_once_and_is_remembered(visitor):
    visitor.pair()
    visitor.first()
    browser, chinese = visitor.browser, words("zh")
    assert browser.text("#headline") == visitor.words["status.nothing"]
    browser.script("window.never_loaded_anew = true")
    browser.click("#language option[value=zh]")
    browser.until(lambda: browser.text("#headline") == chinese["status.nothing"], "Chinese")
    assert browser.script("return window.never_loaded_anew && document.documentElement.lang") == "zh"
    assert chinese["nav.history"] in browser.text("#nav")
    browser.driver.refresh()
    browser.until(lambda: browser.text("#headline") == chinese["status.nothing"], "Chinese again")
