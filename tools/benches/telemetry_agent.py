"""telemetry_agent.py CONFIGURATION FIELD NOTES: the agent as `firmware-agent run` has it, which notes what passes.

Every line on stdin has it write what passed so far into the file NOTES, as JSON: "taken": [[when the gate had a record,
the raw FIELD of it], ...], "settled": [[when a message was acknowledged, its events], ...], both of one purpose and
oldest first; in seconds of the monotonic clock, which is one for all processes.
"""

import asyncio
import contextlib
import json
import os
import sys
import time
from pathlib import Path

from firmware_agent import config
from firmware_agent.agent import Agent
from firmware_agent.cli import build, run
from firmware_agent.egress.ledger import Ledger
from firmware_agent.gate import Gate
from firmware_agent.model import Record, Release
from host_tests.fakes import PURPOSE


def main() -> None:
    file, field, notes = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    taken: list[tuple[float, object]] = []
    settled: list[tuple[float, int]] = []
    collect, close, made_agent = Gate.collect, Ledger.close, build.agent

    def noted_collect(self: Gate, record: Record, purpose: str, recipient: str) -> bool:
        full = collect(self, record, purpose, recipient)
        if purpose == PURPOSE:
            taken.append((time.monotonic(), record.fields.get(field)))
        return full

    def noted_close(self: Ledger, release: Release, event: str) -> None:
        close(self, release, event)
        if release.purpose == PURPOSE:
            settled.append((time.monotonic(), release.count))

    def write() -> None:
        if not sys.stdin.readline():
            asyncio.get_running_loop().remove_reader(0)
        new = notes.with_suffix(".new")
        new.write_text(json.dumps({"taken": taken, "settled": settled}))
        os.rename(new, notes)

    def listening(*arguments: object) -> Agent:
        asyncio.get_running_loop().add_reader(0, write)
        return made_agent(*arguments)  # type: ignore[arg-type]

    Gate.collect = noted_collect  # type: ignore[method-assign]
    Ledger.close = noted_close  # type: ignore[method-assign]
    build.agent = listening  # type: ignore[assignment]
    made = build.parts(config.load(file))
    with made.device.storage.claim(), profiled(os.environ.get("PROFILE_TO")):
        asyncio.run(run.until_stopped(made))


def profiled(path: str | None) -> contextlib.AbstractContextManager[object]:
    """With $PROFILE_TO a cProfile of the run lands there: for those who look for waste, not for figures."""
    if not path:
        return contextlib.nullcontext()
    import cProfile

    found = cProfile.Profile()
    stack = contextlib.ExitStack()
    stack.callback(found.dump_stats, path)
    stack.enter_context(found)
    return stack


if __name__ == "__main__":
    main()
