"""The camera on the owner's page in a real Chromium: watched by who may, opened only there, gone when it ends."""

import pytest

from firmware_agent.errors import SourceError
from host_tests.fakes_panel import SHOWN
from host_tests.rigs.filmed import Filmed, Watcher, filmed  # noqa: F401 - a fixture
from host_tests.rigs.phones import VIEWS, chromiums  # noqa: F401

LIVE = "live_view owner"
CARD = "#purpose-live_view-owner"


@pytest.fixture
def somebody(chromiums, filmed):  # noqa: F811
    """On a phone, in English. At the end the console may have said nothing unexpected."""
    yield Watcher(chromiums[0].fresh(), filmed)
    quiet(chromiums[0])


@pytest.fixture(params=VIEWS[1:3], ids="-".join)  # each size and each language once
def anybody(request, chromiums, filmed):  # noqa: F811
    size, language = request.param
    yield Watcher(chromiums[0].fresh(size, language), filmed, language)
    quiet(chromiums[0])


def quiet(browser):
    found = browser.complaints()
    browser.driver.get("about:blank")
    assert found == []


@pytest.mark.clause("L1", "L4", "L12", "P5")
def test_ok__allowed_watched_and_taken_back(anybody):
    browser, words, page = anybody.browser, anybody.words, anybody.filmed
    anybody.enter()
    assert words["camera.off"] in browser.text("#camera") and words["camera.nobody"] in browser.text("#camera")
    anybody.inspect("off")
    browser.click("#watch-decide")  # what it takes to allow it
    assert browser.find("#later").get_attribute("open") is not None
    assert words["local"] in browser.text(CARD) and words["state.undecided"] in browser.text(CARD)
    seen = "const { top, bottom } = arguments[0].getBoundingClientRect(); return top >= 0 && top < 100 && bottom > 100"
    browser.until(lambda: browser.script(seen, browser.find(CARD)), "the card is in front")
    browser.shot(f"camera-decide-{anybody.label}", whole=False)
    assert not page.camera.sent and not page.camera.watching
    browser.click("#allow-live_view-owner")
    browser.find(f"{CARD}[data-allowed=true]")
    assert browser.text("#headline") == words["status.local"]

    anybody.watch()
    anybody.moves()
    assert browser.text(".live-said") == words["live.on"]
    anybody.inspect("live")
    browser.find("#camera[data-on=true]")  # behind the dialog: this phone is named
    page.state(LIVE, "withdrawn")
    anybody.live("withdrawn")
    assert anybody.drawn() == "" and browser.text(".live-said") == words["live.withdrawn"]
    anybody.look(f"withdrawn-{anybody.label}")
    browser.until(lambda: not page.camera.watching, "the camera is left")
    browser.click("#live-stop")
    browser.gone("dialog")
    assert browser.text("#headline") == words["status.nothing"]


@pytest.mark.clause("L4")
def test_ok__nothing_of_a_picture_is_stored_by_the_page_and_no_script_reads_its_key(somebody):
    browser, page = somebody.browser, somebody.filmed
    page.state(LIVE, "allowed")
    somebody.enter()
    browser.script(
        "window.keys = []; const make = crypto.subtle.generateKey.bind(crypto.subtle);"
        "crypto.subtle.generateKey = async (...all) => { const one = await make(...all); keys.push(one); return one; }"
    )
    somebody.watch()
    somebody.moves()
    assert browser.script("return [keys.length, keys[0].privateKey.extractable, keys[0].privateKey.usages]") == [
        1, False, ["deriveBits"],
    ]  # fmt: skip
    kept = """
    const done = arguments[0];
    (async () => [Object.keys(localStorage), Object.keys(sessionStorage), (await caches.keys()).length,
      (await indexedDB.databases()).map((one) => one.name), (await navigator.serviceWorker.getRegistrations()).length,
      performance.getEntriesByType("resource").filter((one) => one.name.startsWith("blob:")).length])().then(done);
    """
    assert browser.driver.execute_async_script(kept) == [[], [], 0, ["firmware_agent"], 0, 0]
    browser.click("#live-stop")
    browser.gone("dialog")
    browser.until(lambda: not page.camera.watching, "the camera is left")
    browser.click("#watch")  # a second view has a second key
    somebody.live("live")
    assert browser.script("return keys.length") == 2


