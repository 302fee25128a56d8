"""The camera in a whole agent: no process without consent and none after it, pictures as ciphertext (L1 to L4, L12)."""

import asyncio
import io
import os
import sys
from pathlib import Path

import pytest
from PIL import Image

from firmware_agent import jpeg
from firmware_agent.camera.settings import SourceSettings
from firmware_agent.camera.sources import pattern
from firmware_agent.camera.start import Adapter
from firmware_agent.camera.upstream import Upstream
from firmware_agent.cli import build, doctor
from firmware_agent.cli.run import attend
from firmware_agent.refusals import Refused
from host_tests.rigs.agent import Rig, forward, plain, until
from host_tests.rigs.broker import Broker, Subscriber, free_port
from host_tests.rigs.hub import soon
from host_tests.rigs.looking import Looking, pair
from host_tests.rigs.media import CAMERA, keyed, opened

_opened: "list[str] | None" = None


def _hook(event, arguments):
    if _opened is not None and event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        _opened.append(str(arguments[0]))
    elif _opened is not None and event == "open" and isinstance(arguments[2], int) and arguments[2] & 0o103:
        _opened.append(str(arguments[0]))  # O_WRONLY, O_RDWR or O_CREAT through os.open


sys.addaudithook(_hook)


def workers():
    """The camera processes of this machine that are children of this one."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            ours = f"PPid:\t{os.getpid()}\n" in (path.parent / "status").read_text()
            if ours and b"firmware_agent.camera.worker" in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def write_bytes(worker):
    """What a process has sent to disks so far."""
    lines = dict(line.split(": ") for line in Path(f"/proc/{worker}/io").read_text().splitlines())
    return int(lines["write_bytes"])


async def looks(agent, to, stream=True):
    """A viewer on the owner's network."""
    ours, theirs = pair()
    admission = agent.camera.admissions.admit(*to, "tablet", stream)
    await agent.camera.pass_on(admission, theirs)
    return Looking(admission.ident, ours)


@pytest.mark.clause("L1", "L2")
def test_fail__no_process_without_consent_or_with_another_purpose(tmp_path):
    rig = Rig(tmp_path, keyed(plain(free_port())), sources=f"[source.demo]\n{CAMERA}")
    rig.grant("improvement_program")
    rig.refuse("snapshot")

    async def story():
        agent = rig.agent()
        for _ in range(50):
            await forward(rig, agent, 10)
            assert workers() == [] and not agent.camera.busy
        for pair_ in rig.parts.catalogue.pairs():
            if pair_ != ("improvement_program", "lightmake"):
                with pytest.raises(Refused):
                    agent.camera.admissions.admit(*pair_, "tablet", True)
        with pytest.raises(Refused) as caught:
            agent.camera.admissions.admit("advertising", "lightmake", "tablet", True)
        assert caught.value.reason == "unknown_purpose" and workers() == []
        await agent.close()

    asyncio.run(story())


@pytest.mark.clause("L1")
def test_fail__permitted_and_nobody_looks_is_no_reason_for_a_process(tmp_path):
    rig = Rig(tmp_path, keyed(plain(free_port())), sources=CAMERA)
    for to in (("live_view", "owner"), ("snapshot", "owner"), ("support_photo", "lightmake")):
        rig.grant(*to)

    async def story():
        agent = rig.agent()
        for _ in range(10):
            await forward(rig, agent, 10)
            assert workers() == [] and not agent.camera.busy
        viewer = await looks(agent, ("live_view", "owner"))  # the control
        await asyncio.to_thread(viewer.picture)
        assert len(workers()) == 1 and agent.watched() == [("live_view", "owner")]
        await agent.close()
        assert workers() == []

    asyncio.run(story())


@pytest.mark.clause("L1", "L3")
def test_fail__without_a_key_pictures_to_that_recipient_stay(tmp_path):
    rig = Rig(tmp_path, plain(free_port()), sources=CAMERA)
    rig.grant("snapshot")

    async def story():
        agent = rig.agent()
        await forward(rig, agent, 60)
        assert workers() == [] and agent.uplinks["lightmake"].waiting() == 0
        await agent.close()

    asyncio.run(story())


