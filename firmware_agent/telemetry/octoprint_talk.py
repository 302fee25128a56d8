"""The conversation on OctoPrint's push socket, without any I/O: messages in, fields out.

Said are three things and nothing else, whatever comes: which messages are wanted, how often at most, and which session
is ours. The first stands before the last, for OctoPrint begins to tell with the log-in.
"""

import json
import re
from typing import Any

from firmware_agent.errors import SourceError
from firmware_agent.telemetry.flat import parse
from firmware_agent.telemetry.octoprint_fields import Status

# How the printer stands; no line of its console, no event, nothing of plug-ins.
SUBSCRIBE = {"subscribe": {"state": {"logs": False, "messages": False}, "events": False, "plugins": False}}
THROTTLE = {"throttle": 4}  # one message in 4 times 0.5 s, at most
_MAY = "STATUS"  # what the key's user must be allowed
_WORD = re.compile("[^:\x00-\x1f\x7f]{1,256}")
_KEY = (
    "octoprint: the key is refused, it may have been taken back there; "
    "`firmware-agent key octoprint` asks for a new one, and no restart is needed"
)
_STATUS = (
    "octoprint: the user of the key may not see how the printer stands; allow that user `Status` there, or make a key "
    "for another with `firmware-agent key octoprint`"
)
_AGAIN = "octoprint: it wants a new log-in, for something of its users changed; that is tried at once"
_STRANGE = "octoprint: what it answers to a log-in cannot be understood; see whether the address is right"


def may(user: dict[str, Any]) -> None:
    """What /api/currentuser says of the key. SourceError: with this key nothing can be read. No key and a wrong one are
    a guest there.
    """
    allowed = user.get("permissions")
    if not isinstance(user.get("name"), str):
        raise SourceError(_KEY, "key")
    if not isinstance(allowed, list) or _MAY not in allowed:
        raise SourceError(_STATUS, "denied")


def begin(user: dict[str, Any]) -> list[bytes]:
    """What is said first. user: the answer to the log-in; of it only the name and the session are looked at, for it
    holds that user's own key as well. SourceError: it is no such answer.
    """
    name, session = user.get("name"), user.get("session")
    if not isinstance(name, str) or not isinstance(session, str):
        raise SourceError(_STRANGE, "strange")
    if _WORD.fullmatch(name) is None or _WORD.fullmatch(session) is None:
        raise SourceError(_STRANGE, "strange")
    return [json.dumps(one).encode() for one in (SUBSCRIBE, THROTTLE, {"auth": "%s:%s" % (name, session)})]


class Talk:
    """One connection's. dropped: messages that were not understood. length: mm of filament of the job, if known."""

    def __init__(self) -> None:
        self.dropped = 0
        self._status = Status()

    @property
    def length(self) -> float | None:
        return self._status.length

    def hear(self, message: bytes) -> dict[str, Any]:
        """The fields that are new, None for those that are unknown by now; {}: none are.

        SourceError: it wants another log-in. Nothing else is raised, whatever the message.
        """
        found = parse(message)
        if found is None or len(found) != 1:
            self.dropped += 1
            return {}
        [(kind, payload)] = found.items()
        if kind == "reauthRequired":
            raise SourceError(_AGAIN, "ended")
        if kind not in ("current", "history"):
            self._status.beside(kind, payload)
            return {}
        if not isinstance(payload, dict):
            self.dropped += 1
            return {}
        return self._status.said(payload)
