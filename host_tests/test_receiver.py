"""The maker's end against a real broker: keeps what the profile allows, once; refuses the rest; deletes on request."""

import hmac
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
import tomllib
from collections import Counter
from pathlib import Path
from random import Random

import cbor2
import cddl_verifier
import paho.mqtt.client as mqtt
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from paho.mqtt.enums import CallbackAPIVersion

from firmware_agent import cbor
from firmware_agent.camera.sealed import Seal
from firmware_agent.profiles.compiler import compile_profile
from host_tests.properties import generate
from host_tests.rigs.broker import Broker, Subscriber, wait_for
from host_tests.rigs.certificates import Authority

ROOT = Path(__file__).parents[1]
TOOL = ROOT / "tools/receiver"
PROFILE = ROOT / "firmware_agent/profiles/lightmake.cbor"
POLICY = PROFILE.with_suffix(".toml")
SCHEMA = ROOT / "firmware_agent/profiles/lightmake.cddl"
TOPIC = "lightmake/agent/1"
PROGRAM, HISTORY = "improvement_program", "print_history"
FITS = [[1, "idle"], [2, 40]]
JOB = [[8, 1793318400], [9, 1793322000]]
JPEG = next(clean for _, clean in (generate.picture(Random(seed)) for seed in range(9)) if clean)
PLY = b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nend_header\n1\n"
REPLY = bytes(range(16))


class Device:
    """What a device has for one purpose: K, and a source of idents that only K ties together."""

    def __init__(self, seed, purpose=PROGRAM):
        self.purpose = purpose
        self.key = Random(seed).randbytes(32)
        self.rng = Random(f"{seed} {purpose}")

    def ident(self):
        r = self.rng.randbytes(8)
        return r + hmac.digest(self.key, r, "sha256")[:8]

    def message(self, *events):
        return cbor.encode([2, self.ident(), self.purpose, list(events) or [JOB if self.purpose == HISTORY else FITS]])

    def request(self, reply=REPLY):
        return cbor.encode([2, self.rng.randbytes(16), "rights_request", ["delete", self.purpose, self.key, reply]])


