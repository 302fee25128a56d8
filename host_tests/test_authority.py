"""Who may decide what: every role, every action, every purpose and every proof; exactly what is meant changes."""

import asyncio
import contextlib
import itertools
import socket

import pytest

from firmware_agent.consent.authority import LATER, Authority
from firmware_agent.errors import AgentError
from firmware_agent.model import AGE, GIVEN, REFUSED, WITHDRAWN, Session
from firmware_agent.profiles.compiler import compile_profile
from firmware_agent.refusals import Refused
from firmware_agent.sessions import Actor, SessionGate
from firmware_agent.telemetry.sources.demo import LOOP, DemoSource
from host_tests.fakes import NOW, MemoryStorage
from host_tests.properties.generate import Text, every_transform, toml
from host_tests.rigs.agent import SlowDevice, forward
from host_tests.rigs.maker import Maker
from host_tests.rigs.owners import ROLES, Home, InMemory, Phone
from host_tests.test_command_line import at_the_terminal, call
from host_tests.test_profile import edited

DECIDERS = ("owner", "guardian")
PROFILES = {"lightmake": ("lightmake",), "laserpecker": ("laserpecker",), "every": ("maker", "partner")}
PRESENT = Actor("owner", "terminal", True)
PROOFS = ("none", "signed", "shown", "signed by another", "shown to another", "for other arguments")
GOOD = ("signed", "shown")


def profile_of(directory, name):
    if name != "every":
        return name
    (directory / "every.cbor").write_bytes(compile_profile(Text(toml(every_transform()))))
    return "every.cbor"


class House(Home):
    """A home in which all four roles are paired; `reset` takes back what was decided and who was let in or out."""

    def __init__(self, directory, profile="lightmake", of_age=True, given=()):
        super().__init__(directory, profile_of(directory, profile), PROFILES[profile])
        self.pairs = self.parts.catalogue.pairs()
        self.phones = {role: Phone() for role in ROLES}
        for role, phone in self.phones.items():
            self.pair(role, phone)
        if of_age:
            self.parts.authority.attest(True, PRESENT, NOW)
        for pair in given:
            self.grant(pair)
        self.parts.idents.new(*self.pairs[0])  # something left once: so there is something to ask about
        self.sessions_of = {}
        self.keep()
        self.reset()

    def grant(self, pair, actor=PRESENT, until=None):
        return self.parts.authority.allow(*pair, actor, self.parts.catalogue.policy(*pair), NOW, until)

    def keep(self):
        files = self.device.storage.files
        self.kept = {name: bytes(data) for name, data in files.items() if not name.startswith("ledger")}

    def reset(self):
        files = self.device.storage.files
        for name in [one for one in files if not one.startswith("ledger") and one not in self.kept]:
            del files[name]
        files |= self.kept
        self.sessions.close_all()
        with contextlib.suppress(Refused):
            self.front.presence.prove("nothing", "")  # a code that is still shown ends
        self.erased = 0
        for role, phone in self.phones.items():
            self.sessions_of[role] = self.sessions.open(role, phone.key, role, 1e9)

    def world(self):
        """Everything that a command can change, part by part."""
        parts = self.parts
        return {
            "flags": self.states(),
            "age": parts.authority.age,
            "people": {one.key: one.role for one in parts.people.all()},
            "pairing": parts.pairing.state()[0],
            "details": parts.details.read(),
            "region": parts.device.storage.read("region.0"),
            "asked": sum(len(parts.requests(name).look()) for name in parts.catalogue.recipients),
            "erased": self.erased,
        }

    def proof(self, kind, role, action, arguments):
        """What somebody of this role brings with it; None if there is no such proof for them."""
        session, other = self.sessions_of[role], "guardian" if role == "owner" else "owner"
        if kind == "none":
            return None
        if kind == "signed":
            return self.signed(self.phones[role], action, arguments)
        if kind == "signed by another":
            return self.signed(self.phones[other], action, arguments)
        if kind == "for other arguments":
            return self.signed(self.phones[role], action, {**arguments, "more": 1})
        reader = session if kind == "shown" else self.sessions_of[other]
        with contextlib.suppress(Refused):
            return self.shown(reader, action, arguments)
        return {"code": "000000"}  # nobody showed this one to them

    def tries(self, role, action, arguments, kind):
        """Whether it was done, and if not, that the error is one of ours."""
        proof = self.proof(kind, role, action, arguments)
        try:
            self.do(self.sessions_of[role], action, arguments, proof)
        except AgentError:
            return False
        return True


