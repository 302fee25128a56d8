"""The owner's desk with a whole agent behind it: it shows what is true, and does at once what it is told."""

import asyncio
import hashlib
import http.client
import io
import json
import zipfile
from collections import Counter

import jsonschema
import pexpect
import pytest

from firmware_agent.consent.people import People
from firmware_agent.egress.ledger import entries
from firmware_agent.errors import AgentError
from firmware_agent.model import GIVEN, REFUSED, WITHDRAWN
from firmware_agent.owner.receipts import verify
from firmware_agent.owner.stores import is_key
from firmware_agent.refusals import REASONS, Refused
from host_tests.fakes import NOW
from host_tests.properties.generate import shipped
from host_tests.rigs.agent import SlowDevice, forward, until
from host_tests.rigs.broker import Broker, Subscriber, free_port, wait_for
from host_tests.rigs.lived import PROGRAM
from host_tests.rigs.owners import Home, Phone
from host_tests.test_changes import write
from host_tests.test_profile import edited
from host_tests.test_receipts import SCHEMA

PROGRAM_PAIR, HISTORY, SNAPSHOT = (
    (purpose, "lightmake") for purpose in ("improvement_program", "print_history", "snapshot")
)
ON = {"of_age": True}


def named(pair):
    return {"purpose": pair[0], "recipient": pair[1]}


def rows(home, event=None):
    return [row for row, _, _ in entries(home.device.storage) if event in (None, row["event"])]


class Used:
    """A home whose owner allowed something, of which some left to a real broker."""

    def __init__(self, directory, broker):
        self.home = Home(directory, device=SlowDevice(directory / "state"), port=broker.port)
        self.phone, self.owner = self.home.pair("owner")
        _, self.viewer = self.home.pair("viewer")
        self.home.allow(self.phone, self.owner, PROGRAM_PAIR)
        with Subscriber(broker.inside) as maker:
            asyncio.run(self._send())
            wait_for(lambda: len(maker.messages) >= len(rows(self.home, "acknowledged")) > 0)
            self.arrived = maker.payloads()

    async def _send(self):
        home, agent = self.home, self.home.agent
        await forward(home, agent, 3)
        await until(agent, lambda: rows(home, "acknowledged"))
        await forward(home, agent, 60, step=10.0)
        await until(agent, lambda: len(rows(home, "acknowledged")) > 1)
        await agent.close()


@pytest.fixture(scope="module")
def used(tmp_path_factory):
    directory = tmp_path_factory.mktemp("used")
    with Broker(directory) as broker:
        yield Used(directory, broker)


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


# --- what it shows


@pytest.mark.clause("L13", "L17")
def test_ok__home_says_what_stands_and_what_left_today(used):
    shown = used.home.desk.home(used.owner)
    done = rows(used.home, "acknowledged") + rows(used.home, "unknown")
    (today,) = shown["today"]
    assert (today["purpose"], today["messages"]) == (PROGRAM_PAIR[0], len(done))
    assert today["bytes"] == sum(row["size"] for row in done) == sum(map(len, used.arrived))
    assert today["events"] == sum(row["count"] for row in done)
    assert shown["device"]["head"] == used.home.agent.ledger.head.hex()
    assert shown["device"]["entries"] == rows(used.home)[-1]["number"]
    stands = {row["purpose"]: (row["state"], row["allowed"]) for row in shown["purposes"]}
    assert stands[PROGRAM_PAIR[0]] == ("allowed", True) and stands[SNAPSHOT[0]] == ("undecided", False)
    assert not shown["camera"]["there"] and not shown["camera"]["on"] and shown["camera"]["watching"] == []
    assert shown["first"] is False
    assert shown["you"]["role"] == "owner" and shown["you"]["key"] == used.phone.key.hex()
    assert [one["name"] for one in shown["people"]] == ["the owner's phone", "the viewer's phone"]
    assert [one["name"] for one in used.home.desk.home(used.viewer)["people"]] == ["", ""]
    refused = Counter(row["detail"] for row in rows(used.home, "refused"))
    assert {row["reason"] for row in shown["refused"]} == set(refused)
    assert all((row["why"], row["todo"]) == REASONS[row["reason"]] for row in shown["refused"])


