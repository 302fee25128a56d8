"""The camera process: there is none without consent, and none after it (L1, L4, L12)."""

import asyncio
import io
import os
import sys
from pathlib import Path

import pytest
from firmware_agent.camera.supervisor import CameraSource
from PIL import Image

from firmware_agent import jpeg
from firmware_agent.camera.sources import pattern
from firmware_agent.errors import SourceError
from host_tests.rigs.agent import Rig, forward, plain, until
from host_tests.rigs.broker import Broker, Subscriber, free_port

CAMERA = '[source.camera]\nkind = "pattern"'
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


@pytest.mark.clause("L1", "L2")
def test_fail__no_process_without_consent_or_with_another_purpose(tmp_path):
    rig = Rig(tmp_path, plain(free_port()), sources=f"[source.demo]\n{CAMERA}")
    rig.grant("improvement_program")
    rig.refuse("snapshot")

    async def story():
        agent = rig.agent()
        for _ in range(50):
            await forward(rig, agent, 10)
            assert workers() == []
        await agent.close()

    asyncio.run(story())


@pytest.mark.clause("L1", "L12")
def test_ok__consent_starts_it_and_withdrawal_ends_it(tmp_path):
    rig = Rig(tmp_path, plain(free_port()), sources=CAMERA)

    async def story():
        agent = rig.agent()
        rig.grant("snapshot")
        (worker,) = await until(agent, workers)
        rig.withdraw("snapshot")
        await until(agent, lambda: not workers())
        assert agent.uplinks["lightmake"].waiting() == 0
        rig.grant("snapshot")
        rig.device.passed += 10
        (again,) = await until(agent, workers)
        assert again != worker
        await agent.close()
        assert workers() == []

    asyncio.run(story())


@pytest.mark.clause("L4")
def test_ok__pictures_pass_through_no_file(tmp_path):
    """The main process opens nothing but its own state for writing; the camera process writes nothing at all."""
    global _opened
    written = []
    with Broker(tmp_path) as broker, Subscriber(broker.inside) as maker:
        rig = Rig(tmp_path, plain(broker.port), sources=CAMERA)
        rig.grant("snapshot")

        async def story():
            agent = rig.agent()
            for count in range(1, 4):
                rig.device.passed += 10
                await until(agent, lambda count=count: len(maker.messages) >= count)
                (worker,) = workers()
                written.append(write_bytes(worker))
            await agent.close()

        _opened = []
        asyncio.run(story())
        opened, _opened = _opened, None
    state = str(tmp_path / "state")
    assert opened and all(path.startswith(state) or path == "/dev/null" for path in opened), opened
    assert written == [0, 0, 0]
    stored = b"".join(path.read_bytes() for path in (tmp_path / "state").iterdir())
    picture = maker.payloads()[0][-500:]
    assert picture[100:132] not in stored


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


def test_fail__a_process_that_dies_is_said_and_started_anew():
    async def story():
        camera = CameraSource()
        first = (await camera.read())[0].fields["picture"]
        camera._process.kill()
        await camera._process.wait()
        with pytest.raises(SourceError):
            await camera.read()
        assert camera.pid is None
        assert (await camera.read())[0].fields["picture"] == first
        await camera.rest()

    asyncio.run(story())
