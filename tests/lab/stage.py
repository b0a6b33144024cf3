"""The whole way of a call, from a real phone to the product's rows: Asterisk with SIPp around it, and the product's own
bridge (AMI, journal, tracker, capture) into a database. Stories are played on it, many at a time.
"""

from __future__ import annotations

import itertools
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import selectinload

from config.settings import Settings
from telephony.ami.client import AmiClient
from telephony.ami.frames import Frame, read_frames
from telephony.commands import First, Originate
from telephony.events import CallSummary
from telephony.replay import derive
from tests.journeys.product import as_toml
from tests.lab import cel
from tests.lab.desk import Desk, wait_for
from tests.lab.pbx import DESKS, PEOPLE, LabPbx
from tests.lab.script import From, calling, is_refused
from tests.lab.truth import Told, Truth
from webapp import schema, switches
from webapp.accounts.actions import add_user, ensure_roles
from webapp.accounts.models import User
from webapp.app import create_app
from webapp.bridges import BridgeKeeper
from webapp.calls import actions
from webapp.calls.models import Call, CallState
from webapp.db import db, transaction
from webapp.tasks.models import Callback, CallbackCall
from webapp.trial.install import Installation
from webapp.trial.pbx import TRUNK_IP

SWITCH = "main"
NEVER_DIALLED = {"agent_no_answer", "agent_declined", "agent_unavailable"}
CEL_TOLERANCE = 1.0  # seconds between the product's books and Asterisk's own

Plot = Callable[["Scene"], Sequence[Truth] | Truth]


@dataclass(frozen=True, slots=True)
class Story:
    name: str
    plot: Plot

    def __str__(self) -> str:
        return self.name


class Stories(list[Story]):
    """`@stories.tell` puts a function into them."""

    def tell(self, plot: Plot) -> Plot:
        self.append(Story(plot.__name__.replace("_", "-"), plot))
        return plot


@dataclass(slots=True, kw_only=True)
class Scene(Desk):
    """A desk, and the product."""

    app: Flask

    def click(self, person: str, which: int = 1, ring_seconds: int = 0, *, first: First = First.AGENT) -> UUID:
        """On a number, on the screen. `ring_seconds`: of each phone, if they are other than usual."""
        with self.app.test_request_context():
            user = self._user(person)
            with transaction():
                user.rings_first = first
                call_id = actions.request_call(user, self.customer(which), uuid4().hex).id
            if ring_seconds:
                uid, line, number = str(call_id), user.lines[0].endpoint, f"+30{self.customer(which)}"
                asked = Originate(uid, line, number, ring_seconds, first=first, agent_ring_seconds=ring_seconds)
                switches.get(SWITCH).originate(asked)
            else:
                actions.dial(call_id)
        return call_id

    def talk_on_screen(self, call_id: UUID) -> None:
        """Waits until the screen says that they talk, through whatever lies between."""
        wait_for("the call to be answered", lambda: self._row(call_id).state is CallState.ANSWERED)

    def ring_on_screen(self, call_id: UUID) -> None:
        wait_for("a phone of ours to ring", lambda: any(leg.is_ringing for leg in self._row(call_id).legs))

    def _row(self, call_id: UUID) -> Call:
        with self.app.app_context():
            row = db.session.scalars(sa.select(Call).where(Call.id == call_id)).unique().one()
            db.session.expunge_all()
            db.session.rollback()
        return row

    def hang_up_on_screen(self, person: str, call_id: UUID) -> None:
        with self.app.test_request_context():
            user = self._user(person)
            actions.hang_up(user, db.session.get_one(Call, call_id))

    def _user(self, person: str) -> User:
        query = sa.select(User).where(User.username == f"{person}-{self.number:02}")
        return db.session.scalars(query).unique().one()

    def originate(self, channel: str, context: str, exten: str) -> None:
        """As other programs do it."""
        self.act(
            "Originate", Channel=channel, Context=context, Exten=exten, Priority="1", Timeout="15000", Async="true",
            CallerID=f"<{self.customer()}>", Variable="__CRM_CALL_ID=4711",
        )  # fmt: skip

    def is_over(self, number: str) -> bool:
        """Does the product have a call with this customer, and is it over?"""
        with self.app.app_context():
            state = db.session.scalar(sa.select(Call.state).where(Call.number == f"+30{number}"))
            db.session.rollback()
        return state is CallState.ENDED


