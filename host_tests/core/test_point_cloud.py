"""Point clouds leave with a header of ours and the body as it was, or not at all (L5)."""

import pytest

from firmware_agent import pointcloud
from firmware_agent.errors import FormatError, Refused
from firmware_agent.model import GIVEN, Record
from firmware_agent.transforms import TRANSFORMS, Unfit
from host_tests.fakes import RECIPIENT, World

CANARY = b"canary-48.8583N-2.2945E"
FLOATS = bytes(range(1, 17))  # four of four bytes
PLY = b"ply\nformat binary_little_endian 1.0\nelement vertex 2\nproperty float x\nproperty float y\nend_header\n"
MESH = (
    b"ply\nformat %s 1.0\nelement vertex 1\nproperty float x\nelement face 2\nproperty list uchar int vertex_indices\n"
)
FACES = b"\x01\x02\x03\x04" + b"\x02\x00\x00\x00\x00\x00\x00\x00\x01" + b"\x01\x00\x00\x00\x09"
PCD = b"VERSION 0.7\nFIELDS x y\nSIZE 4 4\nTYPE F F\nCOUNT 1 1\nWIDTH 2\nHEIGHT 1\n"
PCD += b"VIEWPOINT 0 0 0 1 0 0 0\nPOINTS 2\nDATA "


def refused(data, word=""):
    with pytest.raises(FormatError) as caught:
        pointcloud.strip(data)
        print(data)
    said = str(caught.value)
    assert word in said and CANARY.decode() not in said, said


def test_ok__a_plain_cloud_is_untouched():
    for data in (PLY + FLOATS, PCD + b"binary\n" + FLOATS, PCD + b"ascii\n1 2\n3 nan\n"):
        assert pointcloud.strip(data) == data
        assert pointcloud.strip(bytearray(data)) == data
        assert type(pointcloud.strip(bytearray(data))) is bytes


@pytest.mark.clause("L5")
def test_ok__comments_go_wherever_they_stand():
    for word in (b"comment", b"obj_info", b"comment " + CANARY, b"obj_info " + CANARY, b"comment end_header " + CANARY):
        for place in range(1, PLY.count(b"\n")):
            lines = PLY.split(b"\n")
            lines[place:place] = [word]
            assert pointcloud.strip(b"\n".join(lines) + FLOATS) == PLY + FLOATS
    for place in range(PCD.count(b"\n") + 1):
        lines = (PCD + b"binary").split(b"\n")
        lines[place:place] = [b"# " + CANARY]
        assert pointcloud.strip(b"\n".join(lines) + b"\n" + FLOATS) == PCD + b"binary\n" + FLOATS


@pytest.mark.clause("L5")
def test_ok__the_viewpoint_becomes_the_identity():
    told = PCD.replace(b"0 0 0 1 0 0 0", b"48.8583 2.2945 35 1 0 0 0")
    assert told != PCD
    assert pointcloud.strip(told + b"binary\n" + FLOATS) == PCD + b"binary\n" + FLOATS
    text = PCD.replace(b"0 0 0 1 0 0 0", CANARY)
    assert pointcloud.strip(text + b"binary\n" + FLOATS) == PCD + b"binary\n" + FLOATS


def test_ok__other_ways_to_write_the_same_become_one():
    other = PLY.replace(b"float x", b"float32  x").replace(b"vertex 2", b"vertex 0002").replace(b"\n", b"\r\n")
    assert pointcloud.strip(other + FLOATS) == PLY + FLOATS
    short = PCD.replace(b"VERSION 0.7", b"VERSION .7").replace(b"COUNT 1 1\n", b"")
    short = short.replace(b"VIEWPOINT 0 0 0 1 0 0 0\n", b"")
    assert (
        pointcloud.strip(b"# .PCD v.7 - " + CANARY + b"\n" + short + b"binary\n" + FLOATS) == PCD + b"binary\n" + FLOATS
    )


