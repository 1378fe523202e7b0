"""Debian's chromium without a window, driven over two pipes by the DevTools protocol; no package is needed for that."""

import base64
import itertools
import json
import os
import shlex
import shutil
import subprocess
from contextlib import contextmanager

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27}


class Page:
    """One page: what it logs, what scripts find on it, keys, pictures and print."""

    def __init__(self, read, write):
        self._read, self._write, self._numbers, self._rest = read, write, itertools.count(1), b""
        self.events = []
        target = self._ask("Target.createTarget", session=None, url="about:blank")["targetId"]
        self.session = None
        self.session = self._ask("Target.attachToTarget", session=None, targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._ask(f"{domain}.enable")

    def _message(self):
        while b"\0" not in self._rest:
            got = os.read(self._read, 1 << 20)
            assert got, "chromium ended"
            self._rest += got
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def _ask(self, method, session="", **params):
        number = next(self._numbers)
        asked = {"id": number, "method": method, "params": params}
        if session is not None:
            asked["sessionId"] = self.session
        os.write(self._write, json.dumps(asked).encode() + b"\0")
        while True:
            message = self._message()
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            self.events.append(message)

    def load(self, path):
        """Show a file, and wait until it is there."""
        self.events.clear()
        self._ask("Page.navigate", url=path.as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self._message())

    def without_scripts(self, path):
        """Show a file as somebody sees it who has switched JavaScript off."""
        self._ask("Emulation.setScriptExecutionDisabled", value=True)
        self.load(path)

    def find(self, script):
        """Return the value of an expression on the page; of a promise what it promises."""
        found = self._ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def press(self, key):
        """Press a key and let it go."""
        for kind in ("rawKeyDown", "char", "keyUp"):
            if kind != "char" or key == "Enter":
                text = {"text": "\r"} if kind == "char" else {}
                self._ask(
                    "Input.dispatchKeyEvent",
                    type=kind,
                    key=key,
                    code=key,
                    windowsVirtualKeyCode=KEYS[key],
                    **text,
                )

    def resize(self, width, height=900, *, dark=False, paper=False):
        """Give the page another width, colours of the night, or those of paper."""
        self._ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask("Emulation.setEmulatedMedia", media="print" if paper else "", features=[scheme])

    def pdf(self):
        """Print to PDF."""
        return base64.b64decode(self._ask("Page.printToPDF", preferCSSPageSize=True)["data"])

    def picture(self, selector=None):
        """Return a PNG of an element or of all of the page."""
        more = {}
        if selector:
            box = f"(r => ({{x: r.x + scrollX, y: r.y + scrollY, width: r.width, height: r.height, scale: 1}}))(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
            more = {"clip": self.find(box), "captureBeyondViewport": True}
        return base64.b64decode(self._ask("Page.captureScreenshot", **more)["data"])

    @property
    def complaints(self):
        """What the console has of errors and warnings, exceptions, and whatever was asked of the network."""
        return [
            event
            for event in self.events
            if event["method"] in {"Runtime.exceptionThrown", "Log.entryAdded"}
            or (event["method"] == "Runtime.consoleAPICalled" and event["params"]["type"] != "log")
            or (
                event["method"] == "Network.requestWillBeSent"
                and not event["params"]["request"]["url"].startswith(("file:", "data:"))
            )
        ]


@contextmanager
def browser(profile):
    """Start chromium with a profile folder of its own, and give a page."""
    (out_read, out_write), (in_read, in_write) = os.pipe(), os.pipe()
    options = "--headless=new --no-sandbox --disable-gpu --no-first-run --disable-extensions --disable-background-networking"
    command = f"exec {shlex.quote(CHROMIUM)} {options} --remote-debugging-pipe --user-data-dir={shlex.quote(str(profile))}"
    pipes = f"3<&{in_read} 4>&{out_write}"
    process = subprocess.Popen(
        ["bash", "-c", f"{command} {pipes}"],
        pass_fds=(in_read, out_write),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(in_read)
    os.close(out_write)
    try:
        yield Page(out_read, in_write)
    finally:
        process.terminate()
        process.wait(10)
        os.close(out_read)
        os.close(in_write)
