"""Twilio accounts stand in the switches file beside Asterisks; what is wrong is named, and no credential is ever shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from config.settings import BadSettings, Settings

TOKEN, SECRET = "0123456789abcdef0123456789abcdef", "Abcdefghijklmnopqrstuvwxyz012345"
ACCOUNT = {
    "kind": "twilio",
    "account_sid": "AC" + "0" * 31 + "1",
    "api_key": "SK" + "0" * 31 + "1",
    "api_secret": SECRET,
    "auth_token": TOKEN,
    "public_url": "https://crm.example.org",
}
ASTERISK = {"events_user": "e", "events_secret": "es", "commands_user": "c", "commands_secret": "cs"}


def read(tmp_path: Path, **tables: dict[str, object]) -> Settings:
    file = tmp_path / "switches.toml"
    file.write_text("\n".join(_table(name.replace("_", "-"), table) for name, table in tables.items()))
    return Settings.from_env({"RINGBACK_DATA_DIR": str(tmp_path), "RINGBACK_SWITCHES": str(file)})


def _table(name: str, table: dict[str, object]) -> str:
    return f"[{name}]\n" + "\n".join(f"{key} = {_value(value)}" for key, value in table.items())


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {json.dumps(each)}" for key, each in value.items()) + " }"
    return json.dumps(value)


def complaint(tmp_path: Path, **changes: object) -> str:
    table = {key: value for key, value in (ACCOUNT | changes).items() if value is not None}
    with pytest.raises(BadSettings) as caught:
        read(tmp_path, gr=table)
    [said] = caught.value.problems
    return said.removeprefix("RINGBACK_SWITCHES: ")


@pytest.mark.req("T34")
def test_two_accounts_stand_beside_two_asterisks(tmp_path: Path) -> None:
    greek = ACCOUNT | {"numbers": {"+302100000100": "sales"}, "shown_number": "+302100000100"}
    german = ACCOUNT | {"numbers": {"+49301234567": "service"}, "region": "DE", "longest_wait": 60}
    settings = read(tmp_path, athens=ASTERISK, patras=ASTERISK, twilio_gr=greek, twilio_de=german)
    assert [switch.name for switch in settings.all_switches] == ["athens", "patras", "twilio-gr", "twilio-de"]
    first, second = settings.twilio
    assert (first.region, first.shown_number, first.own_numbers) == ("GR", "+302100000100", ("+302100000100",))
    assert (second.region, second.longest_wait, second.numbers) == ("DE", 60, {"+49301234567": "service"})


def test_no_credential_is_shown_by_printing_settings_or_by_a_complaint(tmp_path: Path) -> None:
    shown = repr(read(tmp_path, gr=ACCOUNT | {"old_auth_token": TOKEN.replace("0", "f")}))
    assert TOKEN not in shown and SECRET not in shown and TOKEN.replace("0", "f") not in shown
    for key in ("auth_token", "old_auth_token", "api_secret"):
        said = complaint(tmp_path, **{key: "hunter 2"})
        assert said.startswith(f"[gr] {key}: what is there is not ") and "hunter" not in said


def test_a_credential_can_lie_in_a_file_beside_the_table(tmp_path: Path) -> None:
    (tmp_path / "token.secret").write_text(TOKEN + "\n")
    table = {key: value for key, value in ACCOUNT.items() if key != "auth_token"}
    [account] = read(tmp_path, gr=table | {"auth_token_file": "token.secret"}).twilio
    assert account.auth_token == TOKEN
    (tmp_path / "token.secret").write_text("hunter2")
    said = complaint(tmp_path, auth_token=None, auth_token_file="token.secret")
    assert said == "[gr] auth_token_file: not an auth token: 32 letters and digits"


@pytest.mark.parametrize("key", ["account_sid", "api_key", "api_secret", "public_url", "auth_token"])
def test_what_an_account_cannot_do_without_is_named(tmp_path: Path, key: str) -> None:
    assert complaint(tmp_path, **{key: None}).startswith(f"[gr] lacks {key}")


def test_where_browsers_find_us_twilio_does_too_unless_it_is_no_https(tmp_path: Path) -> None:
    file = tmp_path / "switches.toml"
    file.write_text(_table("gr", {key: value for key, value in ACCOUNT.items() if key != "public_url"}))
    env = {"RINGBACK_DATA_DIR": str(tmp_path), "RINGBACK_SWITCHES": str(file)}
    [account] = Settings.from_env(env | {"RINGBACK_URL": "https://crm.example.org/"}).twilio
    assert account.public_url == "https://crm.example.org"
    with pytest.raises(BadSettings) as caught:
        Settings.from_env(env | {"RINGBACK_URL": "http://crm.example.org"})
    assert "[gr] public_url: 'http://crm.example.org' is not an address like" in caught.value.problems[0]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("account_sid", "SK" + "0" * 32),
        ("account_sid", "AC123"),
        ("api_key", "AC" + "0" * 32),
        ("public_url", "http://crm.example.org"),
        ("public_url", "https://crm.example.org/"),
        ("public_url", "https://user:word@crm.example.org"),
        ("numbers", {"2100000100": "sales"}),
        ("numbers", {"+302100000100": "sales desk"}),
        ("numbers", ["+302100000100"]),
        ("shown_number", "+302100000999"),
        ("region", "XX"),
        ("calls_per_second", 0),
        ("calls_per_second", "1"),
        ("calls_per_second", True),
        ("ring_seconds", 4),
        ("longest_wait", 5),
        ("greeting", "two\nlines"),
        ("language", "greek"),
        ("music_url", "http://example.org/music.mp3"),
    ],
)
def test_a_value_that_would_do_nothing_is_refused_by_its_name(tmp_path: Path, key: str, value: object) -> None:
    assert complaint(tmp_path, **{key: value}).startswith(f"[gr] {key}:")


def test_an_unknown_key_and_an_unknown_kind_are_named(tmp_path: Path) -> None:
    assert complaint(tmp_path, nmubers={}) == "[gr] has unknown keys: nmubers"
    assert complaint(tmp_path, kind="vonage") == '[gr] kind: \'vonage\' is not "asterisk" or "twilio"'


def test_a_signing_key_takes_the_place_of_the_token_and_needs_its_secret(tmp_path: Path) -> None:
    keys = {"signing_key": "webhooks_sharedkey_1", "signing_secret": "a secret of its own".replace(" ", "-")}
    table = {key: value for key, value in ACCOUNT.items() if key != "auth_token"} | keys
    assert read(tmp_path, gr=table).twilio[0].auth_token is None
    assert complaint(tmp_path, signing_key="webhooks_sharedkey_1").startswith("[gr] signing_key and signing_secret:")


def test_a_number_is_of_one_account(tmp_path: Path) -> None:
    table = ACCOUNT | {"numbers": {"+302100000100": "sales"}}
    with pytest.raises(BadSettings) as caught:
        read(tmp_path, gr=table, two=table)
    assert caught.value.problems == ["RINGBACK_SWITCHES: [two] numbers: +302100000100 is one of [gr] too"]


def test_a_name_that_cannot_stand_in_an_address_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "switches.toml"
    file.write_text(_table('"a b"', ACCOUNT))
    with pytest.raises(BadSettings) as caught:
        Settings.from_env({"RINGBACK_DATA_DIR": str(tmp_path), "RINGBACK_SWITCHES": str(file)})
    assert caught.value.problems[0].startswith("RINGBACK_SWITCHES: [a b] is a part of addresses")
