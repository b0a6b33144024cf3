"""Calls, their recordings, and what was asked of the product for them."""

from __future__ import annotations

from telephony.fake.twilio.calls import refuse_unless_running
from telephony.fake.twilio.errors import NotModelled, invalid, not_found
from telephony.fake.twilio.model import Call, Program, Recording
from telephony.fake.twilio.orders import DEFAULT_LIMIT, Detection, Order, RecordAs
from telephony.fake.twilio.rest import Api, ApiAnswer, Ask, between, matching, route
from telephony.fake.twilio.twiml import MAX_INLINE
from telephony.fake.twilio.webhooks import Delivery, Failed

PROGRESS = ("initiated", "ringing", "answered", "completed")
RECORDING = ("in-progress", "completed", "absent")


@route(
    "POST",
    "/Calls.json",
    "To From Url Method Twiml ApplicationSid FallbackUrl FallbackMethod StatusCallback StatusCallbackMethod "
    "StatusCallbackEvent Timeout TimeLimit Record RecordingChannels RecordingTrack Trim RecordingStatusCallback "
    "RecordingStatusCallbackMethod RecordingStatusCallbackEvent MachineDetection MachineDetectionTimeout AsyncAmd "
    "AsyncAmdStatusCallback AsyncAmdStatusCallbackMethod CallerId",
)
def create_call(api: Api, ask: Ask) -> ApiAnswer:
    to, from_ = ask.text("To"), ask.text("CallerId") or ask.text("From")
    calls = api.twilio.calls
    calls.check_destination(to)
    calls.check_caller_id(from_, to)
    sid = ask.text("ApplicationSid")
    if sid and sid not in api.twilio.applications:
        raise invalid(21218, "Invalid ApplicationSid")
    settings = api.twilio.applications[sid].settings if sid else {}
    program = program_of(ask) if not sid else Program(settings.get("VoiceUrl", ""), settings.get("VoiceMethod", "POST"))
    if not program.url and not program.twiml:
        raise invalid(21205, "Url parameter is required.")
    call = calls.place(
        Order(
            from_,
            to,
            program,
            ask.callback("StatusCallback", PROGRESS, ("completed",)),
            float(ask.whole("Timeout", 60, 1, 600)),
            float(ask.whole("TimeLimit", int(DEFAULT_LIMIT), 1, 86400)),
            record_as(ask),
            _detection(ask),
            application_sid=sid,
        )
    )
    return api.made(api.views.call(call))


def program_of(ask: Ask) -> Program:
    twiml = ask.text("Twiml")
    if len(twiml) > MAX_INLINE:
        raise NotModelled(f"Twiml of {len(twiml)} characters: {MAX_INLINE} are allowed")
    target = ask.target("Url", "Method")
    fallback = ask.target("FallbackUrl", "FallbackMethod")
    if target is None:
        return Program(twiml=twiml, fallback=fallback)
    return Program(target.url, target.method, fallback=fallback)  # of both, the URL counts


def record_as(ask: Ask) -> RecordAs | None:
    callback = ask.callback("RecordingStatusCallback", RECORDING, ("completed",))
    channels = 2 if ask.choice("RecordingChannels", "mono", "mono", "dual") == "dual" else 1
    ask.choice("RecordingTrack", "both", "both")
    ask.choice("Trim", "trim-silence", "trim-silence", "do-not-trim")
    return RecordAs(channels, callback) if ask.flag("Record") else None


def _detection(ask: Ask) -> Detection | None:
    if not ask.text("MachineDetection"):
        return None
    mode = ask.choice("MachineDetection", "", "Enable", "DetectMessageEnd")
    callback = ask.target("AsyncAmdStatusCallback") if ask.flag("AsyncAmd") else None
    if ask.flag("AsyncAmd") and callback is None:
        raise NotModelled("AsyncAmd without AsyncAmdStatusCallback")
    return Detection(mode, callback, float(ask.whole("MachineDetectionTimeout", 30, 3, 59)))


@route("GET", "/Calls.json", "To From ParentCallSid Status StartTime StartTime< StartTime> EndTime EndTime< EndTime>")
def list_calls(api: Api, ask: Ask) -> ApiAnswer:
    if ask.text("Status"):
        ask.choice(
            "Status", "", "queued", "ringing", "in-progress", "completed", "busy", "failed", "no-answer", "canceled"
        )
    found = [call for call in api.twilio.calls.all.values() if not call.deleted and _matches(ask, call)]
    return api.page_of(ask, "calls", "/Calls.json", found)