@dataclass(slots=True)
class Played:
    """One story after it was played: the truth, and what the product and Asterisk have of it. The product is asked when
    the calls have just ended, and again when it has entered the switch's books."""

    scene: Scene
    truths: Sequence[Truth] = ()
    failure: str = ""
    seconds: float = 0.0
    heard: Told = field(default_factory=lambda: Told((), {}))
    told: Told = field(default_factory=lambda: Told((), {}))
    conversations: Sequence[cel.Conversation] = ()

    def check(self) -> None:
        assert not self.failure, f"{self.failure}\n{self.scene.complaints()}"
        wrong = [f"before the books: {each}" for each in self.heard.differences(self.scene, self.truths)]
        wrong += self.told.differences(self.scene, self.truths) + self._wrong_by_cel()
        assert not wrong, "\n".join([*wrong, self.scene.complaints()])

    def _wrong_by_cel(self) -> list[str]:
        return [wrong for call in self.told.calls for wrong in compare(call, self.conversations)]


Play = tuple[dict[str, Played], list[str]]


def compare(call: Call, conversations: Iterable[cel.Conversation]) -> list[str]:
    """Where a row and Asterisk's own record of the same conversation differ."""
    same = [each for each in conversations if call.linkedid in each.uniqueids]
    if not same:
        never = call.result and call.result.value in NEVER_DIALLED
        return [] if never else [f"CEL has no conversation for {call.uid}"]
    true, wrong = same[0], []
    for what, row, at in (
        ("started", call.dialled_at or call.started_at, true.started_at),
        ("answered", call.answered_at, true.answered_at),
        ("ended", call.ended_at, true.ended_at),
    ):
        if (row is None) != (at is None) or (row and at and abs((row - at).total_seconds()) > CEL_TOLERANCE):
            wrong.append(f"{what} {row}, by CEL {at}")
    if call.direction.value != ("inbound" if true.inbound else "outbound"):
        wrong.append(f"{call.direction}, by CEL inbound is {true.inbound}")
    return wrong


