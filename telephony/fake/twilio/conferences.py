"""Rooms: who is in them, what is told of them, and the traps of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from telephony.fake.twilio.clock import Process, Steps, rfc2822
from telephony.fake.twilio.errors import ApiError, BadDocument, NotModelled, invalid, not_found
from telephony.fake.twilio.model import Call, Callback, Conference, Participant, Target
from telephony.fake.twilio.orders import Order
from telephony.fake.twilio.programs import Goto, HungUp, NoDocument, Outcome
from telephony.fake.twilio.talk import Talk
from telephony.fake.twilio.twiml import HOLDING, Element

if TYPE_CHECKING:
    from telephony.fake.twilio.interpreter import Interpreter
    from telephony.fake.twilio.stand_in import FakeTwilio

# which word of a subscription an event belongs to
SUBSCRIBED = {
    "conference-start": "start",
    "conference-end": "end",
    "participant-join": "join",
    "participant-leave": "leave",
    "participant-mute": "mute",
    "participant-unmute": "mute",
    "participant-hold": "hold",
    "participant-unhold": "hold",
    "participant-modify": "modify",
    "announcement-end": "announcement",
    "announcement-fail": "announcement",
}


@dataclass(frozen=True, slots=True)
class RoomSettings:
    """Of a room, as each participant brings them: those of the first one count."""

    callback: Callback | None = None
    wait: Target | None = None
    most: int = 250
    record: bool = False
    recording_callback: Callback | None = None


class Conferences:
    def __init__(self, twilio: FakeTwilio) -> None:
        self._twilio = twilio
        self.all: dict[str, Conference] = {}
        self._talks: dict[str, dict[frozenset[str], Talk]] = {}  # by room, then by who

    # ---------------------------------------------------------------------------------------------------- which one

    def get(self, sid: str) -> Conference:
        if sid not in self.all:
            raise not_found(f"/Conferences/{sid}.json")
        return self.all[sid]

    def running(self, name: str) -> Conference | None:
        """There may have been others of that name."""
        found = (room for room in self.all.values() if room.friendly_name == name and room.status != "completed")
        return next(found, None)

    def find(self, sid_or_name: str) -> Conference:
        """For the API, which takes either."""
        room = self.all.get(sid_or_name) or self.running(sid_or_name)
        if room is None:
            raise not_found(f"/Conferences/{sid_or_name}.json")
        return room

    def participant(self, room: Conference, which: str) -> Participant:
        """By call or label. There is none in a room that is closed."""
        for each in room.participants.values():
            if which in (each.call.sid, each.label):
                return each
        raise not_found(f"/Conferences/{room.sid}/Participants/{which}.json")

    def room(self, name: str, settings: RoomSettings) -> Conference:
        """Made by whoever comes first, with their settings."""
        found = self.running(name)
        if found is not None:
            return found
        now = self._twilio.clock.now
        room = Conference(
            self._twilio.sids.new("CF"), now, now, name,
            callback=settings.callback, wait=settings.wait, most=settings.most, record=settings.record,
            recording_callback=settings.recording_callback,
        )  # fmt: skip
        self.all[room.sid] = room
        self._twilio.changed(room)
        return room

    # ------------------------------------------------------------------------------------------------------ joining

    def invite(self, room: Conference, participant: Participant, order: Order) -> None:
        """By the API: a leg that is in the room as soon as it is answered."""
        call = participant.call
        room.participants[call.sid] = participant
        call.place = _Place(self, room, participant)
        call.process = self._twilio.clock.start(self._invited(room, participant, order))

    def _invited(self, room: Conference, participant: Participant, order: Order) -> Steps:
        call = participant.call
        yield from self._twilio.calls.dial(call, order)
        if not call.is_over:
            try:
                yield from self.stay(room, participant)
            except BadDocument as error:
                self._twilio.alert(error.code, str(error), call.sid)
            self._twilio.calls.end(call, "completed", "twilio")

    def stay(self, room: Conference, participant: Participant) -> Steps:
        """In the room, until it is left while the call goes on."""
        call = participant.call
        if room.status == "completed":  # it ended while this leg was ringing
            return
        if len(room.joined) >= room.most:
            raise BadDocument(16020, "the conference is full")
        room.participants[call.sid] = participant
        call.place = call.place if isinstance(call.place, _Place) else _Place(self, room, participant)
        participant.status, participant.joined = "connected", self._twilio.clock.now
        if room.status == "init" and len(room.joined) >= 2 and any(each.starts for each in room.joined):
            self._begin(room)
        self._tell_about(room, "participant-join", participant)
        if room.status == "init" and room.wait is not None:
            participant.sound = self._twilio.clock.start(self._sound(room, participant, room.wait, endless=True))
        self._mix(room)
        yield participant.left

    def _begin(self, room: Conference) -> None:
        room.status = "in-progress"
        self._twilio.changed(room)
        for each in room.joined:
            _stop(each.sound)
        self._tell(room, "conference-start", {})
        if room.record:
            self._twilio.recordings.start_room(room, "Conference", room.recording_callback)

    # ------------------------------------------------------------------------------------------------------ leaving

    def remove(self, room: Conference, participant: Participant, reason: str, kicked: bool = False) -> None:
        """`kicked`: the call goes on, where its document does."""
        if room.participants.pop(participant.call.sid, None) is None:
            return
        call = participant.call
        _stop(participant.sound)
        was_in = participant.joined is not None
        participant.status = "complete" if was_in else "failed"
        self._mix(room)
        if was_in or self._twilio.doubts.failed_add_leaves:
            status = "completed" if kicked and participant.by_api else call.status
            why = {"ParticipantCallStatus": status, "ReasonParticipantLeft": reason}
            self._tell_about(room, "participant-leave", participant, why)
        if kicked:
            call.place = None
            participant.left.set("kicked")
        if room.status == "completed":
            return
        if was_in and participant.ends and room.joined:
            ended = "kicked" if kicked and reason != "participant_hung_up" else "left"
            self.close(room, f"participant-with-end-conference-on-exit-{ended}", call, "moderator_ended_conference")
        elif not room.participants:
            self.close(room, "last-participant-kicked" if kicked else "last-participant-left", call, "")

    def kick(self, room: Conference, participant: Participant) -> None:
        """DELETE of a participant: a leg that the API made is over, any other goes on with its document."""
        if participant.joined is None:
            self._twilio.calls.end(participant.call, "canceled", "api")
        else:
            self.remove(room, participant, self._twilio.doubts.removed_reason, kicked=True)

    def close(self, room: Conference, reason: str, by: Call | None, left: str) -> None:
        if room.status == "completed":
            return
        room.status, room.reason, room.ending_call = "completed", reason, by.sid if by is not None else None
        for each in [*room.participants.values()]:
            if each.joined is None:
                self._twilio.calls.end(each.call, "canceled", "other")
            else:
                self.remove(room, each, left, kicked=True)
        self._twilio.recordings.stop_room(room)
        more = {"ReasonConferenceEnded": reason}
        if room.ending_call is not None:
            more["CallSidEndingConference"] = room.ending_call
        self._tell(room, "conference-end", more)
        self._twilio.changed(room)

    # ------------------------------------------------------------------------------------------------------ changing

    def require_running(self, room: Conference) -> None:
        if room.status != "in-progress":
            raise ApiError(400, 16099, f"Unexpected conference status: {room.status}")

    def mute(self, room: Conference, participant: Participant, muted: bool) -> None:
        if participant.muted != muted:
            participant.muted = muted
            self._tell_about(room, "participant-mute" if muted else "participant-unmute", participant)
            self._mix(room)

    def hold(self, room: Conference, participant: Participant, hold: bool, music: Target | None) -> None:
        if participant.hold == hold:
            return
        participant.hold = hold
        _stop(participant.sound)
        self._tell_about(room, "participant-hold" if hold else "participant-unhold", participant)
        if hold and music is not None:
            participant.sound = self._twilio.clock.start(self._sound(room, participant, music, endless=True))
        self._mix(room)

    def coach(self, room: Conference, participant: Participant, coaching: bool, coached: str) -> None:
        if coaching:
            if not coached:
                raise NotModelled("Coaching without CallSidToCoach")
            if coached == participant.call.sid:
                raise NotModelled("somebody who coaches themselves")
            other = room.participants.get(coached)
            if other is None or other.joined is None:
                raise invalid(16028, "Participant to be whispered is not present in the conference")
        participant.coaching, participant.coached = coaching, coached if coaching else ""
        self._tell_about(room, "participant-modify", participant)
        self._mix(room)

    def set_ends(self, room: Conference, participant: Participant, ends: bool) -> None:
        participant.ends = ends
        self._tell_about(room, "participant-modify", participant)

    def announce(self, room: Conference, participant: Participant | None, target: Target) -> None:
        """To one, or to all."""
        listener = participant or next(iter(room.joined), None)
        if listener is not None:
            self._twilio.clock.start(self._announcement(room, listener, target, to_all=participant is None))

    def _announcement(self, room: Conference, listener: Participant, target: Target, to_all: bool) -> Steps:
        about = None if to_all else listener
        fine = yield from self._sound(room, listener, target, endless=False)
        event = "announcement-end" if fine else "announcement-fail"
        more = {"AnnounceUrl": target.url, "ReasonAnnouncementFailed": "" if fine else "fetch failed"}
        if about is None:
            self._tell(room, event, more)
        else:
            self._tell_about(room, event, about, more)

    def _sound(self, room: Conference, participant: Participant, target: Target, endless: bool) -> Steps:
        """Music or words to one of them; what fails is silence."""
        interpreter, call = self._twilio.calls.interpreter, participant.call
        told = {"ConferenceSid": room.sid, "FriendlyName": room.friendly_name}
        goto = Goto(target, told)
        while True:
            began = self._twilio.clock.now
            try:
                verbs = yield from interpreter.document(call, goto, HOLDING, "a conference's music")
                nextly = yield from interpreter.perform(call, verbs, goto.target.url)
            except (NoDocument, BadDocument, HungUp):
                return False
            if nextly is None and not endless:
                return True
            goto = nextly or Goto(target, told)
            if self._twilio.clock.now - began < 1:
                yield 1.0

    # ------------------------------------------------------------------------------------------------------- talking

    def _mix(self, room: Conference) -> None:
        talks, wanted = self._talks.setdefault(room.sid, {}), _pairs(room)
        for pair in [pair for pair in talks if pair not in wanted]:
            talks.pop(pair).end()
        for pair in sorted(wanted - set(talks), key=sorted):
            one, other = sorted(pair)
            talks[pair] = Talk(self._twilio.clock, self._twilio.calls.all[one], self._twilio.calls.all[other])

    # ---------------------------------------------------------------------------------------------------------- told

    def _tell_about(
        self, room: Conference, event: str, participant: Participant, more: dict[str, str] | None = None
    ) -> None:
        told = {
            "CallSid": participant.call.sid,
            "Muted": _word(participant.muted),
            "Hold": _word(participant.hold),
            "Coaching": _word(participant.coaching),
            "StartConferenceOnEnter": _word(participant.starts),
            "EndConferenceOnExit": _word(participant.ends),
        }
        if participant.label:
            told["ParticipantLabel"] = participant.label
        if participant.coached:
            told["CallSidToCoach"] = participant.coached
        self._tell(room, event, {**told, **(more or {})})

    def _tell(self, room: Conference, event: str, more: dict[str, str]) -> None:
        callback = room.callback
        if callback is None or SUBSCRIBED[event] not in callback.events:
            return
        room.sequence += 1  # of those that are sent
        told = {
            "AccountSid": self._twilio.account.sid,
            "ConferenceSid": room.sid,
            "FriendlyName": room.friendly_name,
            "SequenceNumber": str(room.sequence),
            "Timestamp": rfc2822(self._twilio.clock.now) or "",
            "StatusCallbackEvent": event,
            **more,
        }
        self._twilio.webhooks.tell(Target(callback.url, callback.method), told, room.sid)


class _Place:
    def __init__(self, conferences: Conferences, room: Conference, participant: Participant) -> None:
        self._conferences, self._room, self._participant = conferences, room, participant

    def leave(self, call: Call, cause: str) -> None:
        if self._participant.joined is None:
            reason = "participant_add_failed"
        elif cause == "hangup":
            reason = "participant_hung_up"
        else:
            reason = "participant_updated_via_api"
        self._conferences.remove(self._room, self._participant, reason)


def dial(twilio: FakeTwilio, interpreter: Interpreter, call: Call, verb: Element, base: str) -> Outcome:
    """<Dial><Conference>."""
    twilio.calls.answer(call)
    noun, action = verb.children[0], interpreter.action(verb, base)
    if not noun.text:
        raise NotModelled("TwiML <Conference> without a name")
    label = noun.get("participantLabel")
    running = twilio.conferences.running(noun.text)
    if running is not None and label and any(each.label == label for each in running.participants.values()):
        twilio.alert(16025, f"participant label {label} is in use by another participant", call.sid)
        return None  # the document goes on
    room = twilio.conferences.room(noun.text, _settings(interpreter, noun, base))
    participant = Participant(
        call, twilio.clock.now, label, muted=noun.flag("muted"),
        starts=noun.flag("startConferenceOnEnter", True), ends=noun.flag("endConferenceOnExit"),
    )  # fmt: skip
    coached = noun.get("coach")
    if coached:
        if coached not in {each.call.sid for each in room.joined}:
            raise BadDocument(13240, "the call to be coached is not in the conference")
        participant.coaching, participant.coached = True, coached
    began = twilio.clock.now
    call.place = _Visit(twilio, interpreter, room, participant, action, began)
    yield from twilio.conferences.stay(room, participant)
    call.place = None
    return Goto(action, _told(room, twilio.clock.now - began)) if action is not None else None


class _Visit(_Place):
    """A participant whose document has an action."""

    def __init__(
        self,
        twilio: FakeTwilio,
        interpreter: Interpreter,
        room: Conference,
        participant: Participant,
        action: Target | None,
        began: float,
    ) -> None:
        super().__init__(twilio.conferences, room, participant)
        self._twilio, self._interpreter, self._action, self._began = twilio, interpreter, action, began

    def leave(self, call: Call, cause: str) -> None:
        super().leave(call, cause)
        if cause != "redirected":
            self._interpreter.tell(call, self._action, _told(self._room, self._twilio.clock.now - self._began))


def _told(room: Conference, seconds: float) -> dict[str, str]:
    return {"DialCallStatus": "answered", "DialBridged": "true", "ConferenceSid": room.sid}


def _settings(interpreter: Interpreter, noun: Element, base: str) -> RoomSettings:
    url, wait = noun.get("statusCallback"), noun.get("waitUrl")
    callback = None
    if url:
        events = noun.words("statusCallbackEvent", "start end")
        callback = Callback(interpreter.url(base, url), noun.get("statusCallbackMethod", "POST"), events)
    return RoomSettings(
        callback,
        Target(interpreter.url(base, wait), noun.get("waitMethod", "POST")) if wait else None,
        noun.number("maxParticipants", 250),
        noun.get("record") == "record-from-start",
        interpreter.recording_callback(noun, base),
    )


def _pairs(room: Conference) -> set[frozenset[str]]:
    """Who can talk with whom: a coach with the one that is coached."""
    if room.status != "in-progress":
        return set()
    able = [each for each in room.joined if not each.hold and not each.muted]
    open_ = [each for each in able if not each.coaching]
    pairs = {frozenset((one.call.sid, other.call.sid)) for one in open_ for other in open_ if one is not other}
    heard = {each.call.sid for each in able}
    return pairs | {
        frozenset((each.call.sid, each.coached)) for each in able if each.coaching and each.coached in heard
    }


def _word(value: bool) -> str:
    return str(value).lower()


def _stop(process: Process | None) -> None:
    if process is not None:
        process.stop()