def test_fail__consent_to_a_point_cloud_is_none_to_the_camera(tmp_path):
    camera = f'[source.camera]\nkind = "mjpeg"\nurl = "http://127.0.0.1:{free_port()}/"'
    rig = Rig(tmp_path, plain(free_port()), sources=f"[source.demo]\n{camera}")

    def said():
        return " ".join(text for _, text in asyncio.run(doctor._sources(rig.parts, False)))

    rig.grant("surface_scan")
    assert "its address is not tried" in said()
    rig.grant("live_view", "owner")  # the control
    assert "its address is not tried" not in said()


@pytest.mark.clause("L12")
def test_ok__what_another_program_withdraws_is_cut_before_the_tick_comes_to_it(tmp_path):
    rig = Rig(tmp_path, plain(free_port()), sources=CAMERA)
    rig.grant("live_view", "owner")

    async def story():
        agent = rig.agent()
        running = asyncio.create_task(attend(rig.parts, agent, None))
        viewer = await looks(agent, ("live_view", "owner"))
        await asyncio.to_thread(viewer.picture)
        agent.tick = lambda: None  # whatever else there may be to do
        rig.withdraw("live_view", "owner")
        await soon(lambda: not agent.watched())
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(asyncio.wait_for(story(), 60))


@pytest.mark.clause("L1", "L12")
def test_ok__consent_starts_it_and_withdrawal_ends_it(tmp_path):
    rig = Rig(tmp_path, keyed(plain(free_port())), sources=CAMERA)

    async def story():
        agent = rig.agent()
        rig.grant("snapshot")
        rig.grant("live_view", "owner")
        await until(agent, lambda: agent.watched() == [("snapshot", "lightmake")])
        viewer = await looks(agent, ("live_view", "owner"))
        await asyncio.to_thread(viewer.picture)
        (worker,) = workers()
        rig.withdraw("snapshot")  # by another process
        await until(agent, lambda: agent.watched() == [("live_view", "owner")])
        assert agent.uplinks["lightmake"].waiting() == 0 and workers() == [worker]
        rig.withdraw("live_view", "owner")
        await until(agent, lambda: not workers())
        with pytest.raises(ConnectionResetError):
            while await asyncio.to_thread(viewer.socket.recv, 65536):
                pass
        rig.grant("snapshot")
        rig.device.passed += 10
        (again,) = await until(agent, workers)
        assert again != worker
        await until(agent, lambda: agent.uplinks["lightmake"].waiting())
        await agent.settle()
        rig.device.passed += 3.5
        await until(agent, lambda: not workers())  # between two pictures there is none
        await agent.close()

    asyncio.run(story())


@pytest.mark.clause("L3")
def test_ok__each_purpose_gets_pictures_of_its_own(tmp_path):
    """Two purposes of one recipient: each picture opens for the one that it was taken for, and travels as that."""
    with Broker(tmp_path) as broker, Subscriber(broker.inside) as maker:
        rig = Rig(tmp_path, keyed(plain(broker.port)), sources=CAMERA)
        rig.grant("snapshot")

        async def story():
            agent = rig.agent()
            await until(agent, lambda: maker.messages)
            rig.grant("failure_detection")
            await until(agent, lambda: len(maker.messages) > 1)
            rig.withdraw("snapshot")
            agent.tick()
            before = len(maker.messages)
            for count in (1, 2):
                rig.device.passed += 10
                await until(agent, lambda count=count: len(maker.messages) >= before + count)
            await agent.close()

        asyncio.run(story())
    found = [payload for payload in maker.payloads()]
    for payload in found:
        assert opened(payload)[:2] == b"\xff\xd8"  # `opened` takes the purpose that the message names
    assert [b"failure_detection" in payload for payload in found[-3:]] == [True] * 3
    assert b"snapshot" in found[0]


@pytest.mark.clause("L4")
def test_ok__pictures_pass_through_no_file_and_main_sees_ciphertext(tmp_path):
    """The main process opens nothing but its own state for writing; the camera process writes nothing at all."""
    global _opened
    written = []
    with Broker(tmp_path) as broker, Subscriber(broker.inside) as maker:
        rig = Rig(tmp_path, keyed(plain(broker.port)), sources=CAMERA)
        rig.grant("snapshot")
        rig.grant("live_view", "owner")

        async def story():
            agent = rig.agent()
            viewer = await looks(agent, ("live_view", "owner"))
            for count in range(1, 4):
                rig.device.passed += 10
                await until(agent, lambda count=count: len(maker.messages) >= count)
                await asyncio.to_thread(viewer.picture)
                (worker,) = workers()
                written.append(write_bytes(worker))
            await agent.close()

        _opened = []
        asyncio.run(story())
        found, _opened = _opened, None
    state = str(tmp_path / "state")
    assert found and all(path.startswith(state) or path == "/dev/null" for path in found), found
    assert written == [0, 0, 0]
    stored = b"".join(path.read_bytes() for path in (tmp_path / "state").iterdir())
    for payload in maker.payloads():
        picture = opened(payload)
        assert picture[:2] == b"\xff\xd8" and pattern.METADATA not in picture
        assert picture[-300:-260] not in payload and picture[-300:-260] not in stored
        assert payload[-300:-260] not in stored


