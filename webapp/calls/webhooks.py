"""Where Twilio tells and asks: a request is a row before it is answered, and the rows are the bridge's queue.

A question is answered from the database alone, and the same question always in the same way: what was answered is kept with
it. Whatever is not signed, or is told again when nobody repeats it any more, is refused without a word and changes nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import Blueprint, Flask, Response, current_app, request
from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError

from config.twilio import TwilioSettings
from telephony.twilio import twiml
from telephony.twilio.addresses import PREFIX, Addresses
from telephony.twilio.bridge import Kept, Wanted
from telephony.twilio.reconciler import Whose
from telephony.twilio.signature import SETTINGS, SIGNATURE, Secrets, address, is_genuine
from telephony.twilio.tracker import REASONS
from telephony.twilio.twiml import Decision, Voice
from telephony.twilio.webhooks import CALL_SID, LABEL, LINE, QUEUE, Kind, Webhook, key_of, root_of
from webapp import leases, switches
from webapp.accounts.models import AgentStatus, Line, Presence, User
from webapp.accounts.presence import EXPIRES
from webapp.calls.identity import storable
from webapp.calls.models import Call, CallState, SwitchRequest, SwitchStep
from webapp.db import db, now, transaction

bp = Blueprint("webhooks", __name__, url_prefix=PREFIX)

REPEATED = timedelta(seconds=60)  # so long somebody who got no answer may ask again: Twilio gives up after 15 s
CLAIM = timedelta(seconds=20)  # longer than any request to Twilio takes, with its repetitions
LONGEST_FIELD = 2_000
AT_ONCE = 200
_LANGUAGES = ("en", "el")

Answer = tuple[Decision, str]


@bp.post("/<switch>/<kind>")
@bp.post("/<switch>/<kind>/<root>")
@bp.post("/<switch>/<kind>/<root>/<first>")
@bp.post("/<switch>/<kind>/<root>/<first>/<second>")
def receive(switch: str, kind: str, root: str = "", first: str = "", second: str = "") -> Any:
    account = switches.account_of(switch)
    if account is None or not _is_genuine(account):
        return "", 403
    webhook = _read(kind, root, first, second)
    if webhook is None:
        return "", 404
    if webhook.kind is Kind.HOLD:  # tells nothing
        return _answered(twiml.hold(addresses_of(account), voice_of(account), webhook.root))
    key = key_of(webhook)
    kept = _kept(switch, key) or _keep(account, webhook, key)
    if webhook.received_at - kept.received_at > REPEATED:
        return "", 403  # a replay
    bell_of(current_app, switch).set()
    return _answered(kept.answer) if kept.answer else ("", 204)


def _is_genuine(account: TwilioSettings) -> bool:
    secrets = Secrets(
        tuple(token for token in (account.auth_token, account.old_auth_token) if token),
        {account.signing_key: account.signing_secret} if account.signing_key and account.signing_secret else {},
    )
    return (
        is_genuine(
            secrets,
            address(account.public_url, _raw_path()),
            signature=request.headers.get(SIGNATURE),
            signed_by=request.headers.get(SETTINGS),
            content_type=request.content_type or "",
            body=request.get_data(cache=True, parse_form_data=False),
            fields=request.form,
        )
        and request.form.get("AccountSid") == account.account_sid
    )


def _raw_path() -> str:
    """As it stood on the request's first line, below whatever a proxy has put before it."""
    raw = str(request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or request.full_path)
    return raw[max(0, raw.find(f"{PREFIX}/")) :]


def _read(kind: str, root: str, first: str, second: str) -> Webhook | None:
    """None: nothing that we ever gave to Twilio as an address."""
    fields = {name: storable(value)[:LONGEST_FIELD] for name, value in request.form.items()}
    try:
        known = Kind(kind)
    except ValueError:
        return None
    about = root_of(known, root, fields)
    if about is None:
        return None
    if known in (Kind.WAIT, Kind.QUEUE_EXIT):
        if not (first.isascii() and first.isdigit() and len(first) < 5 and QUEUE.fullmatch(second)):
            return None
        return Webhook(known, about, fields, _arrival(), step=int(first), part=second)
    by = second.replace("~", "/")
    if known is Kind.LEG and not (
        LABEL.fullmatch(first) and (not by or LINE.fullmatch(by)) and CALL_SID.fullmatch(fields.get("CallSid", ""))
    ):
        return None
    return Webhook(known, about, fields, _arrival(), part=first if known is Kind.LEG else "", by=by)