def _matches(ask: Ask, call: Call) -> bool:
    parent = call.parent.sid if call.parent is not None else ""
    values = {"To": call.to, "From": call.from_, "ParentCallSid": parent, "Status": call.status}
    return matching(ask, values) and between(ask, "StartTime", call.started) and between(ask, "EndTime", call.ended)


@route("GET", "/Calls/{sid}.json")
def fetch_call(api: Api, ask: Ask, sid: str) -> ApiAnswer:
    return api.one(api.seen(api.twilio.calls.get(sid)))


@route(
    "POST",
    "/Calls/{sid}.json",
    "Url Method Twiml Status FallbackUrl FallbackMethod StatusCallback StatusCallbackMethod",
)
def update_call(api: Api, ask: Ask, sid: str) -> ApiAnswer:
    call = api.twilio.calls.get(sid)
    callback = ask.callback("StatusCallback", PROGRESS, ("completed",))
    if callback is not None:
        call.progress = callback
    if "Status" in ask:
        status = ask.choice("Status", "", "canceled", "completed")
        if call.is_over:
            raise invalid(21220, "Call is not in-progress. Cannot redirect.")
        if status == "completed" or call.answered is None:  # a running call is not canceled
            api.twilio.calls.cancel(call)
    elif ask.text("Url") or ask.text("Twiml"):
        api.twilio.calls.redirect(call, program_of(ask))
    return api.one(api.views.call(call))


@route("DELETE", "/Calls/{sid}.json")
def delete_call(api: Api, ask: Ask, sid: str) -> ApiAnswer:
    call = api.twilio.calls.get(sid)
    if not call.is_over:
        raise NotModelled("to delete a call that goes on")
    call.deleted = True
    return api.gone()


@route("GET", "/Calls/{sid}/Events.json")
def list_events(api: Api, ask: Ask, sid: str) -> ApiAnswer:
    call = api.twilio.calls.get(sid)
    seen = [_event(delivery) for delivery in api.twilio.webhooks.log if delivery.about == call.sid]
    return api.page(ask, "events", f"/Calls/{sid}/Events.json", seen, sid="")


def _event(delivery: Delivery) -> dict[str, object]:
    outcome = delivery.outcome
    return {
        "request": {
            "method": delivery.request.method,
            "url": delivery.request.url,
            "parameters": dict(delivery.params),
        },
        "response": {
            "response_code": None if isinstance(outcome, Failed) else outcome.status,
            "response_body": None if isinstance(outcome, Failed) else outcome.text,
            "error_code": str(outcome.code) if isinstance(outcome, Failed) else None,
        },
    }


# ----------------------------------------------------------------------------------------------------- recordings


@route(
    "POST",
    "/Calls/{sid}/Recordings.json",
    "RecordingStatusCallback RecordingStatusCallbackMethod RecordingStatusCallbackEvent RecordingChannels "
    "RecordingTrack Trim",
)
def record_call(api: Api, ask: Ask, sid: str) -> ApiAnswer:
    call = api.twilio.calls.get(sid)
    refuse_unless_running(call)
    callback = ask.callback("RecordingStatusCallback", RECORDING, ("completed",))
    channels = 2 if ask.choice("RecordingChannels", "mono", "mono", "dual") == "dual" else 1
    ask.choice("RecordingTrack", "both", "both")
    recording = api.twilio.recordings.start(call, "StartCallRecordingAPI", channels, callback)
    return api.made(api.views.call_recording(recording, f"/Calls/{sid}"))


@route("GET", "/Calls/{sid}/Recordings.json", "DateCreated DateCreated< DateCreated>")
def list_call_recordings(api: Api, ask: Ask, sid: str) -> ApiAnswer:
    api.twilio.calls.get(sid)
    return _listed(api, ask, f"/Calls/{sid}", api.twilio.recordings.of(call_sid=sid))


@route("GET", "/Calls/{sid}/Recordings/{recording_sid}.json")
def fetch_call_recording(api: Api, ask: Ask, sid: str, recording_sid: str) -> ApiAnswer:
    return api.one(api.views.call_recording(_recording(api, recording_sid, call_sid=sid), f"/Calls/{sid}"))


@route("POST", "/Calls/{sid}/Recordings/{recording_sid}.json", "Status PauseBehavior")
def update_call_recording(api: Api, ask: Ask, sid: str, recording_sid: str) -> ApiAnswer:
    recording = _recording(api, recording_sid, call_sid=sid)
    _update(api, ask, recording)
    return api.one(api.views.call_recording(recording, f"/Calls/{sid}"))


