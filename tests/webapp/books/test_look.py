"""What supervisors see of the books: recoveries, the balance, and on a call's page how it came there."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient

from config.settings import Settings
from telephony.events import Caller, CallsMerged, Resynced
from tests.factories import make_callback, make_party
from tests.webapp.books.stories import DANA_E164, all_of, answered, at, booked, ended, enter, only, started, tell
from webapp.accounts.models import User
from webapp.books import actions, checking
from webapp.books.models import LedgerCheck, Recovery, Source
from webapp.calls.models import Call
from webapp.cli import main
from webapp.db import db, now, transaction
from webapp.tasks.audit import Rule
from webapp.tasks.models import Callback, CallbackCall
from webapp.tasks.shown import RULES

As = Callable[[User], FlaskClient]
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def read(app: Flask) -> None:
    """The books of the switch were read up to now."""
    with transaction():
        actions.open_books("main", at=at(-60)).began_at = at(-60)
        actions.keep_place("main", {}, last_record_at=now(), unparseable=0)
        actions.note_end("main", now() + timedelta(minutes=1))


def page(browser: FlaskClient, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200
    return str(answer.text)


def test_a_supervisor_sees_what_was_recovered(as_: As, sofia: User, alice: User, read: None) -> None:
    make_party("Dana Reyes", DANA_E164)
    tell(started("2.0", start=100), Resynced(at=at(1800)))
    enter(booked(), booked("2.0", by="PJSIP/alice", start=100, end=160))
    found = page(as_(sofia), "/recoveries")
    assert "Dana Reyes" in found and f"/calls/{all_of(Call)[0].id}" in found
    assert "Nobody had heard of it" in found and "It was told otherwise" in found
    assert "Lost track" in found  # what it was before


def test_recoveries_are_filtered(as_: As, sofia: User, read: None) -> None:
    enter(booked(customer=Caller("2101112222", "Erik")))
    assert "Erik" in page(as_(sofia), "/recoveries?kind=created&switch=main")
    assert "Erik" not in page(as_(sofia), "/recoveries?kind=closed")
    assert "Erik" not in page(as_(sofia), "/recoveries?switch=other")
    assert "Erik" in page(as_(sofia), "/recoveries?kind=nonsense")


def test_recoveries_are_read_page_by_page(as_: As, sofia: User, read: None, questions: Callable[..., int]) -> None:
    browser = as_(sofia)
    enter(booked("0.0"))
    few = questions(lambda: page(browser, "/recoveries"))
    enter(*(booked(f"{n}.0", start=n * 10, end=n * 10 + 5) for n in range(1, 60)))
    many = questions(lambda: page(browser, "/recoveries"))
    assert many <= few
    assert "after=" in page(browser, "/recoveries")


def test_what_a_caller_wrote_is_only_text(as_: As, sofia: User, read: None) -> None:
    enter(booked(f"{SCRIPT}", customer=Caller(SCRIPT, SCRIPT)))
    with transaction():
        db.session.execute(sa.delete(CallbackCall))
        db.session.execute(sa.delete(Callback))
    checking.check_now(now())
    for path in ("/recoveries", "/ledger", f"/calls/{only(Call).id}"):
        assert SCRIPT not in page(as_(sofia), path)


def test_where_there_is_nothing_the_pages_say_why(as_: As, sofia: User) -> None:
    assert "No books are read yet" in page(as_(sofia), "/recoveries")
    assert "No books are read yet" in page(as_(sofia), "/ledger")
    with transaction():
        actions.open_books("main")
    assert "Nothing had to be recovered" in page(as_(sofia), "/recoveries")
    assert "No day was checked yet" in page(as_(sofia), "/ledger")


def test_a_supervisor_checks_now_and_is_alarmed_on_every_page(as_: As, sofia: User, read: None) -> None:
    browser = as_(sofia)
    enter(booked())
    assert browser.post("/ledger/check", data={}).status_code == 303
    assert "The last check balances" in page(browser, "/ledger")
    assert browser.get("/desk/badges").json["ledger"] == 0
    with transaction():
        db.session.execute(sa.delete(CallbackCall))
        db.session.execute(sa.delete(Callback))
    assert browser.post("/ledger/check", json={}).status_code == 204
    found = page(browser, "/ledger")
    assert "Nobody talked to the caller, and nobody is to call back" in found
    assert f"/calls/{only(Call).id}" in found
    assert browser.get("/desk/badges").json["ledger"] == 1
    assert "do not balance" in page(browser, "/contacts")


def test_the_ledger_names_the_broken_rule_and_leads_to_what_breaks_it(as_: As, sofia: User, read: None) -> None:
    make_party("Dana Reyes", DANA_E164)
    enter(booked(), booked("2.0", start=100, end=130, customer=Caller("2101112222", "Erik")))
    with transaction():
        counts = sa.update(Callback).where(Callback.number == DANA_E164)
        db.session.execute(counts.values(missed=7, kind="promise"))
        lost = sa.select(Callback.id).where(Callback.number != DANA_E164)
        db.session.execute(sa.update(Callback).where(Callback.id.in_(lost)).values(state="claimed"))
        db.session.execute(sa.update(Call).where(Call.uid == "2.0").values(direction="internal"))
    checking.check_now(now())
    found = page(as_(sofia), "/ledger")
    entry = next(callback for callback in all_of(Callback) if callback.number == DANA_E164)
    assert "The list of callbacks contradicts itself" in found
    assert "The entry does not count as many calls as it has" in found
    place = f"/callbacks?tab=open&amp;q=%2B306944000001#callback-{entry.id}"
    assert place in found and "Dana Reyes" in found
    assert "The entry is claimed by nobody, or without an end" in found
    assert "A call that was not missed is in an entry" in found
    assert "2.0</bdi>" in found, "a call that is not hers to open"
    assert f'id="callback-{entry.id}"' in page(as_(sofia), place.replace("&amp;", "&").split("#")[0])


def test_the_ledger_leads_to_the_entries_of_one_caller(as_: As, sofia: User, read: None) -> None:
    enter(booked())
    make_callback(DANA_E164, open_key="tel:other", last_missed_at=at(30), first_missed_at=at(30))
    checking.check_now(now())
    assert "/callbacks?q=%2B306944000001" in page(as_(sofia), "/ledger")


def test_each_rule_has_its_words(app: Flask) -> None:
    assert set(RULES) == set(Rule)


def test_agents_have_no_ledger(as_: As, alice: User, read: None) -> None:
    assert "/ledger" not in page(as_(alice), "/contacts")
    assert "ledger" not in as_(alice).get("/desk/badges").json


def test_a_calls_page_says_that_it_was_recovered(as_: As, sofia: User, read: None) -> None:
    enter(booked(), source=Source.SPOOLED)
    found = page(as_(sofia), f"/calls/{only(Call).id}")
    assert "Nobody had heard of this call" in found and "Sent by its spooler" in found
    assert "The switch&#39;s own books tell: Abandoned" in found  # in the chain of reasons


def test_a_calls_page_says_what_was_corrected(as_: As, sofia: User, alice: User, read: None) -> None:
    tell(started(), answered(), ended(booked(by="PJSIP/alice")))
    enter(booked())
    found = page(as_(sofia), f"/calls/{only(Call).id}")
    assert "This call was told otherwise" in found and "PJSIP/alice" in found


def test_a_calls_page_says_that_the_books_do_not_have_it(as_: As, alice: User, read: None) -> None:
    tell(started(), answered(), ended(booked(by="PJSIP/alice")))
    assert "do not have this call" in page(as_(alice), f"/calls/{only(Call).id}")
    enter(booked(by="PJSIP/alice"))
    assert "do not have this call" not in page(as_(alice), f"/calls/{only(Call).id}")


def test_recoveries_follow_a_call_that_becomes_another(app: Flask, read: None) -> None:
    enter(booked("1.0"), booked("2.0", start=5, end=30))
    tell(CallsMerged(uid="1.0", at=at(30), merged="2.0"))
    assert [each.call_id for each in all_of(Recovery)] == [only(Call).id] * 2


# commands


@pytest.fixture
def command(app: Flask, settings: Settings, tmp_path: Path) -> Callable[..., tuple[int, str]]:
    switches = tmp_path / "switches.toml"
    switches.write_text('[main]\nevents_user = "e"\nevents_secret = "s"\ncommands_user = "c"\ncommands_secret = "s"\n')
    env: dict[str, str | None] = {
        "RINGBACK_TEST_DATABASE": None,  # no setting of the product's
        "RINGBACK_DATA_DIR": str(settings.data_dir),
        "RINGBACK_DATABASE_URL": settings.database_url.replace("+psycopg", ""),
        "RINGBACK_SWITCHES": str(switches),
        "RINGBACK_LOG_LEVEL": "ERROR",
        "RINGBACK_TIMEZONE": "UTC",
    }

    def run(*arguments: str) -> tuple[int, str]:
        db.session.rollback()
        told = CliRunner().invoke(main, arguments, env=env, catch_exceptions=False)
        return told.exit_code, told.stdout

    return run


def test_recoveries_on_a_terminal(command: Callable[..., tuple[int, str]], read: None) -> None:
    tell(started("2.0", start=100, number="2101112222"), Resynced(at=at(1800)))
    enter(booked(), booked("2.0", start=100, end=160, customer=Caller("2101112222", "\x1b[31m")))
    status, told = command("recoveries")
    assert status == 0 and "\x1b" not in told
    first, second = told.splitlines()
    assert "created" in first and "abandoned" in first and DANA_E164 in first
    assert "result lost → abandoned" in second
    lines = [json.loads(line) for line in command("recoveries", "--json")[1].splitlines()]
    assert [line["kind"] for line in lines] == ["created", "repaired"]
    assert command("recoveries", "--since", f"{now() + timedelta(days=2):%Y-%m-%d}")[1] == ""


def test_the_ledger_is_checked_on_a_terminal(command: Callable[..., tuple[int, str]], read: None) -> None:
    enter(booked())
    begin = f"{at(-60):%Y-%m-%dT%H:%M:%S}"
    status, told = command("ledger", "check", "--from", begin)
    assert (status, told.splitlines()[:2]) == (0, ["offered 1 = answered 0 + closed 0 + open 1", "difference 0"])
    assert f"books of main: read up to {now():%Y-%m-%d}" in told
    with transaction():
        db.session.execute(sa.delete(CallbackCall))
        db.session.execute(sa.delete(Callback))
    status, told = command("ledger", "check", "--from", begin)
    assert status == 1 and "difference 1" in told and "nobody is to call back" in told
    status, told = command("ledger", "check", "--from", begin, "--json")
    found = json.loads(told)
    assert status == 1 and found["offenders"][0]["call_id"] == str(only(Call).id)
    assert command("ledger", "check", "--from", begin, "--to", begin)[0] == 0
    assert command("ledger", "check", "--from", begin, "--switch", "other")[0] == 2
    assert command("ledger", "check", "--from", f"{at(0) + timedelta(days=400):%Y-%m-%d}")[0] == 2, "not come yet"


def test_a_day_whose_books_were_not_read_whole_is_told_on_a_terminal(command: Callable[..., tuple[int, str]]) -> None:
    today, before = now().date(), now().date() - timedelta(days=2)
    check = ("ledger", "check", "--from", f"{before}", "--to", f"{today}")
    midnight = datetime.combine(today, time(), UTC)
    with transaction():
        actions.open_books("main", at=midnight).began_at = midnight - timedelta(days=3)
        actions.note_end("main", midnight - timedelta(days=1, hours=12))
        actions.note_damage("main", midnight - timedelta(days=1, hours=11), gaps=1, unparseable=0, unwritten=0)
    status, told = command(*check)
    days = [line for line in told.splitlines() if "not complete" in line]
    assert status == 3 and len(days) == 3
    assert all(f"{before + timedelta(days=n)}  main" in line and "to the end" in line for n, line in enumerate(days))
    with transaction():
        actions.note_end("main", now())
    status, told = command(*check)
    assert status == 3 and [line for line in told.splitlines() if "not complete" in line] == [
        f"  {before}  main  not complete: Some of what the telephone system wrote down could not be read."
    ]
    status, told = command(*check, "--json")
    found = json.loads(told)
    assert (status, found["balances"]) == (3, False)
    assert found["incomplete"][0] == {"day": f"{before}", "switch": "main", "why": "damaged"}
    assert command("ledger", "check")[0] == 0, "today they are whole"
    assert "Exit status" in command("ledger", "check", "--help")[1]


def test_books_that_nobody_reads_prove_nothing(command: Callable[..., tuple[int, str]]) -> None:
    assert command("ledger", "check")[0] == 3
    with transaction():
        actions.open_books("main", at=now())
        actions.note_end("main", now())
    status, told = command("ledger", "check", "--from", f"{now() - timedelta(days=2):%Y-%m-%d}")
    assert (status, told.count("not complete")) == (3, 2), "nor what was written before they were connected"


def test_the_ledger_is_checked_against_files(command: Callable[..., tuple[int, str]], fixtures_dir: Path) -> None:
    files = [f"--cel={fixtures_dir / 'books' / 'in-queue-abandoned.cel.csv'}",
             f"--queue-log={fixtures_dir / 'books' / 'in-queue-abandoned.queue_log'}"]  # fmt: skip
    status, told = command("ledger", "check", "--from", "2020-01-01", "--to", "2100-01-01", *files)
    assert status == 1 and "The switch had this call, we have not" in told
    assert command("ledger", "check", files[0])[0] == 2
    assert command("ledger", "check", *files, "--switch", "nowhere")[0] == 2


def test_a_check_is_kept_for_each_day_and_switch(app: Flask, read: None) -> None:
    checking.check_now(now())
    checking.check_now(now())
    assert len(all_of(LedgerCheck)) == len({(each.day, each.switch) for each in all_of(LedgerCheck)})