def test_ok__lists_and_numbers_as_text():
    mesh = MESH % b"binary_little_endian" + b"end_header\n"
    assert pointcloud.strip(mesh + FACES) == mesh + FACES
    big = MESH % b"binary_big_endian" + b"end_header\n"
    assert pointcloud.strip(big + FACES) == big + FACES
    text = MESH % b"ascii" + b"end_header\n"
    for body in (b"1.5e-3\n2 0 1\n1 9\n", b"-1 2 0 1 1 9", b"nan\r\n0\r\n3\t1 2 3\r\n"):
        assert pointcloud.strip(text + body) == text + body


def test_ok__compressed_bodies_are_walked_through():
    head = PCD + b"binary_compressed\n"
    for packed in (
        b"\x0f" + FLOATS,
        b"\x07" + FLOATS[:8] + b"\xc0\x07",  # eight as they are, then eight of eight before
        b"\x00A\xe0\x06\x00",  # one as it is, then fifteen of it
    ):
        body = bytes((len(packed), 0, 0, 0, 16, 0, 0, 0)) + packed
        assert pointcloud.strip(head + body) == head + body
        refused(head + body + CANARY, "longer")
        refused(head + body[:-1], "shorter")
        refused(head + body[:4] + b"\x11" + body[5:], "another size")
    refused(head + b"\x02\x00\x00\x00\x10\x00\x00\x00\xe0\x06", "shorter")  # ends within a step
    refused(head + b"\x05\x00\x00\x00\x10\x00\x00\x00\x00A\xe0\x06\x01", "not there")
    refused(head + b"\x04\x00\x00\x00\x10\x00\x00\x00\x02abc", "shorter")
    refused(head + b"\x01\x00", "")


@pytest.mark.clause("L5")
def test_fail__nothing_follows_a_body_or_stands_in_it():
    refused(PLY + FLOATS + CANARY, "longer")
    refused(PLY + FLOATS[:-1], "shorter")
    refused(PCD + b"binary\n" + FLOATS + b"\n", "longer")
    refused(PCD + b"ascii\n1 2\n3 4\n# " + CANARY + b"\n", "else than numbers")
    refused(PCD + b"ascii\n1 2\n3 4 5\n", "longer")
    refused(PCD + b"ascii\n1 2\n3\n", "shorter")
    for word in (CANARY, b"1_0", b"1" * 41, b"0x10", b"1,5", b"\xff", b"1\x0b2", b"infinit"):
        refused(PCD + b"ascii\n1 2\n3 " + word + b"\n", "else than numbers")
    mesh = MESH % b"binary_little_endian" + b"end_header\n"
    refused(mesh + FACES + b"\0", "longer")
    refused(mesh + FACES[:-1], "shorter")
    refused(mesh.replace(b"uchar int", b"char int") + FACES[:4] + b"\xff" + FACES[5:], "negative")
    text = MESH % b"ascii" + b"end_header\n"
    refused(text + b"1 2 0 1 1", "shorter")
    refused(text + b"1 2 0 1 -1 9", "whole number")
    refused(text + b"1 2 0 1 1.0 9", "whole number")
    refused(text + b"1 2 0 1 1000000000000 9", "whole number")


