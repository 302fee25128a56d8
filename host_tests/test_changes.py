"""A wider policy asks anew, a narrower one does not, and no update of anything flips a decision (attack 19)."""

import asyncio
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from firmware_agent import cbor, config
from firmware_agent.catalogue import Catalogue, pack
from firmware_agent.cli import build
from firmware_agent.consent.changes import changes, wider
from firmware_agent.consent.installed import signed
from firmware_agent.consent.texts import PREFIX
from firmware_agent.egress.ledger import entries
from firmware_agent.errors import CatalogueError, ConfigError
from firmware_agent.profiles.compiler import compile_profile
from host_tests.fakes import MemoryStorage, catalogue
from host_tests.properties.generate import Text, every_transform, shipped, toml
from host_tests.rigs.agent import Rig, forward, plain
from host_tests.rigs.broker import free_port
from host_tests.rigs.maker import Maker
from host_tests.rigs.owners import Home, InMemory
from host_tests.test_command_line import at_the_terminal, call
from host_tests.test_profile import GONE, edited

RECIPIENTS = ("maker", "partner")
PAIRS = {("all", "maker"), ("all", "partner"), ("look", "maker"), ("other", "partner")}
ALL = {("all", "maker"), ("all", "partner")}
OTHER, LOOK = {("other", "partner")}, {("look", "maker")}


def write(path: Path, tree):
    path.write_bytes(compile_profile(Text(toml(tree))))
    return path


def several(*edits, base=None):
    tree = every_transform() if base is None else base
    for path, value in edits:
        tree = edited(path, value, tree)
    return tree


class Device:
    """One flash, and the policies that come to it one after the other, each installed in the right way."""

    def __init__(self, directory, tree=None):
        self.directory = directory
        self.number = 0
        write(directory / "policy.cbor", tree or every_transform())
        self.home = Home(directory, "policy.cbor", RECIPIENTS)
        self.phone, self.owner = self.home.pair("owner")

    def allow_all(self):
        self.home.allow(self.phone, self.owner, *sorted(PAIRS))
        assert self.home.allowed() == PAIRS
        return self

    def becomes(self, tree, version=None):
        """The new policy as a signed update brings it, and a restart."""
        self.number += 1
        text = write(self.directory / "new.cbor", {**tree, "version": version or f"2.{self.number}"}).read_bytes()
        self.home.device.storage.write("profile.cbor", text)
        self.home.start()
        self.owner = self.home.sessions.open("owner", self.phone.key, "phone", 3600.0)
        return self.home.allowed()

    def desk_home(self):
        return self.home.desk.home(self.owner)

    def reason(self, pair):
        return self.home.parts.gate.decide(*pair).reason

    def copy(self, directory):
        """The same flash in another device."""
        directory.mkdir()
        shutil.copy(self.directory / "policy.cbor", directory)
        found = object.__new__(Device)
        found.directory, found.number, found.phone = directory, 0, self.phone
        device = InMemory(MemoryStorage(self.home.device.storage.files))
        found.home = Home(directory, "policy.cbor", RECIPIENTS, device)
        return found


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    return Device(tmp_path_factory.mktemp("given")).allow_all()