def alternate(pairs):
    return set(pairs[::2])


# --- the matrix of purposes, roles, choices and proofs

CHOICES = ("withdraw", "refuse", "object", "later", "allow", "decide refuse", "decide later")


def asked(house, choice, pair):
    """(action, arguments)"""
    if choice in ("allow", "decide refuse", "decide later"):
        return "decide", {"choices": [house.choice(pair, choice.rpartition(" ")[2])], "of_age": False}
    return choice, {"purpose": pair[0], "recipient": pair[1]}


def meant(choice, given):
    """The state that the one pair gets; None if nothing is written."""
    if choice == "allow":
        return GIVEN[1] if given else GIVEN[0]
    if choice == "withdraw":
        return WITHDRAWN if given else None
    if choice in ("refuse", "object", "decide refuse"):
        return REFUSED
    return WITHDRAWN if given else LATER


@pytest.mark.clause("L2", "L3", "L16", "P3", "P10")
@pytest.mark.attack(1)
@pytest.mark.parametrize("profile", PROFILES)
def test_ok__in_the_whole_matrix_only_the_flag_that_is_meant_changes(tmp_path, profile):
    pairs = House(tmp_path, profile).pairs
    house = House(tmp_path, profile, given=alternate(pairs))
    base, age = house.states(), house.parts.authority.age
    digests = {(one.purpose, one.recipient): one.digest() for one in house.parts.consents.records()}
    done = refused = 0
    for pair, role, choice, kind in itertools.product(pairs, ROLES, CHOICES, PROOFS):
        action, arguments = asked(house, choice, pair)
        obeyed = house.tries(role, action, arguments, kind)
        wanted = kind == "none" or kind == "signed" or (kind == "shown" and role in DECIDERS)
        if choice == "allow":
            wanted = wanted and kind != "none" and role in DECIDERS
        case = (pair, role, choice, kind)
        assert obeyed == wanted, case
        state = meant(choice, pair in alternate(pairs)) if wanted else None
        assert house.states() == {**base, **({pair: state} if state else {})}, case
        assert house.allowed() == {one for one in pairs if house.states().get(one) in GIVEN}, case
        for one in house.parts.consents.records():
            assert (one.purpose, one.recipient) == pair or digests[one.purpose, one.recipient] == one.digest(), case
        assert house.parts.authority.age == age, case
        done += state is not None
        refused += not obeyed
        if state:
            house.reset()
    assert done > 10 * len(pairs) and refused > 10 * len(pairs)


@pytest.mark.clause("L3", "P10")
def test_fail__what_one_recipient_may_have_another_may_not(tmp_path):
    house = House(tmp_path, "every", given=[("all", "maker")])
    assert house.allowed() == {("all", "maker")}
    assert house.parts.gate.decide("all", "partner").reason == "consent_missing"
    arguments = {"choices": [{**house.choice(("all", "partner")), "policy": house.choice(("all", "maker"))["policy"]}]}
    arguments["of_age"] = False
    with pytest.raises(Refused) as caught:
        house.do(house.sessions_of["owner"], "decide", arguments, house.proof("signed", "owner", "decide", arguments))
    assert caught.value.reason == "text_changed" and house.allowed() == {("all", "maker")}


@pytest.mark.clause("L2", "L24", "P5")
def test_fail__what_the_policy_does_not_know(tmp_path):
    house = House(tmp_path, "every")
    choice = house.choice(("all", "maker"))
    for changes, reason in (
        ({"purpose": "advertising"}, "unknown_purpose"),
        ({"purpose": "look", "recipient": "partner"}, "unknown_recipient"),
        ({"recipient": "advertiser"}, "unknown_recipient"),
        ({"purpose": AGE[0], "recipient": AGE[1]}, "unknown_purpose"),
        ({"policy": "00" * 32}, "text_changed"),
    ):
        arguments = {"choices": [{**choice, **changes}], "of_age": True}
        with pytest.raises(Refused) as caught:
            proof = house.proof("signed", "owner", "decide", arguments)
            house.do(house.sessions_of["owner"], "decide", arguments, proof)
        assert caught.value.reason == reason
    assert house.allowed() == set()


