"""Recipients on the owner's own network: shown pictures, sent no message, and told as what they are everywhere."""

import asyncio
import json
from pathlib import Path

import jsonschema
import pytest

from firmware_agent import config
from firmware_agent.catalogue import Catalogue
from firmware_agent.cli import build
from firmware_agent.consent.changes import changes
from firmware_agent.errors import ConfigError, Refused
from firmware_agent.model import GIVEN, ConsentRecord, Record
from firmware_agent.owner.receipts import verify
from firmware_agent.owner.receipts.receipt import Facts, receipt
from host_tests.fakes import NOW, World, catalogue
from host_tests.properties.generate import shipped
from host_tests.rigs.agent import Rig, plain
from host_tests.rigs.broker import free_port
from host_tests.rigs.owners import Home
from host_tests.test_command_line import call
from host_tests.test_profile import compiled, edited

BOOK = catalogue()
LOCAL = [pair for pair in BOOK.pairs() if BOOK.local(pair[1])]
PICTURE = b"\xff\xd8\xff\xd9"
SCHEMA = json.loads((Path(verify.__file__).parent / "receipt.schema.json").read_text("utf-8"))


def test_ok__the_shipped_profile_has_the_cameras_purposes_apart():
    assert {pair for pair in BOOK.pairs() if BOOK.purposes[pair[0]]["media"]} == {
        ("live_view", "owner"),
        ("snapshot", "owner"),
        ("snapshot", "lightmake"),
        ("failure_detection", "lightmake"),
        ("support_photo", "lightmake"),
        ("surface_scan", "lightmake"),
        ("support_bundle", "lightmake"),
        ("local_service", "timelapse"),
        ("local_service", "home"),
    }
    asked = {name for name, row in BOOK.purposes.items() if row["ask"] == "first"}
    assert asked == {"improvement_program", "print_history", "live_view"}
    assert {name for name in BOOK.purposes if BOOK.on_request(name)} == {
        *("live_view", "support_photo", "surface_scan", "support_bundle", "local_service")
    }
    assert all(BOOK.keep(name) == 0 for name, row in BOOK.purposes.items() if row["media"])  # never kept


@pytest.mark.clause("L3")
@pytest.mark.parametrize("pair", LOCAL, ids=" ".join)
def test_ok__the_text_that_is_agreed_to_says_that_it_stays_on_the_network(pair):
    text = "".join(BOOK.text(*pair)).split("\n")
    assert "recipient.local: yes" in text and "recipient.topic: " in text
    assert f"recipient.name: {BOOK.recipients[pair[1]]['name']}" in text
    assert not any(line.startswith("purpose.ask") for line in text)  # when it is asked is not what is agreed to


def test_ok__the_text_of_everybody_else_is_as_it_was():
    for pair in BOOK.pairs():
        assert ("recipient.local" in "".join(BOOK.text(*pair))) == (pair in LOCAL)


@pytest.mark.clause("L3", "L19")
def test_fail__a_recipient_that_is_suddenly_elsewhere_is_asked_for_again():
    moved = Catalogue(compiled(edited("recipient.owner", {"name": "You, on your own network", "topic": "owner/1"})))
    found = changes("".join(BOOK.text("live_view", "owner")), "".join(moved.text("live_view", "owner")))
    assert {one.what for one in found if one.wider} >= {"recipient.topic", "recipient.local"}


@pytest.mark.clause("L1", "L3")
@pytest.mark.parametrize("pair", LOCAL, ids=" ".join)
def test_fail__no_message_is_made_for_them_even_with_consent(pair):
    world = World()
    world.decide(pair[0], GIVEN[0], recipient=pair[1])
    assert world.gate.decide(*pair).allowed
    with pytest.raises(Refused):
        world.gate.collect(Record({"picture": PICTURE}), *pair)
    with pytest.raises(Refused) as caught:
        world.gate.request("delete", *pair, bytes(32), bytes(16), bytes(16))
    assert caught.value.reason == "unknown_recipient"


