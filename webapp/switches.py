"""The switches of this installation, as objects that take commands."""

from __future__ import annotations

import ssl

from flask import Flask, current_app

from config.settings import Settings, SwitchSettings
from telephony.ami.switch import AsteriskSwitch, Login
from telephony.ari import AriPhones
from telephony.errors import SwitchRefused, SwitchUnavailable
from telephony.switch import Switch


def init(app: Flask, settings: Settings) -> None:
    app.extensions["ringback.switches"] = {}
    app.extensions["ringback.ari"] = {}
    app.extensions["ringback.switch_settings"] = {switch.name: switch for switch in settings.switches}


def use(app: Flask, switch: Switch) -> None:
    """Put an own object in a switch's place: a fake one, in the trial without a PBX and in tests."""
    app.extensions["ringback.switches"][switch.name] = switch


def settings_of(name: str) -> SwitchSettings | None:
    found: SwitchSettings | None = current_app.extensions["ringback.switch_settings"].get(name)
    return found


def names() -> list[str]:
    return list(current_app.extensions["ringback.switch_settings"])


def region_of(name: str) -> str:
    """Whose national numbers are meant there."""
    settings = settings_of(name)
    region: str = settings.region if settings else current_app.config["RINGBACK_REGION"]
    return region


def get(name: str) -> Switch:
    """Raises `SwitchUnavailable` for one that is not configured (any more)."""
    made: dict[str, Switch] = current_app.extensions["ringback.switches"]
    if name not in made:
        settings = settings_of(name)
        if settings is None:
            raise SwitchUnavailable(f"no switch is called {name}")
        made[name] = asterisk_switch(settings)
    return made[name]


def phones_of(name: str) -> AriPhones:
    """Whoever makes browser phones there. Raises `SwitchRefused` where that is not configured."""
    made: dict[str, AriPhones] = current_app.extensions["ringback.ari"]
    if name not in made:
        settings = settings_of(name)
        if settings is None or settings.browser_phones is None:
            raise SwitchRefused("No browser phones are configured for this telephone system")
        phones = settings.browser_phones
        made[name] = AriPhones(phones.ari_url, phones.login.user, phones.login.secret)
    return made[name]


def asterisk_switch(settings: SwitchSettings) -> AsteriskSwitch:
    answer = settings.answer
    return AsteriskSwitch(
        settings.name,
        settings.host,
        settings.port,
        Login(settings.commands.user, settings.commands.secret),
        context=settings.context,
        answer_login=Login(answer.user, answer.secret) if answer else None,
        tls=ssl.create_default_context() if settings.tls else None,
    )


def close_all(app: Flask) -> None:
    for switch in app.extensions["ringback.switches"].values():
        switch.close()