# what changes: (edits, the decisions that it shuts)
KEPT = {**every_transform()["field"]["never"], "transform": "keep", "purposes": ["all"], "retention": "1 d"}
COUNT = {key: every_transform()["field"]["count"][key] for key in ("id", "category", "purposes", "sensitivity")}
WIDER = {
    "another title": ([("purpose.all.title", "U")], ALL),
    "another notice": ([("purpose.all.notice", "O")], ALL),
    "more often": ([("purpose.other.every", "0 s")], OTHER),
    "kept for longer": ([("purpose.all.retention", "3 d")], ALL),
    "a picture is kept": ([("purpose.look.retention", "3 d")], LOOK),
    "another name of a recipient": ([("recipient.partner.name", "Q")], {("all", "partner"), *OTHER}),
    "another topic of a recipient": ([("recipient.maker.topic", "q/1")], {("all", "maker"), *LOOK}),
    "another key of a recipient": ([("recipient.maker.answers", "ab" * 32)], {("all", "maker"), *LOOK}),
    "another number of a field": ([("field.flag.id", 900)], ALL),
    "another category": ([("field.flag.category", "other")], ALL),
    "another clause of a field": ([("field.flag.clause", "L7")], ALL),
    "more sensitive": ([("field.flag.sensitivity", "personal")], ALL),
    "a field is kept for longer": ([("field.flag.retention", "2 d")], ALL),
    "a lower minimum": ([("field.count.min", -4)], ALL),
    "a higher maximum": ([("field.count.max", 301)], ALL),
    "no bounds": ([("field.count", {**COUNT, "transform": "keep", "clause": "L6", "retention": "1 d"})], ALL),
    "a finer step": ([("field.warmth.step", 1)], ALL | OTHER),
    "a step that is no multiple": ([("field.warmth.step", 8)], ALL | OTHER),
    "rounded becomes exact": ([("field.warmth.transform", "keep"), ("field.warmth.step", GONE)], ALL | OTHER),
    "a step of twice as much": ([("field.warmth.step", 14)], ALL | OTHER),
    "an edge more": ([("field.level.edges", [10, 15, 20, 30])], ALL),
    "an edge moves": ([("field.level.edges", [10, 20, 31])], ALL),
    "a word more": ([("field.mode.values", ["one", "two", "three"])], ALL),
    "a word becomes another": ([("field.mode.values", ["one", "three"])], ALL),
    "larger pictures": ([("field.view.max", 5000)], LOOK),
    "a field serves one purpose more": ([("field.flag.purposes", ["all", "other"])], OTHER),
    "a field moves": ([("field.flag.purposes", ["other"])], OTHER),
    "a dropped field is kept": ([("field.never", KEPT)], ALL),
    "a new field": ([("field.fresh", {**KEPT, "id": 77})], ALL),
    "a field under another name": (
        [("field.flag", GONE), ("field.banner", every_transform()["field"]["flag"])],
        ALL,
    ),
    "narrower and wider at once": ([("purpose.all.retention", "1 d"), ("field.count.max", 301)], ALL),
    "a lower age": ([("age.threshold", 12)], PAIRS),
    "a higher age": ([("age.threshold", 18)], PAIRS),
    "guardians": ([("age.guardian", True)], PAIRS),
}
NARROWER = {
    "kept for less time": [("purpose.all.retention", "1 d")],
    "a field is kept for less time": [("field.flag.retention", "1 h")],
    "less often": [("purpose.all.every", "2 s"), ("purpose.look.every", "1 h")],
    "a coarser step": [("field.warmth.step", 21)],
    "an edge less": [("field.level.edges", [10, 30])],
    "a word less": [("field.mode.values", ["two"])],
    "a field is dropped": [("field.flag", GONE)],
    "a field serves one purpose less": [("field.warmth.purposes", ["all"])],
    "a field leaves no more": [
        ("field.flag.transform", "drop"),
        ("field.flag.purposes", GONE),
        ("field.flag.retention", GONE),
    ],
    "another clause of a purpose": [("purpose.all.clauses", ["L6", "L7"])],
    "a purpose more": [("purpose.fresh", every_transform()["purpose"]["other"]), ("field.extra.purposes", ["fresh"])],
    "only another version": [],
}


@pytest.mark.clause("L19", "P5")
@pytest.mark.parametrize("what", WIDER)
def test_fail__what_is_wider_shuts_its_purposes_until_they_are_asked_again(given, tmp_path, what):
    edits, shut = WIDER[what]
    device = given.copy(tmp_path / "copy")
    before = device.home.states()
    assert device.becomes(several(*edits)) == PAIRS - shut
    assert all(device.reason(pair) == "policy_changed" for pair in shut)
    assert device.home.states() == before  # nothing was decided: it does not count any more, that is all
    home = device.desk_home()
    for row in home["purposes"]:
        pair = (row["purpose"], row["recipient"])
        assert (row["state"] == "changed") == (pair in shut) and bool(row["changes"]) == (pair in shut)
        assert not row["changes"] or any(one["wider"] and one["meaning"] for one in row["changes"])
    for pair in sorted(shut):
        device.home.allow(device.phone, device.owner, pair)
    assert device.home.allowed() == PAIRS  # asked again, and it holds
    assert device.becomes(several(*edits)) == PAIRS


