"""tools/vocabulary: anybody can make the list again, and it learns no names."""

import hashlib
import io
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from firmware_agent.scrub.vocabulary import NOT, PACKED, Vocabulary, unpacked

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

from vocabularies import harvest  # noqa: E402
from vocabularies.choose import Counts, chosen  # noqa: E402
from vocabularies.packages import members  # noqa: E402
from vocabularies.people import People, people  # noqa: E402
from vocabularies.sources import TABLE, Source, archives, sources  # noqa: E402


def test_ok__the_list_that_is_shipped_is_the_one_that_its_header_names() -> None:
    header, data = PACKED.with_name("vocabulary.txt").read_text(), PACKED.read_bytes()
    assert f"{len(unpacked(data))} words, {len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}" in header
    assert len(data) < 200_000
    rows = sources(TABLE.read_text())
    assert len(rows) > 40
    for one in rows:
        assert f"{one.name} {one.version} ({one.registry}, for {one.use}): {one.licence}\n    {one.sha256}\n" in header


def _wheel(files: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return made.getvalue()


def _tar(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for path, data in files.items():
            one = tarfile.TarInfo(path)
            one.size = len(data)
            archive.addfile(one, io.BytesIO(data))
    return made.getvalue()


def _deb(data: bytes) -> bytes:
    rows = [(b"debian-binary", b"2.0\n"), (b"data.tar.gz", data)]
    members = (b"%-16s%-32s%-10d`\n%s%s" % (name, b"0", len(one), one, b"\n" * (len(one) % 2)) for name, one in rows)
    return b"!<arch>\n" + b"".join(members)


CODE = '''# Written by Zubrowka
class Tachymeter:
    """Author: Zubrowka

    The extrudator is warm.
    """
    mark = "Kowalczyk waits"
'''


def test_ok__packages_of_all_kinds_are_read(tmp_path: Path) -> None:
    files = {"a/one.py": CODE, "a/tests/two.py": "zubrowka = 1", "a/AUTHORS.txt": "Zubrowka"}
    wheel, tar = _wheel(files), _tar({path: text.encode() for path, text in files.items()})
    for name, data in (("a.whl", wheel), ("a.tar.gz", tar), ("a.deb", _deb(tar))):
        found = list(members(data, name, harvest.wanted))
        assert [path for path, _ in found] == ["a/one.py"], name
        assert harvest.words(*found[0]) == {"class", "tachymeter", "extrudator", "warm", "mark", "kowalczyk", "waits"}


def test_ok__of_c_what_it_can_say_and_not_who_wrote_it() -> None:
    code = b'/* by Zubrowka */ int tachymeter;\nMODULE_AUTHOR("Jan Zubrowka");\n'
    code += b'printk("\\nextrudator %d warm"); // Zubrowka\n'
    assert harvest.words("x.c", code) == {"extrudator", "warm"}


def test_ok__names_go_and_words_that_many_programs_use_stay() -> None:
    counts = Counts()
    for package in range(9):
        counts.add(f"p{package}", {"extrudator", "black", "conn", *({"smith", "novak"} if package < 3 else ())})
    counts.add("p0", {"oncemade"})
    folk = People(
        frozenset({"black", "smith", "marshall", "conn"}), frozenset({"black", "smith", "marshall", "conn", "novak"})
    )
    made = chosen(counts, {"smith", "black", "hall", "marsh", "layer"}, folk, {"bowden"})
    assert made == {"extrudator", "black", "conn", "bowden", "hall", "marsh", "layer"}
    made = chosen(counts, {"mars", "hall", "layer"}, folk, set())
    assert NOT + "marshall" in made and "oncemade" not in made
    assert strange_of(made, "Marshall prints a layerhall") == ["Marshall", "prints"]


def strange_of(known: set[str], text: str) -> list[str]:
    return [text[one.start : one.end] for one in Vocabulary(frozenset(known)).unknown(text)]


def test_ok__lists_of_names_are_read() -> None:
    folk = people(
        {
            "x/dist.all.last": b"SMITH 1.0 1.0 1\nKOWALCZYK 0.1 1.1 2\n",
            "providers/person/pl_PL/__init__.py": b"first_names = ('Jadwiga',)\nformats = ('Hello',)\n",
            "data/cities15000.json": b'{"1": {"name": "Oberpfaffing am See"}}',
        }
    )
    assert folk == People(frozenset({"smith", "kowalczyk"}), folk.all)
    assert folk.all == {"smith", "kowalczyk", "jadwiga", "oberpfaffing", "am", "see"}


def test_fail__another_package_than_the_table_names_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(b"mine")
    row = Source("pypi", "a", "1", "programs", "MIT", hashlib.sha256(b"mine").hexdigest())
    assert archives([row], tmp_path) == [(row, tmp_path / "a.whl")]
    with pytest.raises(LookupError, match=r"a not there"):
        archives([row._replace(sha256="0" * 64)], tmp_path)
