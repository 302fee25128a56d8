"""A profile explained: each clause in a row or with a reason, and a page that says all that the compiled form says."""

import copy
import hashlib
import importlib.machinery
import importlib.util
import re
import subprocess
import sys
from base64 import b64decode
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest

from firmware_agent.catalogue import PARAMETERS, Catalogue
from firmware_agent.cli import meaning
from firmware_agent.errors import CatalogueError, ConfigError
from firmware_agent.profiles.compiler import clauses_of, compile_profile
from host_tests.properties.generate import Text, every_transform, shipped, toml
from host_tests.rigs.browser import Browser

ROOT = Path(__file__).parents[1]
PROFILES = ROOT / "firmware_agent/profiles"
PAGES = ROOT / "docs/profiles"
MAKERS = ("lightmake", "laserpecker")
IDS = {
    "lightmake": {f"L{number}" for number in range(1, 25)} | {"C1", "C2", "C3"},
    "laserpecker": {f"P{number}" for number in range(1, 12)} | {"C4", "C5"},
}


def compiler(*arguments):
    """The tool as it is called; (exit code, what it said)."""
    command = [sys.executable, ROOT / "tools/compile_profile", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def page():
    """The tool's own function: profile's tree, and that of the one before -> the page."""
    sys.path.insert(0, str(ROOT / "tools"))
    loader = importlib.machinery.SourceFileLoader("compile_profile_tool", str(ROOT / "tools/compile_profile"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("compile_profile_tool", loader))
    loader.exec_module(module)
    sys.path.remove(str(ROOT / "tools"))
    return lambda tree, old=None: module.explained(
        Text(toml(tree)), None if old is None else Catalogue(compile_profile(Text(toml(old))))
    )


class Read(HTMLParser):
    """What a page says: its elements, its texts of <pre> with the number above each, and everything as one text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.ids, self.targets, self.pre, self.digests, self._open = [], [], [], [], [], []
        self.text = ""
        self.feed(html)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.append((tag, given))
        self.ids += [given["id"]] if "id" in given else []
        self.targets += [given["href"]] if "href" in given else []
        if tag not in ("meta", "wbr"):
            self._open.append((tag, given.get("class")))
        if tag == "pre":
            self.pre.append("")
        if (tag, given.get("class")) == ("code", "digest"):
            self.digests.append("")

    def handle_endtag(self, tag):
        assert self._open.pop()[0] == tag
        self.text += "" if tag in ("a", "code", "span") else " "

    def handle_data(self, data):
        if self._open and self._open[-1][0] == "pre":
            self.pre[-1] += data.removeprefix("\n") if not self.pre[-1] else data
        if self._open and self._open[-1] == ("code", "digest"):
            self.digests[-1] += data
        self.text += data


def several(tree, **edits):
    """A copy of `tree` with whole rows set: field__state={...}; None takes one out."""
    made = copy.deepcopy(tree)
    for path, row in edits.items():
        table, name = path.split("__")
        made[table][name] = row
        if row is None:
            del made[table][name]
    return made


# --- each clause is in a row, or explained


@pytest.mark.parametrize("maker", MAKERS)
def test_ok__every_clause_of_the_policy_is_in_a_row_or_explained(maker):
    path = PROFILES / f"{maker}.toml"
    found, book = clauses_of(path), Catalogue(compile_profile(path))
    named = {clause for row in book.purposes.values() for clause in row["clauses"]}
    named |= {row["clause"] for row in book.fields.values()}
    explained = {key for key, one in found.items() if one.kept}
    assert set(found) == IDS[maker]
    assert named | explained == IDS[maker] and not named & explained


def test_ok__the_list_of_clauses_is_the_projects_own():
    listed = re.findall(r"^\| ([A-Z][0-9]+) \| ([^|]+) \|", (ROOT / "docs/conformity.md").read_text("utf-8"), re.M)
    found = {**clauses_of(PROFILES / "lightmake.toml"), **clauses_of(PROFILES / "laserpecker.toml")}
    assert dict(listed) == {key: one.promise for key, one in found.items()}
    assert set(found) == IDS["lightmake"] | IDS["laserpecker"]


REASON = {"promise": "p", "kept": "k"}
CLAUSE_EDITS = {
    "a clause is left out": ({"clause__L6": None}, "purpose.improvement_program: clause: L6 is not"),
    "a clause of a field only": ({"clause__L21": None}, "field.job_user: clause: L21 is not"),
    "no row names it": ({"clause__L99": "a promise"}, "clause: L99: no row names it"),
    "its reason is taken out": ({"clause__L12": "a promise"}, "clause: L12: no row names it"),
    "explained, and a row names it": ({"clause__L7": REASON}, "clause: L7: purpose.print_history names it"),
    "explained, and a field names it": ({"clause__L21": REASON}, "clause: L21: field.job_user names it"),
    "the last row that names it goes": (
        {f"field__{name}": None for name in ("job_user", "message", "device_name")},
        "clause: L21: no row names it",
    ),
    "no reason": ({"clause__L12": {"promise": "p"}}, "clause.L12: kept: is missing"),
    "an empty reason": ({"clause__L12": {"promise": "p", "kept": " "}}, "clause.L12: kept: must be one line"),
    "an empty promise": ({"clause__L6": ""}, "clause: L6: must be one line"),
    "a long promise": ({"clause__L6": "p" * 121}, "clause: L6: must be one line"),
    "another key": ({"clause__L12": {**REASON, "row": "x"}}, "clause.L12: row: is not a key"),
    "a number": ({"clause__L6": 6}, "clause.L6: must be a table"),
    "no clause id": ({"clause__sixth": "a promise"}, "clause: sixth: must be one to three"),
}


@pytest.mark.parametrize("edits,names", CLAUSE_EDITS.values(), ids=CLAUSE_EDITS.keys())
def test_fail__a_clause_that_is_neither_in_a_row_nor_explained_is_refused(edits, names):
    with pytest.raises(ConfigError) as caught:
        compile_profile(Text(toml(several(shipped(), **edits)), "lightmake.toml"))
    assert str(caught.value).startswith(f"lightmake.toml: {names}"), caught.value


@pytest.mark.parametrize("table", [{}, [], "L6", 6, True])
def test_fail__a_list_of_clauses_of_another_shape(table):
    with pytest.raises(ConfigError) as caught:
        compile_profile(Text(toml({**shipped(), "clause": table})))
    assert "profile: clause: must be a table" in str(caught.value)


def test_ok__the_list_is_for_people_and_changes_nothing_that_devices_load():
    tree = shipped()
    told = several(tree, clause__L6="told in other words", clause__L12={"promise": "other", "kept": "words"})
    without = {key: row for key, row in tree.items() if key != "clause"}
    assert len({compile_profile(Text(toml(one))) for one in (tree, told, without)}) == 1


# --- what becomes of a value, in words

WORDS = {
    "flag": "as it is: yes or no",
    "count": "as it is: a whole number from -3 to 300",
    "mode": "one of: one, two",
    "level": "only in which of 4 steps it is: below 10, or from 10, 20 or 30 on; of a number from 0 to 40",
    "warmth": "rounded to 7, from -50 to 99",
    "since": "only the day, without the time, from 30 December 1969 to 1 January 2100",
    "view": "the picture, at most 4 KiB; what its file says besides (place, time, device) is cut out",
    "size": "only how many binary digits it has (2 and 3 have two, 4 to 7 three); of a number from 0 to 99",
    "many": "only how many there are, from 0 to 99; never which",
    "release": "only the first two numbers of the version, like 1.12 (the first at most 9); not the rest",
    "trial": "as it is: a whole number from 5 to 99; from 30 October 2026 on it stays",
    "never": "nothing: it never leaves",
}


@pytest.mark.parametrize("field", WORDS)
def test_ok__what_becomes_of_a_value_is_said_in_plain_words(field):
    assert meaning.becomes(Catalogue(compile_profile(Text(toml(every_transform())))).fields[field]) == WORDS[field]


@pytest.mark.parametrize(
    "transform,parameters,words",
    [
        ("enum", {"values": ["on"]}, "always the word: on"),
        ("round", {"step": 1, "min": 0, "max": 9}, "rounded to a whole number, from 0 to 9"),
        ("bucket", {"edges": [5], "min": 0, "max": 9}, "only in which of 2 steps it is: below 5, or from 5 on; of a"),
        (
            "round",
            {"step": 60, "min": 1577836800, "max": 2524608000},
            "rounded to 60, from 1,577,836,800 to 2,524,608,000 (in seconds since 1970: from 1 January 2020 to 1 Jan",
        ),
        ("day", {"min": -(2**53), "max": 2**53}, "only the day, without the time; of a number of seconds since 1970"),
        ("bundle", {"max": 1048576}, "the text that was shown, at most 1 MiB; it stays if an address, a person's name"),
        ("point_cloud", {"max": 4194304}, "the points, at most 4 MiB; the file's header is written anew"),
        ("picture", {"max": 4100}, "the picture, at most 4,100 bytes"),
        ("pattern", {"form": "E###"}, "only a text of the form E### (# is a digit, @ a letter from A to Z)"),
        (
            "pseudonym",
            {"epoch": 86400},
            "not the value: a number made from it with a secret key of the device, another",
        ),
    ],
)
def test_ok__the_words_fit_what_is_special(transform, parameters, words):
    assert meaning.becomes({"transform": transform, "parameters": parameters}).startswith(words)


def test_ok__every_transform_has_words():
    numbers = {"min": 1, "max": 9, "step": 2, "edges": [5], "values": ["a", "b"], "epoch": 86400, "form": "E#"}
    for transform, (needed, _) in PARAMETERS.items():
        row = {"transform": transform, "parameters": {name: numbers[name] for name in needed}}
        assert len(meaning.becomes(row)) > 10, transform


def test_fail__a_transform_without_words_is_an_error_and_no_empty_cell():
    with pytest.raises(CatalogueError) as caught:
        meaning.becomes({"transform": "rot13", "parameters": {}})
    assert "rot13" in str(caught.value) and "meaning.py" in str(caught.value)


# --- the page


@pytest.mark.parametrize("maker", MAKERS)
def test_ok__the_page_in_docs_is_what_the_tool_makes_now(maker):
    profile, kept = PROFILES / f"{maker}.toml", PAGES / f"{maker}.html"
    code, said = compiler(profile, "--explain", kept, "--check")
    made = f"tools/compile_profile {profile.relative_to(ROOT)} --explain {kept.relative_to(ROOT)}"
    assert code == 0, f"{said}; run: {made}"


def test_fail__a_page_that_is_older_than_its_profile_is_noticed(tmp_path):
    profile, kept = tmp_path / "lightmake.toml", tmp_path / "lightmake.html"
    text = (PROFILES / "lightmake.toml").read_text("utf-8")
    profile.write_text(text, "utf-8")
    assert compiler(profile, "--explain", "--check")[0] == 1
    assert compiler(profile, "--explain")[0] == 0
    assert kept.read_bytes() == (PAGES / "lightmake.html").read_bytes()
    assert compiler(profile, "--explain", "--check")[0] == 0
    profile.write_text(text.replace("tick box", "check box"), "utf-8")
    code, said = compiler(profile, "--explain", "--check")
    assert code == 1 and "lightmake.html: older than lightmake.toml" in said
    assert "lightmake.cbor" not in said  # the words of a clause are on the page only


def test_fail__a_profile_without_a_list_of_clauses_is_not_explained(tmp_path):
    profile = tmp_path / "every.toml"
    profile.write_text(toml(every_transform()), "utf-8")
    code, said = compiler(profile, "--explain")
    assert code == 1 and "every.toml: clause: is missing" in said
    assert not list(tmp_path.glob("every.[chd]*"))


@pytest.mark.clause("P11")
@pytest.mark.parametrize("maker", MAKERS)
def test_ok__the_page_says_everything_that_the_compiled_profile_says(maker):
    compiled = (PROFILES / f"{maker}.cbor").read_bytes()
    book, read = Catalogue(compiled), Read((PAGES / f"{maker}.html").read_text("utf-8"))
    wanted = [book.profile, book.version, str(book.age["threshold"])]
    for row in book.purposes.values():
        wanted += [row["title"], row["notice"]]
    wanted += [row["name"] for row in book.recipients.values()]
    for name, row in book.fields.items():
        wanted.append(f"{name} ")
        wanted += [meaning.becomes(row)[1:]] if row["purposes"] else []
    for key, one in clauses_of(PROFILES / f"{maker}.toml").items():
        wanted += [f"{key} {one.promise[:1].upper()}{one.promise[1:]}", one.kept]
    assert [one for one in wanted if one not in read.text] == []
    texts = {"".join(book.text(*pair)): book.policy(*pair).hex() for pair in book.pairs()}
    assert read.pre == list(texts)
    assert read.digests == [hashlib.sha256(compiled).hexdigest(), *texts.values()]
    assert [hashlib.sha256(text.encode()).hexdigest() for text in read.pre] == read.digests[1:]


@pytest.mark.parametrize("maker", MAKERS)
def test_ok__the_page_stands_alone(maker):
    html = (PAGES / f"{maker}.html").read_text("utf-8")
    read = Read(html)
    assert {tag for tag, _ in read.tags}.isdisjoint({"script", "link", "img", "iframe", "object", "form", "base"})
    assert not any(key in given for _, given in read.tags for key in ("src", "style", "onclick", "onload"))
    assert re.findall(r"https?:|url\(|@import", html) == []
    assert len(set(read.ids)) == len(read.ids)
    assert {f"#{one}" for one in read.ids} >= set(read.targets)


def test_fail__what_a_profile_says_never_becomes_a_part_of_the_page(page):
    hostile = "</pre><script>alert(1)</script> & \"quoted\" 'so' <!-- "
    tree = shipped()
    tree["purpose"]["live_view"]["notice"] = tree["purpose"]["live_view"]["title"] = hostile
    tree["recipient"]["owner"]["name"] = tree["clause"]["L1"] = tree["clause"]["L12"]["kept"] = hostile
    read = Read(page(tree))
    assert "script" not in {tag for tag, _ in read.tags}
    assert read.text.count("alert(1)") > 6
    book = Catalogue(compile_profile(Text(toml(tree))))
    assert read.pre == ["".join(book.text(*pair)) for pair in book.pairs()]


def test_ok__every_transform_stands_on_a_page(page):
    tree = every_transform()
    tree["clause"] = {"L6": "a promise"}
    assert [words for name, words in WORDS.items() if name != "never" and words[1:] not in Read(page(tree)).text] == []


# --- what a new version changes


def changed():
    """The shipped profile with one row narrower, one wider, one recipient less and one more."""
    tree = {**shipped(), "version": "2099-1"}
    tree = several(tree, field__progress={**tree["field"]["progress"], "step": 15})
    tree["purpose"]["print_history"]["retention"] = "400 d"
    tree["purpose"]["snapshot"]["recipients"] = ["owner", "timelapse"]
    return tree


def test_ok__what_changes_for_owners_is_said(tmp_path):
    profile = tmp_path / "lightmake.toml"
    profile.write_text(toml(changed()), "utf-8")
    code, said = compiler(profile, "--since", PROFILES / "lightmake.cbor")
    assert code == 0
    assert "improvement_program -> lightmake: narrower; consent goes on" in said
    assert "field.progress.transform.step: 5 becomes 15: it is rounded more" in said
    assert "print_history -> lightmake: wider; shut until the owner is asked again" in said
    assert "snapshot -> timelapse: new; owners are asked" in said
    assert "snapshot -> lightmake: gone; consent to it ends" in said
    assert "live_view" not in said
    code, said = compiler(PROFILES / "lightmake.toml", "--check", "--since", PROFILES / "lightmake.cbor")
    assert code == 0 and "nothing changes for owners" in said


def test_fail__a_profile_that_changed_under_its_old_version_is_noticed(tmp_path):
    profile = tmp_path / "lightmake.toml"
    old = {**changed(), "version": shipped()["version"]}
    for tree, noticed in ((shipped(), False), (old, True), (changed(), False)):
        profile.write_text(toml(tree), "utf-8")
        code, said = compiler(profile)
        assert code == 0 and ("raise the version" in said) == noticed, said


def test_ok__the_page_shows_the_changes_when_it_is_asked_to(page):
    html = page(changed(), shipped())
    for words in ("What changes against version", "It is rounded more", "Wider; shut until", "snapshot to timelapse"):
        assert words in Read(html).text, words
    assert "What changes against version" not in page(changed())
    assert "Nothing changes for owners" in Read(page(shipped(), shipped())).text


def test_fail__an_old_profile_that_cannot_be_read(tmp_path):
    damaged = tmp_path / "old.cbor"
    damaged.write_bytes(b"\x00" * 64)
    for old in (damaged, tmp_path / "none.cbor"):
        code, said = compiler(PROFILES / "lightmake.toml", "--check", "--since", old)
        assert code == 1 and "Traceback" not in said


# --- in a browser


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("explained"))
    yield browser
    browser.quit()


@pytest.mark.parametrize("maker", MAKERS)
def test_ok__the_page_is_clean_for_axe_light_and_dark_and_fits_every_screen(chromium, maker):
    browser = chromium.fresh("desktop")
    browser.open((PAGES / f"{maker}.html").as_uri())
    for size in ("desktop", "phone", "small"):
        browser.resize(size)
        for dark in (False, True):
            browser.scheme(dark)
            assert (browser.violations(), browser.sideways()) == ([], 0), (size, dark)
    assert browser.complaints() == []


def test_fail__a_page_with_a_fault_is_found(chromium, tmp_path):
    html = (PAGES / "lightmake.html").read_text("utf-8")
    bad = html.replace('<html lang="en">', "<html>").replace("--soft: #4d5a62", "--soft: #b0b0b0")
    (tmp_path / "bad.html").write_text(bad.replace("max-width: 60rem", "width: 2000px"), "utf-8")
    browser = chromium.fresh("desktop")
    browser.open((tmp_path / "bad.html").as_uri())
    assert {"html-has-lang", "color-contrast"} <= {rule for rule, _ in browser.violations()}
    assert browser.sideways() > 500


def test_ok__it_prints_on_a4_and_nothing_is_cut_off(chromium):
    browser = chromium.fresh("desktop")
    browser.open((PAGES / "lightmake.html").as_uri())
    pdf = b64decode(browser.cdp("Page.printToPDF", preferCSSPageSize=True)["data"])
    boxes = {tuple(round(float(one)) for one in box.split()) for box in re.findall(rb"/MediaBox \[([^\]]+)\]", pdf)}
    assert boxes == {(0, 0, 595, 842)}
    browser.cdp("Emulation.setEmulatedMedia", media="print")
    browser.cdp("Emulation.setDeviceMetricsOverride", width=665, height=940, deviceScaleFactor=1, mobile=False)
    assert browser.sideways() == 0  # 176 mm, as wide as the paper's text
    assert browser.script(
        "return [...document.querySelectorAll('.wide')].every((one) => one.scrollWidth <= one.clientWidth)"
    )
    browser.cdp("Emulation.setEmulatedMedia", media="")


def test_ok__a_field_that_ends_says_when():
    row = {"transform": "keep", "parameters": {"expires": int((date(2030, 6, 1) - date(1970, 1, 1)).days * 86400)}}
    assert meaning.becomes(row) == "as it is: yes or no; from 1 June 2030 on it stays"
