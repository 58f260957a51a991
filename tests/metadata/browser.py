"""Chromium without a screen, controlled over its DevTools protocol: it clicks, types and reads like a user."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import subprocess
import time
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp

PATIENCE = 60.0
"""Seconds for something to appear: a busy machine takes many."""
_CLICKS = 20
"""How often something is clicked that moves away: a section above it may still unfold, or be drawn again."""
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--window-size=1400,1400",
    "--remote-debugging-port=0",
)
# The middle of an element, once it no longer moves and nothing lies over it.
_PLACE = """
(async () => {
  const find = () => [...document.querySelectorAll(%(selector)s)].find(
    (one) => one.getClientRects().length && one.textContent.includes(%(text)s)
      && (!%(row)s || one.closest("tr")?.textContent.includes(%(row)s)));
  const one = find();
  if (!one) return null;
  one.scrollIntoView({block: "center"});
  let hit = false;
  document.addEventListener("click", ({target}) => (hit = one.contains(target)), {capture: true, once: true});
  let last = null;
  for (let looks = 0; looks < 40; looks++) {
    const box = one.getBoundingClientRect();
    const middle = [box.x + box.width / 2, box.y + box.height / 2];
    const top = document.elementFromPoint(...middle);
    if (last && last.x === box.x && last.y === box.y && (one.contains(top) || top?.contains(one))) {
      // An element that was drawn again or that moved away under the mouse was not clicked.
      window.missed = () => {
        const {x, y} = one.getBoundingClientRect();
        return !hit && (!one.isConnected || x !== box.x || y !== box.y);
      };
      return middle;
    }
    last = box;
    await new Promise((done) => setTimeout(done, 50));
  }
  return null;
})()
"""


def chromium() -> str | None:
    """The path of Chromium; None if it is not installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Page:
    """The browser's only page."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._held = (0.0, 0.0)
        self.events: list[dict[str, Any]] = []
        """What the browser told by itself, of the domains that a test has enabled."""

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol, and keep the events that come meanwhile."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            answer = json.loads((await self._socket.receive(timeout=PATIENCE)).data)
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    async def complaints(self) -> list[str]:
        """What the browser complained about since `watch`: errors, warnings, refused scripts and failed requests."""
        await self.call("Runtime.evaluate", expression="0")
        return [text for event in self.events if (text := _complaint(event))]

    async def watch(self) -> None:
        """Begin to listen for complaints."""
        self.events.clear()
        for domain in ("Runtime", "Log"):
            await self.call(f"{domain}.enable")

    async def press(self, key: str, text: str = "") -> None:
        """Press a key of the keyboard, such as `Tab` or `Enter`."""
        code = {"Enter": 13, "Tab": 9, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
        about = {"key": key, "code": key, "windowsVirtualKeyCode": code.get(key, 0)}
        typed = {"text": "\r"} if key == "Enter" else {"text": text} if text else {}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **about, **typed)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **about)

    async def until(self, expression: str) -> Any:
        """Wait until a JavaScript expression is true, and return its value; an element is returned as True."""
        found = f"((found) => (found?.nodeType ? true : found))({expression})"
        return await self._awaited(found, expression)

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        found = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        return found["result"].get("value")

    async def open(self, url: str) -> None:
        await self.call("Page.navigate", url=url)

    async def click(self, selector: str, text: str = "", *, row: str = "") -> None:
        """Wait until an element with that text is visible, in the table row with the other text, and click it."""
        for _ in range(_CLICKS):
            await self.hold(selector, text, row=row)
            await self.release()
            # Where the click led to another page, nothing is left to ask.
            if not await self.evaluate("window.missed?.()"):
                return
        raise TimeoutError(f"moves away from each click: {selector} {text!r} {row!r}")

    async def hold(self, selector: str, text: str = "", *, row: str = "") -> None:
        """Wait for such an element, and press the button of the mouse over it."""
        place = _PLACE % {"selector": json.dumps(selector), "text": json.dumps(text), "row": json.dumps(row)}
        x, y = self._held = await self._awaited(place, f"{selector} {text!r} {row!r}")
        for kind in ("mouseMoved", "mousePressed"):
            await self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def release(self) -> None:
        """Release the button of the mouse where it was pressed."""
        x, y = self._held
        await self.call("Input.dispatchMouseEvent", type="mouseReleased", x=x, y=y, button="left", clickCount=1)

    async def drag(self, selector: str, *, across: int, below: int) -> None:
        """Drag from the middle of an element to the right, and release the button so many pixels below the element."""
        box = f"document.querySelector({json.dumps(selector)}).getBoundingClientRect()"
        x, y, end = await self.evaluate(
            f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2, y + height])({box})"
        )
        # A timeline only follows a drag that begins to the side.
        way = [*((x + across * step / 10, y) for step in range(11)), (x + across, end + below)]
        for kind, (at, down) in [
            ("mousePressed", way[0]),
            *(("mouseMoved", each) for each in way),
            ("mouseReleased", way[-1]),
        ]:
            await self.call("Input.dispatchMouseEvent", type=kind, x=at, y=down, button="left", buttons=1, clickCount=1)
            # Moves within a frame become one.
            await self.evaluate("new Promise((done) => requestAnimationFrame(() => done(true)))")

    async def type(self, selector: str, text: str) -> None:
        """Click a field until it has the cursor, and type into it; its content must end with the text."""
        field = f"document.querySelector({json.dumps(selector)})"
        for _ in range(_CLICKS):
            await self.click(selector)
            if await self.evaluate(f"document.activeElement === {field}"):
                break
        await self.call("Input.insertText", text=text)
        await self._awaited(f"{field}.value.endsWith({json.dumps(text)})", f"{text!r} in {selector}")

    async def text(self, selector: str, part: str) -> str:
        """Wait until a visible element has a text with that part, and read its whole text."""
        shown = f"""[...document.querySelectorAll({json.dumps(selector)})]
            .map((one) => one.innerText.trim()).find((text) => text.includes({json.dumps(part)}))"""
        return str(await self._awaited(shown, f"{selector} {part!r}"))

    async def gone(self, selector: str) -> None:
        """Wait until no such element exists."""
        await self._awaited(f"!document.querySelector({json.dumps(selector)})", f"no {selector}")

    async def picture(self) -> bytes:
        """The visible page, as PNG."""
        return b64decode((await self.call("Page.captureScreenshot", format="png"))["data"])

    async def _awaited(self, expression: str, what: str) -> Any:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if found := await self.evaluate(expression):
                return found
            await asyncio.sleep(0.1)
        raise TimeoutError(f"not seen on the page: {what}\n{await self.evaluate('document.body.innerText')}")


def _complaint(event: dict[str, Any]) -> str | None:
    told = event.get("params", {})
    match event["method"]:
        case "Log.entryAdded" if told["entry"]["level"] in ("error", "warning"):
            return str(told["entry"]["text"])
        case "Runtime.exceptionThrown":
            return str(told["exceptionDetails"])
        case "Runtime.consoleAPICalled" if told["type"] in ("error", "warning", "assert"):
            return str(told["args"])
    return None


@contextmanager
def started(profile: Path) -> Iterator[str]:
    """A new browser with its files in that folder; yields its address."""
    command = [chromium() or "chromium", *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield _address(profile / "DevToolsActivePort", process)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@asynccontextmanager
async def page_of(address: str) -> AsyncIterator[Page]:
    """The page of a browser at that address."""
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://{address}/json/list") as answer:
            targets = await answer.json(content_type=None)
        page = next(target for target in targets if target["type"] == "page")
        async with session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            yield Page(socket)


def _address(file: Path, process: subprocess.Popen[bytes]) -> str:
    """The address at which the browser listens; the browser writes it to a file."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        if file.exists() and (lines := file.read_text().splitlines()):
            return f"127.0.0.1:{lines[0]}"
        time.sleep(0.1)
    raise RuntimeError("Chromium did not start")