@pytest.mark.clause("L12")
def test_ok__the_view_pauses_when_nobody_sees_the_page_and_ends_with_its_dialog(somebody):
    browser, words, page = somebody.browser, somebody.words, somebody.filmed
    page.state(LIVE, "allowed")
    somebody.enter().watch()
    hide = "Object.defineProperty(document, 'hidden', {value: arguments[0], configurable: true});"
    hide += "document.dispatchEvent(new Event('visibilitychange'))"
    browser.script(hide, True)
    somebody.live("paused")
    assert somebody.drawn() == "" and browser.text(".live-said") == words["live.paused"]
    browser.until(lambda: not page.camera.watching, "the camera is left")
    browser.script(hide, False)
    somebody.live("live")
    somebody.moves()
    browser.keys("\ue00c")  # Escape
    browser.gone("dialog")
    browser.until(lambda: not page.camera.watching, "the camera is left")


@pytest.mark.clause("L1")
def test_ok__the_hardware_switch_wins_and_is_said(anybody):
    browser, words, page = anybody.browser, anybody.words, anybody.filmed
    page.state(LIVE, "allowed")
    anybody.enter().watch()
    page.now(lambda: setattr(page.camera, "anyway", anybody.label == "phone-en"))  # whatever still comes
    page.now(lambda: setattr(page.camera, "covered", True))
    anybody.live("covered")
    sent = page.camera.sent
    browser.until(lambda: page.camera.sent > sent + 2 or not page.camera.anyway, "pictures still come")
    assert anybody.drawn() == "" and browser.text(".live-said") == words["camera.covered"]
    browser.click("#live-stop")
    browser.gone("dialog")
    browser.find("#camera[data-covered=true]")
    assert words["camera.shut"] in browser.text("#camera") and words["camera.covered"] in browser.text("#camera")
    anybody.inspect("covered")
    browser.click("#watch")
    anybody.live("covered")
    page.now(lambda: setattr(page.camera, "covered", False))
    anybody.live("live")


SPOILT = {
    "another picture": lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 1]),
    "another head": lambda sealed: sealed[:36] + bytes(7) + b"\x99" + sealed[44:],
    "another format": lambda sealed: b"FAS2" + sealed[4:],
    "cut short": lambda sealed: sealed[:50],
    "as it is": lambda sealed: b"\xff\xd8" + bytes(200),
}


@pytest.mark.attack(9)
@pytest.mark.parametrize("how", [*SPOILT, "the same again", "an older one"])
def test_fail__a_picture_that_was_changed_or_comes_again(somebody, how):
    browser, words, page = somebody.browser, somebody.words, somebody.filmed
    page.state(LIVE, "allowed")
    page.camera.rate = 30
    seen = []

    def again(sealed):
        seen.append(sealed)
        before = seen[0] if how == "an older one" else seen[max(0, len(seen) - 2)]
        return before if len(seen) > 8 else sealed

    somebody.enter().watch()
    page.now(lambda: setattr(page.camera, "spoil", SPOILT.get(how, again)))
    somebody.live("ended")
    assert browser.text(".live-said") == words["reason.picture_wrong"] and somebody.drawn() == ""
    browser.until(lambda: not page.camera.watching, "the camera is left")
    page.now(lambda: setattr(page.camera, "spoil", lambda sealed: sealed))
    browser.click("[data-act=watch_again]")
    somebody.live("live")


def test_ok__over_plain_http_there_is_no_live_view_and_a_viewer_takes_the_code_that_the_device_shows(somebody):
    browser, words, page = somebody.browser, somebody.words, somebody.filmed
    page.state(LIVE, "allowed")
    browser.expected.append("Cross-Origin-Opener-Policy")  # which it takes over HTTPS only
    somebody.enter(origin=page.open_origin)
    browser.click("#watch")
    somebody.live("unable")
    assert browser.text(".live-said") == words["live.plain"] and not page.camera.sent
    browser.click("#live-stop")
    browser.gone("dialog")
    somebody.tab("camera")
    browser.click("#viewer-add")
    browser.write("#viewer-name", "Fluidd")
    browser.click("#viewer-send")
    browser.write("#code", SHOWN)
    browser.click("#code-form .main")
    browser.find("#address-stream")
    browser.click("[data-from=address-stream]")  # no script may copy here: it is marked for the person
    browser.until(lambda: browser.text("[data-from=address-stream]") == words["copy.self"], "marked")
    marked = "const a = document.activeElement; return [a.id, a.selectionStart, a.selectionEnd === a.value.length]"
    assert browser.script(marked) == ["address-stream", 0, True]


def test_fail__a_camera_that_does_not_begin_is_said_in_its_own_words(somebody):
    browser, page = somebody.browser, somebody.filmed
    page.state(LIVE, "allowed")
    page.now(lambda: setattr(page.camera, "fault", SourceError("camera: another program has it; see `doctor`")))
    somebody.enter()
    browser.expected.append("/api/watch/")
    browser.click("#watch")
    somebody.live("ended")
    assert "another program has it" in browser.text(".live-said")
    page.now(lambda: setattr(page.camera, "fault", None))
    browser.click("[data-act=watch_again]")
    somebody.live("live")