@pytest.mark.clause("L17")
def test_ok__the_timeline_is_the_ledger_newest_first(used):
    found, before = [], None
    while True:
        part = used.home.desk.timeline(used.owner, before, 2)
        found += part["entries"]
        if not part["more"]:
            break
        assert len(part["entries"]) == 2
        before = part["entries"][-1]["number"]
    told = list(reversed(rows(used.home)))
    assert [row["number"] for row in found] == [row["number"] for row in told]
    for shown, row in zip(found, told, strict=True):
        parts = ("event", "detail", "purpose", "recipient", "size", "count", "categories")
        assert all(shown[part] == row[part] for part in parts) and shown["ident"] == row["ident"].hex()
        assert shown["viewable"] == (row["event"] in ("acknowledged", "unknown"))


@pytest.mark.clause("L13", "L17")
def test_ok__the_exact_payload_of_what_left_can_be_seen(used):
    seen = []
    for row in rows(used.home, "acknowledged"):
        shown = used.home.desk.payload(used.owner, row["ident"].hex())
        payload = bytes.fromhex(shown["hex"])
        assert payload in used.arrived and len(payload) == shown["bytes"] == row["size"]
        assert hashlib.sha256(payload).hexdigest() == shown["sha256"] == row["payload"].hex()
        assert len(shown["events"]) == row["count"]
        assert {one["field"] for event in shown["events"] for one in event} <= set(used.home.parts.catalogue.fields)
        seen.append(payload)
    assert sorted(seen) == sorted(used.arrived) and len(seen) > 1
    for ident in ("00" * 16, rows(used.home, "decided")[0]["ident"].hex() or "11" * 16):
        with pytest.raises(Refused) as caught:
            used.home.desk.payload(used.owner, ident)
        assert caught.value.reason == "no_copy"
    for ident in ("", "zz" * 16, "00" * 15, 5, None):
        with pytest.raises(AgentError):
            used.home.desk.payload(used.owner, ident)


@pytest.mark.clause("P11", "L13")
def test_ok__the_receipt_is_valid_and_the_text_served_has_the_hash_in_the_record(used):
    home = used.home
    record, _, _ = home.parts.consents.current(*PROGRAM_PAIR)
    text = home.desk.policy(used.viewer, record.policy.hex())
    assert hashlib.sha256(text.encode()).digest() == record.policy
    assert home.parts.catalogue.purposes[PROGRAM_PAIR[0]]["notice"] in text
    receipt = home.desk.receipt(used.owner, record.sequence)
    jsonschema.Draft202012Validator(SCHEMA).validate(receipt)
    assert verify.check(receipt, text.encode()) == [] and record.policy.hex() in json.dumps(receipt)
    assert verify.check(receipt, text.replace("10", "11").encode())  # the control
    for sequence in (0, 99, -1):
        with pytest.raises(Refused) as caught:
            home.desk.receipt(used.owner, sequence)
        assert caught.value.reason == "no_copy"
    for digest in ("00" * 32, hashlib.sha256(b"x").hexdigest()):
        with pytest.raises(Refused):
            home.desk.policy(used.owner, digest)
    for row in home.desk.home(used.owner)["purposes"]:
        served = home.desk.policy(used.owner, row["policy"])
        assert hashlib.sha256(served.encode()).hexdigest() == row["policy"]


@pytest.mark.clause("L13")
@pytest.mark.parametrize("title", ["2026", "yes", "no", "back\\slash", "a, b", "key: value", "\\x5c", "0" * 5])
def test_ok__the_receipt_of_a_purpose_with_an_odd_title(tmp_path, title):
    tree = edited("purpose.snapshot.title", title, edited("purpose.snapshot.clauses", ["L1", "C2"]))
    write(tmp_path / "policy.cbor", edited("recipient.lightmake.name", title, tree))
    home = Home(tmp_path, "policy.cbor")
    phone, owner = home.pair("owner")
    home.allow(phone, owner, SNAPSHOT)
    record, _, _ = home.parts.consents.current(*SNAPSHOT)
    receipt = home.desk.receipt(owner, record.sequence)
    jsonschema.Draft202012Validator(SCHEMA).validate(receipt)
    assert verify.check(receipt, home.desk.policy(owner, record.policy.hex()).encode()) == []
    purpose = receipt["dct:hasPart"]["dpv:hasProcess"]["dpv:hasPurpose"]
    assert (purpose["dct:title"], purpose["agent:clause"]) == (title, ["L1", "C2"])


