"""An agent's browser: one page, with everything that its socket received and all that went wrong in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Dialog, Locator, Page, Request, WebSocket, expect

from tests.asterisk import PATIENCE

expect.set_options(timeout=PATIENCE * 1000)

# what a browser writes about a server that is away, or died in the middle of an answer
OUTAGE = re.compile(
    r"ERR_(INTERNET_DISCONNECTED|CONNECTION_REFUSED|CONNECTION_RESET|CONNECTION_CLOSED|EMPTY_RESPONSE|CONTENT_LENGTH_MISMATCH|INCOMPLETE_CHUNKED_ENCODING)"
    r"|WebSocket connection to .* failed|error occurred when fetching the script"
)


class Customer(Protocol):
    def hang_up(self) -> None: ...


class Screen:
    def __init__(self, context: BrowserContext, url: str) -> None:
        self.url = url
        self.page: Page = context.new_page()
        self.heard: list[str] = []  # frames, as the socket received them
        self.sockets: list[WebSocket] = []
        self.troubles: list[str] = []
        self.outage_expected = False
        self.page.on("console", lambda line: self._complain("console", line.text) if line.type == "error" else None)
        self.page.on("pageerror", lambda error: self._complain("error", str(error)))
        self.page.on("dialog", self._asked)
        self.page.on("request", self._requested)
        self.page.on("websocket", self._listen)

    def go(self, path: str) -> None:
        """To a page, by its address; returns when its socket is connected."""
        before = len(self.heard)
        self.page.goto(self.url + path)
        self.wait("the socket", lambda: any(frame.startswith("40") for frame in self.heard[before:]))

    def wait(self, what: str, settled: Callable[[], Any], seconds: float = PATIENCE) -> None:
        """For what the browser tells by itself; it is listened to only while something is asked of it."""
        for _ in range(round(seconds * 50)):
            if settled():
                return
            self.page.wait_for_timeout(20)
        raise AssertionError(f"still waiting for {what}")

    def listen(self) -> list[str]:
        """All that the socket has received up to now."""
        self.page.evaluate("1")
        return list(self.heard)

    def get(self, path: str) -> int:
        """The status of a page, asked for with this agent's session."""
        return self.page.context.request.get(self.url + path, headers={"Accept": "text/html"}).status

    def bar(self) -> str:
        """The call bar as the server would draw it now."""
        return self.page.context.request.get(f"{self.url}/desk/callbar").text()

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def press(self, keys: str) -> None:
        self.page.keyboard.press(keys)

    @property
    def cards(self) -> Locator:
        return self.page.locator("ringback-callbar article")

    def card(self, state: str) -> Locator:
        return self.page.locator(f'ringback-callbar article[data-state="{state}"]')

    def talk(self, call: Customer) -> Locator:
        """This agent answers, says nothing more, and the customer hangs up: the card that is left to be wrapped up."""
        expect(self.card("ringing")).to_be_visible()
        self.press("Alt+a")
        expect(self.card("answered")).to_be_visible()
        call.hang_up()
        expect(self.card("wrap_up")).to_be_visible()
        return self.card("wrap_up")

    @property
    def title(self) -> Locator:
        return self.page.locator("#main h1")

    def open(self, place: str) -> None:
        """By the navigation at the side, as a person does."""
        self.page.get_by_role("navigation", name="Main").get_by_role("link", name=place).click()
        expect(self.title).to_have_text(place)

    def _complain(self, kind: str, text: str) -> None:
        if not (self.outage_expected and OUTAGE.search(text)):
            self.troubles.append(f"{kind}: {text}")

    def _asked(self, dialog: Dialog) -> None:
        self._complain("dialog", f"{dialog.type} {dialog.message}")
        dialog.accept()

    def _requested(self, request: Request) -> None:
        if urlsplit(request.url).scheme in ("http", "https", "ws") and not request.url.startswith(self.url):
            self._complain("request", request.url)

    def _listen(self, socket: WebSocket) -> None:
        self.sockets.append(socket)
        socket.on("framereceived", lambda frame: self.heard.append(frame if isinstance(frame, str) else repr(frame)))
