"""Every source, every purpose, one running agent: what no field declares comes out nowhere, whatever form it takes.

The printers of rigs/printers.py carry a canary in every name, text and odd number; rigs/matrix.py collects what comes
out of the agent, of its crashes and of its broker; rigs/canaries.py searches it.
"""

import asyncio
import shutil
import tempfile
from pathlib import Path

import cbor2
import pytest

from host_tests.rigs.canaries import Canaries, forms
from host_tests.rigs.matrix import Matrix, hurried
from host_tests.rigs.printers import ADDRESS, UNHEARD, Printers

KINDS = ("moonraker", "octoprint", "marlin", "grbl", "bambu", "intake")
MACHINE = ("hostname", "user", "logname", "device name")  # what the agent's own surroundings are called
# What is theirs to show: a process has its environment, and an owner's own name for the device is kept and shown to
# whoever the owner let in; it leaves no more than the others.
PASSED = tuple((name, "process of " + place) for name in MACHINE[:3] for place in ("log", "crash", "abort"))
PASSED += tuple(("device name", place) for place in ("details", "state", "viewer's page", "viewer's socket"))
PLACES = {
    *("messages", "wire", "broker's log", "broker's database"),
    *("log", "crash", "abort", "process of log", "process of crash", "process of abort", "left behind"),
    *("state", "sent", "ledger", "export", "details", "viewer's page", "viewer's socket"),
}
PURPOSES = {
    "lightmake": {"improvement_program", "print_history"},
    "laserpecker": {"usage_data", "job_history", "network_info", "heartbeat"},
}
# Fields that no policy lets out, let out as what they are not.
WRONG = {
    "a number": (
        '[field.address]\nid = 18\ncategory = "network_address"\ntransform = "drop"\nsensitivity = "identifying"\n',
        '[field.address]\nid = 18\ncategory = "network_address"\npurposes = ["improvement_program"]\n'
        'transform = "keep"\nmin = 0\nmax = 4294967295\nretention = "1 d"\n'
        'sensitivity = "low"\n',
    ),
    "a text": (
        '[field.device_name]\nid = 17\ncategory = "device_identifier"\ntransform = "drop"\n'
        'sensitivity = "identifying"\n',
        '[field.device_name]\nid = 17\ncategory = "device_identifier"\npurposes = ["improvement_program"]\n'
        'transform = "enum"\nvalues = ["%s"]\nretention = "1 d"\n'
        'sensitivity = "low"\n',
    ),
}


def unheard(matrix):
    return {name for name in matrix.canaries.without(matrix.raw) if name not in (*UNHEARD, *MACHINE)}


def purposes(messages):
    return {cbor2.loads(payload)[2] for _, payload, *_ in messages}


def lived(directory, kinds, profile, recipient, enough, crashes=True, seed=6):
    canaries = Canaries(seed)
    with Printers(directory, canaries, kinds) as printers:
        matrix = Matrix(directory, canaries, profile(canaries), recipient, printers)
        asyncio.run(matrix.live(enough, crashes))
    return matrix


