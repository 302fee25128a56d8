"""What the owner's page calls a field, a category or a sensitivity: the same words here."""

from environment import ROOT

from explaining.html import first

_WORDS = ROOT / "firmware_agent/owner/panel/pages/words.en.txt"


class Names:
    """The page's words. A maker's own names that it has no words for are shown as they are written."""

    def __init__(self) -> None:
        lines = [line.split(" = ", 1) for line in _WORDS.read_text("utf-8").splitlines() if " = " in line]
        self._words = {key: words for key, words in lines if not key.startswith("#")}

    def of(self, kind: str, name: str) -> str:
        """The words of `kind` ("field", "category", "sensitivity") for this name."""
        return first(self._words.get(f"{kind}.{name}") or name.replace("_", " "))