@pytest.mark.clause("P11", "L19")
def test_ok__the_text_that_was_agreed_to_is_served_after_the_policy_changed(tmp_path):
    write(tmp_path / "policy.cbor", shipped())
    home = Home(tmp_path, "policy.cbor")
    phone, owner = home.pair("owner")
    home.allow(phone, owner, SNAPSHOT)
    record, _, _ = home.parts.consents.current(*SNAPSHOT)
    old = home.desk.policy(owner, record.policy.hex())
    tree = edited("purpose.snapshot.every", "5 s", {**shipped(), "version": "2027-1"})
    home.device.storage.write("profile.cbor", write(tmp_path / "new.cbor", tree).read_bytes())
    home.start()
    home.parts.authority.prune()
    owner = home.sessions.open("owner", phone.key, "phone", 3600.0)
    assert home.desk.policy(owner, record.policy.hex()) == old
    assert verify.check(home.desk.receipt(owner, record.sequence), old.encode()) == []
    (row,) = [one for one in home.desk.home(owner)["purposes"] if (one["purpose"], one["recipient"]) == SNAPSHOT]
    assert (row["state"], row["reason"]) == ("changed", "policy_changed") and row["policy"] != record.policy.hex()
    (change,) = row["changes"]
    assert (change["what"], change["before"], change["after"], change["wider"]) == ("purpose.every", "10", "5", True)


@pytest.mark.clause("L13")
def test_ok__the_archive_holds_what_is_kept_and_no_key(used):
    data = used.home.desk.archive(used.owner)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        names = {name.partition("/")[0] for name in archive.namelist()}
        assert {"ledger", "consent", "sent", "people", "manifest.json"} <= names
        whole = b"".join(archive.read(name) for name in archive.namelist())
        history = json.loads(archive.read("ledger/data.json"))
    assert len(history) == len(rows(used.home))
    storage = used.home.device.storage
    keys = [storage.read(name) for name in storage.names() if is_key(name)]
    assert keys and not any(key and (key in whole or key.hex().encode() in whole) for key in keys)


def test_ok__the_wizard_comes_until_something_was_decided(home):
    _, owner = home.pair("owner")
    _, viewer = home.pair("viewer")
    assert home.desk.home(owner)["first"] and not home.desk.home(viewer)["first"]
    home.do(owner, "later", named(SNAPSHOT))
    assert not home.desk.home(owner)["first"]


# --- what it does


def waiting(home):
    """Let events wait, with no broker anywhere."""
    asyncio.run(forward(home, home.agent, 120))
    uplink = home.agent.uplinks["lightmake"]
    assert uplink.waits(PROGRAM_PAIR[0]) > 3 and home.parts.vault(*PROGRAM_PAIR).sealed()
    return uplink


@pytest.mark.clause("L12", "L13", "P8")
@pytest.mark.attack(21)
@pytest.mark.parametrize("action", ["withdraw", "refuse", "object", "later", "stop", "decide"])
def test_ok__what_narrows_destroys_what_waits_at_once_and_offline(home, action):
    phone, owner = home.pair("owner")
    _, viewer = home.pair("viewer")
    home.allow(phone, owner, PROGRAM_PAIR, HISTORY)
    uplink = waiting(home)
    waits = home.desk.home(owner)["waiting"][0]["events"]
    arguments = {"stop": {}, "decide": {"choices": [home.choice(PROGRAM_PAIR, "refuse")], "of_age": False}}
    answer = home.do(viewer, action, arguments.get(action, named(PROGRAM_PAIR)))
    assert uplink.waiting() == 0 and not home.parts.vault(*PROGRAM_PAIR).sealed()
    assert home.allowed() == (set() if action == "stop" else {HISTORY})
    assert action == "decide" or answer["destroyed"] == waits
    assert home.desk.home(owner)["waiting"] == []
    assert sum(row["count"] for row in rows(home, "purged")) == sum(row["count"] for row in rows(home, "cut")) == waits
    record, _, _ = home.parts.consents.current(*PROGRAM_PAIR)
    assert record.state == (REFUSED if action in ("refuse", "object", "decide") else WITHDRAWN)
    assert record.actor == "viewer"


