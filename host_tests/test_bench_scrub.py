"""`tools/bench scrub`: what is found is counted as the corpus says, on the same texts for all. Times are not judged."""

import copy
import json
import re
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

from benches import peers, scrub  # noqa: E402
from benches.scrub_material import FAMILIES, OURS, PEERS, Material, Tool  # noqa: E402
from benches.scrub_picture import svg  # noqa: E402
from benches.scrub_shapes import expected, further, growth, seconds, shapes  # noqa: E402
from benches.scrub_table import markdown  # noqa: E402
from benches.scrubbers.patterns import PATTERNS  # noqa: E402
from benches.scrubbers.patterns import find as plainly  # noqa: E402

from host_tests.rigs.identifiers import KINDS, made  # noqa: E402
from host_tests.rigs.printer_texts import FAMILIES as WRITERS  # noqa: E402
from host_tests.rigs.printer_texts import written  # noqa: E402
from host_tests.rigs.sheet import Label  # noqa: E402
from host_tests.rigs.span_score import Tally, corpus  # noqa: E402

# What each pattern of the plain list must find: were one broken, the peer would be weaker than it is said to be.
SAID = (
    "10.2.7.31", "2001:db8:1:2:3:4:5:6", "fe80::1:2", "aa:bb:cc:00:11:22", "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
    "anke@orun.de", "/home/orun", "part.gcode", "'a part.gcode'", "/dev/serial/by-id/usb-Klipper_rp2040_4550357-if00",
    "SerialNumber: 4550357", "canbus_uuid: a295a8612fcd", "Serial : 1000000037b1c2d3", "hostname: orun", "orun.local",
    'ssid "orun"', "user: orun", "author: orun", "api_key: orun", "Bearer orun", "tgram://orun", "github.com/orun/x",
    '"sn": "orun"', '"task_id": "12345"', '"tag_uid": "0123456789ABCDEF"', "uuid: " + "0f" * 16, "session: " + "0f" * 8,
    '"lat": 1.2345', "EXCLUDE_OBJECT_START NAME=orun", "M117 orun",
)  # fmt: skip


def label(text, value, kind="user", strong=True):
    return Label(text.index(value), text.index(value) + len(value), kind, strong)


def tallied(text, labels, *spans):
    tally = Tally()
    tally.add(text, labels, spans)
    return tally


def test_ok__found_is_what_is_covered_but_for_punctuation():
    text = "user orun-kefa said hi"
    labels = [label(text, "orun-kefa"), label(text, "hi", "message", strong=False)]
    found = tallied(text, labels, (5, 9, "user"), (10, 14, "user"), (20, 22, "user"))
    assert (found.recall(), found.precision(), found.strong["user"], found.strong["message"]) == (1.0, 1.0, 1, 0)


def test_fail__half_of_a_name_is_not_found_and_what_is_no_label_is_an_alarm():
    text = "user orun-kefa said hi"
    found = tallied(text, [label(text, "orun-kefa")], (5, 9, "user"), (15, 19, "user"), (16, 22, "host"))
    assert (found.recall(), found.precision()) == (0.0, 0.5)  # the last two overlap: one alarm
    assert tallied(text, [], (15, 19, "note")).precision() is None  # it says itself that it may be none
    assert tallied(text, [label(text, "hi")]).precision() is None and tallied(text, []).recall() is None


def test_ok__the_corpus_is_read_by_families(tmp_path):
    (tmp_path / "files").mkdir()
    for name in ("klippy_log-01.log", "printer_cfg-01.cfg", "laser_gcode-01.nc", "bambu_json-01.json", "other-1.txt"):
        (tmp_path / "files" / name).write_text("\u00e9 orun")
    one = {"file": "klippy_log-01.log", "start": 2, "end": 6, "kind": "user", "strength": "strong", "text": ""}
    (tmp_path / "labels.jsonl").write_text(json.dumps(one))
    read = {family: labels for family, _, _, labels in corpus(tmp_path)}
    assert set(read) == set(FAMILIES) and read["logs"] == [Label(2, 6, "user", True)] and not read["JSON"]


@pytest.mark.parametrize("family", WRITERS)
def test_ok__labels_of_written_texts_stand_where_they_say(family):
    text, labels = written(family, 3, 40_000, 20_000)
    assert len(text) >= 40_000 and (text, labels) == written(family, 3, 40_000, 20_000) != written(family, 4, 40_000)
    strong = [text[one.start : one.end] for one in labels if one.strong]
    assert len(strong) > 10 and all(strong) and "[[" not in text.replace("[[10.5", "").replace("[[2", "")
    assert family != "JSON" or json.loads(text)


def test_ok__each_pattern_of_the_plain_list_finds_what_it_is_for():
    assert len(SAID) == len(PATTERNS)
    for said, (kind, pattern) in zip(SAID, PATTERNS, strict=True):
        assert re.search(pattern, said), kind
        assert kind in [one for _, _, one in plainly(said)]
    assert plainly("Stats 1.5: mcu_awake=0.01 freq=179988421 T:21.5 /0.0 v0.12.0-271-g5d24122e") == []
    whole = {kind: plainly(made(Random(1), kind)) for kind in KINDS}
    assert whole["ipv4"] == [(0, whole["ipv4"][0][1], "ipv4")]


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """Rows of ours and the plain list, which need nothing to be installed."""
    place = tmp_path_factory.mktemp("b")
    (place / "files").mkdir()
    (place / "files/klippy_log-01.log").write_text("peer 10.2.7.31 and Orunkefa\n")
    for name in ("printer_cfg-01.cfg", "gcode-01.gcode", "bambu_json-01.json"):
        (place / "files" / name).write_text("G28\n")
    one = {"file": "klippy_log-01.log", "start": 19, "end": 27, "kind": "user", "strength": "strong", "text": ""}
    (place / "labels.jsonl").write_text(json.dumps(one))
    material = Material(place, True, place)
    ours, plain = (scrub.measured(tool, material, True) for tool in (OURS, PEERS[0]))
    others = [plain]
    for peer in PEERS[1:]:  # in place of each that would have to be installed
        others.append(copy.copy(plain))
        others[-1].name = f"{peer.name} 1.0"
        others[-1].tallies = plain.tallies if peer.scored else {}
    return list(scrub.compared(ours, others))


