"""Conferences and who is in them, queues and who waits in them."""

from __future__ import annotations

from telephony.fake.twilio.conferences import RoomSettings
from telephony.fake.twilio.errors import NotModelled, invalid
from telephony.fake.twilio.model import Conference, Participant, Program
from telephony.fake.twilio.orders import DEFAULT_LIMIT, Order
from telephony.fake.twilio.rest import Api, ApiAnswer, Ask, between, matching, route
from telephony.fake.twilio.rest_calls import PROGRESS, RECORDING, record_as
from telephony.fake.twilio.twiml import CONFERENCE_EVENTS, is_label


@route(
    "GET",
    "/Conferences.json",
    "DateCreated DateCreated< DateCreated> DateUpdated DateUpdated< DateUpdated> FriendlyName Status",
)
def list_conferences(api: Api, ask: Ask) -> ApiAnswer:
    """Days only: a moment is refused."""
    found = [
        room
        for room in api.twilio.conferences.all.values()
        if matching(ask, {"FriendlyName": room.friendly_name, "Status": room.status})
        and between(ask, "DateCreated", room.created, days_only=True)
        and between(ask, "DateUpdated", room.updated, days_only=True)
    ]
    return api.page_of(ask, "conferences", "/Conferences.json", found)


@route("GET", "/Conferences/{sid}.json")
def fetch_conference(api: Api, ask: Ask, sid: str) -> ApiAnswer:
    return api.one(api.seen(api.twilio.conferences.get(sid)))


@route("POST", "/Conferences/{sid}.json", "Status AnnounceUrl AnnounceMethod")
def update_conference(api: Api, ask: Ask, sid: str) -> ApiAnswer:
    room = api.twilio.conferences.get(sid)
    announcement = ask.target("AnnounceUrl", "AnnounceMethod")
    if announcement is not None:
        api.twilio.conferences.require_running(room)
        api.twilio.conferences.announce(room, None, announcement)
    if "Status" in ask:
        ask.choice("Status", "", "completed")
        api.twilio.conferences.close(room, "conference-ended-via-api", None, "conference_ended_via_api")
    return api.one(api.views.conference(room))


@route(
    "POST",
    "/Conferences/{room}/Participants.json",
    "From To CallerId Label Timeout TimeLimit StatusCallback StatusCallbackMethod StatusCallbackEvent Muted Beep "
    "StartConferenceOnEnter EndConferenceOnExit WaitUrl WaitMethod EarlyMedia MaxParticipants Record RecordingChannels "
    "RecordingTrack Trim RecordingStatusCallback RecordingStatusCallbackMethod RecordingStatusCallbackEvent "
    "ConferenceRecord ConferenceTrim ConferenceRecordingStatusCallback ConferenceRecordingStatusCallbackMethod "
    "ConferenceRecordingStatusCallbackEvent ConferenceStatusCallback ConferenceStatusCallbackMethod "
    "ConferenceStatusCallbackEvent Coaching CallSidToCoach",
)
def create_participant(api: Api, ask: Ask, room: str) -> ApiAnswer:
    rooms, calls = api.twilio.conferences, api.twilio.calls
    to, from_ = ask.text("To"), ask.text("CallerId") or ask.text("From")
    calls.check_destination(to)
    calls.check_caller_id(from_, to)
    label = ask.text("Label")
    if not is_label(label):
        raise invalid(16023, "Participant label invalid (max 128 chars, not CallSid, no '/')")
    settings = _room_settings(ask)
    order = Order(
        from_,
        to,
        Program(),
        ask.callback("StatusCallback", PROGRESS, ("completed",)),
        float(ask.whole("Timeout", 60, 5, 600)),
        float(ask.whole("TimeLimit", int(DEFAULT_LIMIT), 1, 86400)),
        record_as(ask),
    )
    ask.choice("Beep", "true", "true", "false", "onEnter", "onExit")
    ask.flag("EarlyMedia", True)
    found = rooms.get(room) if room.startswith("CF") and len(room) == 34 else rooms.running(room)
    coached = _coached(ask, found)
    if found is not None:
        if found.status == "completed":
            raise invalid(16099, "Unexpected conference status: completed")
        if len(found.participants) >= found.most:
            raise invalid(16020, "The conference has reached its maximum of participants")
        if label and any(each.label == label for each in found.participants.values()):
            raise invalid(16025, f"Participant label {label} is in use by another participant")
    found = rooms.room(room, settings) if found is None else found
    call = calls.ordered(order)
    participant = Participant(
        call, api.twilio.clock.now, label, muted=ask.flag("Muted"), starts=ask.flag("StartConferenceOnEnter", True),
        ends=ask.flag("EndConferenceOnExit"), coaching=bool(coached), coached=coached, by_api=True,
    )  # fmt: skip
    rooms.invite(found, participant, order)
    return api.made(api.views.participant(found, participant))


def _coached(ask: Ask, room: Conference | None) -> str:
    coached = ask.text("CallSidToCoach")
    if not ask.flag("Coaching", bool(coached)):
        return ""
    if not coached:
        raise NotModelled("Coaching without CallSidToCoach")
    if room is None or coached not in {each.call.sid for each in room.joined}:
        raise invalid(16028, "Participant to be whispered is not present in the conference")
    return coached


def _room_settings(ask: Ask) -> RoomSettings:
    return RoomSettings(
        ask.callback("ConferenceStatusCallback", CONFERENCE_EVENTS, ("start", "end")),
        ask.target("WaitUrl", "WaitMethod"),
        ask.whole("MaxParticipants", 250, 2, 250),
        ask.choice("ConferenceRecord", "false", "true", "false", "record-from-start", "do-not-record")
        in ("true", "record-from-start"),
        ask.callback("ConferenceRecordingStatusCallback", RECORDING, ("completed",)),
    )


