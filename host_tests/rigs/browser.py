"""A real Chromium: sizes, languages, light and dark; what it may never say or ask for; axe; pictures of pages."""

import base64
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

_ROOT = Path(__file__).parents[2]
SHOTS = _ROOT / "host_tests/screenshots"
AXE = _ROOT / ".peers/axe/axe_playwright_python/axe.min.js"
SIZES = {"phone": (390, 844), "small": (320, 640), "desktop": (1280, 900)}
NAMED = "printer.test"  # a name that leads to this machine, and that no browser takes for it
PATIENCE = 30.0  # s: other work may have the machine's cores
_QUIET = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--hide-scrollbars",
    f"--host-resolver-rules=MAP {NAMED} 127.0.0.1",
)
_AXE_RUN = """
const done = arguments[arguments.length - 1];
axe.run(document, { resultTypes: ["violations"] }).then(
  (found) => done(found.violations.map((one) => [one.id, one.nodes.map((node) => node.html.slice(0, 200))])),
  (fault) => done([["axe", [String(fault)]]]));
"""


class Browser:
    """One Chromium with a profile of its own below `directory`; `saved` is where its downloads go."""

    def __init__(self, directory: Path) -> None:
        self.saved = directory / "saved"
        self.saved.mkdir(parents=True)
        options = Options()
        options.binary_location = shutil.which("chromium") or "chromium"
        for one in (*_QUIET, f"--user-data-dir={directory / 'profile'}"):
            options.add_argument(one)
        options.accept_insecure_certs = True
        options.add_experimental_option("prefs", {"download.default_directory": str(self.saved)})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
        self.driver.set_script_timeout(PATIENCE * 2)
        self.origin = ""
        self.size = "phone"
        self.expected: list[str] = []  # what the console may say in this test

    def quit(self) -> None:
        self.driver.quit()

    def fresh(self, size: str = "phone", language: str = "en", dark: bool = False) -> "Browser":
        """As if new: no cookie, no key, no note of any page; this size, language and scheme."""
        self.driver.get("about:blank")
        self.cdp("Network.clearBrowserCookies")
        if self.origin:
            self.cdp("Storage.clearDataForOrigin", origin=self.origin, storageTypes="all")
        agent = self.driver.execute_script("return navigator.userAgent")
        self.cdp("Emulation.setUserAgentOverride", userAgent=agent, acceptLanguage=language)
        self.resize(size)
        self.scheme(dark)
        for one in self.saved.iterdir():
            one.unlink()
        self.expected = []
        for name in ("browser", "performance"):
            self.driver.get_log(name)
        return self

    def resize(self, size: str, scale: int = 1) -> None:
        self.size = size
        width, height = SIZES[size]
        self.cdp(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False
        )

    def scheme(self, dark: bool) -> None:
        value = "dark" if dark else "light"
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": value}])

    def cdp(self, command: str, **arguments: Any) -> dict[str, Any]:
        return dict(self.driver.execute_cdp_cmd(command, arguments))

    # --- What a person does ---

    def open(self, url: str) -> None:
        self.origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
        self.driver.get(url)

    def find(self, css: str) -> WebElement:
        """The first element that can be seen; waits for it."""
        return self.until(lambda: next((one for one in self.all(css) if one.is_displayed()), None), css)

    def all(self, css: str) -> list[WebElement]:
        return list(self.driver.find_elements(By.CSS_SELECTOR, css))

    def has(self, css: str) -> bool:
        return bool(self.all(css))

    def gone(self, css: str) -> None:
        self.until(lambda: not self.has(css), f"no {css}")

    def text(self, css: str) -> str:
        return str(self.until(lambda: self.find(css).text, css))

    def click(self, css: str) -> None:
        """One touch; waits until the element is there and nothing lies over it."""

        def touched() -> bool:
            self.find(css).click()
            return True

        self.until(touched, f"click {css}")

    def write(self, css: str, text: str) -> None:
        """Put `text` into an input instead of what is there."""
        one = self.find(css)
        one.send_keys(Keys.CONTROL, "a")
        one.send_keys(text or Keys.DELETE)

    def keys(self, *keys: str) -> None:
        self.driver.switch_to.active_element.send_keys(*keys)

    def tab_to(self, css: str, most: int = 80) -> None:
        """Press Tab until the focus is there; it must be visible then."""
        for _ in range(most):
            self.keys(Keys.TAB)
            if self.script("return document.activeElement.matches(arguments[0])", css):
                seen = "const s = getComputedStyle(document.activeElement); return s.outlineStyle + s.outlineWidth"
                assert self.script(seen) not in ("none0px", "none3px"), f"no focus to be seen at {css}"
                return
        raise AssertionError(f"{css}: not reached with Tab; the focus is at {self.script(_WHERE)}")

    def script(self, text: str, *arguments: Any) -> Any:
        return self.driver.execute_script(text, *arguments)

    def style(self, css: str, *names: str) -> list[dict[str, str]]:
        """The computed styles of all elements while the pointer is elsewhere, and their size in CSS pixels."""
        self.cdp("Input.dispatchMouseEvent", type="mouseMoved", x=0, y=0)
        return list(self.script(_STYLE, css, list(names)))

    def until(self, what: Callable[[], Any], name: str = "", seconds: float = PATIENCE) -> Any:
        """The first true result of `what`; what is not there yet, or was just redrawn, is waited for."""
        end = time.monotonic() + seconds
        while True:
            fault = None
            try:
                found = what()
                if found:
                    return found
            except WebDriverException as error:
                fault = error
            if time.monotonic() > end:
                self.shot("failed")
                raise AssertionError(f"in {seconds:g} s not: {name} (see screenshots/failed.png)") from fault
            time.sleep(0.03)

    def file(self, pattern: str) -> Path:
        """The file that the browser has saved, when it is whole."""
        return Path(self.until(lambda: self._whole(pattern), f"saved {pattern}"))

    def _whole(self, pattern: str) -> Path | None:
        # While it writes, Chromium's file has a name of its own behind the one to come, which the pattern matches too.
        found = [one for one in self.saved.glob(pattern) if one.suffix != ".crdownload"]
        return next((one for one in found if one.stat().st_size), None)

    # --- What must hold ---

    def shot(self, name: str, whole: bool = True) -> Path:
        """A picture of the page, in the ignored folder."""
        SHOTS.mkdir(exist_ok=True)
        path = SHOTS / f"{name}.png"
        path.write_bytes(self.picture(whole))
        return path

    def picture(self, whole: bool = True) -> bytes:
        """PNG of what is seen; whole: of all that can be scrolled to."""
        return base64.b64decode(self.cdp("Page.captureScreenshot", captureBeyondViewport=whole)["data"])

    def violations(self) -> list[Any]:
        """What axe finds on this page: [rule, [element, ...]] each."""
        if not self.script("return 'axe' in window"):
            self.script(AXE.read_text("utf-8"))
        return list(self.driver.execute_async_script(_AXE_RUN))

    def sideways(self) -> int:
        """By how many pixels the page is wider than the screen."""
        wide = "return Math.max(document.documentElement.scrollWidth, document.body.scrollWidth) - innerWidth"
        return max(0, int(self.script(wide)))

    def complaints(self) -> list[str]:
        """Errors on the console, and requests to anybody but the page's own origin, since the last call."""
        found = [row["message"] for row in self.driver.get_log("browser") if row["level"] in ("SEVERE", "WARNING")]
        found = [one for one in found if not any(text in one for text in self.expected)]
        for row in self.driver.get_log("performance"):
            message = json.loads(row["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                if not url.startswith((self.origin + "/", "data:", f"blob:{self.origin}/", "about:")):
                    found.append(f"a request to {url}")
        return found


_WHERE = "const e = document.activeElement; return e.outerHTML.slice(0, 120)"
_STYLE = """
return [...document.querySelectorAll(arguments[0])].map((one) => {
  const style = getComputedStyle(one), box = one.getBoundingClientRect();
  const found = Object.fromEntries(arguments[1].map((name) => [name, style.getPropertyValue(name)]));
  return { ...found, width: Math.round(box.width) + "", height: Math.round(box.height) + "" };
});
"""
