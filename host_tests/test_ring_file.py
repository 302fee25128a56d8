"""The ring on a real file system with the real cipher."""

import os
import time

import pytest

from firmware_agent.device.linux import AesGcm, LinuxStorage
from firmware_agent.egress.ring import UNIT, Ring
from firmware_agent.errors import FormatError, StorageError

KEY = bytes(range(32))


def ring(directory, size=1_048_576):
    one = Ring(LinuxStorage(directory), AesGcm(), os.urandom, "ring", size)
    one.load(KEY)
    return one


def test_ok__the_file_grows_as_it_is_needed_and_a_ring_that_emptied_begins_anew(tmp_path):
    one = ring(tmp_path)
    frame, _ = one.append(KEY, 1, 0, b"first")
    assert (tmp_path / "ring").stat().st_size == 65536 + UNIT
    one.clear(frame)
    assert one.append(KEY, 1, 0, b"second")[0].offset == 0
    again = ring(tmp_path)
    assert [again.read(KEY, frame) for frame in again.frames] == [b"second"]


def test_ok__aes_gcm_refuses_whatever_differs():
    cipher, nonce = AesGcm(), bytes(12)
    sealed = cipher.seal(KEY, nonce, b"data", b"about")
    assert cipher.open(KEY, nonce, sealed, b"about") == b"data" and b"data" not in sealed
    wrong = [(bytes(32), nonce, sealed, b"about"), (KEY, bytes(11) + b"1", sealed, b"about")]
    wrong += [(KEY, nonce, sealed[:-1] + b"x", b"about"), (KEY, nonce, sealed, b"other"), (KEY, nonce, b"", b"")]
    for parts in wrong:
        with pytest.raises(FormatError):
            cipher.open(*parts)


def test_fail__a_full_disk_is_one_of_our_errors_and_loses_nothing(tmp_path, mocker):
    one = ring(tmp_path)
    one.append(KEY, 1, 0, b"first")
    mocker.patch("os.pwrite", side_effect=OSError(28, "No space left on device"))
    with pytest.raises(StorageError):
        one.append(KEY, 1, 0, b"second")
    mocker.stopall()
    again = ring(tmp_path)
    assert [again.read(KEY, frame) for frame in again.frames] == [b"first"]


def test_ok__a_stamp_tells_every_write(tmp_path):
    storage = LinuxStorage(tmp_path)
    assert storage.stamp("a") == 0  # no such file
    storage.write("a", b"1")
    assert storage.stamp("a") is None  # too young to be trusted
    time.sleep(0.1)
    first = storage.stamp("a")
    assert first is not None and storage.stamp("a") == first
    storage.write("a", b"2")
    assert storage.stamp("a") != first
    time.sleep(0.1)
    second = storage.stamp("a")
    assert second not in (None, first)
    os.utime(tmp_path / "a", ns=(0, first[2]))  # an older time put back on purpose
    time.sleep(0.1)
    assert storage.stamp("a") not in (first, second)
