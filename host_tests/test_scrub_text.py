"""Logs, configuration and JSON that are shared: what identifies goes, all else stays as it was."""

import json
import re
from pathlib import Path
from random import Random
from typing import Any

import pytest

from firmware_agent.scrub.checks import fold
from firmware_agent.scrub.content import documents
from firmware_agent.scrub.escapes import beneath
from firmware_agent.scrub.keys import KEYS
from firmware_agent.scrub.lines import Lines
from firmware_agent.scrub.quick import Quick
from firmware_agent.scrub.report import Report, find, found
from firmware_agent.scrub.sieve import folded
from firmware_agent.scrub.spans import Span
from firmware_agent.scrub.texts import decoded, encoded
from host_tests.rigs import text_score
from host_tests.rigs.identifiers import KINDS, LINES, alike, made, said

CORPUS = Path(__file__).resolve().parents[2] / "shared/corpus"
KIND_OF = {
    "10.2.7.31": "ipv4",
    "b8:27:eb:4f:1a:9c": "mac",
    "5f0c5b0e-3c63-4c5d-9b1e-2f3a4b5c6d7e": "uuid",
    "kefa@orun.net": "email",
}
NOISE = "\"'{}[]()<>:=,;@#%&/\\ \t-_.0aZ\u00e9\u2028\udcff\ufeff\x00\r\n"


def masked(text: str, json: bool = False) -> str:
    report = Report()
    report.learn(text)
    return report.masked(text, json)


@pytest.mark.clause("L6")
@pytest.mark.clause("L9")
@pytest.mark.clause("L10")
@pytest.mark.clause("L22")
@pytest.mark.attack(13)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_ok__an_identifier_does_not_come_out(kind: str) -> None:
    chance = Random(kind)
    for _ in range(200):
        line, value = said(chance, kind)
        assert value.lower() not in masked(line).lower(), line


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_ok__each_template_holds_its_identifier_and_the_check_sees_it(kind: str) -> None:
    """The control: without masks every one of them is there."""
    chance = Random(kind)
    value = made(chance, kind)
    assert all(value in template.format(value) for template in LINES[kind]) and LINES[kind]


def test_ok__versions_figures_coordinates_checksums_and_hashes_stay() -> None:
    chance = Random(9)
    lines = [alike(chance) for _ in range(5000)]
    assert [line for line in lines if masked(line) != line] == []


@pytest.mark.attack(16)
def test_ok__a_name_is_masked_wherever_else_it_stands() -> None:
    text = "Linux kefabox 6.1.21-v8+ #1642\nconnected: kefabox, KEFABOX; kefaboxes stay\nvia http://x/kefabox\n"
    out = masked(text)
    assert out.lower().count("kefabox") == 1 and "kefaboxes stay" in out
    assert (
        out == "Linux <host-1> 6.1.21-v8+ #1642\nconnected: <host-1>, <host-1>; kefaboxes stay\nvia http://x/<host-1>\n"
    )


def test_ok__the_same_stands_for_the_same_and_something_else_for_another() -> None:
    out = masked("peer 192.168.7.31\npeer 192.168.7.44\npeer 192.168.7.31\n")
    assert out == "peer <ip-1>\npeer <ip-2>\npeer <ip-1>\n"


def test_ok__another_report_counts_anew() -> None:
    assert masked("peer 192.168.7.44") == masked("peer 10.2.7.31") == "peer <ip-1>"


def test_ok__files_of_one_report_share_their_names() -> None:
    report, log, config = Report(), "Linux kefabox 6.1.21-v8+ #1642", "# printed for kefabox"
    for text in (log, config):
        report.learn(text)
    assert report.masked(config) == "# printed for <host-1>"
    assert report.masked(log) == "Linux <host-1> 6.1.21-v8+ #1642"


def test_ok__what_the_device_knows_goes_without_anything_that_tells() -> None:
    report = Report([("hostname", "kefabox"), ("usb_serial", "31ffd6054d")])
    assert report.masked("xx kefabox yy 31ffd6054d") == "xx <host-1> yy <serial-1>"