@pytest.mark.clause("L16")
def test_fail__of_several_choices_all_are_stored_or_none(tmp_path):
    house = House(tmp_path, "every", given=[("look", "maker")])
    owner = house.sessions_of["owner"]
    right = [house.choice(pair) for pair in (("all", "maker"), ("other", "partner"))]
    before = house.world()
    for wrong in (
        {**house.choice(("all", "partner")), "policy": "00" * 32},
        {**house.choice(("all", "partner")), "purpose": "nothing"},
        {**house.choice(("all", "partner")), "choice": "perhaps"},
        {**house.choice(("all", "partner")), "hours": 0},
        {**house.choice(("all", "partner")), "hours": True},
        house.choice(("all", "maker"), "refuse"),
        "all",
    ):
        for choices in ([*right, wrong], [wrong, *right], [house.choice(("look", "maker"), "refuse"), wrong, *right]):
            arguments = {"choices": choices, "of_age": False}
            with pytest.raises(AgentError):
                house.do(owner, "decide", arguments, house.proof("signed", "owner", "decide", arguments))
            assert house.world() == before
    arguments = {"choices": [house.choice(("look", "maker"), "refuse")] * 65, "of_age": False}
    with pytest.raises(AgentError):
        house.do(owner, "decide", arguments)
    arguments = {"choices": [*right, house.choice(("look", "maker"), "refuse")], "of_age": False}
    house.do(owner, "decide", arguments, house.proof("signed", "owner", "decide", arguments))  # the control
    assert house.allowed() == {("all", "maker"), ("other", "partner")}


# --- everything else that can be done

# action: (who may, whether it takes a proof, what part of the world changes)
OTHERS = {
    "stop": (ROLES, False, "flags"),
    "declare_minor": (ROLES, False, "age and flags"),
    "declare_of_age": (DECIDERS, True, "nothing"),
    "invite": (DECIDERS, True, "pairing"),
    "remove": (DECIDERS, True, "people"),
    "end_service": (ROLES, False, "people"),
    "leave": (ROLES, False, "people"),
    "show_code": (DECIDERS, False, "nothing"),
    "delete_upstream": (DECIDERS, False, "asked"),
    "correct": (DECIDERS, False, "details"),
    "set_region": (DECIDERS, False, "region"),
    "erase": (DECIDERS, True, "erased"),
}


def others(house, action):
    pair = house.pairs[0]
    return {
        "invite": {"role": "viewer", "hours": 0, "case": ""},
        "remove": {"key": house.phones["viewer"].key.hex()},
        "end_service": {"key": house.phones["service"].key.hex()},
        "show_code": {"for": "erase", "arguments": {}},
        "delete_upstream": {"purpose": pair[0], "recipient": pair[1]},
        "correct": {"name": "Ann's", "region": "DE"},
        "set_region": {"region": (*house.parts.region.offered, "")[0]},
    }.get(action, {})


@pytest.mark.clause("L16")
@pytest.mark.attack(1)
@pytest.mark.parametrize("profile", PROFILES)
def test_ok__every_other_action_by_every_role_with_every_proof(tmp_path, profile):
    pairs = House(tmp_path, profile).pairs
    house = House(tmp_path, profile, given=alternate(pairs))
    before = house.world()
    seen = set()
    for action, role, kind in itertools.product(OTHERS, ROLES, PROOFS):
        who, proof, part = OTHERS[action]
        obeyed = house.tries(role, action, others(house, action), kind)
        good = (kind == "none" and not proof) or kind == "signed" or (kind == "shown" and role in DECIDERS)
        assert obeyed == (role in who and good), (action, role, kind)
        after = house.world()
        changed = {name for name in before if before[name] != after[name]}
        if not obeyed:
            assert changed == set(), (action, role, kind)
            continue
        assert changed == set(part.split(" and ")) - {"nothing"}, (action, role, kind)
        if "flags" in changed:
            assert house.allowed() == set()
            assert {one for one in pairs if after["flags"].get(one) == WITHDRAWN} == alternate(pairs)
        if "people" in changed:
            gone = {"leave": role, "remove": "viewer", "end_service": "service"}[action]
            assert set(before["people"].values()) - set(after["people"].values()) == {gone}
        seen.add((action, role))
        house.reset()
        assert house.world() == before
    assert seen == {(action, role) for action, (who, _, _) in OTHERS.items() for role in who}


