"""The call bar's cards: what an agent has to see of each call in which their own phone takes part, and of no other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from flask_babel import gettext as _

from telephony.events import LegResult
from webapp.accounts.models import User
from webapp.agents.queries import held_since
from webapp.calls import actions as calls
from webapp.calls import queries as call_reads
from webapp.calls import shown as call_shown
from webapp.calls.models import Call, CallState, Disposition, Leg
from webapp.contacts import queries as contact_reads
from webapp.contacts import shown as contacts
from webapp.contacts.models import Party
from webapp.db import now
from webapp.phones import queries as phones
from webapp.phones.models import Handling
from webapp.scripts.models import Script
from webapp.scripts.queries import scripts_for
from webapp.tasks import queries as tasks
from webapp.tasks import shown as task_shown
from webapp.tasks.models import Callback
from webapp.wrapup import queries as wrap_ups
from webapp.wrapup import shown as wrap_up_shown
from webapp.wrapup.models import WrapUp, WrapUpForm

WEEK = timedelta(days=7)
FEW = 3  # open callbacks that a card names
WITH_SCRIPT = ("ringing", "answered", "held", "wrap_up")
# what an agent has to look at first
_ORDER = ("answered", "held", "asked", "ringing", "requested", "wrap_up", "failed", "unanswered", "answered_elsewhere")


@dataclass(frozen=True, slots=True, kw_only=True)
class CardCall:
    """`state` is this agent's view of the call, one of `_ORDER`: it may go on with a colleague meanwhile."""

    uid: str
    version: int
    state: str
    direction: str
    number_display: str
    number_e164: str | None
    name_from_switch: str
    withheld: bool
    queue: str | None
    did: str | None
    did_label: str | None
    started_at: datetime
    ringing_since: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    waited_seconds: int
    talk_seconds: float
    line: str
    can_answer: bool
    in_browser: bool  # the phone is the page itself
    muted: bool  # a browser phone knows by itself
    can_mute: bool
    asking: str  # whom this agent asks, while the customer waits
    swapped: bool  # that is who waits, and the customer talks
    joined: bool  # all three talk
    asked_by: str  # the colleague who asks this agent
    held_since: datetime | None
    wrap_up_until: datetime | None  # then the agent is ready, whatever they wrote
    more_time: bool  # may be asked for
    result: str | None
    failure: str
    customer_first: bool  # their phone rings before the agent's


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    id: UUID
    name: str
    kind: str
    company: str
    last_call_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    call: CardCall
    party: contacts.Brief | None
    matches: list[Match]  # if several have this number, the one last talked to first
    last_calls: list[call_shown.Row]
    calls_in_7_days: int  # before this one
    open_tasks: int
    callbacks: list[task_shown.Row]  # the first of those
    script: Script | None
    also_ringing: list[str]
    notes: str
    notes_version: str  # "" while nothing is written
    form: wrap_up_shown.Form | None  # while it is wrapped up
    answered_elsewhere_by: str | None
    expires_in: float | None  # seconds; then the card goes away by itself


@dataclass(frozen=True, slots=True)
class _Known:
    """All that the cards of one bar need, read at once: the number of questions does not grow with the cards."""

    owners: dict[str, list[Party]]
    chosen: dict[str, UUID]
    last_talked: dict[UUID, datetime]
    last_calls: dict[UUID, list[Call]]
    how_often: dict[str, int]
    callbacks: list[Callback]
    callback_rows: dict[UUID, task_shown.Row]
    scripts: dict[UUID, Script]
    dispositions: Sequence[Disposition]
    held: dict[UUID, datetime]
    forms: dict[UUID, WrapUpForm]  # of the calls that are wrapped up
    wrap_ups: dict[UUID, WrapUp]
    handling: dict[UUID, Handling]


def cards_of(user: User, at: datetime | None = None) -> list[Card]:
    """The most urgent first."""
    at = at or now()
    shown = call_reads.in_bar(user, at)
    if not shown:
        return []
    known = _know(shown, user, at)
    cards = [_card(call, user, known, at) for call in shown]
    return sorted(cards, key=lambda card: _ORDER.index(card.call.state))


def _know(shown: Sequence[Call], user: User, at: datetime) -> _Known:
    numbers = list({call.number for call in shown if call.number})
    owners = contact_reads.parties_with_numbers(numbers)
    shared = {number: parties for number, parties in owners.items() if len(parties) > 1}
    sharers = [party.id for parties in shared.values() for party in parties]
    done = [call for call in shown if _state(call, call.leg_of(user.id), None) == "wrap_up"]
    queues = {call.id: wrap_ups.queue_of(call, user.id) for call in done}
    forms = wrap_ups.forms_for(queues.values()) if done else {}
    callbacks = tasks.of_customers([call.party_id for call in shown if call.party_id], numbers)
    told = [call for call in shown if _state(call, call.leg_of(user.id), None) in WITH_SCRIPT]
    return _Known(
        scripts=scripts_for(told, user.id),
        owners=owners,
        chosen=call_reads.chosen_parties(shared) if shared else {},
        last_talked=contact_reads.last_calls_at(sharers) if shared else {},
        last_calls=call_reads.last_calls(shown),
        how_often=call_reads.how_often(numbers, at - WEEK),
        callbacks=callbacks,
        callback_rows={row.id: row for row in task_shown.rows(callbacks, user)} if callbacks else {},
        dispositions=call_reads.dispositions() if done else [],
        forms={call_id: forms[queue] for call_id, queue in queues.items()},
        wrap_ups=wrap_ups.by_call(user, queues) if done else {},
        held=held_since([call.id for call in shown if call.state is CallState.HELD]),
        handling=phones.handling_of(leg.id for call in shown for leg in call.legs if leg.ended_at is None),
    )