@pytest.mark.clause("L19")
@pytest.mark.parametrize("what", NARROWER)
def test_ok__what_is_narrower_or_the_same_goes_on(given, tmp_path, what):
    device = given.copy(tmp_path / "copy")
    before = {(one.purpose, one.recipient): one.row() for one in device.home.parts.consents.records()}
    tree = several(*NARROWER[what])
    assert device.becomes(tree) == PAIRS
    after = {(one.purpose, one.recipient): one.row() for one in device.home.parts.consents.records()}
    assert before == after
    device.home.device.passed += 30 * 86400
    assert device.becomes(tree) == PAIRS


@pytest.mark.clause("L19", "P5")
def test_fail__step_by_step_is_no_way_around(given, tmp_path):
    """Narrower, then back as wide as it was consented to: covered. Wider than what was consented to: never."""
    device = given.copy(tmp_path / "copy")
    coarse = several(("field.warmth.step", 21))
    assert device.becomes(coarse) == PAIRS
    assert device.becomes(every_transform()) == PAIRS  # this very text was consented to
    assert device.becomes(coarse) == PAIRS
    device.home.allow(device.phone, device.owner, ("all", "maker"))  # now to the narrower one
    assert device.becomes(every_transform()) == PAIRS - {("all", "maker")}


@pytest.mark.clause("L19", "P11")
def test_fail__a_text_that_is_lost_or_damaged_covers_nothing(given, tmp_path):
    narrower = several(("purpose.all.retention", "1 d"))
    for number, hurt in enumerate((lambda data: None, lambda data: b"", lambda data: b"x" + data[1:])):
        device = given.copy(tmp_path / str(number))
        storage = device.home.device.storage
        for name in [one for one in storage.names() if one.startswith(PREFIX)]:
            changed = hurt(storage.read(name))
            if changed is None:
                storage.remove(name)
            else:
                storage.write(name, changed)
        assert device.becomes(narrower) == PAIRS - ALL  # the others' text is today's
        assert {device.reason(pair) for pair in ALL} == {"policy_changed"}


@pytest.mark.clause("P5", "L2")
def test_fail__a_new_purpose_and_a_new_recipient_are_undecided(given, tmp_path):
    device = given.copy(tmp_path / "copy")
    fresh = [("purpose.fresh", every_transform()["purpose"]["other"]), ("field.extra.purposes", ["other", "fresh"])]
    tree = several(*fresh, ("purpose.other.recipients", ["maker", "partner"]))
    assert device.becomes(tree) == PAIRS
    for pair in (("fresh", "partner"), ("other", "maker")):
        assert device.reason(pair) == "consent_missing"


@pytest.mark.clause("C1", "L19")
def test_fail__use_is_never_consent(tmp_path):
    """Thirty days of prints under a policy that nobody was asked about."""
    write(tmp_path / "policy.cbor", shipped())
    home = Home(tmp_path, "policy.cbor")
    phone, owner = home.pair("owner")
    pair = ("improvement_program", "lightmake")
    home.allow(phone, owner, pair)
    records = [one.row() for one in home.parts.consents.records()]
    tree = edited("field.progress.step", 1, {**shipped(), "version": "2027-1"})
    home.device.storage.write("profile.cbor", write(tmp_path / "new.cbor", tree).read_bytes())
    home.start()

    async def month():
        for _ in range(30):
            await forward(home, home.agent, 86400, step=3600.0)
            assert home.allowed() == set() and home.parts.gate.decide(*pair).reason == "policy_changed"
        assert not home.agent.uplinks["lightmake"].waiting()
        await home.agent.close()

    asyncio.run(month())
    assert [one.row() for one in home.parts.consents.records()] == records
    assert not any(event == "attempted" for event, _, _ in home.agent.ledger.totals())
    home.start()
    session = home.sessions.open("owner", phone.key, "phone", 3600.0)
    home.allow(phone, session, pair)  # the control: asked, it holds
    assert home.allowed() == {pair}