def test_ok__lines_and_their_ends_stay() -> None:
    text = "user: orunkefa\r\nuser: orunkefa\rpeer 10.2.7.31\n\n\r\nuser: orunkefa"
    out = masked(text)
    assert re.findall(r"[\r\n]", out) == re.findall(r"[\r\n]", text)
    assert out == "user: <user-1>\r\nuser: <user-1>\rpeer <ip-1>\n\n\r\nuser: <user-1>"


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b""])
def test_ok__bytes_that_are_not_masked_stay(mark: bytes) -> None:
    name = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(mark, "utf-8")
    data = (
        mark
        + "\u00e9 peer ".encode(name)
        + (b"" if name != "utf-8" else b"\xc3\xff\xfe ")
        + "10.2.7.31\r\n".encode(name)
    )
    text, how = decoded(data)
    assert encoded(text, how) == data
    assert encoded(masked(text), how) == data.replace("10.2.7.31".encode(name), "<ip-1>".encode(name))


@pytest.mark.clause("C3")
def test_ok__json_stays_json_with_the_same_shape() -> None:
    data = {
        "task_id": 135440576,
        "list": [135440576, 7, "of 135440576", {"sn": "01S00A1234567"}],
        "\u00e9": None,
        "n": 1.5,
    }
    for text in (json.dumps(data), json.dumps(data, indent=2), json.dumps(data) + "\n" + json.dumps(data)):
        assert documents(text)
        out = masked(text, True)
        assert documents(out) and "135440576" not in out and "1234567" not in out
        assert json.loads(out.split("}\n{")[0] + ("}" if "}\n{" in out else "")) == {
            "task_id": "<id-1>",
            "list": ["<id-1>", 7, "of <id-1>", {"sn": "<serial-1>"}],
            "\u00e9": None,
            "n": 1.5,
        }


def test_ok__the_sieve_lets_no_line_pass_in_which_a_rule_finds_something() -> None:
    chance = Random(21)
    lines = Lines(Quick)
    several = [
        said(chance, chance.choice(list(KINDS)))[0] if chance.random() < 0.5 else alike(chance) for _ in range(4000)
    ]
    several += [line.upper() for line in several[:500]] + ["".join(chance.choices(NOISE, k=40)) for _ in range(500)]
    several += ["GET /a?layer=3&%s=01S00A2B3C4D5E6 ready" % key for key in (*KEYS, "Task_ID", "dev-id")]
    several += ["ready %s=01S00A2B3C4D5E6, (%s=b8:27:eb:4f:1a:9c)" % (key, key) for key in KEYS]
    several = [re.sub(r"[\r\n]", " ", line) for line in several]
    text, expected, at = "\n".join(several), [], 0
    for line in several:
        expected += [(at + start, at + end, kind) for start, end, kind in lines.spans(line, fold(line), True)]
        at += len(line) + 1
    assert [tuple(one) for one in found(text)] == expected
    assert len(expected) > 2000


def test_ok__folding_fast_is_folding() -> None:
    assert all(folded(chr(one)) == fold(chr(one)) for one in range(0x3000))


@pytest.mark.parametrize("seed", range(12))
def test_ok__whatever_is_read_lines_stay_and_only_spans_change(seed: int) -> None:
    chance = Random(seed)
    for _ in range(60):
        pieces = [
            said(chance, chance.choice(list(KINDS)))[0]
            if chance.random() < 0.4
            else "".join(chance.choices(NOISE, k=chance.randint(0, 60)))
            for _ in range(chance.randint(1, 12))
        ]
        text = chance.choice(("\n", "\r\n", "", " ")).join(pieces)
        report = Report()
        report.learn(text)
        spans = report.spans(text)
        out = report.masked(text)
        assert re.findall(r"[\r\n]", out) == re.findall(r"[\r\n]", text)
        at = shift = 0
        for one in spans:
            assert at <= one.start < one.end <= len(text)
            assert out[at + shift : one.start + shift] == text[at : one.start]
            end = out.index(">", one.start + shift) + 1
            assert re.fullmatch(r"<[a-z_0-9]+-\d+>", out[one.start + shift : end])
            at, shift = one.end, end - one.end
        assert out[at + shift :] == text[at:]