@pytest.mark.parametrize("name", ["owner", "timelapse", "home"])
def test_fail__an_uplink_to_them(tmp_path, name):
    rig = Rig(tmp_path, plain(free_port()))
    rig.file.write_text(rig.file.read_text().replace("[uplink.lightmake]", f"[uplink.{name}]"))
    with pytest.raises(ConfigError) as caught:
        build.parts(config.load(rig.file), rig.device)
    message = str(caught.value)
    assert f"uplink.{name}: this recipient is on the owner's own network" in message
    assert message.endswith("allowed: lightmake") and "\n" not in message


@pytest.mark.parametrize("pair", LOCAL, ids=" ".join)
def test_ok__their_receipt_holds_together_and_says_what_is_kept(pair):
    record = ConsentRecord(*pair, GIVEN[0], BOOK.policy(*pair), 7, "owner", "page", NOW, None)
    facts = Facts(
        purpose=BOOK.purposes[pair[0]],
        recipient=BOOK.recipients[pair[1]],
        fields=BOOK.fields_of(pair[0]),
        profile=BOOK.profile,
        version=BOOK.version,
        text="".join(BOOK.text(*pair)),
        alias="ab" * 16,
        now=NOW,
        head="cd" * 32,
    )
    made = receipt(record, facts)
    jsonschema.Draft202012Validator(SCHEMA).validate(made)
    assert verify.check(made, facts.text.encode()) == []
    process = made["dct:hasPart"]["dpv:hasProcess"]
    assert "own network" in process["dpv:hasStorageCondition"][1]["dpv:hasLocation"]["dct:description"]
    assert "rights delete" not in process["dpv:hasRight"]["dpv:isExercisedAt"]
    assert pair[0] in process["dpv:hasConsentControl"]["dpv:isExercisedAt"]


def test_ok__the_command_line_copes_with_them(tmp_path):
    rig = Rig(tmp_path, plain(free_port()))
    rig.grant("improvement_program")
    code, shown, _ = call(rig, "consent", "show")
    assert code == 0 and all(f"{purpose} -> {recipient}\n" in shown for purpose, recipient in BOOK.pairs())
    code, _, errors = call(rig, "rights", "delete", "live_view")
    assert code == 3 and "recipient_local" in errors
    assert call(rig, "consent", "refuse", "live_view")[0] == 0
    assert call(rig, "consent", "refuse", "local_service", "--recipient", "home")[0] == 0
    code, shown, _ = call(rig, "policy", "show", "live_view")
    assert code == 0 and "recipient.local: yes" in shown
    code, shown, _ = call(rig, "consent", "withdraw", "--all")
    assert code == 0 and "Withdrawn: improvement_program -> lightmake" in " ".join(shown.split())


def test_ok__the_page_is_told_which_they_are_and_when_each_is_asked_for(tmp_path):
    home = Home(tmp_path)
    _, owner = home.pair("owner")
    shown = home.desk.home(owner)
    assert shown["device"]["maker"].startswith("LightMake")
    told = {(row["purpose"], row["recipient"]): (row["ask"], row["local"]) for row in shown["purposes"]}
    assert told == {pair: (BOOK.purposes[pair[0]]["ask"], BOOK.local(pair[1])) for pair in BOOK.pairs()}


def test_fail__a_deletion_is_asked_of_nobody_on_the_own_network(tmp_path):
    home = Home(tmp_path)
    _, owner = home.pair("owner")

    async def story():
        with pytest.raises(Refused) as caught:
            await home.desk.do(owner, "delete_upstream", {"purpose": "live_view", "recipient": "owner"}, None)
        assert caught.value.reason == "recipient_local"
        await home.agent.close()

    asyncio.run(story())


def test_ok__laserpecker_has_none_and_asks_for_all_but_one_at_first():
    other = catalogue("laserpecker")
    assert not any(map(other.local, other.recipients))
    assert {name for name, row in other.purposes.items() if row["ask"] != "first"} == {"support_bundle"}
    rows = shipped("laserpecker")["purpose"]
    assert {name: row["ask"] for name, row in rows.items() if "ask" in row} == {"support_bundle": "later"}
