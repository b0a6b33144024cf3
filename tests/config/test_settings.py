"""Settings are typed, come from the environment and end the program at start when they are wrong."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from config.settings import BadSettings, Settings


def env(tmp_path: Path, **more: str) -> dict[str, str]:
    return {"RINGBACK_DATA_DIR": str(tmp_path), **more}


def problems(tmp_path: Path, **more: str) -> list[str]:
    with pytest.raises(BadSettings) as caught:
        Settings.from_env(env(tmp_path, **more))
    return caught.value.problems


def test_a_first_start_generates_secrets_that_only_its_user_can_read(tmp_path: Path) -> None:
    settings = Settings.from_env(env(tmp_path))
    assert len(settings.secret_key) >= 48
    assert settings.secret_key != settings.password_salt
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600


def test_a_second_start_has_the_same_secrets_and_another_installation_has_others(tmp_path: Path) -> None:
    first = Settings.from_env(env(tmp_path / "one"))
    assert Settings.from_env(env(tmp_path / "one")).secret_key == first.secret_key
    assert Settings.from_env(env(tmp_path / "two")).secret_key != first.secret_key


def test_all_that_is_wrong_is_said_at_once_each_by_its_name(tmp_path: Path) -> None:
    said = problems(tmp_path, RINGBACK_PORT="http", RINGBACK_LOG_LEVEL="LOUD", RINGBACK_REGION="Greece")
    assert [line.split(":")[0] for line in said] == ["RINGBACK_PORT", "RINGBACK_LOG_LEVEL", "RINGBACK_REGION"]


def test_a_misspelt_setting_is_not_ignored(tmp_path: Path) -> None:
    assert problems(tmp_path, RINGBACK_DATABSE_URL="x") == ["RINGBACK_DATABSE_URL: no such setting"]


def test_a_secret_can_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("k" * 40 + "\n")
    assert Settings.from_env(env(tmp_path, RINGBACK_SECRET_KEY_FILE=str(file))).secret_key == "k" * 40


def test_a_short_secret_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, RINGBACK_SECRET_KEY="secret") == ["RINGBACK_SECRET_KEY: shorter than 24 characters"]
    assert "RINGBACK_SECRET_KEY_FILE" in problems(tmp_path, RINGBACK_SECRET_KEY_FILE="/nowhere")[0]


def test_no_secret_is_shown_by_printing_settings(tmp_path: Path) -> None:
    settings = Settings.from_env(env(tmp_path))
    assert settings.secret_key not in repr(settings)


def test_any_origin_is_refused(tmp_path: Path) -> None:
    assert "RINGBACK_ALLOWED_ORIGINS" in problems(tmp_path, RINGBACK_ALLOWED_ORIGINS="*")[0]


def test_both_databases_are_taken_and_others_refused(tmp_path: Path) -> None:
    url = Settings.from_env(env(tmp_path, RINGBACK_DATABASE_URL="postgresql://u@h/d")).database_url
    assert url == "postgresql+psycopg://u@h/d"
    assert "RINGBACK_DATABASE_URL" in problems(tmp_path, RINGBACK_DATABASE_URL="mysql://u@h/d")[0]


SWITCH = {"events_user": "e", "events_secret": "es", "commands_user": "c", "commands_secret": "cs"}


def switches(tmp_path: Path, **table: object) -> dict[str, str]:
    file = tmp_path / "switches.toml"
    file.write_text("[main]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in table.items()))
    return {"RINGBACK_SWITCHES": str(file)}


def test_a_switch_is_read_and_its_secrets_are_not_shown(tmp_path: Path) -> None:
    settings = Settings.from_env(env(tmp_path, **switches(tmp_path, **SWITCH, trunks=["PJSIP/carrier"])))
    assert settings.switch("main").trunks == ("PJSIP/carrier",)
    assert "es" not in repr(settings.switches[0].events)


def test_a_switch_that_lacks_a_key_or_has_an_unknown_one_is_named(tmp_path: Path) -> None:
    incomplete = {key: value for key, value in SWITCH.items() if key != "events_secret"}
    assert "[main] lacks events_secret" in problems(tmp_path, **switches(tmp_path, **incomplete))[0]
    assert "unknown keys: hots" in problems(tmp_path, **switches(tmp_path, **SWITCH, hots="x"))[0]


def test_a_switch_secret_can_lie_in_a_file_beside_the_table(tmp_path: Path) -> None:
    (tmp_path / "events.secret").write_text("from the file\n")
    table = {key: value for key, value in SWITCH.items() if key != "events_secret"}
    settings = Settings.from_env(env(tmp_path, **switches(tmp_path, **table, events_secret_file="events.secret")))
    assert settings.switch("main").events.secret == "from the file"


def test_a_switchs_books_are_here_or_sent(tmp_path: Path) -> None:
    here = Settings.from_env(env(tmp_path, **switches(tmp_path, **SWITCH, books="/var/log/asterisk"))).switch("main")
    assert (here.books, here.books_token) == ("/var/log/asterisk", None)
    (tmp_path / "books.token").write_text("x" * 32 + "\n")
    sent = Settings.from_env(env(tmp_path, **switches(tmp_path, **SWITCH, books_token_file="books.token"))).switch(
        "main"
    )
    assert (sent.books, sent.books_token) == (None, "x" * 32)
    assert "x" * 32 not in repr(sent)
    both = problems(tmp_path, **switches(tmp_path, **SWITCH, books="/var/log/asterisk", books_token="x" * 32))
    assert both == ["RINGBACK_SWITCHES: [main] books and books_token: its books are either here or sent"]


def test_a_token_that_could_be_guessed_is_refused_and_not_shown(tmp_path: Path) -> None:
    said = problems(tmp_path, **switches(tmp_path, **SWITCH, books_token="hunter2"))
    assert said[0].startswith("RINGBACK_SWITCHES: [main] books_token:") and "hunter2" not in said[0]
    (tmp_path / "books.token").write_text("hunter2")
    said = problems(tmp_path, **switches(tmp_path, **SWITCH, books_token_file="books.token"))
    assert said[0].startswith("RINGBACK_SWITCHES: [main] books_token_file:") and "hunter2" not in said[0]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("books", "var/log/asterisk"),
        ("books", True),
        ("trunks", "PJSIP/carrier"),
        ("trunks", ["carrier"]),
        ("region", "gr"),
        ("region", "XX"),
        ("port", "5038"),
        ("tls", "yes"),
        ("context", "out bound"),
        ("own_numbers", "+302100000100"),
    ],
)
def test_a_switch_with_a_value_that_would_silently_do_nothing_is_refused(
    tmp_path: Path, key: str, value: object
) -> None:
    said = problems(tmp_path, **switches(tmp_path, **SWITCH, **{key: value}))
    assert said[0].startswith(f"RINGBACK_SWITCHES: [main] {key}:")


def test_a_switch_speaks_the_installations_region_unless_it_says_another(tmp_path: Path) -> None:
    settings = Settings.from_env(env(tmp_path, RINGBACK_REGION="DE", **switches(tmp_path, **SWITCH)))
    assert settings.switch("main").region == "DE"


def test_passwords_in_addresses_come_from_files_too_and_are_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://ringback:hunter2@db/ringback\n")
    settings = Settings.from_env(env(tmp_path, RINGBACK_DATABASE_URL_FILE=str(file)))
    assert settings.database_url.endswith("hunter2@db/ringback")
    assert "hunter2" not in repr(settings)


def test_a_time_zone_that_is_none_is_refused(tmp_path: Path) -> None:
    assert "RINGBACK_TIMEZONE" in problems(tmp_path, RINGBACK_TIMEZONE="Athens")[0]


def test_a_mail_server_has_a_sender_and_its_password_is_not_repeated(tmp_path: Path) -> None:
    right = {
        "RINGBACK_SMTP_URL": "smtps://crm:hidden@mail.example.org:465",
        "RINGBACK_MAIL_FROM": "CRM <crm@example.org>",
    }
    settings = Settings.from_env(env(tmp_path, **right))
    assert (settings.smtp_url, settings.mail_from) == (right["RINGBACK_SMTP_URL"], right["RINGBACK_MAIL_FROM"])
    assert "hidden" not in repr(settings)
    file = tmp_path / "smtp"
    file.write_text("smtp://mail.example.org\n")
    from_file = {"RINGBACK_SMTP_URL_FILE": str(file), "RINGBACK_MAIL_FROM": "crm@example.org"}
    assert Settings.from_env(env(tmp_path, **from_file)).smtp_url == "smtp://mail.example.org"
    assert problems(tmp_path, RINGBACK_SMTP_URL="smtp://x") == [
        "RINGBACK_MAIL_FROM: needed, since RINGBACK_SMTP_URL is given"
    ]
    for url in ("http://x:hidden@y", "smtp://", "smtp://x:99999", "mail.example.org"):
        said = problems(tmp_path, RINGBACK_SMTP_URL=url, RINGBACK_MAIL_FROM="crm@example.org")
        assert [line.split(":")[0] for line in said] == ["RINGBACK_SMTP_URL"]
        assert "hidden" not in said[0]


@pytest.mark.parametrize("sender", ["nobody", "a@b\r\nBcc: c@d", "a b@c", "<@>", "x <a@b> <c@d>"])
def test_a_sender_is_an_address(tmp_path: Path, sender: str) -> None:
    assert problems(tmp_path, RINGBACK_MAIL_FROM=sender)[0].startswith("RINGBACK_MAIL_FROM")


@pytest.mark.parametrize("url", ["crm.example.org", "ftp://x", "https://", "https://x y"])
def test_our_own_address_is_one(tmp_path: Path, url: str) -> None:
    assert problems(tmp_path, RINGBACK_URL=url)[0].startswith("RINGBACK_URL")


def test_a_country_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, RINGBACK_REGION="XX")[0].startswith("RINGBACK_REGION: 'XX'")