@pytest.mark.clause("L16")
def test_ok__what_each_role_may_see(tmp_path):
    house = House(tmp_path, given=[("snapshot", "lightmake")])
    sequence = house.parts.consents.current("snapshot", "lightmake")[0].sequence
    digest = house.parts.catalogue.policy("snapshot", "lightmake").hex()
    reads = {
        "home": (ROLES, lambda desk, session: desk.home(session)),
        "timeline": (ROLES, lambda desk, session: desk.timeline(session, None, 9)),
        "nonce": (ROLES, lambda desk, session: desk.nonce(session)),
        "policy": (ROLES, lambda desk, session: desk.policy(session, digest)),
        "receipt": (DECIDERS, lambda desk, session: desk.receipt(session, sequence)),
        "archive": (DECIDERS, lambda desk, session: desk.archive(session)),
    }
    for (what, (who, read)), role in itertools.product(reads.items(), ROLES):
        session = house.sessions_of[role]
        may = house.desk.home(session)["you"]["may"]
        assert (what in may) == (role in who)
        if role in who:
            assert read(house.desk, session)
        else:
            with pytest.raises(Refused) as caught:
                read(house.desk, session)
            assert caught.value.reason == "not_your_role"
    with pytest.raises(Refused) as caught:
        house.desk.payload(house.sessions_of["viewer"], "00" * 16)
    assert caught.value.reason == "not_your_role"


@pytest.mark.clause("L16")
@pytest.mark.attack(9)
def test_fail__a_stranger_does_and_sees_nothing(tmp_path):
    house = House(tmp_path, given=[("snapshot", "lightmake")])
    mine = house.sessions_of["owner"]
    gate = SessionGate(bytes(32), house.device.entropy, house.device.ticks, house.parts.people.role)
    over = house.sessions.open("owner", house.phones["owner"].key, "over", 0.0)
    gone = house.sessions.open("owner", house.phones["owner"].key, "left", 1e9)
    house.sessions.close(gone)
    raised = Session(mine.ident, "owner", house.phones["viewer"].key, "v", mine.until, house.sessions_of["viewer"].seal)
    strangers = {
        "of another gate": gate.open("owner", house.phones["owner"].key, "x", 1e9),
        "made up": Session(mine.ident, "owner", mine.key, mine.name, mine.until, bytes(32)),
        "longer": Session(mine.ident, "owner", mine.key, mine.name, 1e12, mine.seal),
        "another role": raised,
        "over": over,
        "left": gone,
        "none": None,
        "a text": "owner",
    }
    before = house.world()
    for who, session in strangers.items():
        for action in (*OTHERS, *("withdraw", "refuse", "later", "object", "decide")):
            arguments = others(house, action)
            with pytest.raises(Refused) as caught:
                house.do(session, action, arguments, house.proof("signed", "owner", action, arguments))
            assert caught.value.reason in ("not_a_session", "session_ended"), who
        for read in (house.desk.home, house.desk.archive, house.desk.nonce):
            with pytest.raises(Refused):
                read(session)
    assert house.world() == before
    for role in ("maker", "", "Owner", "root"):
        with pytest.raises(Refused):
            house.sessions.open(role, b"", "x", 1e9)
    house.do(mine, "stop")  # the control
    assert house.allowed() == set()


@pytest.mark.clause("L16")
def test_fail__rules_name_every_action_and_nobody_else(tmp_path):
    authority = House(tmp_path).parts.authority
    for role in ("maker", "stranger", "", "root"):
        for action in ("allow", "declare_of_age", "invite", "remove", "erase", "install", "decide", "leave"):
            with pytest.raises(Refused):
                authority.check(action, Actor(role, "x", True))
    authority.check("withdraw", Actor("maker", "remote command"))  # the one thing
    for role in ROLES:
        with pytest.raises(Refused) as caught:
            authority.check("grant", Actor(role, "x", True))
        assert caught.value.reason == "unknown_action"
    assert isinstance(authority, Authority)
    with pytest.raises(Refused):
        authority.narrow("snapshot", "lightmake", GIVEN[0], PRESENT, NOW)  # a grant by the back door


