"""The steps of a call in the reader's language: why it popped where it did."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import ngettext

from telephony.events import LegResult
from webapp.accounts.models import User
from webapp.calls import why
from webapp.calls.models import Call, Step, StepKind
from webapp.calls.shown import result_word
from webapp.contacts.models import Party
from webapp.db import db

Names = Mapping[UUID, str]


@dataclass(frozen=True, slots=True)
class Reason:
    """`late_ms`: between the switch's clock and ours, or from the socket's message to the painted card."""

    at: datetime
    kind: str
    text: str
    late_ms: float | None


def of(call: Call) -> list[Reason]:
    steps = why.steps_of(call)
    names = _names(steps)
    return [Reason(step.at, step.kind.value, _WORDS[step.kind](step.facts, names), _late(step)) for step in steps]


def _late(step: Step) -> float | None:
    if step.kind is StepKind.PAINTED:
        return float(step.facts["ms"])
    if step.kind is not StepKind.TOLD or step.said_at is None or step.facts.get("by_books"):
        return None
    return (step.at - step.said_at).total_seconds() * 1000


def _names(steps: list[Step]) -> dict[UUID, str]:
    """Of the users and parties that the steps speak of, in two questions."""
    ids = {UUID(each) for step in steps for each in _ids(step.facts)}
    if not ids:
        return {}
    users = db.session.execute(sa.select(User.id, User.name).where(User.id.in_(ids)))
    parties = db.session.execute(sa.select(Party.id, Party.name).where(Party.id.in_(ids)))
    return {key: name for rows in (users, parties) for key, name in rows}


def _ids(facts: Mapping[str, Any]) -> list[str]:
    single = [facts[key] for key in ("user", "chosen") if facts.get(key)]
    return [*single, *facts.get("users", []), *facts.get("parties", [])]


def _who(names: Names, key: str) -> str:
    return names.get(UUID(key), _("somebody who is not here any more"))


def _told(facts: Mapping[str, Any], names: Names) -> str:
    event, line, queue = facts.get("event", ""), facts.get("line", ""), facts.get("queue", "")
    result = result_word(facts["result"]) if facts.get("result") else _("its beginning was not seen")
    if event == "CallStarted":
        return _started(facts)
    words = {
        "QueueJoined": _("The caller entered the queue %(queue)s.", queue=queue),
        "LegRinging": _("%(line)s rings.", line=line),
        "CallAnswered": _("%(line)s and the customer are connected.", line=line),
        "LegAsked": _("%(line)s was picked up to talk to a colleague, while the customer waits.", line=line),
        "LegEnded": _leg_ended(facts),
        "CallHeld": _("%(line)s put the customer on hold.", line=line),
        "CallResumed": _("%(line)s took the customer back.", line=line),
        "CallsMerged": _("Another call turned out to be this conversation."),
        "CallEnded": _("The call ended: %(result)s.", result=result),
        "Doubted": _("The caller forges what the switch says: nothing is decided for good until it is confirmed."),
        "Reopened": _("The switch still has this call: the end that was heard was none."),
        "Confirmed": _confirmed(facts),
    }
    if facts.get("by_books"):
        return str(_("Nobody had heard of it. The switch's own books tell: %(result)s.", result=result))
    return str(words.get(event, event))


def _leg_ended(facts: Mapping[str, Any]) -> str:
    line, result = facts.get("line", ""), facts.get("result", "")
    if result == LegResult.ANSWERED:
        return str(_("%(line)s left the call.", line=line))
    return str(_("%(line)s rings no more: %(result)s.", line=line, result=result_word(result)))


def _confirmed(facts: Mapping[str, Any]) -> str:
    if facts.get("by") == "books":
        return str(_("The switch's own books confirm it."))
    return str(_("The switch's list of channels confirms it."))


def _started(facts: Mapping[str, Any]) -> str:
    if facts.get("direction") == "inbound":
        did = facts.get("did") or "–"
        return str(_("Inbound, since its first channel came from a trunk. It called %(did)s.", did=did))
    line = facts.get("line") or "–"
    return str(_("Outbound, since its first channel is ours. %(line)s placed it.", line=line))


def _number(facts: Mapping[str, Any], _names: Names) -> str:
    if facts.get("withheld"):
        return str(_("The number is withheld, so nobody is looked for."))
    raw, region = facts.get("raw", ""), facts.get("region", "")
    if facts.get("number"):
        number = facts["number"]
        return str(
            _("“%(raw)s”, read with the rules of %(region)s, is %(number)s.", raw=raw, region=region, number=number)
        )
    return str(_("“%(raw)s” is no number by the rules of %(region)s, so nobody is looked for.", raw=raw, region=region))


def _match(facts: Mapping[str, Any], names: Names) -> str:
    found, chosen = int(facts.get("of", 0)), facts.get("chosen")
    if not found:
        return str(_("No contact has this number."))
    if chosen and found == 1:
        return str(_("%(name)s has this number, and nobody else.", name=_who(names, chosen)))
    shared = ngettext("%(num)d contact has this number", "%(num)d contacts have this number", found)
    if chosen:
        return str(_("%(shared)s; %(name)s was chosen last time.", shared=shared, name=_who(names, chosen)))
    return str(_("%(shared)s; none was chosen yet, so the card asks.", shared=shared))


def _phone(facts: Mapping[str, Any], names: Names) -> str:
    line, user = facts.get("line", ""), facts.get("user")
    if user:
        return str(_("%(line)s is the phone of %(name)s.", line=line, name=_who(names, user)))
    return str(_("%(line)s is nobody's phone here, so no page is told.", line=line))


def _sent(facts: Mapping[str, Any], names: Names) -> str:
    users = [_who(names, user) for user in facts.get("users", [])]
    if not users:
        return str(_("Nobody's page was told."))
    return str(_("The pages of %(names)s were told to look.", names=", ".join(sorted(users))))


def _painted(facts: Mapping[str, Any], names: Names) -> str:
    return str(_("The card was on the screen of %(name)s.", name=_who(names, facts["user"])))


_WORDS: Mapping[StepKind, Callable[[Mapping[str, Any], Names], str]] = {
    StepKind.TOLD: _told,
    StepKind.NUMBER: _number,
    StepKind.MATCH: _match,
    StepKind.PHONE: _phone,
    StepKind.SENT: _sent,
    StepKind.PAINTED: _painted,
}