def _arrival() -> datetime:
    """Now; or by the clock of a stand-in, whose hours pass in a second."""
    clock: Callable[[], datetime] = current_app.extensions.get("ringback.arrival", now)
    return clock()


def _kept(switch: str, key: str) -> SwitchRequest | None:
    return db.session.scalar(sa.select(SwitchRequest).where(SwitchRequest.switch == switch, SwitchRequest.key == key))


def _keep(account: TwilioSettings, webhook: Webhook, key: str) -> SwitchRequest:
    decision, answer = answer_to(account, webhook)
    return _write(account, webhook, key, decision.value, answer)


def _write(account: TwilioSettings, webhook: Webhook, key: str, decision: str, answer: str) -> SwitchRequest:
    row = SwitchRequest(
        switch=account.name,
        kind=webhook.kind.value,
        root=webhook.root,
        key=key,
        leg=webhook.fields.get("CallSid") if webhook.kind is Kind.LEG else None,
        step=webhook.step,
        part=webhook.part,
        by=webhook.by,
        fields=dict(webhook.fields),
        decision=decision,
        answer=answer,
        received_at=webhook.received_at,
    )
    db.session.rollback()
    try:
        with transaction():
            db.session.add(row)
    except IntegrityError:  # the same, at the same moment
        found = _kept(account.name, key)
        if found is None:
            raise
        return found
    return row


# ---------------------------------------------------------------------------------------------------------- answers


def answer_to(account: TwilioSettings, webhook: Webhook) -> Answer:
    """What is decided, and TwiML; none for what only tells."""
    at, root = addresses_of(account), webhook.root
    match webhook.kind:
        case Kind.VOICE:
            queue = account.numbers.get(webhook.fields.get("To", ""))
            if queue is None:  # a number that leads here and into no queue: its callers are not lost either
                return Decision.NOBODY, twiml.voicemail(at, voice_of(account), root)
            return Decision.ENQUEUE, twiml.enqueue(at, voice_of(account), root, 1, queue)
        case Kind.WAIT:
            return _wait(account, webhook)
        case Kind.QUEUE_EXIT:
            return _leave(account, webhook)
        case Kind.JOIN:
            return Decision.JOIN, twiml.join(at, root)
        case Kind.VOICEMAIL:
            return Decision.END, twiml.thank(voice_of(account))
        case _:
            return Decision.NOTED, ""


def _wait(account: TwilioSettings, webhook: Webhook) -> Answer:
    decision = twiml.patience(
        timedelta(seconds=account.longest_wait),
        _waited(account, webhook),
        somebody=somebody_is_there(account.name, webhook.received_at),
        bridge=leases.facts_of(f"bridge:{account.name}", at=webhook.received_at) is not None,
    )
    return decision, twiml.stay(voice_of(account)) if decision is Decision.STAY else twiml.leave()


def _waited(account: TwilioSettings, webhook: Webhook) -> timedelta:
    """In this queue. Twilio's word, unless it says less than our own rows do."""
    told = webhook.fields.get("QueueTime", "")
    first = db.session.scalar(
        sa.select(sa.func.min(SwitchRequest.received_at)).where(
            SwitchRequest.switch == account.name,
            SwitchRequest.root == webhook.root,
            SwitchRequest.kind == Kind.WAIT.value,
            SwitchRequest.step == webhook.step,
        )
    )
    ours = webhook.received_at - first if first else timedelta(0)
    return max(ours, timedelta(seconds=int(told) if told.isascii() and told.isdigit() and len(told) < 7 else 0))


def _leave(account: TwilioSettings, webhook: Webhook) -> Answer:
    """Out of a queue: into voicemail where we let the caller go, or the queue failed."""
    match webhook.fields.get("QueueResult", ""):
        case "hangup":
            return Decision.END, twiml.end()
        case "leave" | "error" | "system-error" | "queue-full":
            return _why_let_go(account, webhook), twiml.voicemail(
                addresses_of(account), voice_of(account), webhook.root
            )
        case _:  # we brought them elsewhere ourselves
            return Decision.NOTED, twiml.nothing()


