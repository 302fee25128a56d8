"""Asks OctoPrint's application keys (its own plug-in `appkeys`) for a key; a person allows it on OctoPrint's page.

Sent are GET /plugin/appkeys/probe, POST /plugin/appkeys/request with the body {"app": "firmware_agent"}, and then, each
2 s, GET /plugin/appkeys/request/TOKEN. TOKEN is OctoPrint's, gives the key to whoever has it, and stands in no message.
"""

import asyncio
import re
from collections.abc import Callable

from firmware_agent.errors import SourceError
from firmware_agent.telemetry.http import WANT_KEY, Answer, StatusError, ask, whole

LONGEST = 600.0  # s; then OctoPrint itself forgets that it was asked
_EVERY = 2.0  # s; whoever does not ask for 5 s is taken to have gone
_WORD = re.compile("[0-9A-Za-z_-]{16,256}")


async def key(url: str, waits: Callable[[float], None], longest: float = LONGEST, every: float = _EVERY) -> str:
    """The key. url: OctoPrint's base address. waits: is told the seconds since it was asked, again and again.

    longest, every: s. SourceError: there is none, and why.
    """
    base, loop = url.rstrip("/"), asyncio.get_running_loop()
    probed = await ask(base + "/plugin/appkeys/probe", {})
    if probed.status == 404:
        raise SourceError(
            "%s: it has no application keys; enable its plug-in of that name, or correct the address" % probed.where,
            "setup",
        )
    _expected(probed, 200, 204)
    asked = await ask(base + "/plugin/appkeys/request", {}, WANT_KEY)
    _expected(asked, 201)
    token, begun = _word(asked, "app_token"), loop.time()
    while (since := loop.time() - begun) < longest:
        waits(since)
        answer = await ask(base + "/plugin/appkeys/request/", {}, secret=token)
        if answer.status == 200:
            whole(answer)
            return _word(answer, "api_key")
        if answer.status == 404:
            raise SourceError(
                "%s: the key was refused there, or OctoPrint restarted; nothing changed" % answer.where, "denied"
            )
        _expected(answer, 202)
        await asyncio.sleep(every)
    raise SourceError(
        "%s: nobody confirmed it within %d minutes; nothing changed, try again" % (asked.where, longest // 60),
        "silent",
    )


def _expected(answer: Answer, *allowed: int) -> None:
    if answer.status not in allowed:
        raise StatusError(answer.where, answer.status)


def _word(answer: Answer, name: str) -> str:
    found = (answer.found or {}).get(name)
    if not isinstance(found, str) or _WORD.fullmatch(found) is None:
        raise SourceError(
            "%s: the answer holds no %s; see whether the address is right" % (answer.where, name), "strange"
        )
    return found