def test_ok__what_was_scrubbed_holds_nothing_any_more() -> None:
    chance = Random(77)
    text = "\n".join(said(chance, chance.choice(list(KINDS)))[0] for _ in range(300))
    assert len(find(text)) >= 300
    assert [one for one in find(masked(text)) if not masked(text)[one.start : one.end].startswith("<")] == []


def test_ok__the_score_on_the_corpus_of_real_files() -> None:
    """Where the corpus is absent, on labels of our own."""
    if CORPUS.exists():
        texts, documents = (text_score.score(CORPUS, names) for names in (text_score.TEXTS, text_score.JSON))
        assert texts["recall"] >= 0.99 and texts["precision"] >= 0.97, texts
        assert documents["recall"] >= 0.99 and documents["precision"] >= 0.95, documents
    else:
        print(f"{CORPUS} is absent: no real files were scored")


def test_fail__the_score_sees_what_is_missed_and_what_is_none(tmp_path: Path) -> None:
    text = "peer 10.2.7.31 and Orunkefa\n"
    (tmp_path / "files").mkdir()
    (tmp_path / "files/klippy_log-01.log").write_text(text)
    label = {"file": "klippy_log-01.log", "start": 19, "end": 27, "kind": "user", "strength": "strong", "text": ""}
    (tmp_path / "labels.jsonl").write_text(json.dumps(label))
    figures = text_score.score(tmp_path, text_score.TEXTS)
    assert (figures["recall"], figures["precision"], figures["missed"]) == (0.0, 0.0, {"user": 1})


@pytest.mark.clause("L6")
@pytest.mark.attack(13)
@pytest.mark.parametrize(
    "written",
    [
        "{'stdout': 'ready\\n%s\\n'}",
        '{"out":"ready\\t%s\\r\\n"}',
        "b'ready\\x0a%s'",
        '{"out":"\\u0020%s\\u0020"}',
        "GET /server?q=up%%20%s%%0A",
        "\x1b[1m%s\x1b[0m",
    ],
)
@pytest.mark.parametrize(
    "value", ["10.2.7.31", "b8:27:eb:4f:1a:9c", "5f0c5b0e-3c63-4c5d-9b1e-2f3a4b5c6d7e", "kefa@orun.net"]
)
def test_ok__what_stands_behind_a_sign_that_is_written_otherwise_is_found(written: str, value: str) -> None:
    report = Report()
    report.learn(written % value)
    clean = report.masked(written % value)
    assert value not in clean
    assert report.alias(KIND_OF[value], value) in clean


@pytest.mark.clause("L6")
@pytest.mark.attack(13)
@pytest.mark.parametrize("deep", [1, 2, 3])
def test_ok__keys_of_json_in_texts_of_json_tell_as_well(deep: int) -> None:
    text = '{"sn":"01S00A2B3C4D5E6","user":"orunkefa","layer":1234567890,"folder":"/home/tovakelu/x"}'
    for _ in range(deep):
        text = json.dumps({"payload": text}).replace("/", "\\/")
    clean = masked(text, json=True)
    assert not any(value in clean for value in ("01S00A2B3C4D5E6", "orunkefa", "tovakelu"))
    inner: Any = json.loads(clean)
    for _ in range(deep):
        inner = json.loads(inner["payload"])
    assert list(inner) == ["sn", "user", "layer", "folder"]
    assert inner["layer"] == 1234567890


def test_ok__a_colon_that_an_address_of_the_web_writes_is_one() -> None:
    assert masked("GET /x?mac=b8%3A27%3aeb%3A4f%3A1a%3A9c&layer=3") == "GET /x?mac=<mac-1>&layer=3"