@pytest.mark.clause("L16")
@pytest.mark.attack(1)
def test_fail__the_authority_itself_asks_for_a_proof_whoever_calls_it(tmp_path):
    house = House(tmp_path)
    pair = ("snapshot", "lightmake")
    policy = house.parts.catalogue.policy(*pair)
    for actor, why in (
        (Actor("owner", "paired key"), "no_presence"),
        (Actor("guardian", "socket"), "no_presence"),
        (Actor("viewer", "terminal", True), "not_your_role"),
        (Actor("service", "terminal", True), "not_your_role"),
        (Actor("maker", "remote command", True), "not_your_role"),
    ):
        with pytest.raises(Refused) as caught:
            house.parts.authority.allow(*pair, actor, policy, NOW)
        assert caught.value.reason == why
    assert house.states().get(pair) is None
    house.grant(pair)  # the control
    assert house.allowed() == {pair}


# --- the maker


class Commanded(House):
    """A home that obeys its maker's commands, as far as those go."""

    def __init__(self, directory):
        self.maker = Maker(directory)
        tree = edited("recipient.maker.answers", self.maker.public.hex(), every_transform())
        (directory / "policy.cbor").write_bytes(compile_profile(Text(toml(tree))))
        Home.__init__(self, directory, "policy.cbor", ("maker",), commands=True)
        self.parts.authority.attest(True, PRESENT, NOW)
        for pair in self.parts.catalogue.pairs():
            self.grant(pair)
        self.counter = 0
        self.mailbox = self.parts.mailbox("maker").read()[1]

    def hear(self, *body):
        """The broker hands over a command, signed by the maker."""
        self.counter += 1
        command = self.maker.command(body[0], self.mailbox, self.counter, *body[1:])
        self.agent.uplinks["maker"].wire.on_heard("m/1/to/" + self.mailbox.hex(), command)


@pytest.mark.clause("L1", "L23")
@pytest.mark.attack(1, 12)
def test_fail__a_signed_command_to_capture_or_to_allow_does_nothing_and_is_recorded(tmp_path):
    house = Commanded(tmp_path)
    house.hear("withdraw", "look")
    before = house.states()
    refused = ("refused", "", "maker")
    for number, verb in enumerate(("capture", "snapshot", "stream", "view", "record", "configure", "allow", "install")):
        house.hear(verb, "look")
        house.hear(verb, "")
        assert house.agent.watched() == [] and house.states() == before
        assert house.agent.ledger.totals()[refused] == 2 * number + 2
    assert set(house.told("refused")) == {"command_unknown"}
    house.hear("grant", "look")
    house.hear("grant", "")
    assert house.states() == before and "remote_grant" in house.told("refused")
    assert ("look", "maker") not in house.allowed()


@pytest.mark.clause("L3")
@pytest.mark.attack(12)
def test_ok__the_maker_withdraws_what_it_receives_itself_and_no_more(tmp_path):
    house = Commanded(tmp_path)
    everything = house.allowed()
    house.hear("withdraw", "other")  # is the partner's
    assert house.allowed() == everything
    house.hear("withdraw", "all")
    assert house.allowed() == everything - {("all", "maker")}
    house.hear("withdraw", "")
    assert house.allowed() == {("all", "partner"), ("other", "partner")}
    record, _, _ = house.parts.consents.current("look", "maker")
    assert (record.state, record.actor) == (WITHDRAWN, "maker")


# --- a refusal blocks nothing


@pytest.mark.clause("L20", "P3", "C5")
@pytest.mark.parametrize("profile", ["lightmake", "laserpecker"])
def test_ok__with_everything_refused_and_no_network_the_job_ends_all_the_same(tmp_path, profile):
    """The printer prints by itself: the agent, told no, neither asks it anything nor opens a connection."""
    reads = []
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        door.settimeout(0.2)
        house = Home(tmp_path, profile, PROFILES[profile], port=door.getsockname()[1])
        session = house.sessions.open("viewer", b"", "v", 1e9)
        for purpose, recipient in house.parts.catalogue.pairs():
            house.do(session, "refuse", {"purpose": purpose, "recipient": recipient})
        printer = DemoSource(house.device.ticks, house.device.now)

        async def print_it():
            states = []
            for _ in range(0, int(LOOP) + 20, 10):
                (moment, *jobs) = await printer.read()
                states.append(moment.fields["state"])
                reads.extend(jobs)
                await forward(house, house.agent, 10)
            await house.agent.close()
            return states

        states = asyncio.run(print_it())
        with pytest.raises(TimeoutError):
            door.accept()
    assert {"idle", "printing", "finishing"} <= set(states) and len(reads) == 1
    assert reads[0].fields["job_finish"] - reads[0].fields["job_start"] == 600
    assert house.agent.troubles == {} and not any(one.waiting() for one in house.agent.uplinks.values())
    assert set(house.states().values()) == {REFUSED} and "consent_refused" in house.told("refused")


