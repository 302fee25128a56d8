"""The support bundle in a real Chromium, with a real agent and broker: what is shown is what is saved and sent."""

import pytest

from firmware_agent.bundle import form
from host_tests.rigs.bundled import CANARIES, NAME, SERIAL, files
from host_tests.rigs.page import Arrived, Page
from host_tests.rigs.phones import chromiums  # noqa: F401 - a fixture
from host_tests.rigs.visitor import Visitor

PURPOSE = "support_bundle"
_ALL = """
  const empty = [...document.getElementById("bundle-rows").children].find((piece) => !piece.firstChild);
  empty?.scrollIntoView({ block: "nearest" });
  return !empty
"""
_SHOWN = """
  const lines = document.querySelectorAll(`#bundle-rows [data-of=${arguments[0]}]`);
  return [...lines].map((one) => one.textContent + "\\n").join("")
"""
_SELECT = """
  const [of, text] = arguments;
  for (const code of document.querySelectorAll(`#bundle-rows [data-of=${of}]`)) {
    const walker = document.createTreeWalker(code, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const at = walker.currentNode.data.indexOf(text);
      if (at < 0) continue;
      code.closest(".rows").dataset.from = of;
      getSelection().setBaseAndExtent(walker.currentNode, at, walker.currentNode, at + text.length);
      return true;
    }
  }
  return false
"""


@pytest.fixture
def lived(tmp_path):
    sections = files(tmp_path / "home")
    with Page(tmp_path, sources=f"[source.demo]\n\n{sections}") as page:
        yield page


@pytest.fixture(params=[("desktop", "en"), ("phone", "zh")], ids="-".join)
def owner(request, chromiums, lived):  # noqa: F811
    size, language = request.param
    owner = Visitor(chromiums[0].fresh(size, language), lived, language)
    owner.pair()
    owner.first()
    yield owner
    found = owner.browser.complaints()
    owner.browser.driver.get("about:blank")
    assert found == []


def made(owner, *ticks):
    """Make one with these boxes ticked besides, and wait for it."""
    browser = owner.browser
    owner.tab("support")
    browser.find("#bundle-make")
    for one in ticks:
        browser.click(f"#tick-{one}")
        browser.until(lambda one=one: browser.find(f"#tick-{one}").is_selected(), one)
    browser.click("#bundle-make")
    browser.find("#bundle-save")
    return shown(owner)


def shown(owner):
    """The text that stands under "After", read from the page sign by sign."""
    browser = owner.browser
    browser.until(lambda: browser.script(_ALL), "every line")
    return browser.script(_SHOWN, "after")


def saved(owner):
    browser = owner.browser
    for one in browser.saved.iterdir():
        one.unlink()
    browser.click("#bundle-save")
    return browser.file("support-bundle*.txt").read_bytes()


@pytest.mark.clause("L9", "L10", "L22", "C3", "P4", "P5")
@pytest.mark.attack(14, 16)
def test_ok__what_is_shown_is_what_is_saved_and_what_arrives(owner, lived):
    browser, words = owner.browser, owner.words
    arrived = Arrived(lived.broker.inside)
    owner.tab("support")
    browser.find("#tick-klippy:checked")
    assert browser.has("#tick-octoprint:disabled")  # it is not there, and that is said
    assert words["support.why.not_there"] in browser.text("[for=tick-octoprint]")
    assert not browser.has("#tick-serial:checked, #tick-gcode:checked")
    owner.inspect("bundle-pick")
    text = made(owner)
    assert text.startswith(form.FIRST) and form.SERIAL + form.NO_SERIAL in text
    for canary in (*CANARIES, SERIAL):
        assert canary.lower() not in text.lower(), canary
    assert NAME in text  # the control: a name in a sentence is not found by rules
    before = browser.script(_SHOWN, "before")
    assert all(canary in before for canary in CANARIES[:5]) and before.count("\n") == text.count("\n")
    assert "Düse 0.4 mm, 温度 210 °C" in text and "Stats 399.5" in text
    owner.inspect("bundle")

    if browser.size == "phone":
        browser.click("[data-act=bundle_side][data-side=before]")
        browser.find('#bundle-rows[data-side="before"]')
        owner.inspect("bundle-before")
    assert browser.script(_SELECT, "before" if browser.size == "phone" else "after", NAME)
    browser.click("#bundle-selected")
    browser.find("#bundle-undo")
    text = shown(owner)
    assert NAME.lower() not in text.lower() and text.count("<removed-1>") == 2
    browser.click("#bundle-undo")
    browser.gone("#bundle-undo")
    assert shown(owner).count(NAME) == 1
    browser.write("#bundle-text", NAME.lower())
    browser.click("#bundle-typed")
    browser.find("#bundle-undo")
    text = shown(owner)
    assert NAME.lower() not in text.lower()
    browser.click("#bundle-only")
    browser.until(lambda: not browser.has("#bundle-rows .pair:not(.changed)"), "only what changed")
    owner.inspect("bundle-removed")
    browser.click("#bundle-only")
    text = shown(owner)
    assert saved(owner) == text.encode("utf-8")

    allow(owner)
    browser.click("#bundle-send")
    owner.look(f"bundle-send-{owner.label}")
    browser.click("#yes")
    browser.find("#bundle-sent")
    browser.until(lambda: arrived.of(PURPOSE), "it arrives")
    (message,) = arrived.of(PURPOSE)
    ((_, data),) = message[3][0]
    assert data == text.encode("utf-8") == saved(owner)
    assert arrived.messages[-1][2:] == (0, False) or all(not one[3] for one in arrived.messages)
    for canary in (*CANARIES, SERIAL, NAME):
        assert not any(canary.lower().encode() in one.lower() for one in arrived.payloads()), canary
    assert text.encode() not in lived.broker.stored()
    arrived.close()


