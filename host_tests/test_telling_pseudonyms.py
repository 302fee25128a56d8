"""What an owner reads where a message holds a number that stands for the printer."""

import pytest

from firmware_agent import cbor
from firmware_agent.catalogue import Catalogue
from firmware_agent.cli import words
from firmware_agent.itself import marked
from firmware_agent.model import Record
from firmware_agent.profiles.compiler import compile_profile
from host_tests.properties.generate import Text, shipped, toml

PROGRAM, NUMBER = "improvement_program", bytes(range(16))


def said(number, tree=None, pair=None):
    catalogue = Catalogue(compile_profile(Text(toml(tree or shipped()))))
    return words.payload(cbor.encode([2, bytes(16), PROGRAM, [[pair or [31, number]]]]), catalogue)


@pytest.mark.clause("L11")
def test_ok__it_is_called_what_it_is():
    assert said(NUMBER) == [[f"printer = a number that changes every day ({NUMBER.hex()})"]]
    assert said(bytes(16)) == [["printer = a number that changes every day"]]  # as `show` has it, before it is made
    weekly = shipped()
    weekly["field"]["printer"]["epoch"] = "7 d"
    assert said(NUMBER, weekly) == [[f"printer = a number that changes every 7 days ({NUMBER.hex()})"]]


def test_ok__a_version_is_shown_as_people_write_it():
    assert said(b"", pair=[32, 1012]) == [["firmware_version = 1.12"]]


@pytest.mark.attack(13)
def test_fail__a_printer_that_calls_itself_something():
    """What stands for it is the agent's own constant; where it is not declared, nothing is added."""
    record = Record({"progress": 1, "printer": "SN-12345"}, 7)
    assert marked(record, ["progress", "printer"]).fields == {"progress": 1, "printer": "printer"}
    assert marked(record, ["progress", "printer"]).at == 7 and record.fields["printer"] == "SN-12345"
    plain = Record({"progress": 1})
    assert marked(plain, ["progress"]) is plain
