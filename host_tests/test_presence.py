"""Only a terminal of the device itself counts, and a code is good for one thing, once (attack 1)."""

import os
import pty
import subprocess
import sys

import pytest

from firmware_agent.consent.presence import LASTS, Presence
from firmware_agent.owner.presence import is_console
from firmware_agent.refusals import Refused
from host_tests.rigs.owners import Home, Machine


@pytest.mark.attack(1)
@pytest.mark.parametrize(
    "name", ["/dev/pts/0", "/dev/ttyUSB0", "/dev/ttyACM0", "/dev/ttyGS0", "/dev/ttyS1", "/dev/tty"]
)
def test_fail__remote_logins_and_serial_lines_are_no_console(name, tmp_path):
    (tmp_path / "active").write_text("tty0 ttyS0\n")
    assert not is_console(name, tmp_path / "active")
    assert not is_console(name, tmp_path / "missing")


def test_ok__virtual_terminals_and_the_kernels_consoles(tmp_path):
    (tmp_path / "active").write_text("tty0 ttyS0\n")
    assert is_console("/dev/tty1", tmp_path / "missing") and is_console("/dev/ttyS0", tmp_path / "active")


@pytest.mark.attack(1)
def test_fail__the_code_is_shown_on_the_terminal_that_was_looked_at_and_nowhere_else():
    ours, theirs = pty.openpty()
    script = "from firmware_agent.owner.presence import confirmed; print(confirmed())"
    command = [sys.executable, "-c", script]
    child = subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    shown = os.read(ours, 200)
    assert b"type " in shown
    code = shown.split(b"type ")[1][:4]
    os.write(ours, code + b"\n")
    out, errors = child.communicate(timeout=30)
    assert out == b"True\n" and code not in out + errors
    os.close(ours)
    os.close(theirs)


# --- a code that the device shows


class Display:
    """A screen that is there or not; `code` is what a person reads on it."""

    def __init__(self, there=True):
        self.there = there
        self.code = ""
        self.seen = []

    def show(self, code, text, seconds):
        if self.there:
            self.code = code
            self.seen.append((code, text, seconds))
        return self.there

    def hide(self):
        self.code = ""


class Desk:
    """Presence with one display, and what it says to a code."""

    def __init__(self, there=True, button=False):
        self.machine = Machine()
        self.display = Display(there)
        self.presence = Presence([Display(False), self.display], self.machine.entropy, self.machine.ticks, button)

    def ask(self, aim="allow", who=""):
        return self.presence.ask(aim, "to allow something", who)

    def prove(self, code, aim="allow"):
        try:
            return self.presence.prove(aim, code)
        except Refused as refusal:
            return refusal.reason


def wrong(code):
    return f"{(int(code) + 1) % 10**6:06}"


@pytest.mark.clause("L16")
def test_ok__the_code_that_was_shown_proves_once():
    desk = Desk()
    assert desk.prove("") == desk.prove("123456") == "code_ended"  # nothing was asked
    desk.ask()
    (code, text, seconds) = desk.display.seen[0]
    assert len(code) == 6 and code.isdecimal() and text == "to allow something" and seconds == LASTS == 120
    assert desk.prove(code) == "screen code" and desk.display.code == ""
    assert desk.prove(code) == "code_ended"


@pytest.mark.attack(1)
def test_fail__the_code_for_something_else():
    desk = Desk()
    for aim in ("session decide {b}", "session erase {}", "other decide {a}", "", "session decide {a} "):
        desk.ask("session decide {a}")
        code = desk.display.code
        assert desk.prove(code, aim) == "code_ended" and desk.display.code == ""
        assert desk.prove(code, "session decide {a}") == "code_ended"  # whoever used it for something else ended it
    desk.ask("session decide {a}")
    assert desk.prove(desk.display.code, "session decide {a}") == "screen code"  # the control


@pytest.mark.attack(1, 10)
def test_fail__guesses_are_counted_over_all_codes_that_are_asked_for():
    desk = Desk()
    for _ in range(2):
        desk.ask()
        assert [desk.prove(wrong(desk.display.code)) for _ in range(2)] == ["code_wrong"] * 2
    desk.ask()
    assert desk.prove(wrong(desk.display.code)) == "code_wrong"
    assert desk.prove("") == "code_ended"
    with pytest.raises(Refused) as caught:
        desk.ask()
    assert caught.value.reason == "pairing_waits"


@pytest.mark.attack(1)
def test_fail__while_the_device_asks_about_one_thing_nobody_else_gets_a_code():
    desk = Desk()
    desk.ask("a", "one")
    code = desk.display.code
    with pytest.raises(Refused) as caught:
        desk.ask("b", "other")
    assert caught.value.reason == "code_busy" and desk.display.code == code
    desk.ask("b", "one")  # the same may think better of it
    assert desk.prove(desk.display.code, "b") == "screen code"
    desk.ask("b", "other")
    desk.machine.passed += LASTS
    desk.ask("c", "one")
    pressed = Desk(button=True)
    pressed.ask("a", "one")
    with pytest.raises(Refused) as caught:
        pressed.ask("b", "one")  # a press could mean either
    assert caught.value.reason == "code_busy"


@pytest.mark.attack(1)
def test_fail__a_code_that_is_too_old_or_was_shown_before_another():
    desk = Desk()
    desk.ask()
    first = desk.display.code
    desk.machine.passed += LASTS
    assert desk.prove(first) == "code_ended"
    desk.ask()
    second = desk.display.code
    desk.machine.passed += LASTS - 0.1
    desk.ask()
    assert desk.display.code != second
    assert desk.prove(second) == "code_wrong" and desk.prove(desk.display.code) == "screen code"


