"""Names, never values: what is logged, at every level, and what is shown of a crash (L22, attack 16).

Our own messages carry names, counts and what the configuration says. The text of anybody else's message, and of any
exception that is not ours, may hold a value: it is withheld; its type and place are enough to find the defect.
"""

import asyncio
import contextlib
import logging
import re
import sys
import traceback
from pathlib import Path
from typing import Any

import firmware_agent
from firmware_agent.device.linux import LinuxStorage
from firmware_agent.errors import AgentError

JOURNAL = ("journal.0", "journal.1")
_MOST = 65_536  # bytes of each of the two files
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")  # as profiles and configurations spell them
_OURS = firmware_agent.__name__
_ROOT = Path(firmware_agent.__file__).parent.parent


class Redacted(logging.Formatter):
    """Formats what is ours in full, of everything else only where it came from."""

    def format(self, record: logging.LogRecord) -> str:
        ours = record.name == _OURS or record.name.startswith(_OURS + ".")
        if ours and all(_harmless(one) for one in _arguments(record)):
            text = record.getMessage()
        else:
            text = f"{record.name}: a message of level {record.levelname}, withheld: it may hold values"
        plain = logging.LogRecord(record.name, record.levelno, record.pathname, record.lineno, text, None, None)
        plain.created = record.created
        lines = super().format(plain)
        error = record.exc_info[1] if record.exc_info else None
        return lines if error is None else f"{lines}\n{crash(error)}"


def crash(error: BaseException) -> str:
    """Where an exception came from, and its text only if it is ours."""
    chain = [place(frame) for frame in traceback.extract_tb(error.__traceback__)]
    said = f": {error}" if isinstance(error, AgentError) else " (its text may hold values and is withheld)"
    return f"{type(error).__name__}{said}\n" + "\n".join(f"  at {one}" for one in chain)


def place(frame: traceback.FrameSummary) -> str:
    """File, line and function; of files that are not ours the name alone."""
    path = Path(frame.filename)
    shown = path.relative_to(_ROOT) if path.is_relative_to(_ROOT) else path.name
    return f"{shown}:{frame.lineno} in {frame.name}"


def set_up(level: str) -> None:
    """Everything that is logged or crashes from here on is redacted."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Redacted("%(levelname)s %(name)s: %(message)s" if level == "debug" else "%(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    sys.excepthook = _crashed
    sys.unraisablehook = lambda found: _report(found.exc_value)


class Journal(logging.Handler):
    """Keeps what is logged in two files of the state directory, written in turn: at most 2 x 64 KiB, oldest lost."""

    def __init__(self, storage: LinuxStorage) -> None:
        super().__init__(logging.INFO)
        self._storage = storage
        self._at = 0 if storage.size(JOURNAL[1]) == 0 or 0 < storage.size(JOURNAL[0]) < _MOST else 1
        self.setFormatter(Redacted("%(asctime)s %(levelname)s %(message)s"))
        logging.getLogger().addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Add one entry; what the storage refuses is not worth stopping for."""
        line = self.format(record).encode("utf-8", "replace")[:2048] + b"\n"
        with contextlib.suppress(AgentError):
            if self._storage.size(JOURNAL[self._at]) + len(line) > _MOST:
                self._at = 1 - self._at
                if self._storage.size(JOURNAL[self._at]):
                    self._storage.truncate(JOURNAL[self._at], 0)
            self._storage.append(JOURNAL[self._at], line, False)

    def close(self) -> None:
        logging.getLogger().removeHandler(self)
        super().close()


def watch(loop: asyncio.AbstractEventLoop) -> None:
    """What asyncio would print of an exception that nobody took is redacted as well."""
    loop.set_exception_handler(lambda _, context: _report(context.get("exception")))


def _report(error: BaseException | None) -> None:
    if error is not None:
        logging.getLogger(_OURS).error("a defect, please report it", exc_info=error)


def _crashed(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    if isinstance(error, KeyboardInterrupt):
        return
    print(f"A defect, please report it:\n{crash(error)}", file=sys.stderr)


def _arguments(record: logging.LogRecord) -> list[Any]:
    if isinstance(record.args, dict):
        return list(record.args.values())
    return list(record.args or ())


def _harmless(argument: object) -> bool:
    """Numbers, names, and errors that are ours; no free text, no bytes, no containers, no foreign objects."""
    if isinstance(argument, str):
        return _NAME.fullmatch(argument) is not None
    return isinstance(argument, (int, float, AgentError)) or argument is None
