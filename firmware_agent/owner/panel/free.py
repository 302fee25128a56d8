"""The two kinds of answers that leave without a session. Who may make them: HANDLES in tools/checks/handles.py."""

from firmware_agent.owner.panel.answers import Answer


class Open(Answer):
    """Goes to anybody, so it holds nothing of the printer: the pairing page and its parts, the doorbell, a problem."""


class Farewell(Answer):
    """The last answer to a session: to the very request that ended it (leave, erase), asked while it still held."""