def allow(owner):
    """By the way that the page leads: the purpose's own card."""
    browser = owner.browser
    assert not browser.has("#bundle-send")
    browser.click("#bundle-decide")
    browser.find(f"#purpose-{PURPOSE}-lightmake")
    browser.click(f"#allow-{PURPOSE}-lightmake")
    browser.until(
        lambda: browser.has("#age-yes") or browser.has(f"#purpose-{PURPOSE}-lightmake[data-allowed=true]"), "asked"
    )
    if browser.has("#age-yes"):
        browser.click("#age-yes")
    browser.find(f"#purpose-{PURPOSE}-lightmake[data-allowed=true]")
    owner.tab("support")
    browser.find("#bundle-send")


@pytest.mark.parametrize("owner", [("desktop", "en")], indirect=True, ids="-".join)
def test_ok__with_the_mouse_one_column_is_selected_and_what_is_masked_is_passed_over(owner):
    browser = owner.browser
    made(owner)
    browser.click("#bundle-only")
    browser.until(lambda: not browser.has("#bundle-rows .pair:not(.changed)"), "only what changed")
    line = "//*[@id='bundle-rows']//code[@data-of='after'][contains(., 'is gone, said')]"
    box = browser.driver.find_element("xpath", line)
    browser.script("arguments[0].scrollIntoView({ block: 'center' })", box)
    place = browser.script("return arguments[0].getBoundingClientRect().toJSON()", box)
    top = place["top"] + 8
    for kind, x in (
        ("mousePressed", place["left"] + 7),
        ("mouseMoved", place["right"] - 9),
        ("mouseReleased", place["right"] - 9),
    ):
        browser.cdp("Input.dispatchMouseEvent", type=kind, button="left", buttons=1, clickCount=1, x=x, y=top)
    assert "is gone, said" in browser.script("return getSelection().toString()")
    browser.click("#bundle-selected")
    browser.find("#bundle-undo")
    assert [one.text for one in browser.all("#bundle-removed code")] == ["peer", f"is gone, said {NAME}"]
    browser.click("#bundle-only")
    text = shown(owner)
    assert "<removed-1> <ip-1> <removed-2>\n" in text and NAME not in text
    browser.click("#bundle-undo")  # one touch, as it was one selection
    browser.gone("#bundle-undo")
    assert f"peer <ip-1> is gone, said {NAME}\n" in shown(owner)


@pytest.mark.parametrize("owner", [("desktop", "en")], indirect=True, ids="-".join)
def test_ok__what_another_page_threw_away_is_not_offered_here_any_more(chromiums, lived, owner):  # noqa: F811
    browser = owner.browser
    made(owner)
    other = Visitor(chromiums[1].fresh(), lived)
    other.pair(name="Bob's phone")
    other.tab("support")
    other.browser.find("#bundle-save")  # one bundle, of all who may
    other.browser.click("#bundle-forget")
    other.browser.gone("#bundle-save")
    browser.expected = ["403"]
    browser.write("#bundle-text", NAME)
    browser.click("#bundle-typed")
    browser.gone("#bundle-save")
    browser.find("#bundle-make")
    assert other.browser.complaints() == []


@pytest.mark.clause("L10", "L9")
def test_ok__a_ticked_serial_number_stands_in_one_line_and_ticked_commands_are_scrubbed(owner):
    text = made(owner, "serial", "gcode")
    assert text.splitlines()[1] == form.SERIAL + SERIAL and text.count(SERIAL) == 1
    assert "G1 X10.5 Y20.25 E0.0314" in text and "iVBOR" not in text and "Hochzeit" not in text
    assert saved(owner) == text.encode("utf-8")


@pytest.mark.clause("L16")
@pytest.mark.attack(9)
def test_fail__a_viewer_sees_neither_the_page_nor_a_word_of_it(chromiums, lived, owner):  # noqa: F811
    made(owner)
    viewer = Visitor(chromiums[1].fresh(), lived)
    viewer.pair("viewer", "Bob's phone")
    browser = viewer.browser
    browser.expected = ["403"]
    assert not browser.has("#tab-support")
    script = "return fetch(arguments[0]).then(async (one) => [one.status, await one.text()])"
    for path in ("/api/bundle", "/api/bundle/before", "/api/bundle/after", "/api/bundle/marks"):
        status, text = browser.script(script, path)
        assert status == 403 and "not_your_role" in text and "Stats" not in text, path
    post = """
      const [action, values] = arguments;
      const ask = async () => {
        const home = await (await fetch("/api/home")).json();
        const headers = {"Content-Type": "application/json", "X-Token": home.token};
        const body = JSON.stringify({arguments: values, proof: null});
        const answer = await fetch("/api/do/" + action, {method: "POST", headers, body});
        return [answer.status, await answer.text()];
      };
      return ask()
    """
    sent = {"purpose": PURPOSE, "recipient": "lightmake", "sha256": "00" * 32}
    acts = {"make_bundle": {"parts": ["klippy"], "serial": True}, "send_bundle": sent, "forget_bundle": {}}
    for action, arguments in acts.items():
        status, text = browser.script(post, action, arguments)
        assert status == 403 and "not_your_role" in text, action
    assert browser.complaints() == []
    assert owner.browser.has("#bundle-save")