def test_ok__the_picture_is_a_picture_and_its_metadata_goes():
    for number in range(0, 60, 7):
        raw = pattern.jpeg(number)
        clean = jpeg.strip(raw)
        assert pattern.METADATA in raw and pattern.METADATA not in clean
        before, after = Image.open(io.BytesIO(raw)), Image.open(io.BytesIO(clean))
        assert after.size == (pattern.WIDTH, pattern.HEIGHT)
        assert before.convert("RGB").tobytes() == after.convert("RGB").tobytes()
        assert not after.getexif()
        red, green, blue = after.convert("RGB").getpixel((4, 4))
        assert min(red, green, blue) > 220  # the first bar is white
    assert pattern.jpeg(0) != pattern.jpeg(5)


def test_ok__a_real_encoder_s_pictures_keep_their_pixels():
    image = Image.effect_noise((160, 120), 60).convert("RGB")
    for options in ({}, {"progressive": True}, {"optimize": True, "subsampling": 0}):
        exif = Image.Exif()
        exif[0x010E] = "canary description"
        raw = io.BytesIO()
        image.save(raw, "JPEG", quality=80, exif=exif, comment=b"canary comment", **options)
        clean = jpeg.strip(raw.getvalue())
        assert b"canary" in raw.getvalue() and b"canary" not in clean
        assert Image.open(io.BytesIO(clean)).tobytes() == Image.open(raw).tobytes()


KINDS = {
    'kind = "v4l2"\ndevice = "/dev/video0"\nwidth = 1280\nheight = 720\ncrop = [1, 2, 3, 4]': (
        SourceSettings("v4l2", "/dev/video0", 1280, 720, 30, (1, 2, 3, 4)),
        type(None),
    ),
    'kind = "mjpeg"\nurl = "http://192.168.1.7/?action=stream"\nrate = 9': (SourceSettings("mjpeg", rate=9), Upstream),
    'kind = "adapter"\ncommand = ["/usr/bin/rpicam-vid", "-t", "0"]': (SourceSettings("adapter"), Adapter),
}


@pytest.mark.parametrize("text", KINDS)
def test_ok__each_kind_of_camera_in_the_configuration_is_what_its_process_is_told(tmp_path, text):
    rig = Rig(tmp_path, plain(free_port()), sources=f"[source.camera]\n{text}")
    settings, opener = KINDS[text]
    agent = rig.agent()
    assert agent.camera.source == settings
    assert type(build.opener(rig.parts.config.sources["camera"])) is opener
    rig.parts.crop.choose((5, 6, 7, 8))  # what the owner drew counts
    assert rig.agent().camera.source.crop == (5, 6, 7, 8)


@pytest.mark.clause("L1", "L12")
def test_ok__an_agent_at_rest_wakes_for_whoever_looks(tmp_path, monkeypatch):
    """It would rest for an hour: whoever looks ends that, for else nobody would end the process in time."""
    monkeypatch.setattr("firmware_agent.agent.REST", 3600.0)
    rig = Rig(tmp_path, plain(free_port()), sources=CAMERA)
    rig.grant("live_view", "owner")

    async def story():
        agent = rig.agent()
        running = asyncio.create_task(agent.run(asyncio.Event()))
        while agent.pause() < 3600:  # what was decided at the start keeps it awake for a moment
            await asyncio.sleep(0.05)
            rig.device.passed += 1
        await asyncio.sleep(0.3)
        viewer = await looks(agent, ("live_view", "owner"))
        await asyncio.to_thread(viewer.picture)
        viewer.socket.close()
        await soon(lambda: not agent.watched())
        rig.device.passed += 3.5
        await soon(lambda: not workers())
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(story())
