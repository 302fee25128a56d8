"""How long a withdrawal takes at the camera: `withdrawal agent|file RUNS`; figures of each run in /out/runs (JSON).

agent: decided in the agent itself, as on its page. file: by another program, as the command does, through the consent
store's file. A slow viewer looks. ms from the decision to: `wire`, the last byte that the viewer's kernel received;
`told`, when the viewer read its last byte and saw the end; `off`, when the camera's last transfer was taken back.
"""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from firmware_agent.model import WITHDRAWN
from host_tests.rigs.machine.inside.guest import OUT, Webcam, python
from host_tests.rigs.machine.inside.stage import LIVE, Stage, holders, until

RATE = 30
SIZE = (1280, 720)


async def one(stage: Stage, viewer: "subprocess.Popen[str]", address: str, by_agent: bool) -> dict[str, float]:
    """One run."""
    assert viewer.stdin is not None and viewer.stdout is not None
    webcam, made = stage.webcam, stage.made
    stage.grant(LIVE)
    line = ""
    while line != "full\n":  # on a slow computer the camera's process begins slowly, and the first answer may be no
        await asyncio.sleep(1)
        viewer.stdin.write(f"{address}/stream\n")
        viewer.stdin.flush()
        line = await asyncio.to_thread(viewer.stdout.readline)
    await asyncio.sleep(0.5)
    before = webcam.seen("ALL_URBS_UNLINKED")
    policy = made.catalogue.policy(*LIVE)

    def put() -> None:
        made.consents.put(*LIVE, WITHDRAWN, policy, "owner", "test", made.device.now())

    begun = time.monotonic()
    if by_agent:
        stage.agent.withdraw(*LIVE, put)
    else:
        await asyncio.to_thread(stage.withdraw, LIVE)  # the agent goes on meanwhile
    said: dict[str, Any] = json.loads(await asyncio.to_thread(viewer.stdout.readline))
    await until(lambda: webcam.seen("ALL_URBS_UNLINKED") > before)
    off = [event.when for event in webcam.events() if event.name == "ALL_URBS_UNLINKED"][-1]
    await until(lambda: not holders(webcam.node))
    wire = said["wire"]
    had = max((count for when, count in wire if when <= begun), default=0)
    found = {"wire": wire[-1][0], "told": said["ended"], "off": off}
    figures = {name: round(max(0.0, when - begun) * 1000, 1) for name, when in found.items()}
    return {**figures, "bytes": wire[-1][1] - had}


async def whole(by_agent: bool, runs: int) -> list[dict[str, float]]:
    """All runs, with one agent and one viewer."""
    webcam = Webcam(OUT / "frames", RATE, *SIZE)
    async with Stage(Path("/run/agent"), webcam) as stage:
        address = stage.invite("tablet", LIVE)
        await until(lambda: stage.viewers.port)
        viewer = python("slow", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        found = [await one(stage, viewer, address, by_agent) for _ in range(runs)]
        viewer.kill()
        viewer.wait()
        return found


def main() -> None:
    """As the top of this file says."""
    how, runs = sys.argv[1], int(sys.argv[2])
    (OUT / "runs").write_text(json.dumps(asyncio.run(whole(how == "agent", runs))))


if __name__ == "__main__":
    main()
