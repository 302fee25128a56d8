"""A bundle leaves only in its form, and only if the rules find nothing in it (L9, L10, L22; attacks 13 and 14)."""

import pytest

from firmware_agent.bundle import form
from firmware_agent.errors import FormatError
from firmware_agent.transforms import TRANSFORMS, Unfit

HEAD = form.FIRST + "\n" + form.SERIAL + form.NO_SERIAL + "\n"
SOUND = (
    "peer <ip-1> gone, Stats 12.3: mcu_awake=0.003\nserial: <serial-2>\n\nssid: <network-more>\nD\u00fcse 210 \u00b0C\n"
)
TOLD = (
    ("ipv4", "peer 192.168.4.17 gone"),
    ("home_user", "/home/orunkefa/printer_data"),
    ("token", "api_key = 'QWERT12345'"),
    ("email", "mail orun.kefa@example.org now"),
    ("filename", "printing file: lamp v3 for orun.gcode"),
    ("ssid", 'ESSID:"<network-1> of Orun"'),
)


def refused(text):
    """The line, and what is said of it; never a value."""
    with pytest.raises(FormatError) as caught:
        form.check(text if isinstance(text, bytes) else text.encode())
    said = str(caught.value)
    assert "rune" not in said.lower() and "192.168" not in said and "QWERT" not in said, said
    with pytest.raises(Unfit):
        TRANSFORMS["bundle"](text if isinstance(text, bytes) else text.encode(), {"max": 1 << 20})
        print(text)
    return caught.value.line, caught.value.kind


def test_ok__a_bundle_in_which_nothing_is_found_passes_unchanged():
    for text in (HEAD, HEAD + SOUND, HEAD.replace(form.NO_SERIAL, "LM2026-0042-77A1") + SOUND):
        form.check(text.encode())
        assert TRANSFORMS["bundle"](bytearray(text.encode()), {"max": 1 << 20}) == text.encode()


@pytest.mark.clause("L9", "L22")
@pytest.mark.attack(13, 14)
def test_fail__what_a_rule_finds_is_named_by_line_and_kind():
    for kind, line in TOLD:
        assert refused(HEAD + SOUND + line + "\n") == (8, kind), line


@pytest.mark.clause("L10")
def test_fail__a_serial_number_anywhere_but_in_its_line_or_of_another_form():
    for serial in ("", "a b", "x" * 41, "not in this bundle.", "../x", "s\u00e9rie"):
        assert refused(HEAD.replace(form.NO_SERIAL, serial))[0] == 2, serial
    assert refused(HEAD + '"sn": "01P00A123456789"\n') == (3, "printer_sn")


def test_fail__another_form():
    for text in ("", "\n", "x" + HEAD, HEAD[:-1], form.FIRST + "\n", HEAD[len(form.FIRST) + 1 :]):
        assert refused(text)[1] == "not the form of a bundle", text
    assert refused(HEAD.encode() + b"\xff\n") == (1, "not UTF-8")
    with pytest.raises(Unfit):
        TRANSFORMS["bundle"](HEAD, {"max": 1 << 20})
    with pytest.raises(Unfit):
        TRANSFORMS["bundle"](HEAD.encode(), {"max": len(HEAD) - 1})


def test_fail__a_sign_that_nobody_sees():
    for one in ("\r", "\0", "\x1b", "\x7f", "\x85", "\u200b", "\u202e", "\u2066", "\ufeff", "\u2028", "\xad"):
        assert refused(HEAD + "a\nb" + one + "c\n") == (4, "a sign that nobody sees"), one
    for one in "\t\u00e9\u6e29\u00b0":
        form.check((HEAD + one + "\n").encode())


def test_ok__what_stands_in_place_of_something():
    for text in ("<ip-1>", "<removed-12>", "<can-more>"):
        assert form.placed(text)
    for text in ("<ip>", "<ip-1", "ip-1>", "<-1>", "<ip-1a>", "<Orun-1>", "<a b-1>", "", "<ip-12345678>"):
        assert not form.placed(text), text