class Looking(list):
    """Notes what is still allowed at each write to the flash."""

    def __init__(self, home):
        super().__init__()
        self._home = home

    def append(self, written):
        super().append((written[0], self._home.allowed()))


@pytest.mark.clause("L12", "L18")
@pytest.mark.parametrize("action", ["stop", "declare_minor"])
def test_ok__all_gates_are_shut_before_the_first_byte_is_written(home, action):
    phone, owner = home.pair("owner")
    home.allow(phone, owner, PROGRAM_PAIR, HISTORY, SNAPSHOT)
    home.device.storage.history = Looking(home)
    home.do(owner, action)
    written = [name for name, _ in home.device.storage.history]
    assert {"consent.0", "floor.0"} & set(written) and all(left == set() for _, left in home.device.storage.history)


@pytest.mark.clause("L13")
def test_ok__an_objection_stops_that_purpose_and_no_other(home):
    phone, owner = home.pair("owner")
    home.allow(phone, owner, PROGRAM_PAIR, SNAPSHOT)
    home.do(owner, "object", named(PROGRAM_PAIR))
    assert home.allowed() == {SNAPSHOT} and home.states()[PROGRAM_PAIR] == REFUSED
    home.do(owner, "object", named(HISTORY))  # before anybody asked
    assert home.states()[HISTORY] == REFUSED
    assert home.told("decided")[-2:] == [REFUSED, REFUSED]


@pytest.mark.clause("L16")
def test_ok__a_phone_without_a_key_allows_with_the_code_of_the_screen(home):
    owner = home.sessions.open("owner", b"", "a browser", 3600.0)
    arguments = {"choices": [home.choice(SNAPSHOT, hours=2), home.choice(HISTORY, "refuse")], **ON}
    with pytest.raises(Refused) as caught:
        home.do(owner, "decide", arguments)
    assert caught.value.reason == "no_presence"
    answer = home.do(owner, "decide", arguments, home.shown(owner, "decide", arguments))
    record, _, _ = home.parts.consents.current(*SNAPSHOT)
    assert (record.state, record.actor, record.method) == (GIVEN[0], "owner", "screen code")
    assert record.until == NOW + 7200 and home.states()[HISTORY] == REFUSED
    assert answer["records"] == [{**named(SNAPSHOT), "sequence": record.sequence}]


@pytest.mark.clause("L16", "L17")
@pytest.mark.attack(1)
def test_fail__every_refused_widening_is_on_the_ledger(home):
    phone, owner = home.pair("owner")
    viewer_phone, viewer = home.pair("viewer")
    right = {"choices": [home.choice(SNAPSHOT)], **ON}
    stale = {"choices": [{**home.choice(SNAPSHOT), "policy": "00" * 32}], **ON}
    unknown = {"choices": [home.choice(SNAPSHOT)], "of_age": False}
    replayed = home.signed(phone, "declare_of_age")
    home.do(owner, "declare_of_age", {}, replayed)
    home.do(owner, "declare_minor")
    cases = (
        ("no_presence", owner, "decide", right, None),
        ("not_your_role", viewer, "decide", right, home.signed(viewer_phone, "decide", right)),
        ("signature_wrong", owner, "decide", right, home.signed(viewer_phone, "decide", right, key=phone.key.hex())),
        ("command_old", owner, "declare_of_age", {}, replayed),
        ("command_wrong", owner, "decide", right, home.signed(phone, "decide", stale)),
        ("code_ended", owner, "decide", right, {"code": "000000"}),
        ("text_changed", owner, "decide", stale, home.signed(phone, "decide", stale)),
        ("minor", owner, "decide", right, home.signed(phone, "decide", right)),
        ("minor", owner, "decide", unknown, home.signed(phone, "decide", unknown)),
        ("no_presence", owner, "erase", {}, None),
        ("no_presence", owner, "invite", {"role": "owner", "hours": 0, "case": ""}, None),
        ("not_your_role", viewer, "show_code", {"for": "erase", "arguments": {}}, None),
    )
    wanted = Counter()
    for reason, session, action, arguments, proof in cases:
        with pytest.raises(Refused) as caught:
            home.do(session, action, arguments, proof)
        assert caught.value.reason == reason
        wanted[reason] += 1
        home.agent.ledger.settle()
        told = Counter()
        for row in rows(home, "refused"):
            told[row["detail"]] += row["count"]
        assert told == wanted
    assert home.allowed() == set() and home.erased == 0
    shown = {row["reason"]: row["count"] for row in home.desk.home(owner)["refused"]}
    assert shown == wanted