# --- minors

FIRST = {"lightmake": ("improvement_program", "lightmake"), "laserpecker": ("usage_data", "laserpecker")}


def waiting(house, profile):
    """A house in which events wait, sealed on its flash."""
    pair = FIRST[profile]

    async def story():
        await forward(house, house.agent, 120)

    asyncio.run(story())
    vault = house.parts.vault(*pair)
    assert house.agent.uplinks[pair[1]].waits(pair[0]) > 3 and vault.sealed()
    return vault


@pytest.mark.clause("L18", "P8", "C4")
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("profile", FIRST)
def test_ok__declaring_a_minor_shuts_everything_at_once_and_wipes_what_waited(tmp_path, profile, role):
    house = House(tmp_path, profile, given=[FIRST[profile]])
    vault = waiting(house, profile)
    answer = house.do(house.sessions_of[role], "declare_minor")
    assert answer["destroyed"] > 3
    assert house.allowed() == set() and not vault.sealed()
    assert not any(house.device.storage.read(name) and any(house.device.storage.read(name)) for name in vault.files)
    assert house.agent.uplinks[FIRST[profile][1]].waiting() == 0
    assert house.parts.authority.age == "minor"
    home = house.desk.home(house.sessions_of[role])
    assert home["age"]["state"] == "minor" and not any(row["allowed"] for row in home["purposes"])
    house.start()
    assert house.allowed() == set() and house.parts.authority.age == "minor"


@pytest.mark.clause("L18", "P7", "C4")
def test_ok__thresholds_and_guardians_are_the_policys(tmp_path):
    for number, (profile, age) in enumerate(
        (("lightmake", {"threshold": 13, "guardian": False}), ("laserpecker", {"threshold": 18, "guardian": True}))
    ):
        (tmp_path / str(number)).mkdir()
        house = House(tmp_path / str(number), profile)
        assert house.desk.home(house.sessions_of["owner"])["age"] == {**age, "state": "of_age"}


def reason(house, role, arguments):
    try:
        house.do(house.sessions_of[role], "decide", arguments, house.proof("signed", role, "decide", arguments))
    except Refused as refusal:
        return refusal.reason
    return ""


@pytest.mark.clause("P7", "C4", "L18")
def test_ok__for_a_minor_a_guardian_decides_where_the_policy_knows_guardians_and_else_nobody(tmp_path):
    wanted = {
        "laserpecker": {"owner": "guardian_needed", "guardian": "", "viewer": "not_your_role"},
        "lightmake": {"owner": "minor", "guardian": "minor", "viewer": "not_your_role"},
    }
    for profile, reasons in wanted.items():
        (tmp_path / profile).mkdir()
        house = House(tmp_path / profile, profile, given=[FIRST[profile]])
        house.do(house.sessions_of["viewer"], "declare_minor")
        for of_age in (False, True):
            arguments = {"choices": [house.choice(FIRST[profile])], "of_age": of_age}
            for role, why in reasons.items():
                assert reason(house, role, arguments) == why, (profile, role)
                assert house.allowed() == ({FIRST[profile]} if not why else set())
                assert house.parts.authority.age == "minor"
                house.do(house.sessions_of["viewer"], "stop")
        said = house.told("refused")
        assert {why for why in reasons.values() if why} <= set(said)


@pytest.mark.clause("P7", "C4", "L18")
@pytest.mark.parametrize("profile", FIRST)
def test_fail__from_the_word_alone_only_what_a_guardian_gave_counts(tmp_path, profile):
    """Whatever came between the word and the withdrawals: a power cut, or another process that said it."""
    house = House(tmp_path, profile, given=[FIRST[profile]])
    (other, *_) = [pair for pair in house.pairs if pair != FIRST[profile]]
    house.grant(other, Actor("guardian", "terminal", True))
    assert house.allowed() == {FIRST[profile], other}
    house.parts.authority.attest(False, Actor("viewer", "x"), NOW)
    guardian = house.parts.catalogue.age["guardian"]
    assert house.allowed() == ({other} if guardian else set())
    assert house.parts.gate.decide(*FIRST[profile]).reason == ("guardian_needed" if guardian else "minor")