def test_ok__each_change_says_what_it_means():
    tree = several(("field.warmth.step", 21), ("purpose.other.every", "0 s"))
    books = [Catalogue(compile_profile(Text(toml(one)))) for one in (every_transform(), tree)]
    old, new = ("".join(book.text("other", "partner")) for book in books)
    found = changes(old, new)
    assert [(one.what, one.before, one.after, one.wider, one.meaning) for one in found] == [
        ("purpose.every", "1", "0", True, "it leaves more often"),
        ("field.warmth.transform.step", "7", "21", False, "it is rounded more"),
    ]
    assert wider("", new) and changes(old, old) == []


def test_ok__a_number_that_changes_more_often_tells_less():
    text = "field.alias.category: x\nfield.alias.transform.epoch: {}\n"
    for old, new, grew in ((172800, 86400, False), (86400, 172800, True), (86400, 86400, False)):
        assert wider(text.format(old), text.format(new)) == grew, (old, new)
    assert wider(
        "field.a.category: x\nfield.a.transform.form: E#\n", "field.a.category: x\nfield.a.transform.form: @#\n"
    )


def test_fail__rounding_that_only_looks_coarser():
    text = "field.warmth.category: x\nfield.warmth.transform.step: {}\n"
    for old, new, grew in ((2, 6, False), (2, 4, True), (4, 6, True), (6, 2, True), (5, 5, False), (1, 3, False)):
        assert wider(text.format(old), text.format(new)) == grew, (old, new)


@pytest.mark.attack(19)
def test_fail__a_name_in_a_policy_that_would_hide_what_it_widens():
    good = compile_profile(Text(toml(every_transform())))
    build.Catalogue(good)  # the control
    for table in ("field", "purpose", "recipient"):
        for name in ("x\nfield.warmth.transform.step: 7\nend", "X", "a b", "a.b", "", "a" * 41):
            rows = cbor.decode(good[32:])
            some = rows[table + "s"]
            old = sorted(some)[0]
            some[name] = some.pop(old)
            for row in [*rows["purposes"].values(), *rows["fields"].values()]:
                for key in ("recipients", "purposes"):
                    if key in row:
                        row[key] = [name if one == old else one for one in row[key]]
            with pytest.raises(CatalogueError):
                build.Catalogue(pack(rows))
    assert wider("a: 1\nb: 2\n", "a: 1\nb: 2\nb: 2\n")  # and a line that stands there twice is no such text


# --- updates and downgrades


def flags(home):
    return [one.row() for one in home.parts.consents.records()], home.allowed(), home.parts.authority.age


@pytest.mark.attack(19)
def test_fail__an_update_of_the_software_flips_nothing(tmp_path, monkeypatch):
    home = Home(tmp_path)
    phone, owner = home.pair("owner")
    home.allow(phone, owner, ("snapshot", "lightmake"))
    home.do(owner, "refuse", {"purpose": "print_history", "recipient": "lightmake"})
    home.do(owner, "later", {"purpose": "improvement_program", "recipient": "lightmake"})
    before = flags(home)
    for version in ("0.1.1", "0.2.0", "1.0", "2026.11"):
        monkeypatch.setattr(build, "__version__", version)
        home.start()
        assert flags(home) == before
    monkeypatch.setattr(build, "__version__", "2026.10")
    with pytest.raises(ConfigError, match=r"agent 2026\.10 is older than 2026\.11, which ran here"):
        home.start()
    monkeypatch.setattr(build, "__version__", "2026.11")
    home.start()
    assert flags(home) == before


@pytest.mark.attack(19)
def test_fail__an_older_policy(given, tmp_path):
    device = given.copy(tmp_path / "copy")
    assert device.becomes(every_transform(), "3.10") == PAIRS
    storage, file = device.home.device.storage, device.directory / "policy.cbor"
    for version, words in (("3.9", "is older than 3.10"), ("2", "is older than 3.10"), ("1", "is older than 3.10")):
        storage.remove("profile.cbor")
        write(file, {**every_transform(), "version": version})
        with pytest.raises(ConfigError, match=words):
            device.home.start()
        storage.write("profile.cbor", file.read_bytes())
        with pytest.raises(ConfigError, match=words):
            device.home.start()
    write(storage_file := tmp_path / "same.cbor", {**every_transform(), "version": "3.10"})
    storage.write("profile.cbor", storage_file.read_bytes())
    assert device.becomes(every_transform(), "3.10") == PAIRS  # the control