@pytest.fixture
def short():
    """Unix sockets stand in it: a path of pytest's own is too long."""
    path = Path(tempfile.mkdtemp(prefix="canary-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module", params=PURPOSES)
def matrix(request):
    """The whole life of one agent under one of the shipped profiles."""
    turns = 0

    def enough(made, maker):
        nonlocal turns
        turns += 1
        return turns >= 14 and not unheard(made) and purposes(maker.messages) >= PURPOSES[request.param]

    path = Path(tempfile.mkdtemp(prefix="canary-"))
    try:
        yield lived(path, KINDS, lambda _: hurried(path, request.param), request.param, enough)
    finally:
        shutil.rmtree(path)


@pytest.mark.clause("L6", "L7", "L8", "L9", "L10", "L21", "L22", "P1", "P9")
@pytest.mark.attack(13, 14, 16, 23)
def test_ok__no_canary_comes_out_anywhere(matrix):
    assert set(matrix.places) == PLACES
    assert matrix.canaries.search(matrix.places, PASSED) == []


@pytest.mark.clause("L7", "P9")
@pytest.mark.attack(13)
def test_ok__what_arrives_is_whole_numbers_and_words_of_a_list(matrix):
    words = {"offline", "idle", "printing", "paused", "finishing", "error", "cable", "wifi", "mobile", "other", "on"}
    numbers = set()
    for _, payload, *_ in matrix.messages:
        for event in cbor2.loads(payload)[3]:
            for field, value in event:
                if field == 31:  # a pseudonym: of one day all the same
                    assert isinstance(value, bytes) and len(value) == 16
                    numbers.add(value)
                else:
                    assert isinstance(value, int) or value in words
    assert len(numbers) <= 2


@pytest.mark.clause("L10", "L21")
@pytest.mark.attack(23)
def test_ok__nothing_retained_no_will_and_a_client_id_of_each_connection(matrix):
    log = matrix.places["broker's log"].decode()
    assert not any(retained for *_, retained in matrix.messages) and "Will message specified" not in log
    assert {topic for topic, *_ in matrix.messages} == {matrix.recipient + "/agent/1"}
    assert "(p2, c1, k" in log and ", u'" not in log  # connections were logged; none had a user name


def test_ok__the_control_all_of_it_was_there_to_leak(matrix):
    """In what the sources handed over, each field by its name and value; and purposes did leave."""
    assert unheard(matrix) == set()
    heard = {line.split("'")[1] for line in matrix.raw.splitlines()}
    assert heard - {"alive", "network", "region"} == set(KINDS)
    assert len(matrix.canaries.known) > 90 and str(ADDRESS) in matrix.raw
    assert purposes(matrix.messages) == PURPOSES[matrix.recipient]
    assert matrix.viewed["/api/home"] == matrix.viewed["/api/timeline"] == 200
    assert any(status == 403 for status in matrix.viewed.values())  # what is the owner's only


def test_ok__the_control_it_crashed_and_told_where(matrix):
    crash, abort = matrix.places["crash"].decode(), matrix.places["abort"].decode()
    assert "A defect, please report it" in crash and "ValueError (its text may hold values" in crash
    assert "Fatal Python error: Aborted" in abort
    assert "cannot be understood; please report it (KeyError)" in matrix.places["log"].decode()


def test_fail__the_control_every_form_is_found_in_every_place(matrix):
    """Planted in a copy of what was searched."""
    chosen = ["moonraker file", "bambu serial", "bambu mask", "bambu address", "intake feed"]
    for place, data in matrix.places.items():
        for name in chosen:
            for form, planted in forms(matrix.canaries.known[name]):
                found = matrix.canaries.search({place: data[:1000] + planted + data[-1000:]}, PASSED)
                assert name in [leak.canary for leak in found], (place, name, form)


@pytest.mark.parametrize("what", WRONG)
def test_fail__a_policy_that_passes_one_field_is_noticed_at_the_broker(short, what):
    def profile(canaries):
        old, new = WRONG[what]
        if what == "a text":
            new %= canaries.word("intake device_name")
        return hurried(short, "lightmake", ((old, new),))

    matrix = lived(short, ("intake",), profile, "lightmake", lambda made, maker: len(maker.messages) > 2, crashes=False)
    found = matrix.canaries.search(matrix.places, PASSED)
    name = "intake device_name" if what == "a text" else "intake packed"
    assert {leak.canary for leak in found} == {name}
    assert {leak.place for leak in found} >= {"messages", "wire", "sent", "export"}


def test_ok__a_number_is_found_in_its_other_orders():
    canaries = Canaries(1)
    canaries.add("address", ADDRESS)
    for text in ("192.168.18.8", "8.18.168.192", "3232240136", "0812a8c0", "C0A81208", "135440576", "MTM1NDQwNTc2"):
        assert [one.canary for one in canaries.search({"x": b"..%s.." % text.encode()})] == ["address"], text
    assert canaries.search({"x": b"135440577 192.168.18.9"}) == []