@pytest.mark.clause("P7", "C4")
def test_fail__nobody_but_a_guardian_says_that_all_are_of_age_again(tmp_path):
    house = House(tmp_path, "laserpecker")
    house.do(house.sessions_of["owner"], "declare_minor")
    for role, kind in itertools.product(("owner", "viewer", "service"), PROOFS):
        assert not house.tries(role, "declare_of_age", {}, kind)
    assert not house.tries("guardian", "declare_of_age", {}, "none")
    assert house.parts.authority.age == "minor"
    assert house.tries("guardian", "declare_of_age", {}, "signed") and house.parts.authority.age == "of_age"


@pytest.mark.clause("P7", "C4")
def test_fail__what_a_guardian_allowed_ends_with_the_last_guardian(tmp_path):
    house = House(tmp_path, "laserpecker")
    second, _ = house.pair("guardian")
    house.do(house.sessions_of["owner"], "declare_minor")
    arguments = {"choices": [house.choice(FIRST["laserpecker"])], "of_age": False}
    assert reason(house, "guardian", arguments) == "" and house.allowed() == {FIRST["laserpecker"]}
    for role, key in (("owner", second.key), ("owner", house.phones["guardian"].key)):
        assert not house.tries(role, "remove", {"key": key.hex()}, "signed")  # else a minor would be alone with it
    assert house.allowed() == {FIRST["laserpecker"]}
    assert house.tries("guardian", "remove", {"key": second.key.hex()}, "signed")
    assert house.allowed() == {FIRST["laserpecker"]}
    house.do(house.sessions_of["guardian"], "leave")
    assert house.allowed() == set()


@pytest.mark.clause("P7", "C4")
def test_fail__on_the_command_line_nobody_unpairs_a_minors_guardian(tmp_path):
    home = Home(tmp_path, "laserpecker", ("laserpecker",), SlowDevice(tmp_path / "state"))
    phone, guardian = home.pair("guardian")
    viewer, _ = home.pair("viewer")
    home.do(guardian, "declare_minor")
    home.allow(phone, guardian, FIRST["laserpecker"], of_age=False)
    code, _, errors = call(home, "people", "remove", phone.key.hex())
    assert code == 3 and "guardian_needed" in errors
    assert home.allowed() == {FIRST["laserpecker"]}
    assert at_the_terminal(home, "people", "remove", viewer.key.hex())[0] == 0  # the control
    assert [one.role for one in home.parts.people.all()] == ["guardian"]


@pytest.mark.clause("P7", "C4")
def test_fail__while_a_minor_uses_it_only_a_guardian_lets_in_another_guardian(tmp_path):
    house = House(tmp_path, "laserpecker")
    house.do(house.sessions_of["owner"], "declare_minor")
    for role, asked_for, done in (
        ("owner", "guardian", False),
        ("owner", "viewer", True),
        ("guardian", "guardian", True),
    ):
        assert house.tries(role, "invite", {"role": asked_for, "hours": 0, "case": ""}, "signed") == done


@pytest.mark.clause("L18")
def test_fail__before_anybody_said_that_all_are_old_enough_nothing_is_allowed(tmp_path):
    house = House(tmp_path, of_age=False)
    pair = FIRST["lightmake"]
    arguments = {"choices": [house.choice(pair)], "of_age": False}
    assert house.parts.authority.age == "unknown"
    assert reason(house, "owner", arguments) == "age_unknown" and house.allowed() == set()
    assert reason(house, "owner", {**arguments, "of_age": True}) == ""
    assert house.allowed() == {pair} and house.parts.authority.age == "of_age"
    assert not any(word in str(house.states()) for word in ("birth", "year"))


@pytest.mark.clause("L18", "L19")
def test_fail__what_was_said_for_another_age_does_not_count(tmp_path):
    house = House(tmp_path, "every")
    tree = {**edited("age.threshold", 16, every_transform()), "version": "2"}
    house.device.storage.write("profile.cbor", compile_profile(Text(toml(tree))))
    house.start()
    assert house.parts.authority.age == "unknown"


