"""What shows a made thing is never shared, whatever it is called and however it is packed."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import time
import zipfile
from random import Random

import pytest

from firmware_agent.scrub import content
from firmware_agent.scrub.models import NeverShared, refuse
from host_tests.rigs.gcode_files import SLICERS, job, names
from host_tests.rigs.identifiers import KINDS, alike, said

_TRIANGLE = struct.pack("<12fH", *range(12), 0)


def packed(parts: "dict[str, bytes]") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("x")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


STL = b"solid x\n facet normal 0 0 1\n  outer loop\n   vertex 0 0 0\n   vertex 1 0 0\n   vertex 0 1 0\n  endloop\n"
DXF = b"  0\r\nSECTION\r\n  2\r\nENTITIES\r\n  0\r\nLINE\r\n"
SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0L1 1"/></svg>'
MODEL = (
    b'<?xml version="1.0"?><model unit="millimeter" xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02">'
)
MODELS = {
    "an STL model": STL,
    "an STL model, binary": b"x" * 80 + struct.pack("<I", 3) + _TRIANGLE * 3,
    "an OBJ model": b"# by x\nv 0 0 0\nv 1 0 0.5\nv 0 1 -1e-3\nf 1 2 3\n",
    "an OBJ model, faces": b"f 1/1/1 2/2/2 3/3/3\nf 1 2 3\nf 2//1 3//1 4//1\n",
    "an OBJ model, with remarks": b"o x\n" + b"  v 0 0 0.5\n# r\n" * 3,
    "an OBJ model, lines of an old Mac": b"v 0 0 0\rv 1 0 0.5\rv 0 1 -1e-3\r",
    "an SVG drawing, with a prefix": b'<s:svg xmlns:s="http://www.w3.org/2000/svg"><s:path d="M0 0"/></s:svg>',
    "an AMF model": b'<?xml version="1.0"?>\n<amf unit="millimeter"><object id="0"><mesh>',
    "a LightBurn drawing": b'<?xml version="1.0"?>\n<LightBurnProject AppVersion="1.4.00">',
    "a document": b"%PDF-1.4\n1 0 obj\n",
    "a STEP model": b"ISO-10303-21;\nHEADER;\nENDSEC;\n",
    "an SVG drawing": SVG,
    "a DXF drawing": DXF,
    "a 3MF model": MODEL,
    "a 3MF model, packed": packed({"3D/3dmodel.model": MODEL}),
    "a PLY model": b"ply\nformat ascii 1.0\n",
    "a model in an archive": packed({"notes.txt": b"x", "a.txt": STL}),
    "a model in an archive in an archive": packed({"log.txt": packed({"b": packed({"c": DXF})})}),
    "a drawing in UTF-16": b"\xff\xfe" + SVG.decode().encode("utf-16-le"),
    "a core file": b"\x7fELF\x02\x01\x01" + bytes(300),
    "a program": b"MZ\x90\x00\x03" + bytes(300),
    "binary data": b"a log with\x00a zero",
    "a gzip archive": gzip.compress(b"log"),
    "a bzip2 archive": bz2.compress(b"log"),
    "an xz archive": lzma.compress(b"log"),
    "a tar archive": tarred(b"log"),
    "a ZIP archive of a log": packed({"klippy.log": b"log"}),
    "a broken archive": packed({"klippy.log": b"log" * 500})[:200],
    "an archive behind a text": b"log\n" * 50 + packed({"a.stl": STL}),
    "a model behind a log": b"Stats 1.0: freq=1\n" * 500 + STL,
}


@pytest.mark.clause("L9")
@pytest.mark.clause("C3")
@pytest.mark.attack(14)
@pytest.mark.parametrize("what", sorted(MODELS))
def test_fail__a_model_an_archive_or_an_image_of_memory_is_refused(what: str) -> None:
    with pytest.raises(NeverShared, match=r"^klippy\.log: this is .*; it is never shared\. Give "):
        refuse(MODELS[what], "klippy.log")


@pytest.mark.parametrize("what", ["STL", "OBJ", "STEP", "SVG", "DXF", "3MF", "PLY"])
def test_fail__the_message_says_what_it_is(what: str) -> None:
    several = [data for name, data in MODELS.items() if what in name and "packed" not in name]
    assert several
    for data in several:
        with pytest.raises(NeverShared, match=f"this is an? {what} "):
            refuse(data, "x")
        with pytest.raises(NeverShared, match=f"this is an archive with an? {what} "):
            refuse(packed({"klippy.log": data}), "x")


def test_ok__logs_configuration_json_and_gcode_pass() -> None:
    chance = Random(3)
    log = "\n".join(alike(chance) if one % 2 else said(chance, chance.choice(list(KINDS)))[0] for one in range(3000))
    refuse(log.encode(), "x")
    refuse(b"\xff\xfe" + log.encode("utf-16-le"), "x")
    refuse(b"v 1 2 3\nf 1 2 3\nfacet of a solid\n0\nSECTION\n\xff\xfe\n[printer]\nsolid x\n", "x")
    refuse(b"", "x")
    for slicer in SLICERS:
        refuse(job(slicer, names(4)), "x")


def test_ok__an_archive_of_which_much_comes_is_not_unpacked_whole() -> None:
    begin = time.process_time()
    with pytest.raises(NeverShared):
        refuse(packed({f"{one}": bytes(1 << 24) for one in range(8)}), "x")
    print(f"{time.process_time() - begin:.1f} s")


@pytest.mark.parametrize("slicer", SLICERS)
def test_ok__gcode_is_known_by_its_content(slicer: str) -> None:
    data = job(slicer, names(5))
    assert content.kind(data) == "gcode"
    assert content.kind(data.replace(b"\n", b"\r\n")) == "gcode"


@pytest.mark.parametrize(
    "kind, data",
    [
        ("config", b"# G28\n[printer]\nkinematics: corexy\n[gcode_macro X]\ngcode:\n  G28\n  G1 X1\n  G1 X2\n"),
        ("json", b'\xef\xbb\xbf {"a": 1}'),
        ("json", b'[\n{"a": 1}]'),
        ("log", b"Stats 1.0: freq=1\n" * 9 + b"G28\n"),
        ("log", b"Recv: ok\nSend: G1 X1\nSend: G1 X1\n"),
        ("log", b""),
        ("gcode", b"\xff\xfe" + "G28\nG1 X1\nG1 X2\n".encode("utf-16-le")),
        ("gcode", b"; generated by PrusaSlicer 2.7\n;\n; thumbnail begin 1x1 4\n; AAAA\n"),
        ("gcode", b"%\n(a part)\nN10 G21\nN20 G0 X1\nM30\n%\n"),
    ],
)
def test_ok__what_a_file_is_shows_its_content(kind: str, data: bytes) -> None:
    assert content.kind(data) == kind


def test_ok__a_log_that_a_power_cut_tore_is_still_a_log():
    torn = b"Stats 1.0: a=1\n" + b"\0" * 4096 + b"Starting Klippy...\n"
    refuse(torn, "klippy.log")
    for other in (torn + b"\0", b"\0\1" + torn, b"ab\0cd\n" + torn):
        with pytest.raises(NeverShared, match="binary data"):
            refuse(other, "klippy.log")