class Rig:
    """A broker, a store, a signing key, and receivers on them."""

    def __init__(self, directory, tls=None):
        self.broker = Broker(directory, tls).start()
        self.directory = directory
        self.store = directory / "store"
        made = subprocess.run([TOOL, "--make-signing-key", directory / "key.pem"], capture_output=True, check=True)
        self.public = bytes.fromhex(tomllib.loads(made.stdout.decode())["answers"])
        self.running = []
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self.client.connect("127.0.0.1", self.broker.inside)
        self.client.loop_start()
        self.heard = Subscriber(self.broker.inside)

    def receiver(self, *more, profile=PROFILE):
        """Start one more; returns when it listens."""
        listening = self._listening()
        command = [TOOL, "--profile", profile, "--host", "127.0.0.1", "--port", str(self.broker.port)]
        command += ["--store", self.store, "--signing-key", self.directory / "key.pem", *more]
        log = self.directory / f"receiver.{len(self.running)}"
        with log.open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out)
        process.log = log
        self.running.append(process)
        wait_for(lambda: self._listening() > listening or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        return process

    def send(self, *payloads, topic=TOPIC, qos=1):
        """Publish; returns when the broker has them."""
        for sent in [self.client.publish(topic, payload, qos=qos) for payload in payloads]:
            sent.wait_for_publish(60)

    def stop(self, process):
        """SIGTERM: its summary."""
        process.terminate()
        assert process.wait(20) == 0, process.log.read_text()
        return json.loads(process.log.read_text().splitlines()[-1])

    def lines(self):
        found = [line for process in self.running for line in process.log.read_text().splitlines()]
        return [line for line in found if line[:1] != "{" and not line.startswith("connected to ")]

    def settled(self, count):
        """Wait until `count` messages were dealt with; their lines."""
        wait_for(lambda: len(self.lines()) >= count, 60)
        return self.lines()

    def rows(self, query="SELECT ident FROM messages"):
        database = sqlite3.connect(f"file:{self.store}/messages.sqlite?mode=ro", uri=True)
        try:
            return [row[0] for row in database.execute(query)]
        finally:
            database.close()

    def answers(self, reply=REPLY):
        """The verified bodies that were published for `reply`, in order."""
        found = []
        for topic, payload, _, retained in list(self.heard.messages):
            if topic == f"{TOPIC}/reply/{reply.hex()}":
                version, body, signature = cbor.decode(payload)
                verify(self.public, body, signature)
                assert (version, retained) == (1, False)
                found.append(cbor.decode(body))
        return found

    def receipts(self, count=1, reply=REPLY):
        """Wait for `count` receipts."""
        return wait_for(
            lambda: len(found := [row for row in self.answers(reply) if row[0] == "receipt"]) >= count and found
        )

    def close(self):
        for process in self.running:
            process.kill()
            process.wait()
        self.heard.close()
        self.client.disconnect()
        self.client.loop_stop()
        self.broker.stop()

    def _listening(self):
        return self.broker.log.read_text().count("Sending SUBACK to receiver-")


def verify(public, body, signature):
    Ed25519PublicKey.from_public_bytes(public).verify(signature, b"firmware_agent answer 1\0" + body)


@pytest.fixture
def rig(tmp_path):
    one = Rig(tmp_path)
    yield one
    one.close()


def everything(directory):
    """Every byte of the store's files."""
    return b"".join(path.read_bytes() for path in sorted(directory.iterdir()))


def test_ok__what_the_profile_allows_is_kept_once(rig):
    receiver = rig.receiver()
    device, other = Device(1), Device(2, HISTORY)
    batch = device.message(*[[[1, "printing"], [2, 5 * n]] for n in range(20)])
    payloads = [device.message(), batch, other.message()]
    rig.send(*payloads, payloads[0], batch)
    assert rig.settled(5)[1] == f"{PROGRAM}: stored, 20 events, 40 fields"
    assert sorted(rig.rows()) == sorted(cbor.decode(payload)[1] for payload in payloads)
    assert cbor.decode(batch)[3] in [cbor.decode(row) for row in rig.rows("SELECT events FROM messages")]
    summary = rig.stop(receiver)
    zeros = {"deleted": 0, "requests": 0, "not_kept": 0, "expired": 0, "refused": {}}
    assert summary == {"stored": 3, "duplicates": 2, **zeros}
    assert stat.S_IMODE(rig.store.stat().st_mode) == 0o700
    assert not any(path.stat().st_mode & 0o077 for path in rig.store.iterdir())


def test_ok__a_picture_is_counted_and_not_kept(rig):
    receiver = rig.receiver()
    picture = Device(1, "snapshot").message([[11, JPEG]])
    rig.send(picture, qos=0)
    assert rig.settled(1) == ["snapshot: not_kept, 1 events, 1 fields"]
    assert JPEG not in everything(rig.store)
    assert rig.stop(receiver)["not_kept"] == 1
    assert rig.rows() == []


def sealing(rig):
    """(the receiver's key file, a Seal maker for its public half)."""
    file = rig.directory / "media.key"
    made = subprocess.run([TOOL, "--make-media-key", file], capture_output=True, check=True)
    public = bytes.fromhex(tomllib.loads(made.stdout.decode())["media_key"])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    return file, lambda about, seed=1: Seal(public, about, Random(seed).randbytes(32))


@pytest.mark.clause("L4")
def test_ok__a_sealed_picture_is_opened_checked_and_kept_nowhere(rig):
    file, seal = sealing(rig)
    receiver = rig.receiver("--media-key", file)
    sealed = seal("snapshot lightmake").seal(JPEG)
    rig.send(Device(1, "snapshot").message([[11, sealed]]), qos=0)
    assert rig.settled(1) == ["snapshot: not_kept, 1 events, 1 fields"]
    found = everything(rig.store)
    assert JPEG not in found and JPEG[:40] not in found and sealed not in found
    assert rig.stop(receiver)["not_kept"] == 1


def test_ok__pictures_are_written_only_where_the_maker_says(rig):
    file, seal = sealing(rig)
    directory = rig.directory / "pictures"
    receiver = rig.receiver("--media-key", file, "--pictures", directory)
    payload = Device(1, "support_photo").message([[11, seal("support_photo lightmake").seal(JPEG)]])
    rig.send(payload, qos=0)
    rig.settled(1)
    assert [path.name for path in directory.iterdir()] == [cbor.decode(payload)[1].hex() + ".jpg"]
    (one,) = directory.iterdir()
    assert one.read_bytes() == JPEG and stat.S_IMODE(one.stat().st_mode) == 0o600
    assert rig.stop(receiver)["refused"] == {}


@pytest.mark.attack(14)
def test_fail__pictures_that_are_not_sealed_for_us(rig):
    file, seal = sealing(rig)
    receiver = rig.receiver("--media-key", file, "--pictures", rig.directory / "pictures")
    sealed = seal("snapshot lightmake").seal(JPEG)
    dirty = JPEG[:2] + b"\xff\xfe\x00\x08canary" + JPEG[2:]
    wrong = {
        "not_sealed": JPEG,
        "seal": seal("failure_detection lightmake").seal(JPEG),  # for another purpose
        "seal ": sealed[:-1] + bytes([sealed[-1] ^ 1]),
        "seal  ": Seal(Random(9).randbytes(32), "snapshot lightmake", Random(8).randbytes(32)).seal(JPEG),
        "value": seal("snapshot lightmake", 2).seal(dirty),  # sealed, and not clean
        "value ": seal("snapshot lightmake", 3).seal(bytes(262145)),
    }
    device = Device(1, "snapshot")
    rig.send(*[device.message([[11, data]]) for data in wrong.values()], qos=1)
    expected = Counter(f"refused: {name.strip()}" for name in wrong)
    assert Counter(rig.settled(len(wrong))) == expected
    rig.stop(receiver)
    assert not list((rig.directory / "pictures").iterdir())


def test_fail__a_sealed_picture_without_a_key_to_open_it(rig):
    _, seal = sealing(rig)
    receiver = rig.receiver()
    rig.send(Device(1, "snapshot").message([[11, seal("snapshot lightmake").seal(JPEG)]]), qos=0)
    assert rig.settled(1) == ["refused: sealed"]
    rig.stop(receiver)


@pytest.mark.clause("L5")
def test_fail__a_cloud_of_points_that_was_not_cleaned(rig):
    receiver = rig.receiver()
    device = Device(1, "surface_scan")
    rig.send(device.message([[29, PLY]]), device.message([[29, PLY.replace(b"end_", b"comment canary\nend_")]]))
    assert rig.settled(2) == ["surface_scan: not_kept, 1 events, 1 fields", "refused: value"]
    rig.stop(receiver)


@pytest.mark.parametrize("text", ["", "zz" * 32, "ab" * 31, "ab" * 33])
def test_fail__a_file_that_holds_no_media_key(tmp_path, text):
    subprocess.run([TOOL, "--make-signing-key", tmp_path / "key.pem"], capture_output=True, check=True)
    (tmp_path / "media.key").write_text(text)
    command = [TOOL, "--profile", PROFILE, "--host", "127.0.0.1", "--store", tmp_path / "store"]
    command += ["--signing-key", tmp_path / "key.pem", "--media-key", tmp_path / "media.key"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "media.key: not 64 digits of hex" in done.stderr


def test_ok__nothing_is_lost_or_doubled_by_a_kill(rig):
    device = Device(1)
    payloads = [device.message() for _ in range(300)]
    receiver = rig.receiver()
    for start in range(0, 300, 60):
        before = len(rig.rows())
        rig.send(*payloads[start : start + 60])
        wait_for(lambda: len(rig.rows()) > before)  # noqa: B023 - asked at once
        os.kill(receiver.pid, signal.SIGKILL)
        receiver.wait()
        receiver = rig.receiver()
    rig.send(*payloads[::3])
    wait_for(lambda: sum("duplicates" in line for line in receiver.log.read_text().splitlines()) >= 100)
    assert sorted(rig.rows()) == sorted(cbor.decode(payload)[1] for payload in payloads)
    assert rig.stop(receiver)["duplicates"] >= 100


def test_ok__a_message_is_acknowledged_only_when_it_is_on_disk(rig):
    receiver = rig.receiver()
    payloads = [Device(1).message(), Device(2).message()]
    lock = sqlite3.connect(rig.store / "messages.sqlite", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    rig.send(*payloads)
    wait_for(lambda: "Sending PUBLISH to receiver-" in rig.broker.log.read_text())
    time.sleep(0.5)  # for what must not happen
    assert "Received PUBACK from receiver-" not in rig.broker.log.read_text()
    receiver.kill()
    receiver.wait()
    lock.execute("ROLLBACK")
    lock.close()
    assert rig.rows() == []
    rig.receiver()
    wait_for(lambda: len(rig.rows()) == 2)
    wait_for(lambda: rig.broker.log.read_text().count("Received PUBACK from receiver-") == 2)  # the control


def test_ok__what_came_while_it_was_away_is_kept(rig):
    receiver = rig.receiver()
    rig.stop(receiver)
    payload = Device(1).message()
    rig.send(payload)
    rig.receiver()
    wait_for(lambda: rig.rows() == [cbor.decode(payload)[1]])


def test_ok__it_comes_back_when_the_broker_does(rig):
    receiver = rig.receiver()
    rig.broker.stop()
    rig.broker.start()
    wait_for(lambda: rig.broker.log.read_text().count("Sending SUBACK to receiver-") == 2)
    wait_for(rig.client.is_connected)
    rig.send(Device(1).message())
    wait_for(lambda: len(rig.rows()) == 1)
    assert rig.stop(receiver)["stored"] == 1


def test_ok__two_receivers_share_the_work_and_the_duties(rig):
    """A request reaches only one of them; both have to know it."""
    first, second = rig.receiver(), rig.receiver()
    device, other = Device(1), Device(2)
    payloads = [device.message() for _ in range(100)]
    rig.send(*payloads, *[other.message() for _ in range(100)])
    rig.settled(200)
    assert len(rig.rows()) == 200
    rig.send(device.request())
    assert rig.receipts()[0][3] == 100
    rig.send(*[device.message() for _ in range(20)], *payloads[:20], other.message())
    rig.settled(242)
    one, two = rig.stop(first), rig.stop(second)
    assert one["stored"] > 20
    assert two["stored"] > 20
    assert one["stored"] + two["stored"] == 201 == len(rig.rows()) + 100
    assert one["deleted"] + two["deleted"] == 140
    assert one["requests"] + two["requests"] == 1


def test_ok__each_receiver_has_a_session_of_its_own_and_takes_it_up_again(rig):
    first, second = rig.receiver(), rig.receiver()
    names = {(rig.store / f"session.{number}").read_text() for number in (0, 1)}
    assert len(names) == 2
    for process in (first, second):
        process.kill()
        process.wait()
    rig.receiver()
    assert sorted(path.name for path in rig.store.glob("session.*")) == ["session.0", "session.1"]


# --- refusals

EVENT = {
    "ipv4": [[1, "192.168.18.8"]],
    "ipv6": [[1, "fe80::1ff:fe23:4567:890a"]],
    "mac": [[1, "00:1B:44:11:3a:B7"]],
    "email": [[1, "ann@example.org"]],
    "uuid": [[1, "123e4567-e89b-12d3-a456-426614174000"]],
    "long_hex": [[1, "00af12bc98de"]],
    "url": [[1, "https://printer.example/x"]],
    "path": [[1, "/home/ann/vase.gcode"]],
    "packed_number": [[2, 135440576]],
    "packed_bytes": [[1, bytes((192, 168, 18, 8))]],
    "value": [[1, "canary"]],
    "field": [[8, 5]],
    "order": [[2, 40], [1, "idle"]],
    "event": [],
}
IDENT = bytes(range(100, 116))
REFUSED = {name: [2, IDENT, PROGRAM, [FITS, event]] for name, event in EVENT.items()}
REFUSED |= {
    "ipv4 in bytes": [2, IDENT, PROGRAM, [[[1, b"at 10.0.0.1"]]]],
    "ipv6 between words": [2, IDENT, PROGRAM, [[[1, "to 2001:db8::7 it"]]]],
    "mac with dashes": [2, IDENT, PROGRAM, [[[1, "00-1b-44-11-3a-b7"]]]],
    "mac as routers write it": [2, IDENT, PROGRAM, [[[1, "001b.4411.3ab7"]]]],
    "packed_bytes: a MAC": [2, IDENT, PROGRAM, [[[1, bytes.fromhex("001b44113ab7")]]]],
    "path of another system": [2, IDENT, PROGRAM, [[[1, "C:\\Users\\ann"]]]],
    "email as a field's name": [2, IDENT, PROGRAM, [[["ann@example.org", 1]]]],
    "ipv4 in a map": [2, IDENT, PROGRAM, [[[1, {"host": "10.0.0.1"}]]]],
    "ipv4 as a map's key": [2, IDENT, PROGRAM, [[[1, {"10.0.0.1": 1}]]]],
    "ipv4 as a purpose": [2, IDENT, "10.0.0.1", [FITS]],
    "url after the events": [2, IDENT, PROGRAM, [FITS], "ftp://x"],
    "value one too high": [2, IDENT, PROGRAM, [[[2, 105]]]],
    "value between two steps": [2, IDENT, HISTORY, [[[10, 150]]]],
    "packed_number between two steps": [2, IDENT, HISTORY, [[[8, 3232240136]]]],
    "value of another type": [2, IDENT, PROGRAM, [[[2, True]]]],
    "field never leaving": [2, IDENT, PROGRAM, [[[16, "SN-1"]]]],
    "order: a field twice": [2, IDENT, PROGRAM, [[[1, "idle"], [1, "idle"]]]],
    "purpose unknown": [2, IDENT, "advertising", [FITS]],
    "version one": [1, IDENT[:8], PROGRAM, FITS],
    "ident of eight bytes": [2, IDENT[:8], PROGRAM, [FITS]],
    "events none": [2, IDENT, PROGRAM, []],
    "events too many": [2, IDENT, PROGRAM, [[[1, "idle"]]] * 257],
    "events of pictures": [2, IDENT, "snapshot", [[[11, JPEG]], [[11, JPEG]]]],
    "value: a picture that says who": [2, IDENT, "snapshot", [[[11, JPEG[:2] + b"\xff\xfe\0\x05ann" + JPEG[2:]]]]],
    "value: a picture that never ends": [2, IDENT, "snapshot", [[[11, JPEG[:-2]]]]],
    "form": [2, IDENT, PROGRAM],
    "form: a map": {"purpose": PROGRAM},
    "size": [2, IDENT, PROGRAM, [[[1, "idle" * 10000]]]],
    "size of a purpose unknown": [2, IDENT, "advertising", [[[1, "idle"]] * 60]],
    "request: another right": [2, IDENT, "rights_request", ["export", PROGRAM, bytes(32), REPLY]],
    "request: a short key": [2, IDENT, "rights_request", ["delete", PROGRAM, bytes(31), REPLY]],
    "request: a key as text": [2, IDENT, "rights_request", ["delete", PROGRAM, "k" * 32, REPLY]],
    "purpose unknown in a request": [2, IDENT, "rights_request", ["delete", "advertising", bytes(32), REPLY]],
}
RAW = {
    "cbor: nothing": b"",
    "cbor: a float": b"\x84\x02\x50" + IDENT + b"\x61a\xf9\x3c\x00",
    "cbor: a longer form of a number": b"\x84\x18\x02" + b"\x50" + IDENT + b"\x61a\x80",
    "cbor: a tail": cbor.encode([2, IDENT, PROGRAM, [FITS]]) + b"\0",
    "cbor: without an end": b"\x9f" * 200,
    "cbor: an array said to be huge": b"\x9b" + b"\xff" * 8,
    "cbor: deep": b"\x81" * 200,
    "size: long and deep": b"\x81" * 9000,
}


def test_fail__hostile_messages_are_refused_by_name(rig):
    """Each for its own reason, and none of its bytes is kept; what is right between them is."""
    receiver = rig.receiver()
    device = Device(1)
    hostile = {**{name: cbor.encode(row) for name, row in REFUSED.items()}, **RAW}
    for payload in hostile.values():
        rig.send(payload, device.message())
    lines = rig.settled(2 * len(hostile))
    kept = [line for line in lines if "refused" not in line]
    assert kept == [f"{PROGRAM}: stored, 1 events, 2 fields"] * len(hostile)
    found = dict(zip(hostile, [line for line in lines if "refused" in line], strict=True))
    assert found == {name: "refused: " + name.split(" ")[0].rstrip(":") for name in hostile}
    assert rig.stop(receiver)["refused"] == dict(sorted(Counter(line[9:] for line in found.values()).items()))
    assert len(rig.rows()) == len(hostile)
    files = everything(rig.store)
    assert IDENT not in files
    assert rig.rows()[0] in files  # the control: this is where it would be


def test_fail__a_number_that_could_be_an_address_in_a_field_that_is_not_rounded(rig):
    tree = generate.shipped()
    field = {"category": "performance", "purposes": [PROGRAM], "transform": "keep", "min": -(2**40), "max": 2**40}
    tree["field"]["total"] = {**field, "id": 40, "sensitivity": "low", "retention": "90 d", "clause": "L6"}
    profile = rig.directory / "wide.cbor"
    profile.write_bytes(compile_profile(generate.Text(generate.toml(tree))))
    receiver = rig.receiver(profile=profile)
    fine = [0, -5, 2**24 - 1, 50_000_000, 4_000_000_001]
    bad = [0x0A000001, 0xAC100001, 0xC0A81208, 135440576, 0xC0A81208 - 2**32, 2**32, 2**39, -(2**33)]
    device = Device(1)
    rig.send(*[device.message([[40, number]]) for number in fine + bad])
    assert rig.settled(13) == [f"{PROGRAM}: stored, 1 events, 1 fields"] * 5 + ["refused: packed_number"] * 8
    rig.stop(receiver)


@pytest.mark.clause("L11")
def test_fail__what_is_nearly_a_pseudonym_a_form_a_version_or_a_magnitude(rig):
    tree = generate.shipped()
    field = {
        "category": "performance",
        "purposes": [PROGRAM],
        "sensitivity": "low",
        "retention": "90 d",
        "clause": "L6",
    }
    tree["field"]["fault"] = {**field, "id": 90, "transform": "pattern", "form": "E-##@"}
    tree["field"]["hours"] = {**field, "id": 91, "transform": "log2", "min": 0, "max": 1000}
    profile = rig.directory / "wide.cbor"
    profile.write_bytes(compile_profile(generate.Text(generate.toml(tree))))
    receiver = rig.receiver(profile=profile)
    fine = [[31, IDENT], [32, 0], [32, 99999], [33, 9999], [90, "E-42Q"], [91, 10]]
    bad = [[31, IDENT + IDENT], [32, 100000], [33, 10000], [90, "E-42q"], [90, "E-42Q "], [91, 11], [91, "10"]]
    whole = [pair for pair in fine if pair != [32, 0]]
    device = Device(1)
    rig.send(*[device.message([pair]) for pair in fine + bad], device.message(*[whole] * 256))
    lines = [f"{PROGRAM}: stored, 1 events, 1 fields"] * len(fine) + ["refused: value"] * len(bad)
    assert rig.settled(len(lines) + 1) == [*lines, f"{PROGRAM}: stored, 256 events, {256 * len(whole)} fields"]
    rig.stop(receiver)


@pytest.mark.parametrize(
    ("word", "whole"), [("deadbeefcafe", True), ("purpose", False)], ids=["an identifier", "the control"]
)
def test_fail__a_profile_that_declares_an_identifier(rig, word, whole):
    tree = generate.shipped()
    tree["field"]["state"]["values"].append(word)
    profile = rig.directory / "odd.cbor"
    profile.write_bytes(compile_profile(generate.Text(generate.toml(tree))))
    if not whole:
        rig.receiver(profile=profile)
        return
    command = [TOOL, "--profile", profile, "--host", "127.0.0.1", "--store", rig.store]
    done = subprocess.run([*command, "--signing-key", rig.directory / "key.pem"], capture_output=True, timeout=20)
    assert done.returncode == 1
    assert b"purpose.improvement_program" in done.stderr


def test_ok__two_thousand_hostile_payloads_do_not_stop_it(rig):
    receiver = rig.receiver()
    rng = Random(20261101)
    device, job, camera = Device(1), Device(2, HISTORY), Device(3, "snapshot")
    schema = cddl_verifier.Validator(SCHEMA.read_text("utf-8"))
    payloads, most = [], tomllib.loads(POLICY.read_text("utf-8"))["field"]["scan"]["max"]  # the largest of all
    for number in range(2000):
        seed = rng.choice((device.message, job.message, device.request, lambda: camera.message([[11, JPEG]])))()
        kind = number % 5
        if kind == 0:
            payloads.append(rng.randbytes(rng.randint(0, 400)))
        elif kind == 1:
            payloads.append(seed[: rng.randint(0, len(seed) - 1)])
        else:
            damaged = bytearray(seed)
            for _ in range(kind - 1):  # the envelope more often than the rest
                at = rng.randrange(rng.choice((len(seed), min(45, len(seed)))))
                damaged[at] ^= 1 << rng.randrange(8)
            payloads.append(bytes(damaged))
    payloads += [rng.randbytes(300_000), b"\xff" * (2 * most)]  # the second is more than it lets the broker send
    for start in range(0, len(payloads), 500):  # the broker keeps at most 1,000 for one subscriber
        rig.send(*payloads[start : start + 500])
        rig.settled(min(start + 500, len(payloads) - 1))
    rig.send(Device(4).message())
    lines = rig.settled(2002)
    assert lines[-1] == f"{PROGRAM}: stored, 1 events, 2 fields"
    summary = rig.stop(receiver)
    refused = summary["refused"]
    assert not [why for why in refused if why.startswith("defect")], refused
    assert refused["cbor"] > 400  # the control: what the strict decoder refuses is counted
    assert refused["size"] >= 1
    kept = [cbor2.loads(row) for row in rig.rows("SELECT events FROM messages ORDER BY ident")]
    assert kept
    for events, purpose in zip(kept, rig.rows("SELECT purpose FROM messages ORDER BY ident"), strict=True):
        assert schema.validate(cbor2.dumps([2, IDENT, purpose, events])).valid


# --- rights


@pytest.mark.clause("L13")
def test_ok__a_deletion_request_takes_exactly_this_devices_messages_of_this_purpose(rig):
    receiver = rig.receiver()
    device, other, history = Device(1), Device(2), Device(1, HISTORY)
    assert history.key == device.key  # even then the other purpose stays
    mine = [device.message() for _ in range(30)]
    rest = [other.message() for _ in range(30)] + [history.message() for _ in range(10)]
    rig.send(*mine, *rest)
    rig.settled(70)
    idents = [cbor.decode(payload)[1] for payload in mine]
    assert all(ident in everything(rig.store) for ident in idents)
    request = device.request()
    rig.send(request)
    (receipt,) = rig.receipts()
    ident = cbor.decode(request)[1]
    assert rig.answers()[0] == ["acknowledge", REPLY, ident]
    assert receipt[1:4] == [REPLY, ident, 30]
    assert sorted(rig.rows()) == sorted(cbor.decode(payload)[1] for payload in rest)
    kept = everything(rig.store)
    assert not any(ident in kept for ident in idents)  # nor in free pages or the log
    assert cbor.decode(rest[0])[1] in kept
    summary = rig.stop(receiver)
    assert (summary["requests"], summary["deleted"]) == (1, 30)


@pytest.mark.clause("L13")
def test_ok__a_repeated_request_is_answered_again_also_after_a_kill(rig):
    receiver = rig.receiver()
    device = Device(1)
    request = device.request()
    rig.send(device.message(), device.message(), request)
    first = rig.receipts(1)[0]
    rig.send(request)
    rig.receipts(2)
    receiver.kill()
    receiver.wait()
    receiver = rig.receiver()
    rig.send(request)
    assert rig.receipts(3) == [first] * 3
    assert first[3] == 2
    assert rig.stop(receiver)["deleted"] == 0  # since it was started anew


@pytest.mark.clause("L13")
def test_ok__messages_that_come_after_the_request_are_deleted_too(rig):
    receiver = rig.receiver()
    device, other = Device(1), Device(2)
    rig.send(device.request())
    assert rig.receipts()[0][3] == 0
    late = [device.message() for _ in range(5)]
    rig.send(*late, other.message())
    rig.settled(7)
    assert len(rig.rows()) == 1
    assert not any(cbor.decode(payload)[1] in everything(rig.store) for payload in late)
    assert rig.stop(receiver)["deleted"] == 5


def test_ok__a_request_whose_work_was_cut_off_is_done_after_the_restart(rig):
    """It was acknowledged: the device has stopped asking."""
    rig.stop(rig.receiver())
    device = Device(1)
    payload = device.message()
    database = sqlite3.connect(rig.store / "messages.sqlite")
    with database:
        ident = cbor.decode(payload)[1]
        database.execute("INSERT INTO messages VALUES (?, ?, ?, ?)", (ident, PROGRAM, b"\x80", 2**40))
        row = (bytes(16), PROGRAM, device.key, REPLY, 2**31)
        database.execute("INSERT INTO requests VALUES (?, ?, ?, ?, ?, NULL, NULL)", row)
    database.close()
    rig.receiver()
    assert rig.receipts()[0][2:4] == [bytes(16), 1]
    assert rig.rows() == []


def test_ok__messages_of_a_purpose_that_the_profile_lost_can_still_be_deleted(rig):
    receiver = rig.receiver()
    device = Device(1, HISTORY)
    rig.send(device.message())
    rig.settled(1)
    rig.stop(receiver)
    tree = generate.shipped()
    del tree["purpose"][HISTORY], tree["clause"]
    tree["field"] = {name: row for name, row in tree["field"].items() if HISTORY not in row.get("purposes", ())}
    profile = rig.directory / "less.cbor"
    profile.write_bytes(compile_profile(generate.Text(generate.toml(tree))))
    rig.receiver(profile=profile)
    rig.send(device.message())
    rig.send(device.request())
    assert rig.receipts()[0][3] == 1
    assert "refused: purpose" in rig.lines()


def test_fail__a_changed_answer_does_not_verify(rig):
    rig.receiver()
    rig.send(Device(1).request())
    rig.receipts()
    payload = next(payload for topic, payload, *_ in rig.heard.messages if "/reply/" in topic)
    _, body, signature = cbor.decode(payload)
    verify(rig.public, body, signature)  # the control
    schema = cddl_verifier.Validator(SCHEMA.read_text("utf-8"))
    assert schema.validate(payload, root_type="answer").valid
    for at in range(len(body)):
        with pytest.raises(InvalidSignature):
            verify(rig.public, body[:at] + bytes((body[at] ^ 1,)) + body[at + 1 :], signature)
    for at in range(len(signature)):
        with pytest.raises(InvalidSignature):
            verify(rig.public, body, signature[:at] + bytes((signature[at] ^ 1,)) + signature[at + 1 :])
    with pytest.raises(InvalidSignature):
        Ed25519PublicKey.from_public_bytes(rig.public).verify(signature, b"firmware_agent command 1\0" + body)


@pytest.mark.clause("L14")
def test_ok__retention_ends(rig):
    tree = generate.shipped()
    del tree["clause"]  # some rows that its clauses need go
    tree["field"] = {name: {**row, "retention": "1 s"} for name, row in tree["field"].items() if "purposes" in row}
    for name in ("picture", "scan", "bundle"):
        tree["field"][name]["retention"] = "0 s"
    profile = rig.directory / "short.cbor"
    profile.write_bytes(compile_profile(generate.Text(generate.toml(tree))))
    receiver = rig.receiver(profile=profile)
    payload = Device(1).message()
    rig.send(payload)
    rig.settled(1)
    wait_for(lambda: rig.rows() == [])
    wait_for(lambda: cbor.decode(payload)[1] not in everything(rig.store))
    assert rig.stop(receiver) == {
        **dict.fromkeys(("duplicates", "deleted", "requests", "not_kept"), 0),
        "stored": 1,
        "expired": 1,
        "refused": {},
    }


# --- running it


def test_ok__over_tls_with_both_sides_known(tmp_path):
    authority = Authority(tmp_path, "authority")
    rig = Rig(tmp_path, (authority.path, *authority.issue("broker", "127.0.0.1")))
    try:
        certificate, key = authority.issue("receiver")
        rig.receiver("--authority", authority.path, "--certificate", certificate, "--key", key)
        rig.send(Device(1).message())
        wait_for(lambda: len(rig.rows()) == 1)
    finally:
        rig.close()


def test_fail__without_tls_to_another_machine(tmp_path):
    (tmp_path / "key.pem").write_bytes(b"")
    command = [TOOL, "--profile", PROFILE, "--host", "broker.example", "--store", tmp_path / "store"]
    done = subprocess.run([*command, "--signing-key", tmp_path / "key.pem"], capture_output=True, timeout=20)
    assert done.returncode == 2
    assert b"--authority" in done.stderr


def test_fail__a_signing_key_that_devices_do_not_know(rig):
    """They would ask for ever; with the right one it starts."""
    tree = generate.shipped()
    profile = rig.directory / "keyed.cbor"
    for public, starts in ((bytes(32), False), (rig.public, True)):
        tree["recipient"]["lightmake"]["answers"] = public.hex()
        profile.write_bytes(compile_profile(generate.Text(generate.toml(tree))))
        if starts:
            rig.receiver(profile=profile)
            continue
        command = [TOOL, "--profile", profile, "--host", "127.0.0.1", "--store", rig.store]
        done = subprocess.run([*command, "--signing-key", rig.directory / "key.pem"], capture_output=True, timeout=20)
        assert done.returncode == 1
        assert b"answers" in done.stderr


def test_fail__a_signing_key_is_never_overwritten(tmp_path):
    command = [sys.executable, TOOL, "--make-signing-key", tmp_path / "key.pem"]
    first = subprocess.run(command, capture_output=True, check=True)
    before = (tmp_path / "key.pem").read_bytes()
    assert len(bytes.fromhex(tomllib.loads(first.stdout.decode())["answers"])) == 32
    assert b"[recipient.NAME]" in first.stderr
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600
    assert subprocess.run(command, capture_output=True).returncode == 1
    assert (tmp_path / "key.pem").read_bytes() == before


def test_ok__it_tells_when_it_listens_and_once_when_the_broker_is_away(rig):
    receiver = rig.receiver()
    where = f"127.0.0.1:{rig.broker.port}"
    wait_for(lambda: f"connected to {where}, subscribed to {TOPIC}\n" in receiver.log.read_text())
    rig.client.disconnect()
    rig.broker.stop()
    wait_for(lambda: f"{where}: no connection to the broker; " in receiver.log.read_text())
    time.sleep(3)  # several tries
    shown = receiver.log.read_text()
    assert shown.count("trying again") == 1 and "--certificate" in shown


@pytest.mark.parametrize("option", ["profile", "signing-key", "authority", "certificate", "key"])
def test_fail__a_missing_file_is_named(tmp_path, option):
    (tmp_path / "there").write_bytes(b"")
    files = dict.fromkeys(("profile", "signing-key", "authority", "certificate", "key"), tmp_path / "there")
    files[option] = tmp_path / "gone"
    command = [TOOL, "--host", "127.0.0.1", "--store", tmp_path / "store"]
    command += [part for name, path in files.items() for part in (f"--{name}", path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and f"--{option}: {tmp_path / 'gone'}: No such file" in done.stderr
