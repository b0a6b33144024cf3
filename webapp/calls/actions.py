"""What people do with calls. Verbs raise and never commit; `dial`, `answer` and `hang_up` speak to the switch, so they
are called outside a transaction."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
import structlog
from flask import current_app
from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError

from config.settings import Settings
from telephony.commands import Answer, Cancel, Hangup, Look, Originate, PhoneState
from telephony.errors import SwitchError, SwitchUnavailable
from telephony.events import Direction, Result
from telephony.numbers import e164
from webapp import switches
from webapp.accounts import actions as accounts
from webapp.accounts.models import User
from webapp.calls import capture, clearance, identity, queries, rules
from webapp.calls.clearance import Wish
from webapp.calls.decision import Decision, Occasion, Reason
from webapp.calls.events import CallFinished, DispositionLogged, NoteWritten, PartyChosen
from webapp.calls.models import Call, CallNote, CallState, Disposition, Leg, NumberChoice
from webapp.contacts.models import Party
from webapp.contacts.queries import parties_with_number
from webapp.db import db, lock, new_id, now, transaction
from webapp.errors import Conflict, Forbidden, Invalid, Unavailable
from webapp.events import publish
from webapp.timeline import actions as timeline
from webapp.timeline.models import Activity

log = structlog.get_logger(__name__)
LONGEST_NOTE = 20_000
NO_OCCASION = Occasion()


def request_call(
    user: User,
    number: str,
    key: str,
    *,
    party_id: UUID | None = None,
    occasion: Occasion = NO_OCCASION,
    shown: str = "",
    is_out_of_reach: bool = False,
) -> Call:
    """Write down that `user` wants `number` called; `dial` it once this is committed. The same key is the same call.

    `shown`: which of our numbers the customer is to see; `is_out_of_reach`: the user's own phone is.
    Raises what `refuse` raises, before anything rings.
    """
    if made := _requested(user, key):
        return made
    [decision] = clearance.clear(user, [Wish(number, occasion, party_id)], is_out_of_reach=is_out_of_reach)
    refuse(decision, number)
    line = user.lines[0]
    dialled = e164(number, switches.region_of(line.switch))
    call = Call(
        id=new_id(), switch=line.switch, direction=Direction.OUTBOUND, state=CallState.REQUESTED, started_at=now(),
        number=dialled, number_raw=dialled or "", requested_by_id=user.id, request_key=key, version=0,
        shown_number=rules.shown_to_customer(user, occasion.queue, line.switch, shown),
        rings_first=rules.rings_first(user, occasion.queue),
    )  # fmt: skip
    call.uid = str(call.id)
    call.party_id = party_id or identity.party_for(str(dialled))
    try:
        with db.session.begin_nested():
            db.session.add(call)
    except IntegrityError:  # the same click, at the same moment
        if made := _requested(user, key):
            return made
        raise
    if call.is_customer_first:  # what comes of the call ends it sooner: see `release_caller`
        caller = db.session.get_one(User, user.id)
        accounts.reserve(caller, now() + capture.REQUEST_PATIENCE + timedelta(seconds=_customer_wait()))
    capture.changed(call)
    return call


def is_out_of_reach(user: User) -> bool:
    """Does the switch say that the phone on which this user would be called is not there? Asked when a call is wished for,
    as a phone may leave at any moment; a switch that does not say it, or does not answer, keeps nobody from calling."""
    if not user.lines:
        return False
    switch, command = user.lines[0].switch, Look(user.lines[0].endpoint)
    db.session.rollback()
    try:
        return switches.get(switch).phone_state(command) is PhoneState.AWAY
    except SwitchError as error:
        log.info("nobody knows whether a phone is there", line=command.line, reason=error.reason)
        return False


def refuse(decision: Decision, number: str) -> None:
    """Raises Invalid for a number that is none or our own, Forbidden for who places no calls, else Conflict."""
    if decision.first is None:
        return
    reason, why_not = decision.first.reason, clearance.sentence(decision.first, number)
    if reason in (Reason.NOT_A_NUMBER, Reason.OWN_NUMBER):
        raise Invalid(why_not, fields={"number": why_not})
    if reason is Reason.NOT_ALLOWED:
        raise Forbidden(why_not)
    raise Conflict(why_not, fields={reason.value: why_not})


def dial(call_id: UUID) -> None:
    """Ask the switch for a call that was committed, once, however often this is asked.

    Raises Unavailable with the switch's reason; the call then says so too."""
    if not _is_ours_to_dial(call_id):
        return
    call = db.session.get_one(Call, call_id)
    assert call.requested_by is not None and call.number is not None
    line = next(line for line in call.requested_by.lines if line.switch == call.switch)
    command = Originate(
        uid=call.uid,
        line=line.endpoint,
        number=call.number,
        shown=call.shown_number or "",
        answer_itself=line.in_browser,
        first=call.rings_first,
        agent_ring_seconds=_customer_wait(),
    )
    switch = call.switch
    _take_out_of_queues(call.requested_by)
    db.session.rollback()
    try:
        switches.get(switch).originate(command)
    except SwitchUnavailable as error:
        # it may have been heard: if nothing follows, the sweep ends it
        log.warning("originate without an answer", call=str(call_id), reason=error.reason)
        raise Unavailable(_("The telephone system does not answer.")) from error
    except SwitchError as error:
        with transaction():
            fail_call(db.session.get_one(Call, call_id), error.reason)
        raise Unavailable(_("The telephone system refused: %(reason)s", reason=error.reason)) from error


