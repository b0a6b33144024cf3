"""The switches of this installation, as objects that take commands."""

from __future__ import annotations

import ssl

from flask import Flask, current_app

from config.settings import AnySwitch, Settings, SwitchSettings
from config.twilio import TwilioSettings
from telephony.ami.switch import AsteriskSwitch, Login
from telephony.ari import AriPhones
from telephony.errors import SwitchRefused, SwitchUnavailable
from telephony.switch import Switch
from telephony.twilio.addresses import Addresses
from telephony.twilio.rest import Elsewhere, Rest
from telephony.twilio.switch import TwilioSwitch


def init(app: Flask, settings: Settings) -> None:
    app.extensions["ringback.switches"] = {}
    app.extensions["ringback.ari"] = {}
    app.extensions["ringback.switch_settings"] = {switch.name: switch for switch in settings.switches}
    app.extensions["ringback.accounts"] = {account.name: account for account in settings.twilio}


def use(app: Flask, switch: Switch) -> None:
    """Put an own object in a switch's place: a fake one, in the trial without a PBX and in tests."""
    app.extensions["ringback.switches"][switch.name] = switch


def settings_of(name: str) -> SwitchSettings | None:
    """Of an Asterisk."""
    found: SwitchSettings | None = current_app.extensions["ringback.switch_settings"].get(name)
    return found


def account_of(name: str) -> TwilioSettings | None:
    found: TwilioSettings | None = current_app.extensions["ringback.accounts"].get(name)
    return found


def face_of(name: str) -> AnySwitch | None:
    """What is known of a switch of any make."""
    return settings_of(name) or account_of(name)


def names() -> list[str]:
    return [*current_app.extensions["ringback.switch_settings"], *current_app.extensions["ringback.accounts"]]


def routed() -> list[str]:
    """Those that leave it to us who gets a caller."""
    return list(current_app.extensions["ringback.accounts"])


def queues_of(name: str) -> list[str]:
    """Into which the numbers of such a switch lead."""
    account = account_of(name)
    return sorted(set(account.numbers.values())) if account else []


def region_of(name: str) -> str:
    """Whose national numbers are meant there."""
    settings = face_of(name)
    region: str = settings.region if settings else current_app.config["RINGBACK_REGION"]
    return region


def get(name: str) -> Switch:
    """Raises `SwitchUnavailable` for one that is not configured (any more)."""
    made: dict[str, Switch] = current_app.extensions["ringback.switches"]
    if name not in made:
        if (settings := settings_of(name)) is not None:
            made[name] = asterisk_switch(settings)
        elif (account := account_of(name)) is not None:
            made[name] = twilio_switch(account)
        else:
            raise SwitchUnavailable(f"no switch is called {name}")
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


def twilio_switch(account: TwilioSettings) -> TwilioSwitch:
    rest = Rest(
        account.account_sid,
        account.api_key,
        account.api_secret,
        calls_per_second=account.calls_per_second,
        http=Elsewhere(account.api_url) if account.api_url else None,
    )
    addresses = Addresses(account.public_url, account.name)
    return TwilioSwitch(account.name, rest, addresses, shown=account.shown_number or "")


def close_all(app: Flask) -> None:
    for switch in app.extensions["ringback.switches"].values():
        switch.close()
