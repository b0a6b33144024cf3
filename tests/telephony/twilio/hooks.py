"""What Twilio sends in the course of a call, written down as a story of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from telephony.twilio.webhooks import Kind, Webhook

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ACCOUNT = "AC" + "0" * 31 + "1"
CALLER, OURS = "+306944000001", "+302100000100"
DANA = "CA" + "0" * 31 + "a"
ROOM, QUEUE = "CF" + "0" * 31 + "1", "QU" + "0" * 31 + "1"
REQUEST = "0198a0c4-7d3a-7000-8000-000000000001"


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def sid(name: str) -> str:
    return "CA" + name.encode().hex().rjust(32, "0")[-32:]


class Story:
    """Of one root call; each method is a webhook that came `late` seconds after it happened."""

    def __init__(self, root: str = DANA, late: float = 0.1) -> None:
        self.root, self.webhooks, self._late = root, list[Webhook](), late
        self._counts: dict[str, int] = {}
        self.customer = root if root.startswith("CA") else sid("customer")

    def calls(self, t: float, number: str = CALLER, decision: str = "enqueue", **more: str) -> Story:
        return self._came(t, Kind.VOICE, self._b("ringing", From=number, **more), decision=decision)

    def waits(self, t: float, queue: str = "sales", step: int = 1, position: int = 1) -> Story:
        fields = self._b("in-progress", QueueSid=QUEUE, QueuePosition=str(position), QueueTime=str(int(t)))
        return self._came(t, Kind.WAIT, fields, step=step, part=queue, decision="stay")

    def joins(self, t: float) -> Story:
        """The caller goes into the room: we are asked how."""
        return self._came(t, Kind.JOIN, self._b("in-progress"))

    def leaves_queue(self, t: float, why: str, decision: str = "", step: int = 1) -> Story:
        fields = self._b("in-progress", QueueSid=QUEUE, QueueResult=why, QueueTime=str(int(t)))
        return self._came(t, Kind.QUEUE_EXIT, fields, step=step, part="sales", decision=decision)

    def leg(
        self, t: float, name: str, status: str, role: str = "offer", by: str = "", to: str = "", sip: str = ""
    ) -> Story:
        label = role if role == "customer" else f"{role}-{name.encode().hex().rjust(8, '0')[-8:]}"
        leg = self.customer if role == "customer" else sid(name)
        fields = {
            "AccountSid": ACCOUNT, "CallSid": leg, "CallStatus": status, "Direction": "outbound-api", "From": OURS,
            "To": to or (CALLER if role == "customer" else f"client:{name}?call={self.root}"),
            "Timestamp": format_datetime(at(t).replace(microsecond=0)), "CallbackSource": "call-progress-events",
            "SequenceNumber": str(self._next(leg)),
        }  # fmt: skip
        if sip:
            fields["SipResponseCode"] = sip
        return self._came(t, Kind.LEG, fields, part=label, by=by)

    def rings(self, t: float, name: str, role: str = "offer", by: str = "") -> Story:
        return self.leg(t, name, "initiated", role, by).leg(t, name, "ringing", role, by)

    def room(self, t: float, who: str, change: str, reason: str = "", role: str = "offer", **more: str) -> Story:
        customer = who == "customer"
        label = "customer" if customer else f"{role}-{who.encode().hex().rjust(8, '0')[-8:]}"
        fields = {
            "AccountSid": ACCOUNT, "ConferenceSid": ROOM, "FriendlyName": self.root, "StatusCallbackEvent": change,
            "CallSid": self.customer if customer else sid(who), "ParticipantLabel": label,
            "SequenceNumber": str(self._next(ROOM)), "Timestamp": format_datetime(at(t).replace(microsecond=0)), **more,
        }  # fmt: skip
        if not who:
            del fields["CallSid"], fields["ParticipantLabel"]
        if reason:
            fields["ReasonParticipantLeft"] = reason
        return self._came(t, Kind.CONFERENCE, fields)

    def ends(self, t: float, status: str = "completed") -> Story:
        """As the number's own callback tells it."""
        fields = self._b(status, Timestamp=format_datetime(at(t).replace(microsecond=0)), SequenceNumber="0")
        return self._came(t, Kind.STATUS, fields)

    def says(self, t: float, seconds: int, hung_up: bool = True) -> Story:
        fields = self._b("in-progress", RecordingSid="RE" + "0" * 31 + "1", RecordingDuration=str(seconds))
        return self._came(t, Kind.VOICEMAIL, fields | ({"Digits": "hangup"} if hung_up else {}))

    def _b(self, status: str, From: str = CALLER, **more: str) -> dict[str, str]:
        return {
            "AccountSid": ACCOUNT, "ApiVersion": "2010-04-01", "CallSid": self.root, "CallStatus": status,
            "Direction": "inbound", "From": From, "To": OURS, **more,
        }  # fmt: skip

    def _next(self, about: str) -> int:
        self._counts[about] = self._counts.get(about, -1) + 1
        return self._counts[about]

    def _came(
        self, t: float, kind: Kind, fields: dict[str, str], *, step: int = 0, part: str = "", by: str = "",
        decision: str = "",
    ) -> Story:  # fmt: skip
        self.webhooks.append(Webhook(kind, self.root, fields, at(t + self._late), step, part, by, decision))
        return self


def answered(root: str = DANA) -> Story:
    """Dana calls, waits, is offered to Alice, talks, and hangs up."""
    story = Story(root).calls(0).waits(0.5).rings(2, "alice").leg(5, "alice", "in-progress")
    story.room(5.2, "alice", "conference-start").room(5.2, "alice", "participant-join")
    story.leaves_queue(5.4, "redirected").joins(6).room(6.1, "customer", "participant-join", EndConferenceOnExit="true")
    story.room(36, "customer", "participant-leave", "participant_hung_up")
    story.room(36, "alice", "participant-leave", "moderator_ended_conference").room(36, "", "conference-end")
    return story.leg(36, "alice", "completed").ends(36)


def clicked() -> Story:
    """Alice asks for a call to Dana, who picks up."""
    story = Story(REQUEST).rings(0, "alice", "agent").leg(2, "alice", "in-progress", "agent")
    story.room(2, "alice", "participant-join", role="agent").rings(3, "customer", "customer")
    story.leg(8, "customer", "in-progress", "customer").room(8, "customer", "participant-join")
    story.room(68, "customer", "participant-leave", "participant_hung_up")
    story.room(68, "alice", "participant-leave", "moderator_ended_conference", role="agent")
    return story.leg(68, "customer", "completed", "customer").leg(68, "alice", "completed", "agent")