@route("DELETE", "/Calls/{sid}/Recordings/{recording_sid}.json")
def delete_call_recording(api: Api, ask: Ask, sid: str, recording_sid: str) -> ApiAnswer:
    api.twilio.recordings.delete(_recording(api, recording_sid, call_sid=sid))
    return api.gone()


@route("GET", "/Conferences/{sid}/Recordings.json", "DateCreated DateCreated< DateCreated>")
def list_conference_recordings(api: Api, ask: Ask, sid: str) -> ApiAnswer:
    api.twilio.conferences.get(sid)
    return _listed(api, ask, f"/Conferences/{sid}", api.twilio.recordings.of(conference_sid=sid))


@route("GET", "/Conferences/{sid}/Recordings/{recording_sid}.json")
def fetch_conference_recording(api: Api, ask: Ask, sid: str, recording_sid: str) -> ApiAnswer:
    recording = _recording(api, recording_sid, conference_sid=sid)
    return api.one(api.views.call_recording(recording, f"/Conferences/{sid}"))


@route("POST", "/Conferences/{sid}/Recordings/{recording_sid}.json", "Status PauseBehavior")
def update_conference_recording(api: Api, ask: Ask, sid: str, recording_sid: str) -> ApiAnswer:
    recording = _recording(api, recording_sid, conference_sid=sid)
    _update(api, ask, recording)
    return api.one(api.views.call_recording(recording, f"/Conferences/{sid}"))


@route("DELETE", "/Conferences/{sid}/Recordings/{recording_sid}.json")
def delete_conference_recording(api: Api, ask: Ask, sid: str, recording_sid: str) -> ApiAnswer:
    api.twilio.recordings.delete(_recording(api, recording_sid, conference_sid=sid))
    return api.gone()


@route("GET", "/Recordings.json", "DateCreated DateCreated< DateCreated> CallSid ConferenceSid")
def list_recordings(api: Api, ask: Ask) -> ApiAnswer:
    found = api.twilio.recordings.of(ask.text("CallSid"), ask.text("ConferenceSid"))
    found = [each for each in found if between(ask, "DateCreated", each.created)]
    return api.page_of(ask, "recordings", "/Recordings.json", found)


@route("GET", "/Recordings/{sid}.json")
def fetch_recording(api: Api, ask: Ask, sid: str) -> ApiAnswer:
    return api.one(api.seen(api.twilio.recordings.get(sid)))


@route("DELETE", "/Recordings/{sid}.json")
def delete_recording(api: Api, ask: Ask, sid: str) -> ApiAnswer:
    api.twilio.recordings.delete(api.twilio.recordings.get(sid))
    return api.gone()


@route("GET", "/Recordings/{sid}.wav", "RequestedChannels")
def recording_file(api: Api, ask: Ask, sid: str) -> ApiAnswer:
    recording = api.twilio.recordings.get(sid)
    channels = ask.whole("RequestedChannels", 2, 1, 2)
    return api.file(api.twilio.recordings.content(recording, channels), "audio/x-wav")


@route("GET", "/Recordings/{sid}", "RequestedChannels")
def recording_without_extension(api: Api, ask: Ask, sid: str) -> ApiAnswer:
    if "." in sid:
        raise NotModelled(f"a recording as {sid.partition('.')[2]}")
    return recording_file(api, ask, sid)


def _listed(api: Api, ask: Ask, above: str, found: list[Recording]) -> ApiAnswer:
    shown = [each for each in found if between(ask, "DateCreated", each.created)]
    views = [api.views.call_recording(each, above) for each in sorted(shown, key=lambda each: -each.created)]
    return api.page(ask, "recordings", f"{above}/Recordings.json", views)


def _recording(api: Api, sid: str, call_sid: str = "", conference_sid: str = "") -> Recording:
    if sid == "Twilio.CURRENT":
        return api.twilio.recordings.current(call_sid, conference_sid)
    recording = api.twilio.recordings.get(sid)
    if recording not in api.twilio.recordings.of(call_sid, conference_sid):
        raise not_found(f"/Recordings/{sid}.json")
    return recording


def _update(api: Api, ask: Ask, recording: Recording) -> None:
    status = ask.choice("Status", "", "paused", "in-progress", "stopped")
    behavior = ask.choice("PauseBehavior", "silence", "silence", "skip")
    if status == "paused":
        api.twilio.recordings.pause(recording, behavior)
    elif status == "in-progress":
        api.twilio.recordings.resume(recording)
    else:
        api.twilio.recordings.stop(recording)
