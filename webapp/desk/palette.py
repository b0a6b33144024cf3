"""The command palette: whatever an agent may look for or do, by its name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask import render_template, request
from flask_babel import gettext as _
from flask_login import current_user
from flask_security import auth_required

from telephony.numbers import display, e164
from webapp.accounts.models import AgentStatus, User
from webapp.accounts.permissions import Permission, may
from webapp.agents import shown as agents
from webapp.calls import queries as call_reads
from webapp.calls import shown as calls
from webapp.contacts import queries as contact_reads
from webapp.contacts import shown as contacts
from webapp.contacts.text import folded
from webapp.desk.dial import region_of
from webapp.desk.shell import places
from webapp.desk.views import bp
from webapp.tasks import listing
from webapp.tasks import shown as tasks

FEW = 5  # of each kind
LONGEST = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """`url`: goes there. `number`: calls it. `action`: posts `values`; with `fetch`, without leaving the page."""

    label: str
    icon: str
    hint: str = ""
    url: str = ""
    number: str = ""
    party: str = ""
    action: str = ""
    fetch: str = ""
    act: str = ""  # what a script of the page does
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    label: str
    options: list[Option]


@bp.get("/palette")
@auth_required("session")  # type: ignore[untyped-decorator]
def palette() -> Any:
    typed = request.args.get("q", "").replace("\x00", "").strip()[:LONGEST]
    groups = [group for group in _groups(current_user, typed) if group.options]
    return render_template("desk/_palette.html", groups=groups, typed=typed)


def _groups(user: User, typed: str) -> list[Group]:
    people = _people(user, typed) if typed and may(user, Permission.CONTACT_READ) else []
    to_call, known = (
        Group(_("Call"), _to_call(user, typed, people)),
        Group(_("Contacts"), [_contact(one) for one in people]),
    )
    # whoever types a name and Enter wants to see, not to ring
    first = [to_call, known] if to_call.options and not people else [known, to_call]
    return [
        *first,
        Group(_("Callbacks"), _callbacks(user, typed)),
        Group(_("Calls"), _calls(user, typed)),
        Group(
            _("Pages"), _named(typed, [Option(label=label, icon=icon, url=url) for url, label, icon in places(user)])
        ),
        Group(_("Do"), _named(typed, _actions(user))),
    ]


def _people(user: User, typed: str) -> list[Any]:
    return list(contact_reads.search(typed).rows)[:FEW]


def _to_call(user: User, typed: str, people: list[Any]) -> list[Option]:
    if not may(user, Permission.CALL_PLACE):
        return []
    region = region_of(user)
    number = e164(typed, region) if typed else None
    options = (
        [Option(label=_("Call %(who)s", who=display(number, region)), icon="phone", number=number)] if number else []
    )
    for party in [] if number else people[:2]:
        if party.phones:
            first = party.phones[0].value
            options.append(
                Option(
                    label=_("Call %(who)s", who=party.name),
                    icon="phone",
                    hint=display(first, region),
                    number=first,
                    party=str(party.id),
                )
            )
    return options


def _contact(party: Any) -> Option:
    hint = party.company.name if party.company else ""
    return Option(label=party.name, icon="user", hint=hint, url=contacts.url(party))


def _calls(user: User, typed: str) -> list[Option]:
    if not typed or not may(user, Permission.CALL_READ):
        return []
    found = calls.rows(call_reads.log(user, call_reads.Filters(q=typed)).rows[:FEW])
    return [
        Option(
            label=row.party.name if row.party else row.name_from_switch or row.number_display or _("Number withheld"),
            icon="phone-outgoing" if row.direction == "outbound" else "phone-incoming",
            hint=calls.moment_display(row.started_at),
            url=row.url or "",
        )
        for row in found
        if row.url
    ]


def _callbacks(user: User, typed: str) -> list[Option]:
    if not typed or not may(user, Permission.CALLBACK_WORK):
        return []
    found = listing.page(user, listing.Filters(q=typed), size=FEW).rows
    return [
        Option(
            label=tasks.who(callback),
            icon="arrow-back-up",
            hint=_("due %(when)s", when=calls.moment_display(callback.due_at)),
            url=f"/callbacks?q={callback.number or ''}".replace("+", "%2B"),
        )
        for callback in found
    ]


def _actions(user: User) -> list[Option]:
    available = {"status": AgentStatus.AVAILABLE.value}
    options = [Option(label=_("Available"), icon="circle-check", action="/me/status", fetch="status", values=available)]
    for reason in agents.choices(user):
        values = {"status": AgentStatus.ON_BREAK.value, "break_reason": reason.code}
        label = _("Take a break: %(reason)s", reason=reason.label)
        options.append(Option(label=label, icon="coffee", action="/me/status", fetch="status", values=values))
    if may(user, Permission.CONTACT_WRITE):
        options.append(Option(label=_("New contact"), icon="user-plus", url="/contacts/new"))
    for value, word, icon in (
        ("dark", _("Dark"), "moon"),
        ("light", _("Light"), "sun"),
        ("auto", _("System"), "sun-moon"),
    ):
        label = _("Theme: %(theme)s", theme=word)
        options.append(
            Option(label=label, icon=icon, action="/me/preferences", fetch="preferences", values={"theme": value})
        )
    if may(user, Permission.CALL_TAKE):
        options.append(Option(label=_("Check phone and sound"), icon="stethoscope", url="/phone/check"))
    options.append(Option(label=_("Ring tone"), icon="volume", act="sound"))
    options.append(Option(label=_("Keyboard shortcuts"), icon="keyboard", hint="?", act="keys"))
    options.append(Option(label=_("Log out"), icon="logout", action="/logout"))
    return options


def _named(typed: str, options: list[Option]) -> list[Option]:
    words = folded(typed).split()
    return [option for option in options if all(word in folded(option.label) for word in words)]
