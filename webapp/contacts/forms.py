"""A contact's form. It shows and reads; what is right is for `actions` to say, in one place for every way in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import current_app
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict
from wtforms import (
    BooleanField,
    Field,
    FieldList,
    Form,
    FormField,
    HiddenField,
    SelectChoice,
    SelectField,
    StringField,
    TextAreaField,
)  # fmt: skip

from telephony.numbers import display
from webapp.accounts.models import User
from webapp.contacts.actions import Details, Email, Phone
from webapp.contacts.models import ContactPoint, Party, PartyKind
from webapp.errors import Invalid

MAIN = {"maxlength": 200}
POINT = {"maxlength": 255}
LABEL = {"maxlength": 40, "placeholder": _l("Label")}


class NumberForm(Form):  # type: ignore[misc]
    number = StringField(_l("Number"), render_kw=POINT)
    label = StringField(_l("Label"), render_kw=LABEL)
    do_not_call = BooleanField(_l("Do not call"))


class EmailForm(Form):  # type: ignore[misc]
    address = StringField(_l("E-mail"), render_kw=POINT)
    label = StringField(_l("Label"), render_kw=LABEL)


class PartyForm(Form):  # type: ignore[misc]
    name = StringField(_l("Name"), render_kw=MAIN)
    kind = SelectField(
        _l("Kind"),
        choices=[
            SelectChoice(PartyKind.PERSON.value, _l("Person")),
            SelectChoice(PartyKind.COMPANY.value, _l("Company")),
        ],
    )
    company = StringField(_l("Company"), render_kw=MAIN)
    numbers = FieldList(FormField(NumberForm), label=_l("Numbers"))
    emails = FieldList(FormField(EmailForm), label=_l("E-mail addresses"))
    do_not_call = BooleanField(_l("Do not call, under any number"))
    asks_do_not_call = HiddenField()  # a form that does not ask it takes nothing back
    owner = SelectField(_l("Owner"), choices=[])
    note = TextAreaField(_l("Note"), render_kw={"maxlength": 20_000})

    def details(self) -> Details:
        return Details(
            name=self.name.data or "",
            kind=PartyKind.COMPANY if self.kind.data == PartyKind.COMPANY.value else PartyKind.PERSON,
            company=self.company.data or "",
            phones=[
                Phone(
                    row["number"] or "",
                    row["label"] or "",
                    do_not_call=row["do_not_call"] if self.asks_do_not_call.data else None,
                )
                for row in self.numbers.data
            ],
            emails=[Email(row["address"] or "", row["label"] or "") for row in self.emails.data],
            note=self.note.data or "",
            do_not_call=self.do_not_call.data if self.asks_do_not_call.data else None,
            owner=self.owner.data,
        )

    def offer(self, owners: Sequence[User]) -> None:
        self.owner.choices = [("", _("Nobody in particular")), *((str(owner.id), owner.name) for owner in owners)]

    def show(self, error: Invalid) -> None:
        """Put what is wrong where it was typed."""
        fields = {field.name: field for field in _all(self)}
        for name, problem in error.fields.items():
            if name in fields:
                fields[name].errors = [problem]
            else:
                self.form_errors.append(problem)
        for many in (self.numbers, self.emails):  # a list of rows does not ask its rows
            many.errors = [row.form.errors for row in many if row.form.errors]


def empty(number: str = "", name: str = "") -> PartyForm:
    return PartyForm(data={"name": name, "numbers": [{"number": number}], "emails": [{}]})


def sent(form: MultiDict[str, Any]) -> PartyForm:
    """Of the whole form, or of the call bar's short one, which has a single `number`."""
    if "number" in form and "numbers-0-number" not in form:
        form = MultiDict(form)
        form["numbers-0-number"] = form["number"]
    return PartyForm(form)


def of_party(party: Party) -> PartyForm:
    return PartyForm(
        data={
            "name": party.name,
            "kind": party.kind.value,
            "company": party.company.name if party.company else "",
            "numbers": [
                {"number": _typed(point), "label": point.label, "do_not_call": bool(point.do_not_call_at)}
                for point in party.phones
            ]
            or [{}],
            "emails": [{"address": point.value, "label": point.label} for point in party.emails] or [{}],
            "note": party.note,
            "do_not_call": bool(party.do_not_call_at),
            "owner": str(party.owner_id or ""),
        }
    )


def _typed(point: ContactPoint) -> str:
    """As somebody would type it, and as it is read back."""
    number = display(point.value, current_app.config["RINGBACK_REGION"])
    return f"{number} #{point.extension}" if point.extension else number


def _all(form: Form) -> list[Field]:
    fields: list[Field] = []
    for field in form:
        fields.append(field)
        for row in field if isinstance(field, FieldList) else ():
            fields += list(row.form)
    return fields
