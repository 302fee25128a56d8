"""Every sentence of the owner's page is in every language, and none is in vain. No browser is needed."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

import firmware_agent
from firmware_agent import notice
from firmware_agent.bundle.parts import CHOICES, KINDS
from firmware_agent.bundle.reading import WHY
from firmware_agent.catalogue import BLOBS, PARAMETERS, REQUEST
from firmware_agent.config import _SOURCES
from firmware_agent.consent import changes
from firmware_agent.consent.authority import MAKER, PEOPLE
from firmware_agent.errors import REASONS
from firmware_agent.model import AGE, GIVEN, REFUSED, STATES
from firmware_agent.owner.panel.problems import PROBLEMS
from firmware_agent.owner.panel.room import PLAIN
from firmware_agent.owner.said import MACHINE
from firmware_agent.owner.said import STATES as STANDING
from firmware_agent.telemetry.troubles import TROUBLES

ROOT = Path(firmware_agent.__file__).parent
PAGES = ROOT / "owner/panel/pages"
PROFILES = [tomllib.loads(path.read_text("utf-8")) for path in sorted((ROOT / "profiles").glob("*.toml"))]
PLURALS = ("zero", "one", "two", "few", "many", "other")
RELEASES = ("attempted", "acknowledged", "unknown", "dropped", "purged", "lost", "cut")
VIEWERS = ("viewer_added", "viewer_removed")
OTHERS = ("found", "refused", "recovered", "erased", "checkpoint", "paired", "unpaired", "installed")
EVENTS = (*RELEASES, *OTHERS, *VIEWERS)
WATCHED = ("watching", "watched")
PROGRAMS = ("mainsail", "fluidd", "octoprint", "homeassistant")
DELETIONS = ("asked", "acknowledged", "handed_over", "done", "expired")
DOTTED = re.compile(r"[a-z_]+(?:\.[a-z_]+)+")
HOLE = re.compile(r"\{(\w+)\}")
CALL = re.compile(r"\b(t|tn|say|sayFor|said)\(")  # a key comes first, or second in `said`


def read(text):
    """key -> sentence; a key that stands twice is a finding of its own."""
    rows = [line.partition("=") for line in text.splitlines() if line and not line.startswith("#")]
    assert all(cut for _, cut, _ in rows), "a line is neither `key = sentence` nor a comment"
    names = [key.strip() for key, _, _ in rows]
    assert len(names) == len(set(names)), {name for name in names if names.count(name) > 1}
    return {key.strip(): value.strip() for key, _, value in rows}


def languages():
    return {path.name.split(".")[1]: read(path.read_text("utf-8")) for path in sorted(PAGES.glob("words.*.txt"))}


def scripts():
    return {path.name: path.read_text("utf-8") for path in sorted(PAGES.iterdir()) if path.suffix in (".js", ".html")}


def rows(kind):
    """name -> row, of all profiles that come with the agent."""
    return {name: row for profile in PROFILES for name, row in profile.get(kind, {}).items()}


def known_warnings():
    sight = (ROOT / "cli/sight.py").read_text("utf-8")
    return {PLAIN["code"], *re.findall(r'_warning\("(\w+)"', sight)}


def meanings():
    """What consent/changes.py says that a change means, as the page makes keys of it."""
    tree = ast.parse(Path(changes.__file__).read_text("utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Change"]
    return {re.sub("[^a-z]+", "_", call.args[4].value.lower()).strip("_") for call in calls}


def families():
    """Each key that the page puts together, by the pattern in its scripts: all that the agent can put in."""
    purposes, fields, recipients = rows("purpose"), rows("field"), rows("recipient")
    declared = [row for profile in PROFILES for row in profile["field"].values()]
    changed = {f"{kind}.{part}" for kind in ("purpose", "recipient") for part in getattr(notice, kind.upper())}
    values = {value for row in declared for value in row.get("values", [])}
    return {
        "machine.*": {f"machine.{one['profile']}" for one in PROFILES},
        "reason.*": {f"reason.{name}" for name in (*REASONS, *PROBLEMS, "unreachable", "picture_wrong")},
        "*.title": {f"purpose.{name}.title" for name in (*purposes, REQUEST, AGE[0])},
        "*.notice": {f"purpose.{name}.notice" for name in purposes},
        "*.of": {f"purpose.{name}.of" for name in purposes} | {f"recipient.{name}.of" for name in recipients},
        "recipient.*": {f"recipient.{name}" for name in recipients},
        "field.*": {f"field.{name}" for name in fields},
        "value.*": {f"value.{value}" for value in values},
        "category.*": {f"category.{row['category']}" for row in declared},
        "sensitivity.*": {f"sensitivity.{row['sensitivity']}" for row in declared},
        "event.*": {f"event.{name}" for name in (*EVENTS, *WATCHED, *("deletion_" + name for name in DELETIONS))},
        "event.decided.*": {f"event.decided.{state}" for state in STATES},
        "event.age.*": {f"event.age.{one}" for one in (*GIVEN, REFUSED)},
        "role.*": {f"role.{name}" for name in (*PEOPLE, MAKER)},
        "role.*.text": {f"role.{name}.text" for name in PEOPLE},
        "state.*": {f"state.{name}" for name in _states()},
        "warning.*": {f"warning.{code}" for code in ("plain_http", "no_clock", "no_presence", "camera_memory")},
        "warning.*.title": {f"warning.{code}.title" for code in known_warnings()},
        "change.*": {f"change.{name}" for name in changed | {"recipient"} | {f"age.{one}" for one in notice.AGE}},
        "meaning.*": {f"meaning.{name}" for name in meanings()},
        "nav.*": {f"nav.{name}" for name in ("now", "camera", "history", "rights", "people", "support")},
        "history.*": {f"history.{name}" for name in ("all", "left", "refused", "watched", "decided")},
        "choice.*": {f"choice.{name}" for name in ("allow", "refuse", "later")},
        "first.*": {f"first.{name}" for name in ("allow", "refuse", "later")},
        "payload.*": {"payload.before", "payload.after"},
        "watched.*": {f"watched.{how}" for how in ("stream", "picture", "page")},
        "viewers.way.*": {f"viewers.way.{way}" for way in ("address", "basic")},
        "viewers.way.*.text": {f"viewers.way.{way}.text" for way in ("address", "basic")},
        "guide.*": {f"guide.{name}" for name in PROGRAMS},
        "guide.*.name": {f"guide.{name}.name" for name in PROGRAMS},
        "crop.*": {f"crop.{part}" for part in ("left", "top", "width", "height")},
        "says.*": {f"says.{state}" for state in STANDING if state != "trouble"},
        "says.state.*": {f"says.state.{state}" for state in STANDING},
        "says.trouble.*": {f"says.trouble.{code}" for code in TROUBLES},
        "says.name.*": {f"says.name.{kind}" for kind in (*_SOURCES, "alive", "network", "region")},
        "says.machine.*": {f"says.machine.{one}" for one in MACHINE},
        "says.why.*": {f"says.why.{fate}" for fate in ("unfit", "expired", "no_time")},
        "says.how.*": {f"says.how.{name}" for name in PARAMETERS if name not in (*BLOBS, "drop")},
        "support.part.*": {f"support.part.{name}" for name in (*CHOICES, "serial")},
        "support.about.*": {f"support.about.{name}" for name in (*CHOICES, "serial")},
        "support.why.*": {f"support.why.{re.sub('[^a-z]+', '_', why)}" for why in WHY.values()},
        "bundle.*": {"bundle.before", "bundle.after"},
        "bundle.kind.*": {f"bundle.kind.{kind}" for kind in KINDS},
        "trouble.*": set(),  # the camera's own words where there are no others
        "*.done": {"refuse.done", "later.done"},
    }


def _states():
    view = (ROOT / "owner/view.py").read_text("utf-8")
    table = ast.literal_eval(re.search(r"_STATES = (\{.*?\n\})", view, re.S)[1])
    return {*table.values(), "allowed", "invalid"}


def arguments(script):
    """What stands in the brackets of each call that takes a key, with the name of the called."""
    for call in CALL.finditer(script):
        depth, end = 1, call.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(script[end], 0)
            end += 1
        yield call[1], script[call.end() : end - 1]


def asked(files):
    """(keys that stand in the pages, patterns of keys that are put together)."""
    keys, patterns = {"language", "direction", "machine"}, set()
    for name, script in files.items():
        keys |= set(re.findall(r'data-(?:words|label)="([^"]+)"', script))
        if not name.endswith(".js"):
            continue
        script = re.sub(r"(?m)(^|\s)//.*$", "", script)
        for called, inside in arguments(script):
            patterns |= {re.sub(r"\$\{[^}]*\}", "*", found) for found in re.findall(r"`([^`]*\$\{[^`]*)`", inside)}
            first = re.match(r'[^"`]*?"([a-z_.]+)"(?:\s*:[^"`]*"([a-z_.]+)")*', inside.split(", ")[0])
            if first:
                plain = re.findall(r'"([a-z_.]+)"', inside.split(", ")[0])
                keys |= {f"{key}.other" if called == "tn" else key for key in plain}
        literals = set(re.findall(r'"((?:[^"\\\n]|\\.)*)"', script))
        keys |= {key for key in literals if DOTTED.fullmatch(key) and f"{key}.other" not in keys}
    return keys, {pattern for pattern in patterns if re.fullmatch(r"[a-z_.*]+", pattern) and "." in pattern}


def findings(files, words):
    """What is wrong, one line each."""
    keys, patterns = asked(files)
    table = families()
    found = [
        f"the pages make keys like {one}, of which this test knows nothing" for one in sorted(patterns - set(table))
    ]
    wanted = set(keys).union(*table.values())
    for language, sentences in words.items():
        plurals = {
            f"{key.removesuffix('.other')}.{form}" for key in wanted if key.endswith(".other") for form in PLURALS
        }
        found += [f"words.{language}.txt lacks {key}" for key in sorted(wanted - set(sentences))]
        found += [f"words.{language}.txt: nobody uses {key}" for key in sorted(set(sentences) - wanted - plurals)]
        found += [f"words.{language}.txt: {key} is empty" for key, sentence in sentences.items() if not sentence]
        for key in sorted(wanted & set(sentences)):
            own, english = (set(HOLE.findall(one.get(key, ""))) - {"machine"} for one in (sentences, words["en"]))
            if own != english:
                found.append(f"words.{language}.txt: {key} has {sorted(own)} to put in, English {sorted(english)}")
    return found


@pytest.mark.clause("P5", "P11")
def test_ok__every_sentence_is_in_every_language_and_none_is_in_vain():
    words = languages()
    assert {"en", "zh"} <= set(words)
    assert findings(scripts(), words) == []


def test_ok__a_file_says_first_which_language_it_is_and_which_way_it_runs():
    for sentences in languages().values():
        assert list(sentences)[:2] == ["language", "direction"]
        assert sentences["direction"] in ("ltr", "rtl")


@pytest.mark.clause("L19", "P5")
def test_ok__words_for_a_policy_name_the_very_text_that_they_stand_for():
    for sentences in languages().values():
        for name, row in rows("purpose").items():
            assert sentences[f"purpose.{name}.of"] == row["notice"]
        for name, row in rows("recipient").items():
            assert sentences[f"recipient.{name}.of"] == row["name"]


@pytest.mark.parametrize(
    "key", ["stop", "destroyed.other", "reason.consent_missing", "event.purged", "purpose.snapshot.notice"]
)
def test_fail__a_sentence_that_is_missing(key):
    words = languages()
    del words["zh"][key]
    assert findings(scripts(), words) == [f"words.zh.txt lacks {key}"]


def test_fail__a_sentence_that_the_pages_ask_for_and_no_file_has():
    files = scripts() | {"more.js": 't("no_such_sentence"); t(x ? "a.b" : "c.d"); tn("no.number", 2); t(`other.${x}`);'}
    found = "\n".join(findings(files, languages()))
    for key in ("no_such_sentence", "a.b", "c.d", "no.number.other", "other.*"):
        assert key in found


def test_fail__a_sentence_that_nobody_uses():
    words = languages()
    words["en"]["left_over"] = "Nobody reads this."
    assert findings(scripts(), words) == ["words.en.txt: nobody uses left_over"]


def test_fail__a_sentence_with_something_else_to_put_in():
    words = languages()
    words["zh"]["status.goes"] = "{what}"
    assert len(findings(scripts(), words)) == 1


def test_fail__a_language_file_with_a_key_twice_or_a_line_that_is_no_sentence():
    for text in ("a = 1\na = 2\n", "only words\n"):
        with pytest.raises(AssertionError):
            read(text)


@pytest.mark.clause("P11")
def test_ok__the_pages_ask_nobody_else_for_anything():
    for name, text in scripts().items() | {("panel.css", (PAGES / "panel.css").read_text("utf-8"))}:
        addresses = set(re.findall(r"https?://[^\s\"'`)]+", text)) - {"http://www.w3.org/2000/svg"}
        assert not addresses, (name, addresses)
        assert not re.search(
            r"@import|url\(|<style|\son\w+=|\sstyle=|<script(?! type=\"module\" src=\"/pages/)", text
        ), name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text), (
            name
        )


def test_ok__each_page_stays_small():
    sizes = {path.name: path.stat().st_size for path in PAGES.iterdir() if path.suffix != ".txt"}
    wanted = set(re.findall(r'import\("/pages/(\w+\.js)"\)', "".join(scripts().values())))  # when somebody wants it
    later = {*wanted, "watch.js", "bundle_pick.js", "bundle_rows.js"}  # of live.js and bundle.js
    assert wanted and later <= set(sizes)
    for other in ("pair", "app"):
        page = {name: size for name, size in sizes.items() if not name.startswith(other) and name not in later}
        assert sum(page.values()) < 98_304, page
    assert all(sizes[name] < 8192 for name in later)