@pytest.mark.clause("L18")
@pytest.mark.attack(5)
def test_fail__that_a_minor_uses_it_is_forgotten_by_no_damage_to_one_file(tmp_path):
    house = House(tmp_path, "laserpecker")
    house.do(house.sessions_of["owner"], "declare_minor")
    kept = dict(house.device.storage.files)
    for name in ("consent.0", "consent.1", "floor.0", "floor.1"):
        for hurt in (b"", kept[name][:-1], bytes([kept[name][0] ^ 1]) + kept[name][1:], None):
            files = {one: data for one, data in kept.items() if one != name}
            if hurt is not None:
                files[name] = hurt
            (place := tmp_path / "copy").mkdir(exist_ok=True)
            device = InMemory(MemoryStorage(files))
            copy = Home(place, "laserpecker", ("laserpecker",), device)
            assert copy.parts.authority.age != "of_age" and copy.allowed() == set()


# --- time


@pytest.mark.attack(3, 4)
def test_fail__a_grant_with_an_end_is_shut_without_a_clock_and_by_one_set_back(tmp_path):
    house = House(tmp_path)
    timed, lasting = ("snapshot", "lightmake"), ("print_history", "lightmake")
    owner, phone = house.sessions_of["owner"], house.phones["owner"]
    house.allow(phone, owner, timed, hours=2)
    house.allow(phone, owner, lasting)
    assert house.allowed() == {timed, lasting}
    asyncio.run(forward(house, house.agent, 1200, step=60.0))  # the time is written down
    right = house.device.wall
    for wall in (None, 0, right - 86400, right - 3600, 2**40):
        house.device.wall = wall
        for restart in (False, True):
            if restart:
                house.start()
            assert house.allowed() == {lasting}, wall
            assert house.parts.gate.decide(*timed).reason in ("clock_untrusted", "consent_expired")
    house.device.wall = right
    assert house.allowed() == {timed, lasting}  # the control
    house.device.passed += 3600 * 2
    assert house.allowed() == {lasting} and house.parts.gate.decide(*timed).reason == "consent_expired"


@pytest.mark.attack(3)
def test_fail__an_end_that_passed_is_not_revived_by_the_clock(tmp_path):
    house = House(tmp_path)
    timed = ("snapshot", "lightmake")
    house.allow(house.phones["owner"], house.sessions_of["owner"], timed, hours=1)
    asyncio.run(forward(house, house.agent, 7200, step=60.0))
    assert house.allowed() == set()
    house.device.wall -= 7200  # as if it were the hour of the grant
    assert house.allowed() == set()
    house.start()
    assert house.allowed() == set() and house.parts.gate.decide(*timed).reason == "clock_untrusted"


@pytest.mark.attack(4)
def test_fail__without_a_clock_nothing_with_an_end_can_be_allowed(tmp_path):
    house = House(tmp_path)
    house.device.wall = None
    owner, phone = house.sessions_of["owner"], house.phones["owner"]
    with pytest.raises(Refused) as caught:
        house.allow(phone, owner, ("snapshot", "lightmake"), hours=1)
    assert caught.value.reason == "clock_untrusted" and house.allowed() == set()
    house.allow(phone, owner, ("snapshot", "lightmake"))  # the control
    assert house.allowed() == {("snapshot", "lightmake")}
    assert "no_clock" in [row["code"] for row in house.desk.home(owner)["warnings"]]


@pytest.mark.clause("L16")
def test_ok__service_sees_and_stops_for_its_hours_and_never_allows(tmp_path):
    house = House(tmp_path, given=[("snapshot", "lightmake")])
    session = house.sessions_of["service"]
    (shown,) = house.desk.home(house.sessions_of["viewer"])["service"]
    assert (shown["case"], shown["until"] is not None) == ("4711", True)
    for kind in PROOFS:
        arguments = {"choices": [house.choice(("print_history", "lightmake"))], "of_age": True}
        assert not house.tries("service", "decide", arguments, kind)
    assert house.tries("service", "stop", {}, "none") and house.allowed() == set()
    house.device.passed += 3600
    with pytest.raises(Refused) as caught:
        house.desk.home(session)
    assert caught.value.reason == "session_ended"
    assert house.desk.home(house.sessions_of["viewer"])["service"] == []
