"""A whole agent and the camera's side of the bus, in acts: `consent`; what was seen goes to /out/seen (JSON)."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from host_tests.rigs.machine.inside.guest import OUT, Webcam
from host_tests.rigs.machine.inside.stage import LIVE, STILL, Guest, Stage, holders, looking, until

QUIET = 1.0  # s in which nothing must happen


async def story(stage: Stage) -> dict[str, Any]:
    """Each act tells what it saw under a name of its own."""
    webcam, camera = stage.webcam, stage.camera
    live, still = stage.invite("tablet", LIVE), stage.invite("time-lapse", STILL)
    await until(lambda: stage.viewers.port)
    seen: dict[str, Any] = {}

    def bus() -> list[str]:
        return [event.name for event in webcam.events()]

    async def asked() -> list[int]:
        """What the port answers to who asks for a stream and for a picture."""
        return [(await Guest.ask(address)).status for address in (f"{live}/stream", f"{still}/snapshot")]

    async def off(act: str) -> None:
        """When the camera is off, and what moves after that."""
        await until(lambda: bus()[-1] == "CLEAR_HALT" and "ALL_URBS_UNLINKED" in bus()[-3:])
        await until(lambda: not holders(webcam.node))
        before = bus()
        await asyncio.sleep(QUIET)
        seen[act] = {"end": before[-2:], "moved": bus()[len(before) :], "holders": holders(webcam.node)}

    # Nothing is granted.
    statuses = await asked()
    await asyncio.sleep(QUIET)
    seen["before"] = {"statuses": statuses, "bus": bus(), "holders": holders(webcam.node), "on": camera.state().on}

    # Granted, and nobody asks.
    stage.grant(LIVE)
    stage.grant(STILL)
    await asyncio.sleep(QUIET)
    seen["granted"] = {"bus": bus(), "holders": holders(webcam.node)}

    # Somebody looks, and it is withdrawn.
    async with looking(f"{live}/stream") as guest:
        await until(lambda: guest.pictures > 10)
        seen["stream"] = {
            "status": guest.status,
            "commits": bus().count("COMMIT"),
            "holders": len(holders(webcam.node)),
        }
        stage.withdraw(LIVE)
        await until(lambda: guest.ended)
        seen["stream"]["ended"] = guest.ended
    await off("withdrawn")
    seen["withdrawn"]["status"] = (await Guest.ask(f"{live}/stream")).status

    # One picture, for the other purpose.
    answer = await (await Guest.enter(f"{still}/snapshot")).rest()
    seen["snapshot"] = {"start": answer[:2].hex(), "end": answer[-2:].hex(), "bytes": len(answer)}
    (OUT / "snapshot").write_bytes(answer)
    await off("after a picture")

    # The viewer goes by itself.
    stage.grant(LIVE)
    async with looking(f"{live}/stream") as guest:
        await until(lambda: guest.pictures > 5)
    await off("left")

    # The privacy switch.
    async with looking(f"{live}/stream") as guest:
        await until(lambda: guest.pictures > 5)
        webcam.order("cover")
        await until(lambda: camera.state().covered)
        await asyncio.sleep(QUIET)  # what was under way
        before, commits = guest.pictures, bus().count("COMMIT")
        status = (await Guest.ask(f"{still}/snapshot")).status
        await asyncio.sleep(QUIET)
        seen["covered"] = {"pictures": guest.pictures - before, "snapshot": status, "commits": commits}
        webcam.order("uncover")
        await until(lambda: not camera.state().covered and guest.pictures > before + 3)
        seen["uncovered"] = {"pictures": guest.pictures - before}
        # The kernel may no longer use the device.
        webcam.authorise(False)
        await until(lambda: not webcam.node.exists())
        await until(lambda: guest.ended or camera.state().trouble)
        seen["taken away"] = {"trouble": camera.state().trouble, "ended": guest.ended}
    return seen


async def whole() -> dict[str, Any]:
    """The story, from the agent's start to its end."""
    webcam = Webcam(OUT / "frames", 15)
    async with Stage(Path("/run/agent"), webcam) as stage:
        seen = await story(stage)
    seen["end"] = {"bus": [event.name for event in webcam.events()]}
    return seen


def main() -> int:
    """As the top of this file says."""
    (OUT / "seen").write_text(json.dumps(asyncio.run(whole())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