def release_caller(call: Call) -> None:
    """Queues may ring who asked for this call: they talk, or it is over. Until then they are reserved for its customer."""
    caller = call.requested_by
    if caller is None or caller.reserved_until is None:
        return
    lock(caller)  # another call of theirs may just be asked for
    if not queries.calls_customer_first(caller.id):
        accounts.release(caller)


def fail_call(call: Call, reason: str, *, at: datetime | None = None) -> None:
    """A call that we asked for and that never came to be."""
    lock(call)
    if call.state is not CallState.REQUESTED:
        return
    call.state, call.result, call.failure = CallState.ENDED, Result.FAILED, reason[:200]
    call.ended_at = at or now()
    db.session.flush()
    publish(CallFinished(call_id=call.id, at=call.ended_at))
    capture.changed(call)


def answer(user: User, call: Call) -> None:
    """Make the agent's ringing phone pick up. Raises Conflict when it does not ring (any more), Unavailable.

    Who has picked up already has what they wish: a hand was quicker at the phone itself, or the ring of a phone that fetches
    a parked customer was told only when it was answered, as until then nothing joins the two.
    """
    leg = call.leg_of(user.id)
    if leg is not None and (leg.answered_at or leg.asked_at) and leg.ended_at is None and not call.is_over:
        return
    if leg is None or not leg.is_ringing or call.is_over:
        raise Conflict(_("The call is not ringing at your phone any more."))
    _command(call, leg, answer=True)


def hang_up(user: User, call: Call) -> None:
    """Or give a call up that does not ring here yet: the customer's phone rings first. Raises Conflict when the agent has no
    part in the call (any more), Unavailable."""
    leg = call.leg_of(user.id)
    if (
        leg is None
        and call.is_customer_first
        and call.requested_by_id == user.id
        and call.dialled_at
        and not call.is_over
    ):
        _ask(call.switch, Cancel(call.uid))
        return
    if leg is None or leg.ended_at is not None or call.is_over:
        raise Conflict(_("The call is already over."))
    _command(call, leg, answer=False)


def can_answer(switch: str) -> bool:
    try:
        return switches.get(switch).can_answer
    except SwitchError:
        return False


def write_note(call: Call, user: User, text: str, *, over: str | None = None) -> CallNote:
    """`over`: the version of the note that its author saw, "" for none; without, whatever is there is written over.

    Raises Invalid for a note that is too long, and Conflict when they wrote another one elsewhere meanwhile."""
    if len(text) > LONGEST_NOTE:
        raise Invalid(_("The note is longer than %(most)s characters.", most=LONGEST_NOTE), fields={"text": "too long"})
    lock(call)
    note = next((note for note in call.notes if note.user_id == user.id), None)
    text = text.replace("\x00", "")
    if note is None:
        note = CallNote(user_id=user.id)
        call.notes.append(note)
    elif over not in (None, note.version) and note.text != text:
        raise Conflict(_("You changed this note elsewhere meanwhile."))
    note.text = text
    db.session.flush()
    publish(NoteWritten(call_id=call.id, user_id=user.id, version=note.version))
    return note