@pytest.mark.clause("L5")
def test_fail__a_name_that_is_not_of_the_list():
    for was, becomes in (
        (b"float x", b"float canary"),
        (b"float x", b"float y"),
        (b"float x", b"canary x"),
        (b"float x", b"float x canary"),
        (b"float x", b"list float uchar x"),
        (b"vertex 2", b"canary 2"),
        (b"vertex 2", b"vertex 2 canary"),
        (b"vertex 2", b"vertex -2"),
        (b"vertex 2", b"vertex 2000000000"),
        (b"vertex 2", b"vertex two"),
        (b"end_header", b"element vertex 2\nproperty float x\nend_header"),
        (b"end_header", b"element face 0\nend_header"),
        (b"end_header", b"end_header canary"),
        (b"end_header", b"canary\nend_header"),
        (b"1.0", b"1.1"),
        (b"binary_little_endian", b"canary"),
        (b"format binary_little_endian 1.0\n", b""),
        (b"ply\n", b"ply canary\n"),
        (b"float x", b"float \xe9"),
        (b"end_header\n", b"end_header"),
    ):
        refused(PLY.replace(was, becomes) + FLOATS)
    for was, becomes in (
        (b"FIELDS x y", b"FIELDS x canary"),
        (b"FIELDS x y", b"FIELDS x x"),
        (b"FIELDS x y", b"FIELDS x"),
        (b"FIELDS x y", b"FIELDS x _"),
        (b"FIELDS x y\n", b""),
        (b"SIZE 4 4", b"SIZE 4 5"),
        (b"SIZE 4 4", b"SIZE 4"),
        (b"TYPE F F", b"TYPE F canary"),
        (b"COUNT 1 1", b"COUNT 1 0"),
        (b"COUNT 1 1", b"COUNT 1 65"),
        (b"WIDTH 2", b"WIDTH 2 canary"),
        (b"WIDTH 2", b"WIDTH 3"),
        (b"VERSION 0.7", b"VERSION canary"),
        (b"POINTS 2", b"POINTS 2\nPOINTS 2"),
        (b"POINTS 2", b"POINTS 2\ncanary"),
        (b"POINTS 2\n", b""),
        (b"binary", b"canary"),
        (b"binary", b"binary canary"),
    ):
        refused((PCD + b"binary\n").replace(was, becomes) + FLOATS)
    for data in (
        b"",
        b"ply",
        b"ply\n",
        b"#",
        CANARY,
        b"\x89PNG\r\n",
        b"VERSION 0.7\nDATA ascii\n",
        b"ply\nend_header\n",
    ):
        refused(data)


def test_ok__the_transform_is_bounded_and_says_nothing():
    for data, most in (
        (PLY + FLOATS, 10),
        (CANARY, 999),
        ("text", 999),
        (None, 999),
        (7, 999),
        (b"\xff\xd8\xff\xd9", 99),
    ):
        with pytest.raises(Unfit) as caught:
            TRANSFORMS["point_cloud"](data, {"max": most})
        assert CANARY.decode() not in str(caught.value)
    assert TRANSFORMS["point_cloud"](PLY + FLOATS, {"max": len(PLY + FLOATS)}) == PLY + FLOATS


@pytest.mark.clause("L5")
def test_fail__consent_to_the_camera_is_none_to_a_point_cloud():
    world = World()
    for purpose, recipient in world.catalogue.pairs():
        if purpose != "surface_scan" and world.catalogue.purposes[purpose]["media"]:
            world.decide(purpose, GIVEN[0], recipient=recipient)
    cloud = Record({"scan": PLY.replace(b"end_header", b"comment " + CANARY + b"\nend_header") + FLOATS})
    with pytest.raises(Refused) as caught:
        world.gate.collect(cloud, "surface_scan", RECIPIENT)
    assert caught.value.reason == "consent_missing"
    with pytest.raises(Refused) as caught:  # nor does it travel as something else
        world.gate.collect(cloud, "snapshot", RECIPIENT)
    assert caught.value.reason == "nothing_declared"


@pytest.mark.clause("L5")
def test_ok__with_its_own_consent_it_leaves_without_what_was_written_into_it():
    world = World()
    world.grant("surface_scan")
    for cloud, clean in (
        (PLY.replace(b"end_header", b"comment " + CANARY + b"\nend_header") + FLOATS, PLY + FLOATS),
        (b"# " + CANARY + b"\n" + PCD + b"binary\n" + FLOATS, PCD + b"binary\n" + FLOATS),
    ):
        world.gate.collect(Record({"scan": cloud, "picture": CANARY}), "surface_scan", RECIPIENT)
        release = world.gate.release("surface_scan", RECIPIENT)
        assert CANARY not in release.payload and clean in release.payload
        assert release.media and release.categories == ("point_cloud",)
    with pytest.raises(Refused):  # a consent to scans is none to pictures
        world.gate.collect(Record({"picture": b"\xff\xd8"}), "snapshot", RECIPIENT)