def _card(call: Call, user: User, known: _Known, at: datetime) -> Card:
    leg = call.leg_of(user.id)
    handling = known.handling.get(leg.id) if leg else None
    state = _state(call, leg, handling)
    owners = known.owners.get(call.number or "", [])
    party = call.party or _remembered(owners, known.chosen.get(call.number or ""))
    open_ones = [callback for callback in known.callbacks if _concerns(callback, call, party)]
    note = next((note for note in call.notes if note.user_id == user.id), None)
    return Card(
        call=_card_call(call, leg, state, known, at, user),
        party=contacts.brief(party) if party else None,
        matches=_matches(owners, known.last_talked),
        last_calls=call_shown.rows(known.last_calls.get(call.id, []), may_open=()),
        calls_in_7_days=max(0, known.how_often.get(call.number or "", 0) - (call.started_at > at - WEEK)),
        open_tasks=len(open_ones),
        callbacks=[known.callback_rows[callback.id] for callback in open_ones[:FEW]],
        script=known.scripts.get(call.id),
        also_ringing=[other.user.name for other in call.legs if other.is_ringing and other.user and other is not leg],
        notes=note.text if note else "",
        notes_version=note.version if note else "",
        form=_form(call, known),
        answered_elsewhere_by=_taken_by(call) if state == "answered_elsewhere" else None,
        expires_in=_expires_in(call, leg, state, at),
    )


def _state(call: Call, leg: Leg | None, handling: Handling | None) -> str:
    if leg is None:
        return "failed" if call.is_over else "requested"
    if leg.answered_at and leg.ended_at is None:
        return "held" if call.state is CallState.HELD or (handling and handling.waits) else "answered"
    if leg.is_asked:
        return "asked"
    if leg.is_ringing:
        return "ringing"
    if leg.wants_wrap_up:
        return "wrap_up"
    if leg.result is LegResult.ANSWERED_ELSEWHERE:
        return "answered_elsewhere"
    return "unanswered" if call.is_missed else "failed"


def _card_call(call: Call, leg: Leg | None, state: str, known: _Known, at: datetime, user: User) -> CardCall:
    in_browser = phones.is_in_browser(user, call.switch, leg)
    handling = known.handling.get(leg.id) if leg else None
    until = leg.wrap_up_until if leg and state == "wrap_up" else None
    return CardCall(
        uid=str(call.id),
        version=call.version,
        state=state,
        direction=call.direction.value,
        number_display=call_shown.number_display(call.number, call.number_raw, call.switch),
        number_e164=call.number,
        name_from_switch=call.name_raw,
        withheld=call.withheld,
        queue=(leg.queue if leg else None) or call.queue,
        did=call_shown.did_display(call.switch, call.did),
        did_label=call_shown.did_label(call.switch, call.did),
        started_at=call.started_at,
        ringing_since=leg.rang_at if leg else None,
        answered_at=leg.answered_at if leg else None,
        ended_at=(leg.ended_at if leg else None) or call.ended_at,
        waited_seconds=max(0, int(((call.answered_at or call.ended_at or at) - call.started_at).total_seconds())),
        talk_seconds=leg.talk_seconds if leg else 0.0,
        line=leg.line if leg else "",
        can_answer=state == "ringing" and (in_browser or calls.can_answer(call.switch)),
        in_browser=in_browser,
        muted=bool(handling and handling.muted),
        can_mute=in_browser or calls.can_answer(call.switch),
        asking=handling.asked if leg and handling and phones.is_asking(call, leg, handling, at) else "",
        swapped=bool(handling and handling.swapped),
        joined=bool(handling and handling.joined),
        asked_by=next((other.user.name for other in call.answered_legs if other.user and other.ended_at is None), ""),
        held_since=known.held.get(call.id) if state == "held" else None,
        wrap_up_until=until,
        more_time=bool(until and known.forms[call.id].more_seconds),
        result=call.result.value if call.result else None,
        failure=call_shown.failure(call),
        customer_first=call.is_customer_first,
    )


def _matches(owners: list[Party], last_talked: dict[UUID, datetime]) -> list[Match]:
    if len(owners) < 2:
        return []
    matches = [
        Match(
            id=party.id,
            name=party.name,
            kind=party.kind.value,
            company=party.company.name if party.company else "",
            last_call_at=last_talked.get(party.id),
        )
        for party in owners
    ]
    return sorted(matches, key=lambda match: -match.last_call_at.timestamp() if match.last_call_at else 0.0)


def _remembered(owners: list[Party], chosen: UUID | None) -> Party | None:
    if len(owners) == 1:
        return owners[0]
    return next((party for party in owners if party.id == chosen), None)


def _concerns(callback: Callback, call: Call, party: Party | None) -> bool:
    return bool((call.number and callback.number == call.number) or (party and callback.party_id == party.id))


def _form(call: Call, known: _Known) -> wrap_up_shown.Form | None:
    form = known.forms.get(call.id)
    return wrap_up_shown.form_of(call, known.wrap_ups.get(call.id), form, known.dispositions) if form else None


def _taken_by(call: Call) -> str:
    return next((leg.user.name for leg in call.answered_legs if leg.user), _("a colleague"))


def _expires_in(call: Call, leg: Leg | None, state: str, at: datetime) -> float | None:
    if leg and leg.wrap_up_until and state == "wrap_up":
        return max(0.0, round((leg.wrap_up_until - at).total_seconds() + 0.1, 1))
    if state not in call_reads.SHOWN_FOR:
        return None
    since = leg.rang_at if leg and state == "ringing" else (leg and leg.ended_at) or call.ended_at or call.started_at
    return max(
        0.0, round((since + call_reads.SHOWN_FOR[state] - at).total_seconds() + 0.1, 1)
    )  # not before the server agrees
