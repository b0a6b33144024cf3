"""`ringback doctor` on this side of the wire, and as an administrator sees it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask

from config.settings import BrowserPhones, Settings
from config.settings import Login as SettingsLogin
from telephony.ami.doctor import Finding, Level
from telephony.ami.switch import CONTEXTS
from telephony.fake.ari import FakeAri
from telephony.fake.asterisk import FakeAsterisk, FakeUser
from webapp import doctor, leases, schema
from webapp.accounts.actions import add_user, ensure_roles
from webapp.app import create_app
from webapp.cli import main
from webapp.db import transaction
from webapp.trial.pbx import RunningTrial

LISTENS = ("CoreStatus", "CoreShowChannels", "CoreSettings", "QueueStatus", "Getvar", "ShowDialPlan", "PJSIPQualify",
           "ConfbridgeListRooms")  # fmt: skip
SPEAKS = (*LISTENS, "Originate", "Hangup", "Redirect", "Setvar", "PlayDTMF", "ParkedCalls", "QueuePause")
HEARS, SPOKEN = "canary-of-events", "canary-of-commands"


@pytest.fixture
def pbx() -> Iterator[FakeAsterisk]:
    users = {"ringback-events": FakeUser(HEARS, LISTENS), "ringback-commands": FakeUser(SPOKEN, SPEAKS)}
    with FakeAsterisk(users) as pbx:
        pbx.functions = {"DEVICE_STATE(PJSIP/trunk)": "NOT_INUSE"}
        yield pbx


@pytest.fixture
def office(tmp_path: Path, pbx: FakeAsterisk) -> Settings:
    """An installation of its own, well in every respect but that nothing was started."""
    switches = tmp_path / "switches.toml"
    switches.write_text(
        f'[main]\nhost = "{pbx.host}"\nport = {pbx.port}\nevents_user = "ringback-events"\nevents_secret = "{HEARS}"\n'
        f'commands_user = "ringback-commands"\ncommands_secret = "{SPOKEN}"\nbooks = "{tmp_path}"\n',
        encoding="utf-8",
    )
    return Settings.from_env({"RINGBACK_DATA_DIR": str(tmp_path / "data"), "RINGBACK_SWITCHES": str(switches)})


def at_work(settings: Settings, **facts: object) -> Flask:
    """The office once it has been started: its schema is there, and somebody follows its switch."""
    app = create_app(settings)
    schema.upgrade(app)
    with app.app_context():
        leases.take("bridge:main", "here", facts={"ok": True, "connected": True, **facts})
    return app


def found(app: Flask) -> dict[str, Finding]:
    return {one.code: one for each in doctor.examine_all(app) for one in each.findings}


def faults(app: Flask) -> list[str]:
    return faults_of(found(app))


def faults_of(told: dict[str, Finding]) -> list[str]:
    return [code for code, one in told.items() if one.level is Level.FAULT]


def test_an_office_in_which_all_is_well(office: Settings) -> None:
    assert faults(at_work(office)) == []


def test_a_database_that_was_never_made_is_told_and_left_alone(office: Settings) -> None:
    app = create_app(office)
    assert found(app)["schema"].mend == "ringback db upgrade"
    assert not schema.is_current(app)


def test_a_database_that_is_away(office: Settings) -> None:
    away = replace(office, database_url="postgresql+psycopg://nobody@127.0.0.1:1/none")
    assert faults(create_app(away)) == ["database"]


def test_redis_is_asked_where_it_is_set(office: Settings) -> None:
    at_work(office)
    away = found(create_app(replace(office, redis_url="redis://127.0.0.1:1/0")))["redis"]
    assert away.level is Level.FAULT and "127.0.0.1" not in away.said
    assert "redis" not in found(create_app(office))


def test_a_full_disk(office: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    app = at_work(office)
    monkeypatch.setattr(doctor, "ENOUGH_SPACE", 1 << 60)
    assert faults(app) == ["space"]
    assert "MB are left" in found(app)["space"].said


def test_secrets_that_others_can_read(office: Settings) -> None:
    app = at_work(office)
    (office.data_dir / "secrets.json").chmod(0o644)
    assert faults(app) == ["secrets"]


def test_a_journal_that_is_in_the_way(office: Settings) -> None:
    app = at_work(office)
    (office.data_dir / "journal").write_text("not a directory", encoding="utf-8")
    assert faults(app) == ["journal"]


def test_what_was_not_understood_is_counted(office: Settings) -> None:
    app = at_work(office)
    (office.data_dir / "journal" / "main").mkdir(parents=True)
    (office.data_dir / "journal" / "main" / "poison.jsonl").write_text("{}\n{}\n", encoding="utf-8")
    assert found(app)["poison"].said.startswith("2 things")


def test_a_switch_that_nobody_follows(office: Settings) -> None:
    app = at_work(office)
    with app.app_context():
        leases.give_back("bridge:main", "here")
    assert faults(app) == ["bridge"]
    assert "ringback bridge main" in found(app)["bridge"].mend


def test_a_bridge_in_trouble(office: Settings) -> None:
    assert "events wait" in found(at_work(office, problem="events wait"))["bridge"].said


def test_callers_who_forge(office: Settings) -> None:
    assert found(at_work(office, tainted=7))["tainted"].said.startswith("7 messages")


@pytest.mark.parametrize(
    "more", [{"trusted_proxies": 1}, {"host": "0.0.0.0"}, {"host": "192.0.2.1", "trusted_proxies": 1}]
)
def test_cookies_over_plain_http(office: Settings, more: dict[str, Any]) -> None:
    at_work(office)
    assert faults(create_app(replace(office, **more))) == ["cookies"]
    assert faults(create_app(replace(office, **more, secure_cookies=True))) == []


def test_books_that_are_not_where_the_settings_say(office: Settings, pbx: FakeAsterisk) -> None:
    pbx.calls = 1
    assert faults(at_work(office)) == ["cel_file"]


def without_books(office: Settings, **more: Any) -> Settings:
    (switch,) = office.switches
    return replace(office, switches=(replace(switch, books=None, **more),))


def test_a_switch_whose_books_nobody_reads(office: Settings) -> None:
    app = at_work(without_books(office))
    assert faults(app) == ["books"]
    assert 'books = "/var/log/asterisk"' in found(app)["books"].mend


def test_a_spooler_that_sends_nothing(office: Settings) -> None:
    away = without_books(office, books_token="x" * 24)
    assert faults(at_work(away)) == ["books"]
    folder = office.data_dir / "books" / "main"
    folder.mkdir(parents=True)
    (folder / "cel").touch()
    assert faults(create_app(away)) == []


def test_books_that_cannot_be_read(office: Settings) -> None:
    told = {"problem": "ringback.csv may not be read", "unparseable": 3, "gaps": 1, "set_aside": 2}
    app = at_work(office, books=told)
    assert faults(app) == ["books"]
    assert {"unparseable", "books-gaps", "books-aside"} <= found(app).keys()
    leases_facts = {"problem": "", "records": 7, "unparseable": 0, "gaps": 0, "set_aside": 0}
    assert "7 records" in found(at_work(office, books=leases_facts))["books"].said


def run(office: Settings, *arguments: str, configured: bool = True) -> Result:
    environment = {
        **{name: None for name in os.environ if name.startswith("RINGBACK_")},  # the tests' own are no settings
        "RINGBACK_DATA_DIR": str(office.data_dir),
        "RINGBACK_SWITCHES": str(office.data_dir.parent / "switches.toml") if configured else None,
    }
    return CliRunner().invoke(main, ["doctor", *arguments], env=environment)


def test_the_command_is_content(office: Settings) -> None:
    at_work(office)
    told = run(office)
    assert told.exit_code == 0
    first, last = told.stdout.splitlines()[-2:]
    assert first.startswith("0 faults, ") and last == "Nothing is wrong that can be seen from here."
    assert "\x1b" not in told.stdout


def test_beside_a_trial_the_command_examines_its_switch(office: Settings, pbx: FakeAsterisk, tmp_path: Path) -> None:
    at_work(office)
    assert "No switch is configured" in run(office, configured=False).stdout
    (office.data_dir / "trial").mkdir()
    with FakeAri() as ari:
        http = int(ari.url.rpartition(":")[2])
        trial = RunningTrial(
            os.getpid(), 1, pbx.port, http, tmp_path, events=HEARS, commands=SPOKEN, answer="not asked", ari="secret"
        )
        trial.tell(office.data_dir / "trial")
        told = run(office, configured=False)
    assert told.exit_code == 0 and "No switch is configured" not in told.stdout
    assert "switch main" in told.stdout and "Its calls are being followed." in told.stdout


def test_the_command_names_each_fault_with_its_mend(office: Settings, pbx: FakeAsterisk) -> None:
    at_work(office)
    pbx.timestamps = False
    told = run(office)
    assert told.exit_code == 1
    assert "timestampevents = yes" in told.stdout
    assert told.stdout.splitlines()[-2].startswith("1 fault, ")


def test_the_command_speaks_json_and_tells_no_secret(office: Settings, pbx: FakeAsterisk) -> None:
    at_work(office)
    pbx.users["ringback-events"] = FakeUser("another secret", LISTENS)
    told = run(office, "--json")
    answer = json.loads(told.stdout)
    assert told.exit_code == 1 and answer["well"] is False
    assert [one["code"] for one in answer["findings"] if one["level"] == "fault"] == ["events-login"]
    assert all(secret not in told.stdout for secret in (HEARS, SPOKEN, "another secret", office.secret_key))


def with_a_browser_phone(office: Settings, ari: FakeAri | None = None, secret: str = "secret") -> Flask:
    """Erin's phone is her page."""
    phones = BrowserPhones(ari.url, SettingsLogin("ringback-phones", secret)) if ari else None
    app = at_work(replace(office, switches=(replace(office.switches[0], browser_phones=phones),)))
    with app.test_request_context(), transaction():
        ensure_roles()
        add_user("erin", "Erin Walsh", role="agent", password="a long password", browser_lines=("PJSIP/erin",))
    return app