@pytest.mark.attack(19)
def test_fail__an_older_policy_after_one_slot_was_damaged(given, tmp_path):
    for name in ("profile.0", "profile.1"):
        device = given.copy(tmp_path / name)
        assert device.becomes(every_transform(), "3.10") == PAIRS
        storage = device.home.device.storage
        data = storage.read(name)
        assert data
        storage.write(name, data[:40] + bytes([data[40] ^ 1]) + data[41:])
        storage.remove("profile.cbor")  # the configuration still names the first one
        with pytest.raises(ConfigError, match=r"is older than 3\.10"):
            device.home.start()


@pytest.mark.attack(5, 19)
def test_fail__when_both_slots_are_damaged_nobody_knows_which_policy_was_the_newest(given, tmp_path):
    device = given.copy(tmp_path / "copy")
    storage = device.home.device.storage
    kept = dict(storage.files)
    for name in ("profile.0", "profile.1"):
        storage.write(name, b"x" + storage.read(name)[1:])
    with pytest.raises(ConfigError, match="damaged, so nobody knows which policy was the newest here"):
        device.home.start()
    storage.files = dict(kept)
    storage.files["consent.key"] = bytes(32)  # an erase that a power cut ended: all begins anew, and nothing is allowed
    device.home.start()
    assert device.home.allowed() == set() and device.home.parts.people.all() == []


@pytest.mark.attack(19)
def test_fail__a_policy_that_nobody_installed(given, tmp_path):
    device = given.copy(tmp_path / "copy")
    file = device.directory / "policy.cbor"
    right = file.read_bytes()
    for tree in ({**every_transform(), "version": "2"}, several(("field.warmth.step", 1))):
        write(file, tree)
        with pytest.raises(ConfigError, match="is not the one that was used here") as caught:
            device.home.start()
        assert "firmware-agent policy install" in str(caught.value)
    file.write_bytes(right)
    device.home.start()
    assert device.home.allowed() == PAIRS


@pytest.fixture
def maker(tmp_path):
    return Maker(tmp_path)


@pytest.fixture
def rig(tmp_path, maker):
    """An agent whose configuration knows the maker's key, with one purpose allowed."""
    found = Rig(tmp_path, plain(free_port()), extra=f'maker = "{maker.public.hex()}"')
    code, shown = at_the_terminal(found, "consent", "grant", "improvement_program")
    assert code == 0, shown
    return found


def newer(rig, **changes):
    tree = {**shipped(), "version": "2027-1"}
    for path, value in changes.items():
        tree = edited(path.replace("__", "."), value, tree)
    return write(rig.file.parent / "newer.cbor", tree)


def signature(rig, maker, file, prefix=None):
    path = rig.file.parent / "signature"
    data = signed(file.read_bytes()) if prefix is None else prefix + file.read_bytes()
    path.write_text(maker.sign(data).hex() + "\n")
    return str(path)


def standing(rig):
    parts = build.parts(config.load(rig.file), rig.device)
    return parts.catalogue.version, {pair[0] for pair in parts.catalogue.pairs() if parts.gate.decide(*pair).allowed}


@pytest.mark.clause("L19")
@pytest.mark.attack(19)
def test_ok__a_policy_with_the_makers_signature_is_installed(rig, maker):
    file = newer(rig, field__progress__step=1)
    code, shown, errors = call(rig, "policy", "install", str(file), "--signature", signature(rig, maker, file))
    assert code == 0, errors
    assert "field.progress.transform.step: 5 becomes 1: it is told more exactly. You are asked again." in " ".join(
        shown.split()
    )
    assert standing(rig) == ("2027-1", set())
    shown = call(rig, "consent", "show")[1]
    assert "the policy changed since" in " ".join(shown.split()) and "ALLOWED" not in shown
    code, shown = at_the_terminal(rig, "consent", "grant", "improvement_program")
    assert code == 0 and standing(rig) == ("2027-1", {"improvement_program"})
    assert ("installed", "lightmake 2027-1") in [
        (row["event"], row["detail"]) for row, _, _ in entries(rig.device.storage)
    ]