def _why_let_go(account: TwilioSettings, webhook: Webhook) -> Decision:
    last = db.session.scalar(
        sa.select(SwitchRequest.decision)
        .where(
            SwitchRequest.switch == account.name,
            SwitchRequest.root == webhook.root,
            SwitchRequest.kind == Kind.WAIT.value,
            SwitchRequest.step == webhook.step,
            SwitchRequest.decision.in_(REASONS),
        )
        .order_by(SwitchRequest.received_at.desc())
        .limit(1)
    )
    return Decision(last) if last else Decision.VOICEMAIL


def somebody_is_there(switch: str, at: datetime) -> bool:
    """Who has a phone there and a page open, even on a break: they may be back sooner than a caller gives up."""
    fresh = sa.exists().where(Presence.user_id == User.id, Presence.seen_at >= at - EXPIRES)
    query = sa.select(User.id).join(Line, Line.user_id == User.id)
    there = query.where(Line.switch == switch, User.active, User.status != AgentStatus.LOGGED_OUT, fresh)
    return db.session.scalar(there.limit(1)) is not None


def addresses_of(account: TwilioSettings) -> Addresses:
    return Addresses(account.public_url, account.name)


def voice_of(account: TwilioSettings) -> Voice:
    """In the callers' language, as far as we speak it."""
    language = account.language.partition("-")[0]
    with force_locale(language if language in _LANGUAGES else "en"):
        return Voice(
            language=account.language,
            greeting=account.greeting,
            please_wait=_("Please wait. You will be connected as soon as somebody is free."),
            leave_message=_(
                "Nobody can answer at the moment. Please leave a message after the tone. We will call you back."
            ),
            thanks=_("Thank you. Goodbye."),
            music_url=account.music_url or "",
        )


def _answered(answer: str) -> Response:
    return Response(answer, mimetype="text/xml")


# ------------------------------------------------------------------------------------------------------------ inbox


def bell_of(app: Flask, switch: str) -> threading.Event:
    """Rung for a bridge of the same process; one elsewhere looks often enough."""
    bells: dict[str, threading.Event] = app.extensions.setdefault("ringback.bells", {})
    return bells.setdefault(switch, threading.Event())


