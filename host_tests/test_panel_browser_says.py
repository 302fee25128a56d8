"""What the printer says now, on the owner's page in a real Chromium: live, clear in trouble, and nothing for others."""

import re

import pytest

from host_tests.rigs import moonraker as rig
from host_tests.rigs.browser import SIZES
from host_tests.rigs.filmed import Watcher, filmed  # noqa: F401 - a fixture
from host_tests.rigs.page import PURPOSES, Page
from host_tests.rigs.phones import VIEWS, chromiums  # noqa: F401
from host_tests.rigs.visitor import Visitor

ONE = PURPOSES[0]
LATIN = re.compile(r"[A-Za-z]{3,}(?: [A-Za-z]+){2,}")  # three words in a row


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """A page that reads a real Moonraker: (page, server, its Klipper)."""
    directory = tmp_path_factory.mktemp("m")
    with rig.moonraker(directory / "m") as (server, printer):
        printer.change("fan canary-object", temperature=31.0)
        source = f'[source.moonraker]\npath = "{server.socket}"'
        with Page(directory, sources=source) as page:
            yield page, server, printer


@pytest.mark.clause("L6", "L8", "L11", "L13", "P5")
@pytest.mark.attack(13)
def test_ok__live_in_both_languages_through_trouble_and_back(chromiums, printed):  # noqa: F811
    page, server, printer = printed
    owner, viewer = Visitor(chromiums[0].fresh(*VIEWS[1]), page, "zh"), Visitor(chromiums[1].fresh(), page)
    browser, words = owner.browser, owner.words
    owner.pair()
    owner.first(**{PURPOSES[2]: "allow"})  # a picture: nothing of what Moonraker says
    assert words["says.rest"] in browser.text("#says") and words["says.state.rest"] in browser.text("#says .badge")
    browser.click("#says-moonraker-all summary")
    assert browser.find(f"#says [data-purpose={ONE}] [data-fate=would] [data-field=state]")
    assert not browser.has("#says [data-fate=leaves]") and "canary" not in browser.driver.page_source
    owner.decide_again(ONE, "allow")
    browser.find("#says-moonraker[data-state=reading] [data-fate=leaves]")
    assert words["value.idle"] in browser.text("[data-fate=leaves] [data-field=state] td")
    printer.change("extruder", temperature=187.6)
    browser.until(lambda: browser.text("[data-field=nozzle_temperature] td") == "190", "it is live")
    assert "187" not in browser.driver.page_source  # the raw value
    browser.click("#says-moonraker-names summary")
    assert "fan canary-object" in browser.text("#says-moonraker-names pre")
    owner.inspect("says")

    viewer.pair("viewer", "Bob's phone")
    seen = viewer.browser.find("#says-moonraker[data-state=reading]").text
    assert viewer.words["says.reading"] in seen and "canary" not in viewer.browser.driver.page_source
    assert not viewer.browser.has("#says details, #says table")
    for path in ("/api/home", "/api/said"):
        script = "return fetch(arguments[0]).then(async (one) => [one.status, await one.text()])"
        status, text = viewer.browser.script(script, path)
        assert "canary" not in text and (status == 200) == (path == "/api/home")
    assert "not_your_role" in text

    server.stop()
    browser.find("#says-moonraker[data-state=trouble] .warn")
    viewer.browser.find("#says-moonraker[data-state=trouble] .warn")
    trouble = browser.find("#says-moonraker").get_attribute("data-trouble")
    assert words[f"says.trouble.{trouble}"] in browser.text("#says .warn")
    assert not browser.has("#says [data-fate=leaves]") and not LATIN.search(browser.text("#says"))
    assert LATIN.search(viewer.browser.text("#says"))  # the control
    owner.inspect("says-trouble")
    again = rig.Moonraker(server.socket.parents[1], printer.path)
    try:
        browser.find("#says-moonraker[data-state=reading] [data-fate=leaves]")
        owner.withdraw(ONE)
        browser.find("#says-moonraker[data-state=rest]")
        browser.gone("#says [data-fate=leaves]")
        assert "canary" not in browser.driver.page_source
    finally:
        again.stop()
    for one in (owner, viewer):
        one.browser.expected = ["403"]
        assert one.browser.complaints() == []


@pytest.mark.clause("L13", "P5")
def test_ok__400_names_are_folded_away_and_nothing_moves(chromiums, filmed):  # noqa: F811
    watcher = Watcher(chromiums[0].fresh("phone"), filmed)
    browser = watcher.browser
    watcher.enter()
    filmed.state(ONE, "allowed")
    browser.until(lambda: "404" in browser.text("#says"), "the counts")
    top = "return document.querySelector('#choices-title').getBoundingClientRect().top + scrollY"
    height = "return document.querySelector('#says').offsetHeight"
    before = browser.script(top)
    assert browser.script(height) < SIZES["phone"][1] / 2
    asked = "return performance.getEntriesByType('resource').filter((one) => one.name.endsWith(arguments[0])).length"
    homes = browser.script(asked, "/api/home")

    def tell():
        said = browser.script(asked, "/api/said")
        filmed.tell({"what": "said"})
        browser.until(lambda: browser.script(asked, "/api/said") > said, "looked again")

    for _ in range(3):
        tell()
    assert browser.script(asked, "/api/home") <= homes + 1  # a value that changes fetches nothing else
    assert browser.script(top) == before
    browser.click("#says-moonraker-all summary")
    assert "404" not in browser.text("#says-moonraker-all") and "400" in browser.text("#says-moonraker-all")
    browser.click("#says-moonraker-names summary")
    names = browser.text("#says-moonraker-names pre").splitlines()
    assert len(names) == 400 and max(map(len, names)) <= 40
    watcher.inspect("says-400")
    tell()
    assert browser.find("#says-moonraker-names").get_attribute("open") is not None  # what is open stays open
    assert browser.complaints() == []