def test_ok__every_family_is_compared_with_every_peer(quick):
    names = {(row["name"], row["peer"].split(",")[0]) for row in quick}
    for what in ("klippy.log", "moonraker.log", *FAMILIES[1:]):
        assert (f"speed, {what}, generated", "Presidio 1.0") in names
    for family in FAMILIES:
        assert (f"recall, {family}, generated", "detect-secrets 1.0") in names
        assert (f"precision, {family}, corpus", "scrubadub 1.0") in names
    scores = {row["name"]: row for row in quick}
    assert scores["recall, logs, corpus"]["value"] == 0.0 and scores["precision, logs, corpus"]["value"] == 0.0
    assert scores["recall, JSON, corpus"]["value"] is None
    assert scores["recall, logs, generated"]["value"] > 90 > scores["recall, logs, generated"]["peer_value"] > 50
    assert scores["found, logs, corpus, user"]["value"] == 0 and scores["found, logs, corpus, user"]["unit"] == "of 1"


def test_ok__the_rows_become_tables_and_a_picture(quick):
    tables = markdown(quick)
    assert "| klippy.log, generated | " in tables and "| user, corpus: 1 | 0 | 0 |" in tables
    assert "| logs and configuration, generated | " in tables and "1 of 1 of the kind user (corpus)" in tables
    assert svg(quick).count("<circle") == 10 and "ours: precision" in svg(quick)


def test_ok__what_performance_says_is_what_was_measured():
    rows = [json.loads(line) for line in (ROOT / "docs/scrub-figures.jsonl").read_text().splitlines()]
    assert markdown(rows) in (ROOT / "docs/performance.md").read_text()
    assert svg(rows) == (ROOT / "docs/scrubbers.svg").read_text()


def test_ok__bad_shapes_are_timed_and_their_growth_is_said():
    said = []
    rows = list(shapes(True, said.append))
    assert len([row for row in rows if " to " in row["name"]]) == 10 and rows[-1]["value"] > 0 and len(said) == 20


def test_fail__a_shape_that_takes_too_long_is_not_tried_at_the_next_size():
    tried = []
    assert further([0.1, 1.6, 25.6], lambda size: tried.append(size) or b"", (1, 4, 16, 64)) == [0.1, 1.6, 25.6]
    assert expected([0.1, 1.6, 25.6]) > 25.6 * 16**3 and not tried  # the square of the size
    assert len(further([0.1, 0.4, 1.6], lambda size: tried.append(size) or b"", (1, 4, 16, 64))) == 4 and tried
    assert growth([1.0, 4.0]) == 4.0


def test_ok__what_is_refused_has_been_answered_too():
    assert seconds(b"PK\3\4" + bytes(100), "auto") >= 0  # refused


PEER = "from timed import main\n\n\ndef find(text, family):\n    %s\n\n\nmain('1', find)\n"


def answered(place, body, text="peer 10.2.7.31\n" * 9000):
    """A script beside the others' is run on one text: (exit code, what it printed)."""
    (place / "text").write_text(text)
    (place / "peer.py").write_text(PEER % body)
    task = {"found": [[str(place / "text"), "logs"]], "timed": [[str(place / "text"), "logs", 70_000]], "runs": 2}
    (place / "task").write_text(json.dumps(task))
    environment = {"PYTHONPATH": str(ROOT / "tools/benches/scrubbers")}
    command = [sys.executable, str(place / "peer.py"), str(place / "task")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    return done.returncode, done.stdout, done.stderr


def test_ok__a_peer_is_timed_on_whole_lines_of_a_part(tmp_path):
    code, out, _ = answered(tmp_path, "return [(0, text.count('peer 10.2.7.31\\n') * 15 - len(text), 'x')]")
    answer = json.loads(out)
    assert code == 0 and answer["found"][str(tmp_path / "text")] == [[0, 0, "x"]]  # whole lines, no more
    (size,), (runs,) = answer["sizes"].values(), answer["seconds"].values()
    assert 60_000 < size < 80_000 and size % 15 == 0 and len(runs) == 2


@pytest.mark.attack(13)
def test_fail__a_peer_that_fails_prints_nothing_of_what_it_read(tmp_path):
    code, out, said = answered(tmp_path, "raise ValueError(text)")
    assert code and not out and "ValueError" in said and "peer.py" in said and "10.2.7" not in said


def test_fail__no_peer_asks_the_network(tmp_path):
    body = "import socket; socket.create_connection(('127.0.0.1', 9))"
    code, _, said = answered(tmp_path, body)
    assert code and "OSError" in said
    assert answered(tmp_path, "return []")[0] == 0


def test_fail__a_tool_that_fails_is_named(tmp_path):
    (tmp_path / "bad.py").write_text("import nothing_of_that_name\n")
    tool = Tool("bad", str(tmp_path / "bad.py"), None, dict.fromkeys(FAMILIES, 1000))
    with pytest.raises(peers.PeerError, match="bad: exit 1; repair"):
        scrub.measured(tool, Material(tmp_path, True, tmp_path / "absent"), True)