def test_fail__a_browser_without_x25519_is_told_so(somebody):
    browser, words, page = somebody.browser, somebody.words, somebody.filmed
    page.state(LIVE, "allowed")
    somebody.enter()
    browser.script(
        "const make = crypto.subtle.generateKey.bind(crypto.subtle);"
        "crypto.subtle.generateKey = async (name, ...more) =>"
        "{ if (name === 'X25519') throw new DOMException('no', 'NotSupportedError'); return make(name, ...more); }"
    )
    browser.click("#watch")
    somebody.live("unable")
    assert browser.text(".live-said") == words["live.unable"] and not page.camera.sent
    somebody.look("unable")


def test_fail__a_page_in_front_of_no_camera_has_no_card_of_it(somebody):
    somebody.filmed.now(lambda: setattr(somebody.filmed.camera, "there", False))
    somebody.enter()
    assert not somebody.browser.has("#camera, #tab-camera, #watch")


def test_ok__who_watches_stands_first_with_name_purpose_and_time(somebody):
    browser, words, page = somebody.browser, somebody.words, somebody.filmed
    page.now(lambda: page.camera.looks("Mainsail in the hall", "local_service", "timelapse", 3600))
    page.now(lambda: setattr(page.camera, "trouble", "The camera sends pictures that are odd; they are thrown away."))
    somebody.enter()
    shown = browser.text("#camera")
    assert words["camera.on"] in shown and "Mainsail in the hall" in shown and "A program of yours" in shown
    assert "thrown away" in browser.text("#camera-trouble")
    assert browser.find("#camera").location["y"] < browser.find("#choices-title").location["y"]
    somebody.inspect("watched")


def test_ok__the_first_run_asks_what_has_its_place_there_and_no_more(somebody):
    browser, words, page = somebody.browser, somebody.words, somebody.filmed
    somebody.enter(first=True)
    assert " 3" in browser.text("#wizard-step")
    browser.click("#refuse-all")
    browser.click("#finish")
    browser.find("#later:not([open])")
    assert browser.text("#later summary").startswith(words["choices.later.other"].replace("{n}", "7"))
    assert not any(one.is_displayed() for one in browser.all("#later article"))
    states = page.world.desk.states
    assert {states[name]["state"] for name in states if " " in name} == {"undecided"}
    browser.click("#later summary")
    somebody.inspect("later")


def test_ok__before_the_first_run_is_over_the_way_to_a_decision_leads_to_its_questions(somebody):
    browser, words = somebody.browser, somebody.words
    somebody.enter(first=True)
    somebody.tab("camera")
    browser.click("#watch-decide")
    browser.find("#wizard")
    assert words["reason.fault"].partition("{")[0] not in browser.text("body")


def test_fail__a_port_that_another_program_has_is_said(somebody):
    browser, page = somebody.browser, somebody.filmed
    somebody.enter()
    page.now(lambda: setattr(page.world.desk.camera, "plain_trouble", "0.0.0.0 port 8089 cannot be used"))
    somebody.tab("camera")
    assert "0.0.0.0 port 8089 cannot be used" in browser.text("#plain-closed")


@pytest.mark.clause("L13")
def test_ok__the_history_says_who_watched(somebody):
    browser, words, page = somebody.browser, somebody.words, somebody.filmed
    page.now(lambda: page.world.desk._entry("watching", "page", LIVE))
    page.now(lambda: page.world.desk._entry("watched", "stream", "local_service home", 250_000))
    somebody.enter()
    somebody.tab("history")
    browser.click("[data-filter=watched]")
    browser.until(lambda: len(browser.all(".timeline li")) == 2, "two entries")
    last, first = [one.text for one in browser.all(".timeline li")]
    assert words["event.watching"] in first and words["watched.page"] in first and "Live view" in first
    assert words["event.watched"] in last and words["watched.stream"] in last and "250 kilobytes" in last