@pytest.mark.clause("L16")
def test_fail__the_sessions_of_a_removed_phone_end_at_once(home):
    phone, owner = home.pair("owner")
    second, other = home.pair("viewer")
    again = home.sessions.open("viewer", second.key, "again", 3600.0)

    async def story():
        watching = home.desk.changes(other)
        assert await anext(watching) == {"what": "home"}
        arguments = {"key": second.key.hex()}
        await home.desk.do(owner, "remove", arguments, home.signed(phone, "remove", arguments))
        with pytest.raises(Refused):
            await anext(watching)

    asyncio.run(story())
    for session in (other, again):
        with pytest.raises(Refused) as caught:
            home.desk.home(session)
        assert caught.value.reason == "session_ended"
    with pytest.raises(Refused) as caught:
        home.doorbell.login(home.signed(second, "login"))
    assert caught.value.reason == "key_unknown"
    assert home.told("unpaired") == ["viewer"]
    People(home.device.storage, home.parts.key, home.parts.clock.now).remove(phone.key)  # by the command line
    with pytest.raises(Refused):
        home.do(owner, "stop")


@pytest.mark.clause("L16")
def test_ok__a_browser_without_a_key_is_listed_and_can_be_sent_away(home):
    phone, owner = home.pair("owner")
    guest = home.sessions.open("viewer", b"", "a browser", 3600.0)
    listed = {one["role"]: one for one in home.desk.home(guest)["people"]}
    assert listed["viewer"]["you"] and not listed["owner"]["you"]
    arguments = {"key": listed["viewer"]["key"]}
    with pytest.raises(Refused):
        home.do(owner, "remove", arguments)
    home.desk.home(guest)  # the control
    home.do(owner, "remove", arguments, home.signed(phone, "remove", arguments))
    with pytest.raises(Refused):
        home.desk.home(guest)
    assert [one["you"] for one in home.desk.home(owner)["people"]] == [True]


def test_ok__leaving_ends_this_phone_and_no_other(home):
    phone, owner = home.pair("owner")
    _, viewer = home.pair("viewer")
    home.do(owner, "leave")
    assert [one.role for one in home.parts.people.all()] == ["viewer"]
    with pytest.raises(Refused):
        home.desk.home(owner)
    assert home.desk.home(viewer)["people"][0]["you"]
    with pytest.raises(Refused):
        home.doorbell.login(home.signed(phone, "login"))


@pytest.mark.clause("L13", "L8")
def test_ok__name_and_region_are_corrected_and_the_name_leaves_by_no_receipt(home):
    phone, owner = home.pair("owner")
    home.allow(phone, owner, SNAPSHOT)
    home.do(owner, "correct", {"name": "  Ann's printer ", "region": "DE"})
    assert home.parts.details.read() == ("Ann's printer", "DE")
    home.do(owner, "correct", {"region": "AT"})
    shown = home.desk.home(owner)["device"]
    assert (shown["name"], shown["region"]) == ("Ann's printer", "AT")
    receipt = json.dumps(home.desk.receipt(owner, home.parts.consents.current(*SNAPSHOT)[0].sequence))
    assert "Ann's" not in receipt and "loc:AT" in receipt
    wrong = ({}, {"region": "de"}, {"region": "DEU"}, {"name": "x" * 41}, {"name": "a\nb"}, {"name": 5}, {"age": "9"})
    for arguments in (*wrong, {"name": "ok", "region": "192.168.1.1"}):
        with pytest.raises(AgentError):
            home.do(owner, "correct", arguments)
    assert home.parts.details.read() == ("Ann's printer", "AT")
    home.do(owner, "correct", {"name": "", "region": ""})
    assert home.parts.details.read() == ("", "")


