from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask import Flask

from config.settings import BrowserPhones, Login
from telephony.fake.ari import FakeAri
from webapp.accounts.models import User


@pytest.fixture
def ari(app: Flask) -> Iterator[FakeAri]:
    """The PBX's other port, over which it gets the accounts of browser phones."""
    known = app.extensions["ringback.switch_settings"]
    before = known["main"]
    with FakeAri() as ari:
        phones = BrowserPhones(ari.url, Login("ringback-phones", "secret"))
        known["main"] = replace(before, browser_phones=phones)
        yield ari
    known["main"] = before
    app.extensions["ringback.ari"].clear()


@pytest.fixture
def erin(person: Callable[..., User]) -> User:
    """Whose phone is her page."""
    return person("erin", "Erin Walsh", team="Sales", lines=(), browser_lines=("PJSIP/erin",))
