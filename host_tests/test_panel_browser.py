"""The owner's page in a real Chromium, on a real agent with a real broker: from pairing to erase, as people use it."""

import hashlib
import json
import zipfile
from pathlib import Path

import jsonschema
import pytest

from firmware_agent import cbor
from firmware_agent.owner.receipts import verify
from host_tests.rigs.page import PURPOSES, RECIPIENT, Arrived
from host_tests.rigs.visitor import card

ONE, TWO, CAMERA = PURPOSES
SCHEMA = json.loads((Path(verify.__file__).parent / "receipt.schema.json").read_text("utf-8"))
LOOKS = ("color", "background-color", "font-weight", "font-size", "border-top-color", "border-top-width", "box-shadow")


def vault(page, purpose=ONE):
    """The key and the rings of a purpose on the flash."""
    storage = page.parts.device.storage
    return [storage.read(f"vault.{purpose}.{RECIPIENT}.{ending}") or b"" for ending in ("key", "outbox", "sent")]


@pytest.mark.clause("C1", "L2", "L20", "C5", "P3", "P5")
def test_ok__first_run_asks_with_equal_choices_and_refusing_everything_is_one_touch(anybody):
    browser, words, page = anybody.browser, anybody.words, anybody.page
    before = page.broker.connections()
    anybody.pair()
    assert "#" not in browser.driver.current_url  # the secret is out of the address bar
    for number, purpose in enumerate(PURPOSES, 1):
        buttons = browser.style(f"#wizard .three [data-purpose={purpose}]", *LOOKS)
        assert len(buttons) == 3 and len({json.dumps(one) for one in buttons}) == 1, buttons
        assert not browser.has("#wizard [aria-pressed=true], #wizard :checked, #wizard .main")
        shown = browser.text("#wizard")
        assert words[f"purpose.{purpose}.notice"] in shown and words["fact.kept"] in shown
        anybody.look(f"first-{anybody.label}-{number}")
        if number < len(PURPOSES):
            browser.click(f"#later-{purpose}-{RECIPIENT}")
            browser.find(f"#wizard [data-purpose={PURPOSES[number]}]")
    assert not anybody.page.parts.consents.records()  # nothing is decided by looking
    browser.click("#refuse-all")
    browser.find("#wizard[data-done=decide]")
    assert words["first.done.none.text"] in browser.text("#wizard")
    anybody.look(f"first-{anybody.label}-refused")
    browser.click("#finish")
    assert browser.text("#headline") == words["status.nothing"]
    assert {one.state for one in page.parts.consents.records()} == {"ConsentRefused"}
    assert page.broker.connections() == before


@pytest.mark.clause("L1", "L6", "L12", "L13", "L17", "P10", "P11")
def test_ok__allowed_seen_live_and_taken_back_in_one_touch(anybody):
    browser, words, page = anybody.browser, anybody.words, anybody.page
    with Arrived(page.broker.inside) as arrived:
        anybody.pair()
        browser.script("window.never_loaded_anew = true")
        anybody.answer(**{ONE: "allow", TWO: "allow", CAMERA: "allow"})
        assert not arrived.messages
        anybody.look(f"summary-{anybody.label}")
        browser.click("#save")
        browser.click("#finish")
        browser.find("#camera[data-on=true] li")
        browser.until(lambda: len(browser.all("#today li")) == 3, "three things left today")
        seen = browser.text("#today")
        browser.until(lambda: browser.text("#today") != seen, "it counts up")
        anybody.look(f"home-{anybody.label}")
        records = {one.purpose: one for one in page.parts.consents.records()}
        (phone,) = page.parts.people.all()
        assert {records[one].method for one in PURPOSES} == {f"paired key {phone.key.hex()}"}

        browser.click(f"#today [data-act=look][data-purpose={ONE}]")
        browser.click("#payload-raw summary")
        assert browser.find("#payload-matches").get_attribute("data-matches") == "true"
        raw = bytes.fromhex(browser.find("#payload-hex").text)
        assert raw in arrived.payloads()  # the very bytes that the recipient got
        (number,) = {dict(map(tuple, event))[31] for event in cbor.decode(raw)[3]}
        assert words["value.daily"].replace("{code}", number.hex()) in browser.text("#payload-dialog")
        anybody.look(f"payload-{anybody.label}")
        browser.click("#payload-dialog .close")
        browser.gone("dialog")

        browser.click(f"{card(ONE)} details summary")
        browser.click(f"{card(ONE)} [data-act=policy]")
        text = str(browser.find("#policy-dialog pre").get_property("textContent"))
        anybody.look(f"policy-{anybody.label}")
        browser.click("#policy-dialog .close")
        browser.gone("dialog")
        assert hashlib.sha256(text.encode()).digest() == records[ONE].policy

        anybody.withdraw(ONE)
        assert words["withdraw.done"] in browser.text(f"{card(ONE)} .done")
        anybody.look(f"withdrawn-{anybody.label}")
        arrived.next(TWO)
        count = len(arrived.of(ONE))
        arrived.next(TWO, 3)  # something else still leaves, three times
        assert len(arrived.of(ONE)) == count > 0
        assert page.allowed() == {TWO, CAMERA} and not any(map(any, vault(page)))
        anybody.withdraw(CAMERA)
        browser.find("#camera[data-on=false]")
        assert browser.script("return window.never_loaded_anew") is True

        anybody.tab("history")
        browser.find("[data-event=decided][data-detail=ConsentWithdrawn]")
        browser.click("[data-filter=left]")
        browser.until(lambda: len(browser.all(".timeline li")) > 3, "what left")
        assert not browser.has("[data-event=decided]")
        browser.click("[data-filter=refused]")
        assert words["reason.consent_missing"] in browser.text(".timeline")
        browser.click("[data-filter=all]")
        anybody.look(f"history-{anybody.label}")