@pytest.mark.clause("L13")
def test_ok__deletion_upstream_is_asked_once_something_left(home):
    _, owner = home.pair("owner")
    assert home.do(owner, "delete_upstream", named(PROGRAM_PAIR)) == {"asked": False}
    home.parts.idents.new(*PROGRAM_PAIR)
    assert home.do(owner, "delete_upstream", named(PROGRAM_PAIR)) == {"asked": True}
    (shown,) = home.desk.home(owner)["requests"]
    assert (shown["purpose"], shown["acknowledged"], shown["asked"] is not None) == (PROGRAM_PAIR[0], False, True)
    (row,) = rows(home, "deletion_asked")
    assert row["ident"] == home.parts.requests("lightmake").look()[0].ident


def test_ok__whoever_watches_hears_of_every_change(home):
    _, owner = home.pair("owner")

    async def story():
        watching = home.desk.changes(owner)
        assert await anext(watching) == {"what": "home"}
        for _ in range(3):
            waits = asyncio.ensure_future(anext(watching))
            await asyncio.sleep(0)
            assert not waits.done()
            await home.desk.do(owner, "later", named(SNAPSHOT), None)
            assert await asyncio.wait_for(waits, 20) == {"what": "home"}
        await watching.aclose()
        await asyncio.sleep(0.05)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(home.live.watched(), 0.01)  # nobody looks any more

    asyncio.run(story())


@pytest.mark.attack(24)
def test_fail__after_an_erase_no_session_goes_on(home):
    phone, owner = home.pair("owner")
    browser = home.sessions.open("owner", b"", "a browser", 3600.0)
    for proof in (None, {"code": "000000"}, home.signed(Phone(), "erase", key=phone.key.hex())):
        with pytest.raises(Refused):
            home.do(owner, "erase", {}, proof)
    assert home.erased == 0
    home.desk.home(browser)  # the control
    assert home.do(owner, "erase", {}, home.signed(phone, "erase")) == {"receipt": "erase"} and home.erased == 1
    for session in (owner, browser):
        with pytest.raises(Refused):
            home.do(session, "stop")


# --- erased through the page, and sold on


class Page:
    """A browser at the page of an agent that runs as a process of its own."""

    def __init__(self, port):
        self.port = port
        self.cookie = self.token = ""

    def ask(self, method, path, document=None):
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Cookie": self.cookie} if self.cookie else {}
        if method == "POST":
            headers |= {"Origin": f"http://127.0.0.1:{self.port}", "Content-Type": "application/json"}
            headers |= {"X-Token": self.token} if self.token else {}
        line.request(method, path, None if document is None else json.dumps(document), headers)
        answer = line.getresponse()
        body = answer.read()
        self.cookie = (answer.getheader("Set-Cookie") or self.cookie).partition(";")[0]
        line.close()
        return answer.status, json.loads(body)

    def pair(self, code):
        assert self.ask("POST", "/pair", {"code": code, "name": "Ann's browser"}) == (200, {"ok": True})
        return self

    def home(self):
        status, found = self.ask("GET", "/api/home")
        self.token = found.get("token", "")
        return status, found

    def do(self, action, arguments=None, proof=None):
        return self.ask("POST", f"/api/do/{action}", {"arguments": arguments or {}, "proof": proof})


def door(page):
    try:
        return page.ask("GET", "/doorbell")[0] == 200
    except OSError:
        return False


def opened(file):
    """The code of a pairing that somebody opened at the device."""
    child = pexpect.spawn(PROGRAM, ["pair", "--config", str(file)], encoding="utf-8", timeout=60)
    child.expect(r"type ([0-9]{4}) and press Enter")
    child.sendline(child.match[1])
    child.expect(r"type the code\s+([0-9]{4})\s+([0-9]{4})")
    code = child.match[1] + child.match[2]
    child.expect(pexpect.EOF)
    child.close()
    return code