@pytest.mark.attack(1, 19)
def test_fail__a_wrong_signature_installs_nothing(rig, maker, tmp_path):
    file = newer(rig)
    stranger = Maker(tmp_path, 2)
    plain_one = signature(rig, maker, file, b"")
    for path in (signature(rig, stranger, file), plain_one):
        code, _, errors = call(rig, "policy", "install", str(file), "--signature", path)
        assert code == 1 and "the maker did not sign this profile; nothing was installed" in errors
    path = signature(rig, maker, file)
    data = bytearray(file.read_bytes())
    other = newer(rig, field__progress__step=1)
    code, _, errors = call(rig, "policy", "install", str(other), "--signature", path)
    assert code == 1 and "did not sign" in errors
    for text in ("", "zz", "ab" * 63):
        Path(path).write_text(text)
        code, _, errors = call(rig, "policy", "install", str(other), "--signature", path)
        assert code == 1 and ("cannot be read" in errors or "did not sign" in errors)
    file.write_bytes(bytes(data))
    rig.file.write_text(re.sub("maker = .*", "", rig.file.read_text()))
    code, _, errors = call(rig, "policy", "install", str(file), "--signature", signature(rig, maker, file))
    assert code == 1 and "no key is configured" in errors
    assert standing(rig) == (catalogue().version, {"improvement_program"})


@pytest.mark.clause("L19")
@pytest.mark.attack(1, 19)
def test_ok__a_policy_is_installed_by_a_person_at_the_device_and_by_nobody_else(rig):
    file = newer(rig, purpose__improvement_program__every="1 min")
    code, _, errors = call(rig, "policy", "install", str(file), typed="1234\n" * 9)
    assert code == 3 and "no_presence" in errors
    code, shown = at_the_terminal(rig, "policy", "install", str(file), answer="no")
    assert code == 3 and "Nothing changed." in shown and standing(rig)[0] == catalogue().version
    code, shown = at_the_terminal(rig, "policy", "install", str(file))
    assert code == 0 and "The policy of lightmake becomes 2027-1." in shown
    assert standing(rig) == ("2027-1", {"improvement_program"})  # narrower: the consent goes on
    for version, words in (("2027-1", "is not newer than 2027-1"), ("2026-11", "is not newer"), ("1", "is not")):
        write(file, {**shipped(), "version": version})
        code, _, errors = call(rig, "policy", "install", str(file))
        assert code == 1 and words in errors
    write(file, {**shipped("laserpecker"), "version": "2029"})
    code, _, errors = call(rig, "policy", "install", str(file))
    assert code == 1 and "is of laserpecker; this device has lightmake" in errors
    file.write_bytes(b"not a profile")
    code, _, errors = call(rig, "policy", "install", str(file))
    assert code == 1 and "damaged" in errors
    assert standing(rig) == ("2027-1", {"improvement_program"})


@pytest.mark.attack(19)
def test_ok__a_maker_signs_with_the_tool_that_the_docs_name(rig, tmp_path):
    file, key = newer(rig, purpose__improvement_program__every="1 min"), tmp_path / "maker.key"
    command = [str(Path(__file__).parents[1] / "tools/sign_profile"), str(file), str(key)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and key.stat().st_mode & 0o777 == 0o600
    (tmp_path / "policy.sig").write_text(done.stdout)
    rig.file.write_text(re.sub("maker = .*\n", "", rig.file.read_text()))
    rig.file.write_text(done.stderr + rig.file.read_text())
    code, shown, errors = call(rig, "policy", "install", str(file), "--signature", str(tmp_path / "policy.sig"))
    assert code == 0, shown + errors
    assert subprocess.run(command, capture_output=True, text=True, timeout=60).stdout == done.stdout  # the same key
