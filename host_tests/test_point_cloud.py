"""Point clouds as large as scans are; the rest is in core/test_point_cloud.py, for it runs on boards as well."""

import struct
import tracemalloc

import pytest

from firmware_agent import pointcloud
from firmware_agent.errors import FormatError

CANARY = b"canary-48.8583N-2.2945E"
POINTS = 800_000  # of three floats: 9.6 MB


def test_ok__a_large_scan_is_copied_once():
    head = "ply\nformat binary_little_endian 1.0\ncomment {}\nelement vertex {}\nproperty float x\nproperty float y\n"
    head += "property float z\nend_header\n"
    body = struct.pack("<fff", 1.5, 2.5, 3.5) * POINTS
    cloud = head.format(CANARY.decode(), POINTS).encode() + body
    tracemalloc.start()
    try:
        clean = pointcloud.strip(cloud)
        assert tracemalloc.get_traced_memory()[1] < 1.01 * len(cloud)
    finally:
        tracemalloc.stop()
    assert clean.endswith(body) and CANARY not in clean and clean == cloud.replace(b"comment " + CANARY + b"\n", b"")


@pytest.mark.parametrize("size", [10, 1_000, 65_536, 131_072, 300_000])
def test_ok__numbers_as_text_are_counted_across_pieces(size):
    """The body is looked at piece by piece: where the pieces meet must not matter."""
    words = [("%.*f" % (number % 7, number * 1.37)).encode() for number in range(size // 6 * 2)]
    head = b"ply\nformat ascii 1.0\nelement vertex %d\nproperty float x\nproperty float y\nend_header\n"
    body = b"\n".join(words) + b"\n"
    cloud = head % (len(words) // 2) + body
    assert pointcloud.strip(cloud) == cloud
    for wrong in (body + b"7\n", body[: -len(words[-1]) - 1], body + CANARY, body.replace(words[-1], CANARY, 1)):
        with pytest.raises(FormatError):
            pointcloud.strip(head % (len(words) // 2) + wrong)


def test_fail__a_header_without_bounds():
    with pytest.raises(FormatError, match="no end within"):
        pointcloud.strip(b"ply\ncomment " + b"a" * 70_000 + b"\nformat ascii 1.0\nend_header\n")


def test_fail__counts_that_promise_more_than_there_is_cost_nothing():
    """A header may lie about a thousand million elements: what is there ends the walk."""
    for form, body in (("ascii", b"1 2\n"), ("binary_little_endian", b"\0" * 8), ("binary_big_endian", b"\xff" * 99)):
        for prop in ("float x", "list uint double x", "list uchar uchar x"):
            head = f"ply\nformat {form} 1.0\nelement vertex 1000000000\nproperty {prop}\nend_header\n"
            with pytest.raises(FormatError, match=r"shorter|whole number"):
                pointcloud.strip(head.encode() + body)