@pytest.mark.clause("L13", "P6")
@pytest.mark.attack(24)
def test_ok__erased_on_the_page_a_second_owner_finds_nothing(tmp_path):
    port = free_port()
    file = tmp_path / "agent.toml"
    text = 'profile = "lightmake"\nstate = "state"\npresence = "terminal"\n[source.demo]\n'
    file.write_text(f'{text}[panel]\nhost = "127.0.0.1"\nport = {port}\ntls = false\n')
    state = tmp_path / "state"
    run = pexpect.spawn(PROGRAM, ["run", "--config", str(file)], encoding="utf-8", timeout=60)
    try:
        wait_for(lambda: door(Page(port)))
        first = Page(port).pair(opened(file))
        assert first.home()[1]["first"]
        _, home = first.home()
        choices = [
            {**named((one["purpose"], one["recipient"])), "choice": "allow", "policy": one["policy"], "hours": None}
            for one in home["purposes"]
            if one["purpose"] == "print_history"
        ]
        for action, arguments in (("decide", {"choices": choices, **ON}), ("correct", {"name": "Ann's printer"})):
            if action == "decide":
                assert first.do("show_code", {"for": action, "arguments": arguments})[0] == 200
                run.expect(r"Type\s+there:\s+([0-9]{6})")
                status, answer = first.do(action, arguments, {"code": run.match[1]})
            else:
                status, answer = first.do(action, arguments)
            assert status == 200, answer
        _, home = first.home()
        assert home["device"]["name"] == "Ann's printer"
        assert [one["purpose"] for one in home["purposes"] if one["allowed"]] == ["print_history"]
        device = first.ask("GET", "/doorbell")[1]["device"]
        wanted = [b"Ann's", bytes.fromhex(home["device"]["head"]), choices[0]["policy"].encode()]
        wanted += [(state / "alias.0").read_bytes()[16:32]]
        wanted += [one.read_bytes()[:32] for one in state.iterdir() if is_key(one.name)]
        whole = b"".join(one.name.encode() + b" " + one.read_bytes() for one in state.iterdir())
        assert sum(one in whole for one in wanted) == len(wanted) >= 5  # the control
        assert first.do("erase")[1]["error"] == "no_presence"
        assert first.do("show_code", {"for": "erase", "arguments": {}})[0] == 200
        run.expect(r"to\s+ERASE\s+everything[^:]*Type\s+there:\s+([0-9]{6})")
        status, receipt = first.do("erase", {}, {"code": run.match[1]})
        assert status == 200 and receipt["receipt"] == "erase" and receipt["troubles"] == [], receipt
        assert {"consent", "people", "details", "ledger", "policies", "page"} & {
            row["store"] for row in receipt["destroyed"]
        } >= {"consent", "details", "ledger", "policies"}
        run.expect("begins anew")
        run.expect("Nothing is allowed: no connection is opened")
        wait_for(lambda: door(Page(port)))
        whole = b"".join(one.name.encode() + b" " + one.read_bytes() for one in state.iterdir())
        assert [one for one in wanted if one in whole] == []
        assert first.home()[0] in (401, 403)  # the old cookie
        assert Page(port).ask("GET", "/doorbell")[1]["device"] != device
        second = Page(port).pair(opened(file))
        _, home = second.home()
        assert home["first"] and home["age"]["state"] == "unknown"
        assert [(one["role"], one["you"]) for one in home["people"]] == [("owner", True)]  # this very browser
        assert home["device"]["name"] == home["device"]["region"] == ""
        assert {one["state"] for one in home["purposes"]} == {"undecided"} and home["requests"] == []
        _, timeline = second.ask("GET", "/api/timeline?count=100")
        assert {one["event"] for one in timeline["entries"]} <= {"paired", "refused"}
        assert "Ann's printer" not in json.dumps([home, timeline])
    finally:
        run.sendintr()
        run.expect(pexpect.EOF)
        run.close()
    assert run.exitstatus == 0