class RequestInbox:
    """`telephony.twilio.bridge.Inbox`, in our rows."""

    def __init__(self, app: Flask, account: TwilioSettings) -> None:
        self._app, self._account, self._switch = app, account, account.name
        self._bell = bell_of(app, account.name)

    def roots(self) -> Sequence[str]:
        with self._app.app_context():
            came = sa.select(SwitchRequest.root, sa.func.min(SwitchRequest.received_at).label("since"))
            came = came.where(SwitchRequest.switch == self._switch, SwitchRequest.handled_at.is_(None))
            left = sa.select(SwitchStep.root, sa.func.min(SwitchStep.at).label("since")).where(
                SwitchStep.switch == self._switch, SwitchStep.done_at.is_(None), SwitchStep.claimed_until < now()
            )
            both = came.group_by(SwitchRequest.root).union_all(left.group_by(SwitchStep.root)).subquery()
            query = sa.select(both.c.root).group_by(both.c.root).order_by(sa.func.min(both.c.since)).limit(AT_ONCE)
            return list(db.session.scalars(query))

    def of(self, root: str) -> Sequence[Kept]:
        with self._app.app_context():
            query = sa.select(SwitchRequest).where(SwitchRequest.switch == self._switch, SwitchRequest.root == root)
            rows = db.session.scalars(query.order_by(SwitchRequest.received_at, SwitchRequest.id)).all()
            return [Kept(row.id, _webhook(row), row.handled_at is not None) for row in rows]

    def handled(self, ids: Sequence[UUID]) -> None:
        with self._app.app_context(), transaction():
            db.session.execute(sa.update(SwitchRequest).where(SwitchRequest.id.in_(ids)).values(handled_at=now()))

    def claim(self, root: str, key: str, *, again: bool) -> bool:
        with self._app.app_context():
            if db.session.get(SwitchStep, (self._switch, root, key)) is not None:
                return self._claim_again(root, key, again)
            try:
                with transaction():
                    db.session.add(SwitchStep(switch=self._switch, root=root, key=key, claimed_until=now() + CLAIM))
            except IntegrityError:  # somebody was faster
                return False
            return True

    def _claim_again(self, root: str, key: str, again: bool) -> bool:
        left = (*self._step(root, key), SwitchStep.done_at.is_(None), SwitchStep.claimed_until < now())
        changes: Mapping[str, Any] = (
            {"claimed_until": now() + CLAIM}
            if again
            else {"done_at": now(), "problem": "nobody knows what became of it"}
        )
        with transaction():
            taken = db.session.execute(sa.update(SwitchStep).where(*left).values(**changes))
        return again and bool(taken.rowcount)  # type: ignore[attr-defined]

    def finish(self, root: str, key: str, problem: str = "") -> None:
        with self._app.app_context(), transaction():
            done = sa.update(SwitchStep).where(*self._step(root, key))
            db.session.execute(done.values(done_at=now(), problem=problem[:200]))

    def failed(self, root: str) -> Set[str]:
        with self._app.app_context():
            query = sa.select(SwitchStep.key).where(SwitchStep.switch == self._switch, SwitchStep.root == root)
            return frozenset(db.session.scalars(query.where(SwitchStep.problem != "")))

    def wanted(self, root: str) -> Wanted | None:
        with self._app.app_context():
            call = db.session.scalar(sa.select(Call).where(Call.switch == self._switch, Call.uid == root))
            if call is None or call.requested_by_id is None or not call.number or call.state is CallState.ENDED:
                return None
            return Wanted(call.number, call.shown_number or "")

    def enqueue(self, root: str, step: int, queue: str) -> str:
        with self._app.app_context():
            return twiml.enqueue(addresses_of(self._account), voice_of(self._account), root, step, queue)

    def backlog(self) -> int:
        with self._app.app_context():
            query = sa.select(sa.func.count()).select_from(SwitchRequest)
            mine = query.where(SwitchRequest.switch == self._switch, SwitchRequest.handled_at.is_(None))
            return db.session.scalar(mine) or 0

    def forget(self, before: datetime) -> None:
        with self._app.app_context(), transaction():
            lasts = sa.select(Call.uid).where(Call.switch == self._switch, Call.state != CallState.ENDED)
            old = (SwitchRequest.switch == self._switch, SwitchRequest.received_at < before)
            db.session.execute(sa.delete(SwitchRequest).where(*old, SwitchRequest.root.not_in(lasts)))
            steps = (SwitchStep.switch == self._switch, SwitchStep.at < before)
            db.session.execute(sa.delete(SwitchStep).where(*steps, SwitchStep.root.not_in(lasts)))

    def whose(self, leg: str) -> Whose | None:
        """As its own webhooks told."""
        with self._app.app_context():
            told = db.session.execute(
                sa.select(SwitchRequest.root, SwitchRequest.part, SwitchRequest.by)
                .where(SwitchRequest.switch == self._switch, SwitchRequest.leg == leg)
                .limit(1)
            ).first()
            return Whose(*told) if told else None

    def add(self, webhooks: Sequence[Webhook]) -> None:
        """What was not told and is known all the same; never twice."""
        for webhook in webhooks:
            with self._app.app_context():
                key = key_of(webhook)
                if _kept(self._switch, key) is None:
                    _write(self._account, webhook, key, webhook.decision, "")
        self._bell.set()

    def wait(self, seconds: float) -> None:
        self._bell.wait(seconds)
        self._bell.clear()

    def _step(self, root: str, key: str) -> tuple[Any, ...]:
        return SwitchStep.switch == self._switch, SwitchStep.root == root, SwitchStep.key == key


def _webhook(row: SwitchRequest) -> Webhook:
    return Webhook(
        kind=Kind(row.kind), root=row.root, fields=row.fields, received_at=row.received_at, step=row.step,
        part=row.part, by=row.by, decision=row.decision,
    )  # fmt: skip
