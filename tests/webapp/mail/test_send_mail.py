"""Mail goes out through a real SMTP server on loopback: written once, sent until it is taken."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.factories import make_callback
from tests.webapp.mail.smtp import Server, serving
from webapp.accounts.actions import set_head
from webapp.accounts.models import User
from webapp.db import db, transaction
from webapp.mail import actions, jobs
from webapp.mail.jobs import forget_old, send_mail
from webapp.mail.models import Mail
from webapp.mail.queries import stuck
from webapp.tasks.jobs import sweep

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def after(minutes: float) -> datetime:
    return NINE + timedelta(minutes=minutes)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture(autouse=True)
def _mail(app: Flask, server: Server) -> Iterator[None]:
    settings = app.extensions["ringback.settings"]
    mail_from = "Ringback <crm@example.org>"
    app.extensions["ringback.settings"] = replace(
        settings, smtp_url=server.url, mail_from=mail_from, url="https://crm.example.org"
    )
    yield
    app.extensions["ringback.settings"] = settings


@pytest.fixture
def dana(person: Callable[..., User]) -> User:
    return person("dana", "Dana Head", role="supervisor", email="dana@example.org", lines=())


def writes(to: User, key: str = "k", subject: str = "Overdue", text: str = "Call them.") -> None:
    with transaction():
        actions.write(db.session.merge(to), key=key, subject=subject, text=text, link="/callbacks", at=NINE)


def mail() -> Mail:
    db.session.rollback()
    db.session.expire_all()
    return db.session.scalars(sa.select(Mail)).unique().one()


def test_a_letter_arrives_as_it_was_written(app: Flask, server: Server, dana: User) -> None:
    writes(dana, subject="Εκπρόθεσμο: Δανάη", text="Καλέστε την.")
    send_mail(at=after(0))
    (letter,) = server.taken
    assert (letter["To"], letter["From"]) == ("Dana Head <dana@example.org>", "Ringback <crm@example.org>")
    assert letter["Subject"] == "Εκπρόθεσμο: Δανάη"
    text = letter.get_content()
    assert "Καλέστε την." in text
    assert "https://crm.example.org/callbacks" in text
    assert server.envelopes == [("<crm@example.org>", ["dana@example.org"])] or server.envelopes[0][1] == [
        "dana@example.org"
    ]
    assert (mail().sent_at, mail().due_at, mail().attempts) == (after(0), None, 1)
    send_mail(at=after(5))
    assert len(server.taken) == 1


def test_one_letter_for_each_key_however_often_it_is_written(app: Flask, dana: User) -> None:
    for _ in range(3):
        writes(dana)
    assert mail().key == "k"


@pytest.mark.parametrize(
    "hostile", ["x\r\nBcc: all@example.org", "x\nBcc: all@example.org", "x\u2028Bcc: a@example.org"]
)
def test_nobody_writes_headers_with_a_name(app: Flask, server: Server, dana: User, hostile: str) -> None:
    writes(dana, subject=f"Overdue: {hostile}", text=f".\r\n{hostile}\r\n.\r\nMAIL FROM:<evil>")
    with transaction():
        db.session.merge(dana).name = hostile
    send_mail(at=after(0))
    (letter,) = server.taken
    assert letter["Bcc"] is None
    assert server.envelopes[0][1] == ["dana@example.org"]
    assert "MAIL FROM:<evil>" in letter.get_content()


def test_a_server_that_is_away_is_tried_again_and_again_with_longer_pauses(
    app: Flask, server: Server, dana: User
) -> None:
    writes(dana)
    server.answers["MAIL FROM"] = "451 later"
    pauses, minute = [], 0.0
    for _ in range(4):
        send_mail(at=after(minute))
        due = mail().due_at
        assert due is not None
        pauses.append((due - after(minute)) / timedelta(minutes=1))
        minute = (due - NINE) / timedelta(minutes=1)
    assert pauses == [1, 2, 5, 15]
    assert mail().error == "451 later"
    server.answers.clear()
    send_mail(at=after(minute - 0.1))
    assert server.taken == []
    send_mail(at=after(minute))
    assert (len(server.taken), mail().attempts, mail().error) == (1, 5, "")


def test_nobody_at_the_port(app: Flask, dana: User) -> None:
    settings = app.extensions["ringback.settings"]
    app.extensions["ringback.settings"] = replace(settings, smtp_url="smtp://127.0.0.1:1")
    writes(dana)
    send_mail(at=after(0))
    assert (mail().sent_at, mail().due_at) == (None, after(1))
    assert "refused" in mail().error


def test_an_address_that_nobody_has_is_given_up_at_once_and_others_go_out(
    app: Flask, server: Server, dana: User, person: Callable[..., User]
) -> None:
    nobody = person("nobody", "No Body", email="nobody@example.org", lines=())
    writes(nobody)
    writes(dana)
    server.answers["RCPT TO:<NOBODY"] = "550 no such user"
    send_mail(at=after(0))
    assert [letter["To"] for letter in server.taken] == ["Dana Head <dana@example.org>"]
    db.session.rollback()
    given_up = db.session.scalars(sa.select(Mail).where(Mail.recipient_id == nobody.id)).unique().one()
    assert (given_up.due_at, given_up.sent_at) == (None, None)
    assert "550" in given_up.error


def test_a_sender_that_died_is_followed_by_another(app: Flask, server: Server, dana: User) -> None:
    writes(dana)
    server.silent_after_data = True
    send_mail(at=after(0))  # taken, but never confirmed: whether it arrived is not known
    assert mail().sent_at is None
    server.silent_after_data = False
    send_mail(at=after(1))
    assert mail().sent_at == after(1)
    assert len({letter["Message-ID"] for letter in server.taken}) == 1, "a reader may notice that it is the same"


def test_what_is_not_taken_is_seen_and_what_was_is_forgotten_after_a_while(
    app: Flask, server: Server, dana: User
) -> None:
    writes(dana)
    server.answers["MAIL FROM"] = "451 later"
    send_mail(at=after(0))
    assert [mail.error for mail in stuck(after(11))] == ["451 later"]
    assert stuck(after(9)) == []
    assert app.test_client().get("/health").json["checks"]["mail"] == {
        "ok": False, "problem": "the mail server does not take it", "waiting": 1
    }  # fmt: skip
    server.answers.clear()
    send_mail(at=after(1))
    assert stuck(after(11)) == []
    forget_old(at=after(89 * 24 * 60))
    assert mail().sent_at == after(1)
    forget_old(at=after(91 * 24 * 60))
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Mail)) == 0


def test_the_password_of_the_url_logs_in(app: Flask, server: Server, dana: User) -> None:
    settings = app.extensions["ringback.settings"]
    url = server.url.replace("smtp://", "smtp://crm:p%40ss@")
    app.extensions["ringback.settings"] = replace(settings, smtp_url=url)
    writes(dana)
    send_mail(at=after(0))
    assert [base64.b64decode(login) for login in server.logins] == [b"\0crm\0p@ss"]
    assert len(server.taken) == 1


def test_of_two_senders_one_has_the_letter(app: Flask, dana: User) -> None:
    writes(dana)
    due = mail().id
    taken = [jobs._take(due, after(0)) for _ in range(2)]
    assert [letter is not None for letter in taken] == [True, False]
    assert jobs._take(due, after(11)) is not None, "the first one died"


def test_who_has_no_address_gets_no_letter(app: Flask, alice: User) -> None:
    writes(alice)
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Mail)) == 0


@pytest.mark.req("R60")
def test_overdue_the_head_gets_a_letter_in_their_language(app: Flask, server: Server, dana: User, alice: User) -> None:
    with transaction():
        db.session.merge(dana).locale = "el"
        set_head("Sales", db.session.merge(dana))
    make_callback(due_at=after(30), assigned_to_id=alice.id, name_raw="Evil\r\nBcc: x@example.org")
    for minute in (30, 31):
        sweep(at=after(minute))
        send_mail(at=after(minute))
    (letter,) = server.taken
    assert letter["To"] == "Dana Head <dana@example.org>"
    assert "Εκπρόθεσμ" in letter["Subject"]
    assert letter["Bcc"] is None
    assert "Alice Martin" in letter.get_content()


def test_a_letter_at_which_the_server_hangs_up_holds_up_no_other(
    app: Flask, server: Server, dana: User, person: Callable[..., User]
) -> None:
    server.hangs_up_at = "dana@"
    writes(dana)
    for name in ("erik", "frida"):
        writes(person(name, name.title(), email=f"{name}@example.org", lines=()))
    send_mail(NINE)
    assert sorted(to[0] for _, to in server.envelopes) == ["erik@example.org", "frida@example.org"]
    db.session.rollback()
    assert [each.attempts for each in db.session.scalars(sa.select(Mail)).unique() if each.due_at] == [1]