@route("GET", "/Conferences/{room}/Participants.json", "Muted Hold Coaching")
def list_participants(api: Api, ask: Ask, room: str) -> ApiAnswer:
    """Of a room that is closed: nobody."""
    found = api.twilio.conferences.find(room)
    shown = [
        api.views.participant(found, each)
        for each in found.participants.values()
        if matching(ask, {"Muted": _word(each.muted), "Hold": _word(each.hold), "Coaching": _word(each.coaching)})
    ]
    return api.page(ask, "participants", f"/Conferences/{found.sid}/Participants.json", shown, sid="call_sid")


@route("GET", "/Conferences/{room}/Participants/{which}.json")
def fetch_participant(api: Api, ask: Ask, room: str, which: str) -> ApiAnswer:
    found = api.twilio.conferences.find(room)
    return api.one(api.views.participant(found, api.twilio.conferences.participant(found, which)))


@route(
    "POST",
    "/Conferences/{room}/Participants/{which}.json",
    "Muted Hold HoldUrl HoldMethod AnnounceUrl AnnounceMethod BeepOnExit EndConferenceOnExit Coaching CallSidToCoach",
)
def update_participant(api: Api, ask: Ask, room: str, which: str) -> ApiAnswer:
    rooms = api.twilio.conferences
    found = rooms.find(room)
    participant = rooms.participant(found, which)
    rooms.require_running(found)
    hold_music = ask.target("HoldUrl", "HoldMethod", "GET")
    announcement = ask.target("AnnounceUrl", "AnnounceMethod")
    if "Coaching" in ask or "CallSidToCoach" in ask:
        coached = ask.text("CallSidToCoach")
        rooms.coach(found, participant, ask.flag("Coaching", bool(coached)), coached)
    if "EndConferenceOnExit" in ask:
        rooms.set_ends(found, participant, ask.flag("EndConferenceOnExit"))
    if "BeepOnExit" in ask:
        raise NotModelled("parameter BeepOnExit of a participant")
    if "Muted" in ask:
        rooms.mute(found, participant, ask.flag("Muted"))
    if "Hold" in ask:
        rooms.hold(found, participant, ask.flag("Hold"), hold_music)
    if announcement is not None:
        rooms.announce(found, participant, announcement)
    return api.one(api.views.participant(found, participant))


@route("DELETE", "/Conferences/{room}/Participants/{which}.json")
def delete_participant(api: Api, ask: Ask, room: str, which: str) -> ApiAnswer:
    rooms = api.twilio.conferences
    found = rooms.find(room)
    rooms.kick(found, rooms.participant(found, which))
    return api.gone()


# --------------------------------------------------------------------------------------------------------- queues


@route("POST", "/Queues.json", "FriendlyName MaxSize")
def create_queue(api: Api, ask: Ask) -> ApiAnswer:
    name = ask.text("FriendlyName")
    if not 0 < len(name) <= 64:
        raise NotModelled(f"a queue with a name of {len(name)} characters")
    return api.made(api.views.queue(api.twilio.queues.create(name, ask.whole("MaxSize", 1000, 1, 5000))))


@route("GET", "/Queues.json")
def list_queues(api: Api, ask: Ask) -> ApiAnswer:
    return api.page(ask, "queues", "/Queues.json", [api.views.queue(each) for each in api.twilio.queues.all.values()])


@route("GET", "/Queues/{sid}.json")
def fetch_queue(api: Api, ask: Ask, sid: str) -> ApiAnswer:
    return api.one(api.views.queue(api.twilio.queues.get(sid)))


@route("POST", "/Queues/{sid}.json", "FriendlyName MaxSize")
def update_queue(api: Api, ask: Ask, sid: str) -> ApiAnswer:
    queue = api.twilio.queues.get(sid)
    name = ask.text("FriendlyName", queue.friendly_name)
    if name != queue.friendly_name and api.twilio.queues.named(name) is not None:
        raise NotModelled(f"a second queue with the name {name}")
    queue.friendly_name, queue.max_size = name, ask.whole("MaxSize", queue.max_size, 1, 5000)
    return api.one(api.views.queue(queue))


@route("DELETE", "/Queues/{sid}.json")
def delete_queue(api: Api, ask: Ask, sid: str) -> ApiAnswer:
    api.twilio.queues.delete(api.twilio.queues.get(sid))
    return api.gone()


@route("GET", "/Queues/{sid}/Members.json")
def list_members(api: Api, ask: Ask, sid: str) -> ApiAnswer:
    queue = api.twilio.queues.get(sid)
    members = [api.views.member(api.twilio.queues.memberships[call.sid]) for call in queue.members]
    return api.page(ask, "queue_members", f"/Queues/{sid}/Members.json", members, sid="call_sid")


@route("GET", "/Queues/{sid}/Members/{which}.json")
def fetch_member(api: Api, ask: Ask, sid: str, which: str) -> ApiAnswer:
    return api.one(api.views.member(api.twilio.queues.membership(api.twilio.queues.get(sid), which)))


@route("POST", "/Queues/{sid}/Members/{which}.json", "Url Method")
def dequeue_member(api: Api, ask: Ask, sid: str, which: str) -> ApiAnswer:
    member = api.twilio.queues.membership(api.twilio.queues.get(sid), which)
    target = ask.target("Url", "Method")
    if target is None:
        raise invalid(21205, "Url parameter is required.")
    shown = api.views.member(member)
    api.twilio.calls.redirect(member.call, Program(target.url, target.method))
    return api.one(shown)


def _word(value: bool) -> str:
    return str(value).lower()