class Stage:
    def __init__(self, installation: Installation, sipp: tuple[str, ...], directory: Path) -> None:
        self.pbx = LabPbx(installation, directory / "pbx")
        self.directory, self._sipp = directory, sipp
        self._plays = 0
        # never soon the same: a phone that is new at its place would get what is still sent to the one before it
        self._desks = itertools.cycle(range(1, DESKS))
        self._seen: set[UUID] = set()
        self._last: UUID | None = None  # the call that ends a play
        self._old_uniqueids: set[str] = set()
        self.heard: list[Frame] = []  # what the switch said during the last play

    def __enter__(self) -> Stage:
        self.pbx.start()
        self.app = _product(self.directory, self.pbx)
        self._keeper = BridgeKeeper(self.app, self.app.extensions["ringback.settings"].switch(SWITCH))
        self._keeper.start()
        self.ami = AmiClient()
        self.ami.connect("127.0.0.1", self.pbx.ports.ami)
        self.ami.login("lab", self.pbx.lab_secret, events="off")
        wait_for("the bridge to follow the PBX", lambda: self._keeper.health()["ok"])
        return self

    def __exit__(self, *_: object) -> None:
        self.ami.close()
        self._keeper.stop()
        switches.close_all(self.app)
        self.pbx.stop()

    def play(self, stories: Sequence[Story]) -> Play:
        """All at the same time. Also: what the books have and no story has told, or the other way round."""
        assert len(stories) < DESKS
        self._plays += 1
        heard_before = self._journal_size()
        plays = {story.name: Played(self._scene(next(self._desks), story)) for story in stories}
        threads = [threading.Thread(target=_act, args=(story, plays[story.name])) for story in stories]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._settle("".join(play.failure for play in plays.values()))
        for play in plays.values():
            play.scene.leave()
        return plays, self._ask(list(plays.values()), heard_before)

    def _scene(self, number: int, story: Story) -> Scene:
        directory = self.directory / "plays" / f"{self._plays}-{story.name}"
        return Scene(number, self._plays, self.pbx, self._sipp, self.ami, directory, app=self.app)

    def _settle(self, failures: str) -> None:
        """All calls are over, and the product has heard so: a last call, to nowhere, tells how far it is."""
        wait_for(f"all channels to go\n{failures}", lambda: not self.ami.send_action({"Action": "CoreShowChannels"}).events)
        scene = self._scene(DESKS, Story("last call", lambda scene: ()))
        number = scene.customer()
        party = scene.party(
            calling(From(number), is_refused()), TRUNK_IP, self.pbx.places.caller(DESKS, 1), service="nowhere"
        )
        party.over()
        wait_for(f"the product to hear of the last call\n{failures}", lambda: self._is_over(number))

    def _is_over(self, number: str) -> bool:
        with self.app.app_context():
            open_calls = db.session.scalar(sa.select(sa.func.count()).where(Call.state != CallState.ENDED))
            last = db.session.scalar(sa.select(Call.id).where(Call.number == f"+30{number}"))
            db.session.rollback()
        if last is not None:
            self._seen.add(last)
            self._last = last
        return last is not None and not open_calls

    # ------------------------------------------------------------------------------------------------------- books

    def _ask(self, plays: Sequence[Played], heard_before: int) -> list[str]:
        self.heard = list(self._heard_since(heard_before))
        summaries = {call.uid: call for call in derive(self.heard)}
        heard = self._fresh(summaries)
        wait_for("the product to enter the books", self._has_entered_all)
        told = self._fresh(summaries)
        self._seen |= {call.id for call in told.calls}
        conversations = self._conversations()
        for play in plays:
            play.heard, play.told, play.conversations = heard.of(play.scene), told.of(play.scene), conversations
        claimed = {call.id for play in plays for call in play.told.calls}
        strange = [call for call in told.calls if call.id not in claimed]
        return [f"a row of no story: {call.uid} {call.number} {call.did}" for call in strange] + _unbalanced(
            told.calls, conversations
        )

    def _fresh(self, summaries: Mapping[str, CallSummary]) -> Told:
        """What the product has of the present play."""
        with self.app.app_context():
            query = sa.select(Call).options(selectinload(Call.legs)).order_by(Call.started_at)
            rows = [call for call in db.session.scalars(query).unique() if call.id not in self._seen]
            links = db.session.execute(
                sa.select(CallbackCall.call_id, Callback).join(Callback, Callback.id == CallbackCall.callback_id)
            )
            callbacks = {link[0]: link[1] for link in links}
            db.session.expunge_all()
        return Told(rows, summaries, callbacks)

    def _has_entered_all(self) -> bool:
        """The last call is written down last."""
        with self.app.app_context():
            last = db.session.scalar(sa.select(Call.booked_at).where(Call.id == self._last))
            db.session.rollback()
        return last is not None

    def _conversations(self) -> list[cel.Conversation]:
        """Of the present play."""
        written = cel.conversations(cel.read(self.pbx.cel_file))
        fresh = [each for each in written if not each.uniqueids & self._old_uniqueids]
        self._old_uniqueids |= {uid for each in fresh for uid in each.uniqueids}
        return fresh

    def _journal(self) -> list[Path]:
        return sorted((self.app.extensions["ringback.settings"].data_dir / "journal" / SWITCH).glob("*.ami"))

    def _journal_size(self) -> int:
        return sum(path.stat().st_size for path in self._journal())

    def _heard_since(self, size: int) -> Iterable[Frame]:
        for path in self._journal():
            with path.open("rb") as segment:
                segment.seek(min(size, path.stat().st_size))
                size -= segment.tell()
                yield from read_frames(segment)


def _act(story: Story, play: Played) -> None:
    began = time.monotonic()
    try:
        truths = story.plot(play.scene)
        play.truths = [truths] if isinstance(truths, Truth) else truths
    except Exception:
        play.failure = traceback.format_exc()
        play.scene.leave()
    play.seconds = time.monotonic() - began


def _unbalanced(rows: Sequence[Call], conversations: Sequence[cel.Conversation]) -> list[str]:
    """One row for each conversation, and no row without one."""
    wrong = []
    for each in conversations:
        found = [call.uid for call in rows if call.linkedid in each.uniqueids]
        if len(found) != 1 and "nowhere" not in each.numbers:
            wrong.append(f"{len(found)} rows for the conversation of {sorted(each.uniqueids)}: {found}")
    return wrong


def _product(directory: Path, pbx: LabPbx) -> Flask:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "switches.toml").write_text(as_toml(pbx.switch(SWITCH)), encoding="utf-8")
    settings = Settings.from_env(
        {
            "RINGBACK_DATA_DIR": str(directory / "data"),
            "RINGBACK_DATABASE_URL": f"sqlite:///{directory / 'ringback.db'}",
            "RINGBACK_SWITCHES": str(directory / "switches.toml"),
            "RINGBACK_LOG_LEVEL": "WARNING",
        }
    )
    app = create_app(settings)
    schema.upgrade(app)
    with app.app_context(), transaction():
        ensure_roles()
        for desk in range(1, DESKS + 1):
            for person, name in [*enumerate(PEOPLE, 1), (9, "nobody")]:
                lines = (f"PJSIP/1{desk:02}{person}",)
                add_user(f"{name}-{desk:02}", name.title(), role="agent", password="nobody logs in here", lines=lines)
    return app
