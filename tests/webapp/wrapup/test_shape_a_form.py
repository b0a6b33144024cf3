"""An administrator says what agents are asked after a call, for each queue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.factories import make_call, make_disposition
from webapp.accounts.models import User
from webapp.db import db, transaction
from webapp.wrapup import form_rows
from webapp.wrapup.models import FieldKind, WrapUpForm
from webapp.wrapup.queries import form_for

As = Callable[[User], FlaskClient]
FORM = {
    "queue": "sales", "limit_seconds": "45", "more_seconds": "15", "disposition_required": "1", "next_step": "1",
    "offers": "some", "offer-sale": "1",
    "field-0-label": "Order number", "field-0-kind": "number", "field-0-required": "1",
    "field-1-label": "Colour", "field-1-kind": "choice", "field-1-options": "Red\nBlue\n\nRed",
}  # fmt: skip


@pytest.fixture
def admin(person: Callable[..., User], as_: As) -> FlaskClient:
    for position, (code, label) in enumerate((("sale", "Sale"), ("offer", "Offer sent")), 1):
        make_disposition(code, label, position)
    return as_(person("ada", "Ada Admin", role="admin", lines=()))


def sales() -> WrapUpForm:
    db.session.rollback()
    return form_for("sales")


def test_what_she_asks_and_offers_is_what_agents_of_the_queue_see(admin: FlaskClient, as_: As, alice: User) -> None:
    assert admin.post("/settings/wrap-up/edit", data=FORM).status_code == 303
    form = sales()
    assert (form.limit_seconds, form.more_seconds, form.extendable) == (45, 15, True)
    assert [(field.label, field.kind, field.required, field.options) for field in form.fields] == [
        ("Order number", FieldKind.NUMBER, True, []), ("Colour", FieldKind.CHOICE, False, ["Red", "Blue"]),
    ]  # fmt: skip
    make_call(answered_by=alice)
    bar = as_(alice).get("/desk/callbar").text
    assert "Order number" in bar
    assert 'value="Blue"' in bar
    assert 'value="sale"' in bar
    assert 'value="offer"' not in bar


def test_other_queues_have_the_form_for_all_others(admin: FlaskClient) -> None:
    admin.post("/settings/wrap-up/edit", json={"queue": "", "limit_seconds": "90"})
    assert form_for("support").limit_seconds == form_for(None).limit_seconds == 90
    assert (form_for("support").disposition_required, sales().limit_seconds) == (False, 90)
    admin.post("/settings/wrap-up/edit", json=FORM)
    assert sales().limit_seconds == 45
    listed = admin.get("/settings/wrap-up").text
    assert "45 s" in listed
    assert "90 s" in listed
    admin.post("/settings/wrap-up/remove", json={"queue": "sales"})
    assert sales().limit_seconds == 90


def test_a_field_that_is_worded_anew_is_the_same_one_and_what_is_left_out_is_gone(admin: FlaskClient) -> None:
    admin.post("/settings/wrap-up/edit", json=FORM)
    first = sales().fields[0]
    again = FORM | {"field-0-id": str(first.id), "field-0-label": "Number of the order", "field-0-kind": "text"}
    del again["field-1-label"], again["field-1-options"]
    admin.post("/settings/wrap-up/edit", json=again)
    (field,) = sales().fields
    assert (field.id, field.label, field.kind) == (first.id, "Number of the order", FieldKind.TEXT)


def test_another_queues_field_is_not_taken_away_from_it(admin: FlaskClient) -> None:
    admin.post("/settings/wrap-up/edit", json=FORM)
    theirs = FORM | {"queue": "support", "field-0-id": str(sales().fields[0].id)}
    admin.post("/settings/wrap-up/edit", json=theirs)
    assert len(sales().fields) == len(form_for("support").fields) == 2


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"limit_seconds": "-1"}, "limit_seconds"),
    ({"limit_seconds": "3601"}, "limit_seconds"),
    ({"more_seconds": "soon"}, "more_seconds"),
    ({"more_seconds": "٤٥"}, "more_seconds"),
    ({"offer-sale": ""}, "offers"),
    ({"field-0-label": "x" * 81}, "field-0-label"),
    ({"field-0-label": "a\nb"}, "field-0-label"),
    ({"field-1-label": ""}, "field-1-label"),
    ({"field-1-options": "Red"}, "field-1-options"),
    ({"field-1-options": "\n".join(map(str, range(51)))}, "field-1-options"),
    ({"queue": "a\x00b"}, "queue"),
]


@pytest.mark.parametrize(("typed", "field"), WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_is_named_and_nothing_typed_is_lost(
    admin: FlaskClient, typed: dict[str, str], field: str
) -> None:
    answer = admin.post("/settings/wrap-up/edit", json=FORM | typed)
    assert (answer.status_code, set(answer.json["error"]["fields"])) == (422, {field})
    page = admin.post("/settings/wrap-up/edit", data=FORM | typed)
    assert page.status_code == 422
    assert f'href="#{field}"' in page.text
    assert 'value="15"' in page.text or "more_seconds" in typed
    assert form_rows.typed_fields(FORM)[0]["label"] in page.text or field == "field-0-label"
    assert db.session.query(WrapUpForm).count() == 0


@pytest.mark.parametrize(
    ("button", "labels"),
    [("add", ["Order number", "Colour", ""]), ("down-0", ["Colour", "Order number"]), ("up-1", ["Colour", "Order number"]),
     ("drop-0", ["Colour"]), ("up-0", ["Order number", "Colour"]), ("down-1", ["Order number", "Colour"])],
)  # fmt: skip
def test_fields_are_added_moved_and_removed_without_saving(admin: FlaskClient, button: str, labels: list[str]) -> None:
    page = admin.post("/settings/wrap-up/edit", data=FORM | {"do": button})
    assert page.status_code == 200
    shown = [line.split('value="')[1].split('"')[0] for line in page.text.split('-label" name="field-')[1:]]
    assert shown == labels
    assert db.session.query(WrapUpForm).count() == 0


def test_a_button_that_nobody_made_saves(admin: FlaskClient) -> None:
    assert admin.post("/settings/wrap-up/edit", data=FORM | {"do": "drop-7"}).status_code in (200, 303)
    assert admin.post("/settings/wrap-up/edit", data=FORM | {"do": "explode"}).status_code == 303


def test_dispositions_are_named_grouped_and_put_away(admin: FlaskClient, as_: As, alice: User) -> None:
    new = {
        "label": "Broken",
        "code": "broken",
        "heading": "Complaints",
        "position": "7",
        "asks_callback": "1",
        "active": "1",
    }
    assert admin.post("/settings/dispositions/new", data=new).status_code == 303
    make_call(answered_by=alice)
    bar = as_(alice).get("/desk/callbar").text
    assert "Complaints" in bar
    assert "data-asks-callback" in bar
    page = admin.get("/settings/dispositions").text
    place = page.split("Broken")[0].rsplit('href="', 1)[1].split('"')[0]
    assert admin.post(place, data=new | {"active": "", "label": "Broken again"}).status_code == 303
    assert "Broken" not in as_(alice).get("/desk/callbar").text
    assert "Broken again" in admin.get("/settings/dispositions").text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("label", ""),
        ("label", "x" * 81),
        ("heading", "a\x07"),
        ("code", "Sale!"),
        ("code", "sale"),
        ("position", "first"),
    ],
)
def test_a_disposition_that_cannot_be_is_refused_by_its_field(admin: FlaskClient, field: str, value: str) -> None:
    new = {"label": "Broken", "code": "broken", "position": "7", "active": "1"}
    answer = admin.post("/settings/dispositions/new", json=new | {field: value})
    assert (answer.status_code, set(answer.json["error"]["fields"])) == (422, {field})
    assert f'href="#{field}"' in admin.post("/settings/dispositions/new", data=new | {field: value}).text


def test_a_limit_counts_from_the_next_call_on(admin: FlaskClient) -> None:
    with transaction():
        form_rows.save_form("sales", {"limit_seconds": "60"})
    assert sales().extendable is False
