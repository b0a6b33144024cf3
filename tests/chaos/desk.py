"""Somebody at the pages: looks at the log, and calls customers by a click. Whatever fails there is tried again later."""

from __future__ import annotations

import http.cookiejar
import re
import urllib.error
import urllib.parse
import urllib.request
from random import Random
from uuid import UUID

from tests.chaos.centre import DIRECT, SELLERS, SUPPORTERS, UNPLUGGED
from tests.chaos.layouts import Layout
from tests.chaos.people import PASSWORD
from tests.chaos.routine import Routine

SECONDS = 10  # that an answer may take


class Desk(Routine):
    def __init__(self, layout: Layout, dice: Random) -> None:
        super().__init__("desk")
        self._layout, self._dice = layout, dice
        self._token = ""
        self._open = urllib.request.build_opener().open

    def _work(self) -> None:
        username = ""
        while not self._over.wait(self._dice.uniform(0.3, 1.5)):
            try:
                if not username or self._dice.random() < 0.4:
                    username = self._dice.choice([*DIRECT, *UNPLUGGED, *SELLERS, *SUPPORTERS])
                    self._log_in(username)
                self._open(f"{self._layout.url}/calls", timeout=SECONDS).read()
                self._call()
            except urllib.error.HTTPError as error:
                self._count(f"answer {error.code}")
                username = username if error.code in (409, 503) else ""
            except (OSError, ValueError, AttributeError):
                self._count("no answer")
                username = ""

    def _log_in(self, username: str) -> None:
        self._open = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())).open
        url = f"{self._layout.url}/login"
        page = self._open(url, timeout=SECONDS).read().decode()
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        form = {"username": username, "password": PASSWORD, "csrf_token": token[1] if token else ""}
        request = urllib.request.Request(url, urllib.parse.urlencode(form).encode(), {"Referer": url})
        desk = self._open(request, timeout=SECONDS).read().decode()
        found = re.search(r'name="csrf-token" content="([^"]+)"', desk)
        self._token = found[1] if found else ""

    def _call(self) -> None:
        number = f"+306948{self._dice.randrange(10**6):06}"
        form = {"number": number, "key": str(UUID(int=self._dice.getrandbits(128), version=4))}
        headers = {
            "Referer": f"{self._layout.url}/desk",
            "X-CSRFToken": self._token,
            "X-Requested-With": "XMLHttpRequest",
        }
        request = urllib.request.Request(f"{self._layout.url}/calls", urllib.parse.urlencode(form).encode(), headers)
        self._open(request, timeout=SECONDS).read()
        self._count("asked for a call")
