"""Twilio's REST API: one way to ask it, with its limits and its failures as ours.

A request that begins a call is asked once. Twilio has no key by which it would know the same request again, so whoever gets
no answer does not know whether a phone rings, and must look before anything is asked again. What Twilio refused for being
too much at once (429) it did not do: that is asked again, as is whatever may be done twice.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import requests
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http import HttpClient
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from telephony import retry
from telephony.errors import SwitchError, SwitchRefused, SwitchUnavailable

T = TypeVar("T")

TIMEOUT = 5.0  # seconds, of one request
PATIENCE = 8.0  # of all tries together: somebody waits
_HOST = re.compile(r"https://[a-z0-9.-]+\.twilio\.com(?=/)")
_OVER = frozenset({21220, 20404})  # the call is over; there is no such thing (any more)

# its own log shows numbers and bodies
logging.getLogger("twilio.http_client").setLevel(logging.WARNING)


class Elsewhere(TwilioHttpClient):  # type: ignore[misc]  # the library has no types
    """What goes to any of Twilio's hosts goes to this address: that of an account that is none."""

    def __init__(self, base_url: str) -> None:
        super().__init__(timeout=TIMEOUT)
        self._base_url = base_url

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        return super().request(method, _HOST.sub(self._base_url, url, count=1), *args, **kwargs)


class Gone(SwitchRefused):
    """What was asked about is over."""


class Uncertain(SwitchUnavailable):
    """Asked, and not answered: it may have been done."""


class Rest:
    """`http`: who carries requests, for tests and for the stand-in. `clock` and `sleep`: how time passes."""

    def __init__(
        self,
        account_sid: str,
        api_key: str,
        api_secret: str,
        *,
        calls_per_second: float = 1.0,
        http: HttpClient | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = Client(api_key, api_secret, account_sid, http_client=http or TwilioHttpClient(timeout=TIMEOUT))
        self._clock, self._sleep = clock, sleep
        self._pace = Pace(calls_per_second, clock, sleep)

    def ask(self, question: Callable[[Client], T]) -> T:
        """What may be done twice. Raises SwitchUnavailable, SwitchRefused, Gone."""
        return self._ask(question, twice=True)

    def begin(self, question: Callable[[Client], T]) -> T:
        """What makes a phone ring, as many in a second as the account may. Raises Uncertain where it may ring."""
        self._pace.wait(PATIENCE)
        return self._ask(question, twice=False)

    def _ask(self, question: Callable[[Client], T], *, twice: bool) -> T:
        until = self._clock() + PATIENCE
        for pause in retry.pauses(0.25, 2.0):
            try:
                return question(self._client)
            except Exception as error:
                trouble = _trouble(error, twice)
                if not trouble.again or self._clock() + pause > until:
                    raise trouble.told from error
            self._sleep(pause)
        raise AssertionError("pauses have no end")


@dataclass(frozen=True, slots=True)
class _Trouble:
    told: SwitchError
    again: bool  # may it be asked again?


def _trouble(error: Exception, twice: bool) -> _Trouble:
    match error:
        case TwilioRestException(status=429):
            return _Trouble(SwitchRefused("Twilio takes no more requests at this moment"), True)
        case TwilioRestException() if error.status < 500:
            return _Trouble(_refusal(error), False)
        case requests.ConnectTimeout() | requests.exceptions.ProxyError() | requests.exceptions.SSLError():
            return _Trouble(SwitchUnavailable("Twilio cannot be reached"), True)  # it never left
        case requests.RequestException() | OSError() | TwilioException() | ValueError():
            if twice:
                return _Trouble(SwitchUnavailable("Twilio does not answer"), True)
            return _Trouble(Uncertain("Twilio did not answer in time"), False)
        case _:
            raise error


class Pace:
    """So many in a second, evenly; who comes when too many wait already is refused, and nothing was asked for them."""

    def __init__(self, per_second: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._every, self._clock, self._sleep = 1.0 / per_second, clock, sleep
        self._free_at = 0.0
        self._lock = threading.Lock()

    def wait(self, patience: float) -> None:
        """Raises SwitchRefused."""
        with self._lock:
            now = self._clock()
            at = max(now, self._free_at)
            if at - now > patience:
                raise SwitchRefused("too many calls are begun at once")
            self._free_at = at + self._every
        if at > now:
            self._sleep(at - now)


def _refusal(error: TwilioRestException) -> SwitchRefused:
    if error.code in _OVER or error.status == 404:
        return Gone("this is over already")
    if error.status in (401, 403):
        return SwitchRefused("Twilio refuses the API key")
    return SwitchRefused(str(error.msg).splitlines()[0][:200] if error.msg else f"error {error.status}")