@pytest.mark.clause("L13", "L14", "L22", "P6", "P11")
@pytest.mark.attack(24)
def test_ok__receipts_archive_correction_and_erase(anybody):
    browser, words, page = anybody.browser, anybody.words, anybody.page
    anybody.pair()
    anybody.first(**{ONE: "allow"})
    browser.click(f"{card(ONE)} [data-receipt]")
    receipt = json.loads(browser.file("*.jsonld").read_text("utf-8"))
    policy = receipt["dct:hasPart"]["dpv:hasNotice"]["dct:identifier"]
    text = "".join(page.parts.catalogue.text(ONE, RECIPIENT)).encode()
    assert hashlib.sha256(text).hexdigest() == policy
    assert verify.check(receipt, text) == [] and verify.check(receipt, text + b" ") != []
    jsonschema.Draft202012Validator(SCHEMA).validate(receipt)

    anybody.tab("rights")
    browser.write("#correct-name", "Werkstatt 打印机")
    browser.write("#correct-region", "XX")
    browser.click("#correct-save")
    anybody.redrawn()
    assert browser.text("#region-name") == words["correct.region.wrong"]
    browser.write("#correct-region", "de")
    browser.click("#correct-save")
    anybody.toast("correct.done")
    browser.until(lambda: browser.text("#device") == "Werkstatt 打印机", "the new name")
    assert page.parts.details.read() == ("Werkstatt 打印机", "DE")

    browser.click(f"[data-act=object][data-purpose={TWO}]")
    browser.find(f"#rights-{TWO}-{RECIPIENT}[data-done=object] .done")
    browser.click(f"[data-act=delete][data-purpose={ONE}]")
    browser.find(f"#rights-{ONE}-{RECIPIENT}[data-done=delete_upstream] .done")
    anybody.look(f"rights-{anybody.label}")

    browser.click("#download")
    with zipfile.ZipFile(browser.file("*.zip")) as archive:
        hashes = json.loads(archive.read("manifest.json"))["files"]
        assert {name for name in archive.namelist()} == {*hashes, "manifest.json"}
        for name, row in hashes.items():
            assert hashlib.sha256(archive.read(name)).hexdigest() == row["sha256"], name
        assert not any(name.endswith(".key") for name in archive.namelist())

    browser.expected = ["/api/events"]  # its end shows in the console
    browser.click("#erase-do")
    anybody.look(f"erase-{anybody.label}")
    browser.click("#erase-dialog #yes")
    shown = json.loads(browser.text("#erase-receipt"))
    anybody.look(f"erased-{anybody.label}")
    browser.click("#erase-save")
    assert json.loads(browser.file("erase-receipt*").read_text("utf-8")) == shown
    browser.click("#erased-dialog .close")
    browser.find("#form #code")  # this phone has to pair anew
    assert browser.has("#closed") and words["pair.title"] in browser.text("h1")
    anybody.look(f"closed-{anybody.label}")
    assert shown["destroyed"] and not page.parts.consents.records() and not page.parts.people.all()