@pytest.mark.attack(1, 10)
def test_fail__five_wrong_codes_end_it_and_the_next_has_to_wait_longer_each_time():
    desk = Desk()
    waits = []
    for _ in range(9):
        desk.ask()
        code = desk.display.code
        assert [desk.prove(wrong(code)) for _ in range(5)] == ["code_wrong"] * 5
        assert desk.prove(code) == "code_ended" and desk.display.code == ""
        begun = desk.machine.passed
        while True:
            try:
                desk.ask()
                break
            except Refused as refusal:
                assert refusal.reason == "pairing_waits"
                desk.machine.passed += 1
        waits.append(desk.machine.passed - begun)
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert desk.prove(desk.display.code) == "screen code"
    desk.ask()  # the control: who proved it does not wait
    for _ in range(4):
        desk.prove(wrong(desk.display.code))
    assert desk.prove(desk.display.code) == "screen code"


@pytest.mark.attack(1)
@pytest.mark.parametrize("code", ["", "0", "٣٣٣٣٣٣", "\ud800", "1" * 9999, "12345", "1234567", " 123456"])
def test_fail__what_is_no_code(code):
    desk = Desk()
    desk.ask()
    assert desk.prove(code) in ("code_wrong", "no_presence")
    assert desk.prove(desk.display.code) == "screen code"


@pytest.mark.clause("L16")
def test_ok__the_button_counts_once_while_something_is_asked():
    desk = Desk(there=False, button=True)
    desk.presence.pressed()
    assert desk.ask() is True
    assert desk.prove("") == "no_presence"  # pressed before it was asked
    assert desk.prove("000000") == "code_wrong"
    desk.presence.pressed()
    assert desk.prove("") == "button" and desk.prove("") == "code_ended"
    desk.ask()
    desk.presence.pressed()
    assert desk.prove("", "something else") == "code_ended" and desk.prove("") == "code_ended"
    desk.ask()
    desk.presence.pressed()
    desk.ask()
    assert desk.prove("") == "no_presence"  # it was pressed for what was asked before
    desk.presence.pressed()
    desk.machine.passed += LASTS
    assert desk.prove("") == "code_ended"
    desk.presence.pressed()
    assert desk.prove("") == "code_ended"
    desk.ask("another")
    assert desk.prove("", "another") == "no_presence"


@pytest.mark.attack(1)
def test_fail__without_a_display_and_a_button_nothing_is_proved():
    desk = Desk(there=False)
    with pytest.raises(Refused) as caught:
        desk.ask()
    assert caught.value.reason == "no_presence"
    assert desk.prove("") == desk.prove("000000") == "code_ended"
    shown = Desk()  # the control
    assert shown.ask() is False and shown.display.code


@pytest.mark.clause("L16")
@pytest.mark.attack(1)
def test_fail__at_the_desk_a_code_is_for_one_session_one_action_and_its_arguments(tmp_path):
    home = Home(tmp_path)
    owner, other = (home.sessions.open("owner", b"", name, 3600.0) for name in ("one", "other"))
    viewer = home.sessions.open("viewer", b"", "viewer", 3600.0)
    pair, another = ("snapshot", "lightmake"), ("print_history", "lightmake")
    asked = {"choices": [home.choice(pair)], "of_age": True}
    more = {"choices": [home.choice(pair), home.choice(another)], "of_age": True}
    with pytest.raises(Refused) as caught:
        home.shown(viewer, "decide", asked)
    assert caught.value.reason == "not_your_role" and home.screen.shown == []
    for session, action, arguments in (
        (other, "decide", asked),
        (owner, "decide", more),
        (owner, "decide", {**asked, "of_age": False}),
        (owner, "decide", {"choices": [home.choice(pair, hours=1)], "of_age": True}),
        (owner, "erase", {}),
        (owner, "declare_of_age", {}),
    ):
        code = home.shown(owner, "decide", asked)
        with pytest.raises(Refused) as caught:
            home.do(session, action, arguments, code)
        assert caught.value.reason == "code_ended"
    code = home.shown(owner, "decide", asked)
    assert home.screen.texts[-1].startswith("to allow: Camera snapshot to lightmake, without an end;")
    assert home.allowed() == set() and home.erased == 0
    home.do(owner, "decide", asked, code)
    assert home.allowed() == {pair} and home.screen.hidden == 7
    assert home.parts.consents.current(*pair)[0].method == "screen code"
    with pytest.raises(Refused):
        home.do(owner, "decide", asked, code)


@pytest.mark.attack(1)
def test_fail__nobody_asks_for_something_else_while_the_device_shows_a_code():
    for button, who, said in ((False, "b", "code_busy"), (True, "a", "code_busy"), (False, "a", "")):
        desk = Desk(button=button)
        desk.presence.ask("for an hour", "to allow it for an hour", "a")
        try:
            desk.presence.ask("for ever", "to allow it for ever", who)
            told = ""
        except Refused as refusal:
            told = refusal.reason
        assert told == said
        if not told:  # the same person thought better of it: the first code is worth nothing
            first, second = desk.display.seen[0][0], desk.display.seen[1][0]
            assert desk.prove(first, "for an hour") == "code_ended" and first != second


@pytest.mark.attack(1, 10)
def test_fail__guesses_in_turns_with_new_codes_wait_after_five():
    desk = Desk()
    looked = refused = 0
    for _ in range(20):
        try:
            desk.ask()
        except Refused as refusal:
            refused += refusal.reason == "pairing_waits"
            continue
        code = desk.display.code
        looked += sum(desk.prove(wrong(code)) == "code_wrong" for _ in range(2))
    assert looked == 5 and refused == 17
