"""A person at the owner's page: pairs, answers the questions of the first run, allows, takes back, looks."""

from pathlib import Path

from host_tests.rigs.browser import Browser
from host_tests.rigs.page import PURPOSES, RECIPIENT, Page

_PAGES = Path(__file__).parents[2] / "firmware_agent/owner/panel/pages"


def words(language: str, machine: str = "machine.lightmake") -> dict[str, str]:
    """The sentences of the page in one language, with the noun for the machine put in."""
    lines = (_PAGES / f"words.{language}.txt").read_text("utf-8").splitlines()
    found = dict(line.split(" = ", 1) for line in lines if " = " in line and not line.startswith("#"))
    return {key: text.replace("{machine}", found[machine]) for key, text in found.items()}


def card(purpose: str) -> str:
    return f"#purpose-{purpose}-{RECIPIENT}"


class Visitor:
    """Somebody with a browser, who reads `language`."""

    def __init__(self, browser: Browser, page: Page, language: str = "en") -> None:
        self.browser = browser
        self.page = page
        self.words = words(language)
        self.door = words(language, "machine")  # who is not paired is not told what machine it is
        self.label = f"{browser.size}-{language}"

    def pair(self, role: str = "owner", name: str = "Ann's phone", by_code: bool = False) -> "Visitor":
        """Through a window that somebody opens at the device; ends on the first view."""
        url, code = self.page.window(role)
        self.enter(self.page.origin if by_code else url, name, code if by_code else "")
        return self

    def enter(self, url: str, name: str, code: str = "") -> None:
        browser = self.browser
        browser.open(url)
        browser.write("#name", name)
        if code:
            browser.write("#code", code)
        browser.click("#pair")
        browser.find("#headline, #wizard")

    def answer(self, **choices: str) -> None:
        """The questions of the first run, up to the summary; what is not named is refused."""
        browser = self.browser
        catalogue = self.page.parts.catalogue
        asked = [pair for pair in catalogue.pairs() if catalogue.purposes[pair[0]]["ask"] == "first"]
        for number, (purpose, recipient) in enumerate(asked, 1):
            browser.until(lambda n=number: f" {n} " in f" {browser.text('#wizard-step')} ", f"question {number}")
            browser.click(f"#{choices.get(purpose, 'refuse')}-{purpose}-{recipient}")
        if "allow" in choices.values():
            browser.click("#age-yes")
        browser.find("#save")

    def first(self, **choices: str) -> None:
        """The whole first run: ends on the first view."""
        self.answer(**choices)
        self.browser.click("#save")
        self.browser.click("#finish")
        self.browser.find("#headline")

    def tab(self, name: str) -> None:
        self.browser.click(f"#tab-{name}")
        self.browser.find(f"#tab-{name}[aria-current]")

    def decide(self, purpose: str, choice: str) -> None:
        """On the card of the first view; ends when it says that it was done."""
        self.browser.click(f"#{choice}-{purpose}-{RECIPIENT}")
        self.done(purpose, choice)

    def decide_again(self, purpose: str, choice: str) -> None:
        """After a decision the choices come back with one touch."""
        self.browser.click(f"#reopen-{purpose}-{RECIPIENT}")
        self.decide(purpose, choice)

    def withdraw(self, purpose: str) -> None:
        self.browser.click(f"#withdraw-{purpose}-{RECIPIENT}")
        self.done(purpose, "withdraw")

    def done(self, purpose: str, what: str) -> None:
        self.browser.find(f'{card(purpose)}[data-done="{what}"] .done')

    def look(self, name: str) -> None:
        """A picture for the ignored folder; nothing may stand beyond the screen's edge."""
        self.browser.shot(name, whole=not self.browser.has("dialog[open]"))
        assert self.browser.sideways() == 0, f"{name} is wider than the screen"

    def redrawn(self) -> None:
        """Wait until the page has heard anew how things stand, twice."""
        heard = "return performance.getEntriesByName(location.origin + '/api/home').length"
        before = self.browser.script(heard)
        self.browser.until(lambda: self.browser.script(heard) >= before + 2, "heard anew")

    def toast(self, key: str, **values: str) -> None:
        """Wait for this sentence at the page's edge, and close it."""
        text = self.words[key]
        for name, value in values.items():
            text = text.replace("{" + name + "}", value)
        self.browser.until(lambda: text in self.browser.text("#toast"), key)
        self.browser.click("#toast button")

    def shut(self, *purposes: str) -> None:
        """Wait until the page shows each of these as not allowed."""
        for purpose in purposes or PURPOSES:
            self.browser.find(f'{card(purpose)}[data-allowed="false"]')

    def inspect(self, name: str) -> None:
        """Look at it in light and dark, let axe look, and see that it fits on the smallest screen."""
        browser, size = self.browser, self.browser.size
        for dark in (False, True):
            browser.scheme(dark)
            self.look(f"{name}-{self.label}{'-dark' * dark}")
            found = browser.violations()
            assert not found, f"{name}, {'dark' if dark else 'light'}: {found}"
        browser.scheme(False)
        browser.resize("small")
        self.look(f"{name}-{self.label}-320")
        browser.resize(size)
