"""How the API shows what an account holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telephony.fake.twilio.clock import iso8601, rfc2822
from telephony.fake.twilio.model import (
    API_VERSION,
    Alert,
    Application,
    Call,
    Conference,
    Media,
    Message,
    Number,
    Participant,
    Queue,
    Recording,
    Resource,
)

if TYPE_CHECKING:
    from telephony.fake.twilio.queues import Membership
    from telephony.fake.twilio.stand_in import FakeTwilio

View = dict[str, object]


class Views:
    def __init__(self, twilio: FakeTwilio) -> None:
        self._twilio = twilio

    def of(self, resource: Resource) -> View:
        match resource:
            case Call():
                return self.call(resource)
            case Conference():
                return self.conference(resource)
            case Recording():
                return self.recording(resource)
            case Message():
                return self.message(resource)
            case _:
                return {}

    def uri(self, path: str) -> str:
        return f"/{API_VERSION}/Accounts/{self._twilio.account.sid}{path}"

    def _dates(self, resource: Resource) -> View:
        return {
            "sid": resource.sid,
            "account_sid": self._twilio.account.sid,
            "date_created": rfc2822(resource.created),
            "date_updated": rfc2822(resource.updated),
        }

    def call(self, call: Call) -> View:
        path = f"/Calls/{call.sid}"
        never_dialled = call.started is None
        return {
            **self._dates(call),
            "parent_call_sid": call.parent.sid if call.parent is not None else None,
            "to": call.to,
            "to_formatted": call.to,
            "from": call.from_,
            "from_formatted": call.from_,
            "phone_number_sid": call.number.sid if call.number is not None else None,
            "status": call.status,
            "start_time": None if never_dialled else rfc2822(call.started),
            "end_time": rfc2822(call.ended),
            "duration": str(call.seconds(self._twilio.clock.now)) if call.is_over else None,
            "price": call.price,
            "price_unit": self._twilio.account.currency,
            "direction": call.direction,
            "answered_by": call.answered_by,
            "api_version": API_VERSION,
            "annotation": None,
            "forwarded_from": None,
            "group_sid": None,
            "caller_name": call.caller_name,
            "queue_time": "0",
            "trunk_sid": None,
            "uri": self.uri(f"{path}.json"),
            "subresource_uris": {
                name: self.uri(f"{path}/{name.title()}.json") for name in ("events", "notifications", "recordings")
            },
        }

    def conference(self, room: Conference) -> View:
        path = f"/Conferences/{room.sid}"
        return {
            **self._dates(room),
            "api_version": API_VERSION,
            "friendly_name": room.friendly_name,
            "region": "us1",
            "status": room.status,
            "uri": self.uri(f"{path}.json"),
            "subresource_uris": {
                "participants": self.uri(f"{path}/Participants.json"),
                "recordings": self.uri(f"{path}/Recordings.json"),
            },
            "reason_conference_ended": room.reason,
            "call_sid_ending_conference": room.ending_call,
        }

    def participant(self, room: Conference, participant: Participant) -> View:
        sid = participant.call.sid
        return {
            "account_sid": self._twilio.account.sid,
            "call_sid": sid,
            "label": participant.label or None,
            "conference_sid": room.sid,
            "call_sid_to_coach": participant.coached or None,
            "coaching": participant.coaching,
            "date_created": rfc2822(participant.created),
            "date_updated": rfc2822(self._twilio.clock.now),
            "end_conference_on_exit": participant.ends,
            "muted": participant.muted,
            "hold": participant.hold,
            "start_conference_on_enter": participant.starts,
            "status": _status(participant),
            "queue_time": "0",
            "uri": self.uri(f"/Conferences/{room.sid}/Participants/{sid}.json"),
        }

    def queue(self, queue: Queue) -> View:
        return {
            **self._dates(queue),
            "friendly_name": queue.friendly_name,
            "current_size": len(queue.members),
            "max_size": queue.max_size,
            "average_wait_time": queue.average(),
            "uri": self.uri(f"/Queues/{queue.sid}.json"),
        }

    def member(self, member: Membership) -> View:
        return {
            "call_sid": member.call.sid,
            "queue_sid": member.queue.sid,
            "date_enqueued": rfc2822(member.since),
            "position": member.position,
            "wait_time": member.seconds,
            "uri": self.uri(f"/Queues/{member.queue.sid}/Members/{member.call.sid}.json"),
        }

    def recording(self, recording: Recording) -> View:
        path = f"/Recordings/{recording.sid}"
        done = recording.status not in ("in-progress", "paused")
        return {
            **self._dates(recording),
            "api_version": API_VERSION,
            "call_sid": recording.call_sid,
            "conference_sid": recording.conference_sid,
            "start_time": rfc2822(recording.started),
            "duration": str(self._twilio.recordings.duration(recording)) if done else "-1",
            "price": None,
            "price_unit": self._twilio.account.currency,
            "status": recording.status,
            "channels": recording.channels,
            "source": recording.source,
            "error_code": recording.error_code or None,
            "uri": self.uri(f"{path}.json"),
            "encryption_details": None,
            "media_url": self._twilio.recordings.url(recording),
            "subresource_uris": {"transcriptions": self.uri(f"{path}/Transcriptions.json")},
        }

    def call_recording(self, recording: Recording, above: str) -> View:
        """As it is shown below a call or a conference."""
        shown = self.recording(recording)
        for name in ("media_url", "subresource_uris"):
            del shown[name]
        shown["uri"] = self.uri(f"{above}/Recordings/{recording.sid}.json")
        return shown | ({"track": "both"} if above.startswith("/Calls") else {})

    def message(self, message: Message) -> View:
        path = f"/Messages/{message.sid}"
        return {
            **self._dates(message),
            "api_version": API_VERSION,
            "body": message.body,
            "num_segments": str(message.segments),
            "direction": message.direction,
            "from": message.from_,
            "to": message.to,
            "price": message.price,
            "price_unit": self._twilio.account.currency,
            "error_message": f"Error {message.error_code}" if message.error_code else None,
            "error_code": message.error_code,
            "uri": self.uri(f"{path}.json"),
            "num_media": str(len(message.media)),
            "status": message.status,
            "messaging_service_sid": message.service_sid,
            "date_sent": rfc2822(message.sent),
            "subresource_uris": {"media": self.uri(f"{path}/Media.json")},
        }

    def media(self, message: Message, media: Media) -> View:
        return {
            "sid": media.sid,
            "account_sid": self._twilio.account.sid,
            "parent_sid": message.sid,
            "content_type": media.content_type,
            "date_created": rfc2822(message.created),
            "date_updated": rfc2822(message.updated),
            "uri": self.uri(f"/Messages/{message.sid}/Media/{media.sid}.json"),
        }

    def number(self, number: Number) -> View:
        told = _settings(number.settings, NUMBER_SETTINGS)
        return {
            **self._dates(number),
            **told,
            "friendly_name": number.friendly_name,
            "phone_number": number.phone_number,
            "api_version": API_VERSION,
            "address_sid": None,
            "address_requirements": "none",
            "beta": False,
            "capabilities": {"voice": True, "sms": True, "mms": True, "fax": False},
            "identity_sid": None,
            "origin": "twilio",
            "trunk_sid": None,
            "voice_receive_mode": "voice",
            "emergency_status": "Inactive",
            "emergency_address_sid": None,
            "emergency_address_status": "unregistered",
            "bundle_sid": None,
            "status": "in-use",
            "type": "local",
            "uri": self.uri(f"/IncomingPhoneNumbers/{number.sid}.json"),
        }

    def application(self, application: Application) -> View:
        return {
            **self._dates(application),
            **_settings(application.settings, APPLICATION_SETTINGS),
            "friendly_name": application.friendly_name,
            "api_version": API_VERSION,
            "public_application_connect_enabled": False,
            "uri": self.uri(f"/Applications/{application.sid}.json"),
        }

    def caller_id(self, address: str, sid: str) -> View:
        moment = rfc2822(self._twilio.clock.now)
        return {
            "sid": sid,
            "account_sid": self._twilio.account.sid,
            "date_created": moment,
            "date_updated": moment,
            "friendly_name": address,
            "phone_number": address,
            "uri": self.uri(f"/OutgoingCallerIds/{sid}.json"),
        }

    def account(self) -> View:
        account = self._twilio.account
        moment = rfc2822(self._twilio.clock.now)
        return {
            "sid": account.sid,
            "owner_account_sid": account.sid,
            "auth_token": account.auth_token,
            "date_created": moment,
            "date_updated": moment,
            "friendly_name": "Stand-in",
            "status": account.status,
            "type": "Full",
            "subresource_uris": {"calls": self.uri("/Calls.json")},
            "uri": f"/{API_VERSION}/Accounts/{account.sid}.json",
        }

    def alert(self, alert: Alert) -> View:
        return {
            "sid": alert.sid,
            "account_sid": self._twilio.account.sid,
            "alert_text": alert.text,
            "api_version": API_VERSION,
            "date_created": iso8601(alert.at),
            "date_generated": iso8601(alert.at),
            "date_updated": iso8601(alert.at),
            "error_code": str(alert.code),
            "log_level": "error",
            "more_info": f"https://www.twilio.com/docs/errors/{alert.code}",
            "request_method": alert.method or None,
            "request_url": alert.url or None,
            "resource_sid": alert.resource_sid,
            "service_sid": None,
            "url": f"https://monitor.twilio.com/v1/Alerts/{alert.sid}",
        }


NUMBER_SETTINGS = {
    "VoiceUrl": "voice_url", "VoiceMethod": "voice_method", "VoiceFallbackUrl": "voice_fallback_url",
    "VoiceFallbackMethod": "voice_fallback_method", "VoiceApplicationSid": "voice_application_sid",
    "VoiceCallerIdLookup": "voice_caller_id_lookup", "StatusCallback": "status_callback",
    "StatusCallbackMethod": "status_callback_method", "SmsUrl": "sms_url", "SmsMethod": "sms_method",
    "SmsFallbackUrl": "sms_fallback_url", "SmsFallbackMethod": "sms_fallback_method",
    "SmsApplicationSid": "sms_application_sid",
}  # fmt: skip
APPLICATION_SETTINGS = {
    name: shown for name, shown in NUMBER_SETTINGS.items() if not name.endswith("ApplicationSid")
} | {"MessageStatusCallback": "message_status_callback", "SmsStatusCallback": "sms_status_callback"}


def _settings(settings: dict[str, str], names: dict[str, str]) -> View:
    """Methods have a default, all else is empty."""
    shown: View = {}
    for name, key in names.items():
        if name.endswith("Method"):
            shown[key] = settings.get(name, "POST")
        elif name == "VoiceCallerIdLookup":
            shown[key] = settings.get(name) == "true"
        elif name.endswith("Sid"):
            shown[key] = settings.get(name) or None
        else:
            shown[key] = settings.get(name, "")
    return shown


def _status(participant: Participant) -> str:
    if participant.joined is not None:
        return "connected"
    return {"queued": "queued", "ringing": "ringing", "in-progress": "connecting"}.get(
        participant.call.status, "failed"
    )