def test_phones_in_the_browser_that_nobody_can_make(office: Settings) -> None:
    finding = found(with_a_browser_phone(office))["browser-phones"]
    assert finding.level is Level.FAULT and "ari_url" in finding.mend


def test_phones_in_the_browser_that_cannot_register_or_have_no_sound(office: Settings) -> None:
    with FakeAri() as ari:
        app = with_a_browser_phone(office, ari)
        assert found(app)["browser-socket"].level is found(app)["phone-modules"].level is Level.WELL
        ari.takes_browsers = False
        ari.modules.remove("res_srtp")
        told = found(app)
    assert faults_of(told) == ["browser-socket", "phone-modules"]
    assert "protocol = ws" in told["browser-socket"].mend and "load => res_srtp.so" in told["phone-modules"].mend


def test_where_phones_in_the_browser_dial(office: Settings, pbx: FakeAsterisk) -> None:
    pbx.contexts = {"ringback-outbound", "parkedcalls", *CONTEXTS}
    with FakeAri() as ari:
        assert faults(with_a_browser_phone(office, ari)) == ["phone-context"]


def test_phones_in_the_browser_that_can_be_made_and_a_log_in_that_is_refused(office: Settings) -> None:
    with FakeAri() as ari:
        app = with_a_browser_phone(office, ari)
        assert found(app)["browser-phones"].level is Level.WELL
        ari.login = "another"
        finding = found(app)["browser-phones"]
    assert finding.level is Level.FAULT and "log-in" in finding.said and "ari.conf" in finding.mend