def log_disposition(call: Call, disposition: Disposition | None, *, by: User, note: str | None = None) -> None:
    """What the agent says of a call, if anything; ends the agent's wrap-up. Raises Conflict while they still talk."""
    lock(call)
    own = [leg for leg in call.legs if leg.user_id == by.id and leg.answered_at]
    if not own:
        raise Conflict(_("You did not take part in this call."))
    if any(leg.ended_at is None for leg in own):
        raise Conflict(_("The call is not over yet."))
    call.disposition = disposition or call.disposition
    for leg in own:
        leg.wrapped_up_at = leg.wrapped_up_at or now()
    if note is not None:
        write_note(call, by, note)
    db.session.flush()
    publish(
        DispositionLogged(
            call_id=call.id, disposition_id=disposition.id if disposition else None, by_id=by.id, at=now()
        )
    )
    capture.changed(call)


def choose_party(call: Call, party: Party, *, by: User) -> None:
    """Who this was. The choice is remembered for the number."""
    lock(call)
    before, call.party = call.party_id, party
    call.party_id = party.id
    if before and before != party.id:
        db.session.execute(sa.delete(Activity).where(Activity.subject_id == call.id, Activity.party_id == before))
    if call.is_over:
        timeline.note(party.id, "call.ended", call.id, at=call.started_at, data={"direction": call.direction.value})
    if call.number:
        _remember(call.number, party.id, by)
    db.session.flush()
    publish(PartyChosen(call_id=call.id, party_id=party.id, at=now()))
    capture.changed(call)


def forget_party(call: Call) -> None:
    """It was none of them, or nobody knows: the agent is asked again, for this call and for the number."""
    lock(call)
    if call.number:
        db.session.execute(sa.delete(NumberChoice).where(NumberChoice.number == call.number))
    if call.party_id:
        timeline_of = (Activity.subject_id == call.id, Activity.party_id == call.party_id)
        db.session.execute(sa.delete(Activity).where(*timeline_of))
    call.party, call.party_id = None, None
    db.session.flush()
    capture.changed(call)


def adopt_calls(party_id: UUID, number: str) -> None:
    """Earlier calls from a number that was nobody's become the new owner's, if it is the only one."""
    if [party.id for party in parties_with_number(number)] != [party_id]:
        return
    for call in db.session.scalars(sa.select(Call).where(Call.number == number, Call.party_id.is_(None))).unique():
        call.party_id = party_id
        if call.is_over:
            timeline.note(party_id, "call.ended", call.id, at=call.started_at, data={"direction": call.direction.value})


def _requested(user: User, key: str) -> Call | None:
    return db.session.scalar(sa.select(Call).where(Call.request_key == key, Call.requested_by_id == user.id))


def _is_ours_to_dial(call_id: UUID) -> bool:
    """For one of those who ask; a second click, or a retry, finds that it was done."""
    with transaction():
        taken = db.session.execute(
            sa.update(Call)
            .where(Call.id == call_id, Call.state == CallState.REQUESTED, Call.dialled_at.is_(None))
            .values(dialled_at=now())
        )
    return bool(taken.rowcount)  # type: ignore[attr-defined]


def _remember(number: str, party_id: UUID, by: User) -> None:
    by_id, choice = by.id, db.session.get(NumberChoice, number)
    if choice is None:
        db.session.add(NumberChoice(number=number, party_id=party_id, chosen_by_id=by_id, chosen_at=now()))
    else:
        choice.party_id, choice.chosen_by_id, choice.chosen_at = party_id, by_id, now()


def _customer_wait() -> int:
    settings: Settings = current_app.extensions["ringback.settings"]
    return settings.customer_wait_seconds


def _take_out_of_queues(user: User) -> None:
    """Who is reserved, before a phone rings outside; where the switch does not do it, it is tried again."""
    if user.reserved_until is None:
        return
    try:
        accounts.in_step(user)
    except Unavailable as error:
        log.warning("queues may ring whose customer is called", user=str(user.id), problem=error.message)


def _command(call: Call, leg: Leg, *, answer: bool) -> None:
    _ask(call.switch, Answer(leg.channel) if answer else Hangup(leg.channel))


def _ask(switch: str, command: Answer | Hangup | Cancel) -> None:
    db.session.rollback()
    try:
        asked = switches.get(switch)
        if isinstance(command, Answer):
            asked.answer(command)
        elif isinstance(command, Hangup):
            asked.hangup(command)
        else:
            asked.cancel(command)
    except SwitchUnavailable as error:
        raise Unavailable(_("The telephone system does not answer.")) from error
    except SwitchError as error:
        raise Unavailable(_("The telephone system refused: %(reason)s", reason=error.reason)) from error