@pytest.mark.clause("L23")
def test_ok__a_viewer_is_let_in_gets_its_addresses_once_and_goes_with_one_touch(anybody):
    browser, words, page = anybody.browser, anybody.words, anybody.filmed
    page.state(LIVE, "allowed")
    anybody.enter()
    anybody.tab("camera")
    assert words["viewers.none"] in browser.text("#viewers")
    anybody.inspect("tab")
    browser.click("#viewer-add")
    assert words["viewers.plain.before"] in browser.text("#viewer-dialog")  # before, not afterwards
    assert words["viewers.ends"] in browser.text("#viewer-dialog")
    browser.click("#viewer-send")
    assert browser.text("#viewer-dialog .problem") == words["viewers.name.wrong"]
    browser.write("#viewer-name", "Mainsail")
    anybody.inspect("add")
    browser.click("#viewer-send")
    stream = browser.find("#address-stream").get_property("value")
    assert stream.endswith("/?action=stream") and browser.find("#address-snapshot").get_property("value")
    assert words["addresses.once"] in browser.text("#addresses-dialog")
    browser.click("#guide summary")
    for program in ("Mainsail", "Fluidd", "OctoPrint", "Home Assistant"):
        assert program in browser.text("#guide")
    anybody.inspect("addresses")
    browser.click("[data-from=address-stream]")
    browser.until(lambda: browser.text("[data-from=address-stream]") in (words["copied"], words["copy.self"]), "copied")
    assert browser.script("return getSelection().toString() || document.activeElement.value") == stream
    browser.click("#addresses-done")
    browser.gone("dialog")
    (values,) = page.done("add_viewer")
    assert values == {"name": "Mainsail", "purpose": "live_view", "recipient": "owner", "way": "address"}
    looks = page.now(lambda: page.camera.looks("Mainsail", "live_view", "owner"))
    browser.find("[data-viewer=Mainsail][data-active=true]")
    assert words["viewers.plain"].replace("{port}", "8089") in browser.text("#plain-port")
    assert stream not in browser.script("return document.documentElement.outerHTML")
    anybody.inspect("viewers")
    browser.click("[data-act=viewer_remove]")
    browser.gone("#viewers [data-viewer]")
    assert page.done("remove_viewer") == [{"name": "Mainsail"}] and looks not in page.camera.watching


def test_ok__a_viewer_with_a_password_for_what_is_not_allowed_yet(somebody):
    browser, words, page = somebody.browser, somebody.words, somebody.filmed
    somebody.enter()
    somebody.tab("camera")
    browser.click("#viewer-add")
    browser.write("#viewer-name", "Home Assistant")
    browser.click("input[value=local_service-home]")
    browser.click("input[value=basic]")
    browser.click("#viewer-send")
    assert browser.find("#address-password").get_property("value")
    shown = browser.text("#addresses-dialog")
    assert words["viewers.waits"] in shown and words["viewers.ends"] in shown
    somebody.inspect("password")
    browser.click("#addresses-done")
    assert words["viewers.waits"] in browser.text("#viewers")
    assert page.done("add_viewer")[0]["way"] == "basic"


def test_ok__nothing_is_promised_of_what_a_program_keeps(anybody):
    browser, words, page = anybody.browser, anybody.words, anybody.filmed
    page.state("local_service home", "allowed")
    page.state(LIVE, "allowed")
    anybody.enter()
    theirs, mine = browser.text("#purpose-local_service-home"), browser.text(CARD)
    assert words["fact.kept.theirs"] in theirs and words["fact.kept.not"] not in theirs
    assert words["fact.kept.not"] in mine and words["fact.kept.theirs"] not in mine


@pytest.mark.clause("P5")
def test_ok__only_the_bed_by_pointer_by_keyboard_and_by_numbers(anybody):
    browser, words, page = anybody.browser, anybody.words, anybody.filmed
    page.state(LIVE, "allowed")
    anybody.enter()
    anybody.tab("camera")
    browser.click("#crop")
    anybody.live("live")
    browser.tab_to("#crop-rect")
    for _ in range(2):
        browser.keys("\ue014")  # right
    browser.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "rawKeyDown", "key": "ArrowUp", "modifiers": 8})
    browser.until(lambda: "79" in browser.text("#crop-at"), "moved and resized")
    anybody.inspect("crop")

    def says(left, top, width, height):
        shown = words["crop.at"]
        for name, value in {"left": left, "top": top, "width": width, "height": height}.items():
            shown = shown.replace("{" + name + "}", str(value))
        browser.until(lambda: browser.text("#crop-at") == shown, shown)

    says(12, 10, 80, 79)
    drag(browser, (0.04, 0.04), (0.6, 0.5))  # beside the rectangle: a new one
    says(4, 4, 56, 46)
    drag(browser, (0.3, 0.3), (0.41, 0.5))  # in it: it moves
    says(15, 24, 56, 46)
    drag(browser, (0.71, 0.7), (0.65, 0.64))  # its corner
    says(15, 24, 50, 40)
    browser.click("#crop-numbers summary")
    browser.write("#crop-left", "20")
    browser.keys("\ue004")
    browser.until(lambda: "20" in browser.text("#crop-at"), "by numbers")
    anybody.look(f"crop-numbers-{anybody.label}")
    browser.click("#crop-save")
    browser.gone("dialog")
    (values,) = page.done("set_crop")
    assert values["left"] == 200 and abs(values["top"] - 240) < 6 and abs(values["width"] - 500) < 6
    assert words["crop.part"] in browser.text("#bed")
    anybody.inspect("part")
    browser.click("#crop")  # what is chosen now is a part of that part
    anybody.live("live")
    browser.click("#crop-save")
    browser.gone("dialog")
    second = page.done("set_crop")[1]
    assert abs(second["width"] - values["width"] * 0.8) <= 1 and abs(second["left"] - 250) <= 1
    browser.click("#toast button")
    browser.click("#crop-none")
    browser.until(lambda: words["crop.whole"] in browser.text("#bed"), "the whole picture")