@pytest.mark.parametrize(
    "said", ["\nkefa@orun.net", 'user: orunkefa" x', "a\tkefabox.local x", "\tkefas dragon.gcode\n", 'ssid: Kefa"s']
)
def test_ok__json_stays_json_where_a_value_touches_a_sign_that_json_writes_otherwise(said: str) -> None:
    text = json.dumps({"said": said})
    clean = json.loads(masked(text, json=True))["said"]
    assert "<" in clean
    assert clean[:1] in (said[:1], "<")


def test_ok__places_in_lines_that_are_written_otherwise_are_those_of_the_line() -> None:
    chance = Random("places")
    signs = ["\\n", '\\"', "\\\\", "%20", "\\u00e9", "\x1b[31m", " ", "a", "\n", "\\/", "\\x41"]
    for _ in range(300):
        around = ["".join(chance.choices(signs, k=chance.randrange(30))) for _ in range(3)]
        text = "%s\\n10.2.7.31\\n%s\\n10.2.7.32\\n%s" % tuple(around)
        spans = [span for span in beneath(text, found_plain) if span.kind == "ipv4"]
        assert {text[span.start : span.end] for span in spans} == {"10.2.7.31", "10.2.7.32"}, text


def found_plain(text: str) -> "list[Span]":
    """Without reading anything otherwise."""
    return [Span(*one, "ipv4") for one in (match.span() for match in re.finditer(r"10\.2\.7\.3[12]", text))]


@pytest.mark.clause("L6")
@pytest.mark.attack(13)
@pytest.mark.parametrize(
    ("told", "again", "clean"),
    [
        ("user: orunkefa", "{'stdout': 'ready\\norunkefa\\n'}", "{'stdout': 'ready\\n<user-1>\\n'}"),
        ('{"user":"Or\\u00fcnkefa"}', "by Or\u00fcnkefa.", "by <user-1>."),
        ("user: Or\u00fcnkefa", '{"by":"Or\\u00FCnkefa"}', '{"by":"<user-1>"}'),
        ("user: or\u00fcnkefa", "?by=or%c3%bcnkefa&x", "?by=<user-1>&x"),
        ("mac b8:27:eb:4f:1a:9c", "?q=xb8%3a27%3aeb%3a4f%3a1a%3a9c", "?q=xb8%3a27%3aeb%3a4f%3a1a%3a9c"),
        ("user: orunkefa", "\x1b[31morunkefa\x1b[0m", "\x1b[31m<user-1>\x1b[0m"),
    ],
)
def test_ok__what_was_found_once_goes_however_it_is_written(told: str, again: str, clean: str) -> None:
    report = Report()
    report.learn(told)
    report.learn(again)
    assert report.masked(again) == clean


def test_ok__text_that_no_encoding_writes_is_scrubbed_too() -> None:
    assert masked("user: orun\ud800kefa\nby orun\ud800kefa") == "user: <user-1>\nby <user-1>"
    assert masked("file: orun\ud800kefa.gcode") == "file: <file-1>"


@pytest.mark.clause("L6")
def test_ok__a_value_that_a_key_assigns_in_the_midst_of_a_line_goes() -> None:
    assert masked("GET /a?task_id=123456789&layer=3") == "GET /a?task_id=<id-1>&layer=3"
    assert masked("upload of dev_sn=01S00A2B3C4D5E6 begins") == "upload of dev_sn=<serial-1> begins"


def test_ok__what_a_file_that_was_scrubbed_before_says_is_not_said_of_another() -> None:
    assert masked("<ip-1> and <host-7> here\npeer 10.2.7.31\nhostname: kefabox\n") == (
        "<ip-1> and <host-7> here\npeer <ip-2>\nhostname: <host-8>\n"
    )
    assert masked("<pre-3> <mac-999999999> b8:27:eb:4f:1a:9c") == "<pre-3> <mac-999999999> <mac-1>"


def test_ok__a_name_goes_however_people_begin_it():
    report = Report()
    text = "/home/orunkefa/klipper\n# Orunkefa wrote this, ORUNKEFA did\n"
    report.learn(text)
    assert "orunkefa" not in report.masked(text).lower()
