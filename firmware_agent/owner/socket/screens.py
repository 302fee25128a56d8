"""The device's screens that listen on the socket: they show a code and say nothing about who read it."""

from firmware_agent.owner.socket.pushes import Pushes


class Screens:
    """Only connections of users in the configuration's list of screens are in it (connection.py)."""

    def __init__(self) -> None:
        self._listening: list[Pushes] = []
        self._shown = False

    def there(self) -> bool:
        """Whether a screen listens."""
        return bool(self._listening)

    def show(self, code: str, text: str, seconds: float) -> bool:
        """Have `code` shown with `text` for `seconds`; False if no screen listens."""
        for pushes in self._listening:
            pushes.screen({"show": {"code": code, "text": text, "seconds": seconds}})
        self._shown = bool(self._listening)
        return self._shown

    def hide(self) -> None:
        """Have whatever is shown taken away."""
        for pushes in self._listening if self._shown else ():
            pushes.screen({"hide": True})
        self._shown = False

    def join(self, pushes: Pushes) -> None:
        """Another screen listens; once, however often it says so."""
        if pushes not in self._listening:
            self._listening.append(pushes)

    def leave(self, pushes: Pushes) -> None:
        """It does not any more; nothing if it never did."""
        if pushes in self._listening:
            self._listening.remove(pushes)