def test_fail__the_bed_alone_where_nothing_can_cut(somebody):
    page = somebody.filmed
    page.state(LIVE, "allowed")
    page.now(lambda: setattr(page.camera, "can_crop", False))
    somebody.enter()
    somebody.tab("camera")
    assert somebody.words["crop.cannot"] in somebody.browser.text("#bed") and not somebody.browser.has("#crop")
    somebody.inspect("cannot-crop")


@pytest.mark.clause("L23")
@pytest.mark.parametrize("live", [True, False])
def test_ok__a_photo_for_support_is_seen_first_and_sent_once(somebody, live):
    browser, words, page = somebody.browser, somebody.words, somebody.filmed
    page.state("support_photo lightmake", "allowed")
    if live:
        page.state(LIVE, "allowed")
    somebody.enter()
    browser.click("#photo")
    if live:
        somebody.live("live")
    assert words["photo.seen" if live else "photo.unseen"] in browser.text("#photo-dialog")
    somebody.inspect(f"photo-{'seen' if live else 'unseen'}")
    page.now(lambda: setattr(page.camera, "covered", True))
    browser.click("#photo-send")
    browser.until(lambda: browser.text("#photo-dialog .problem") == words["camera.covered"], "why not")
    browser.expected.append("/api/do/send_photo")  # that it was refused shows in the console
    page.now(lambda: setattr(page.camera, "covered", False))
    browser.click("#photo-send")
    browser.gone("dialog")
    assert "LightMake" in browser.text("#purpose-support_photo-lightmake .done")
    assert page.done("send_photo") == [{"purpose": "support_photo", "recipient": "lightmake"}]
    browser.until(lambda: not page.camera.watching, "the camera is left")


def test_ok__everything_by_the_keyboard_alone(somebody):
    browser, page = somebody.browser, somebody.filmed
    page.state(LIVE, "allowed")
    somebody.enter()
    browser.tab_to("#watch")
    browser.keys("\ue007")
    somebody.live("live")
    browser.tab_to("#live-stop")
    browser.keys("\ue007")
    browser.gone("dialog")
    assert browser.script("return document.activeElement.id") == "watch"  # the focus comes back
    browser.tab_to("#camera-more")
    browser.keys("\ue007")
    browser.find("#tab-camera[aria-current]")
    browser.tab_to("#viewer-add")


@pytest.mark.parametrize("role", ["viewer", "service"])
def test_ok__a_viewer_watches_and_decides_nothing_and_service_does_not_watch(somebody, role):
    browser, words, page = somebody.browser, somebody.words, somebody.filmed
    page.state(LIVE, "allowed")
    somebody.enter()
    session = page.now(lambda: page.world.gate.open(role, b"", "somebody", 1e9))
    browser.driver.add_cookie({"name": "session", "value": session.ident.hex()})
    browser.driver.refresh()
    browser.find("#headline")
    assert browser.has("#watch") is (role == "viewer")
    if role == "viewer":
        somebody.watch()
        browser.click("#live-stop")
    somebody.tab("camera")
    assert not browser.has("#viewer-add, #crop") and words["owner_only"] in browser.text("#viewers")
    somebody.inspect(f"as-{role}")


def drag(browser, begin, end):
    """With the pointer over the picture; places are parts of its width and height."""
    box = browser.script("return document.querySelector('.stage').getBoundingClientRect().toJSON()")
    left, top, width, height = (box[name] for name in ("left", "top", "width", "height"))
    for kind, (x, y) in (("mousePressed", begin), ("mouseMoved", end), ("mouseReleased", end)):
        place = {"x": left + x * width, "y": top + y * height}
        browser.cdp("Input.dispatchMouseEvent", type=kind, button="left", buttons=1, clickCount=1, **place)
