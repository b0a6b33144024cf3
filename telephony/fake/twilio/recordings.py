"""What is recorded, of a leg or of a room; when there is something to fetch; and what it sounds like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telephony.fake.twilio.clock import rfc2822, whole
from telephony.fake.twilio.errors import NotModelled, invalid, not_found
from telephony.fake.twilio.model import API_VERSION, Call, Callback, Conference, Recording, Target
from telephony.fake.twilio.sound import wav

if TYPE_CHECKING:
    from telephony.fake.twilio.stand_in import FakeTwilio

PROCESSING = 2.0  # seconds after its end
SHORTEST = 1.0
TOO_SHORT = 16101
RUNNING = ("in-progress", "paused")


class Recordings:
    def __init__(self, twilio: FakeTwilio) -> None:
        self._twilio = twilio
        self.all: dict[str, Recording] = {}

    def get(self, sid: str) -> Recording:
        recording = self.all.get(sid)
        if recording is None or recording.deleted:
            raise not_found(f"/Recordings/{sid}.json")
        return recording

    def of(self, call_sid: str = "", conference_sid: str = "") -> list[Recording]:
        return [
            each
            for each in self.all.values()
            if not each.deleted
            and (not call_sid or each.call_sid == call_sid)
            and (not conference_sid or each.conference_sid == conference_sid)
        ]

    def current(self, call_sid: str = "", conference_sid: str = "") -> Recording:
        """Twilio.CURRENT: the only one that runs."""
        running = [each for each in self.of(call_sid, conference_sid) if each.status in RUNNING]
        if not running:
            raise not_found("Twilio.CURRENT")
        if len(running) > 1:
            raise NotModelled("Twilio.CURRENT of several recordings")
        return running[0]

    # ------------------------------------------------------------------------------------------------------- course

    def start(self, call: Call, source: str, channels: int, callback: Callback | None) -> Recording:
        return self._start(call.root.sid if source == "DialVerb" else call.sid, source, channels, callback, None)

    def start_room(self, room: Conference, source: str, callback: Callback | None) -> Recording:
        """Of a room there is one channel, whatever was asked for."""
        first = next(iter(room.participants))
        return self._start(first, source, 1, callback, room.sid)

    def _start(
        self, call_sid: str, source: str, channels: int, callback: Callback | None, room_sid: str | None
    ) -> Recording:
        now = self._twilio.clock.now
        recording = Recording(
            self._twilio.sids.new("RE"), now, now, call_sid, source, channels, room_sid, callback,
            started=now, part_began=now,
        )  # fmt: skip
        self.all[recording.sid] = recording
        self._change(recording, "in-progress")
        return recording

    def pause(self, recording: Recording, behavior: str) -> None:
        if recording.status != "in-progress":
            raise invalid(21220, f"the recording is {recording.status}")
        self._part(recording, "silence" if behavior == "silence" else "")
        recording.status = "paused"
        self._twilio.changed(recording)

    def resume(self, recording: Recording) -> None:
        if recording.status != "paused":
            raise invalid(21220, f"the recording is {recording.status}")
        self._part(recording, "voice")
        recording.status = "in-progress"
        self._twilio.changed(recording)

    def trim(self, recording: Recording) -> None:
        """Silence at the end is no part of it."""
        self._part(recording, "")

    def empty(self, recording: Recording) -> None:
        recording.parts, recording.part = [], ""

    def stop(self, recording: Recording) -> None:
        if recording.status not in RUNNING:
            return
        self._part(recording, "")
        if recording.seconds(self._twilio.clock.now) < SHORTEST:
            recording.error_code = TOO_SHORT
            self._change(recording, "absent")
            return
        recording.status = "processing"
        self._twilio.changed(recording)
        self._twilio.clock.after(PROCESSING, lambda: self._change(recording, "completed"))

    def stop_all(self, call: Call) -> None:
        for recording in self.of(call_sid=call.sid):
            if recording.conference_sid is None:
                self.stop(recording)

    def stop_room(self, room: Conference) -> None:
        for recording in self.of(conference_sid=room.sid):
            self.stop(recording)

    def delete(self, recording: Recording) -> None:
        if recording.status in RUNNING:
            raise NotModelled("to delete a recording that goes on")
        recording.deleted = True

    def _part(self, recording: Recording, following: str) -> None:
        now = self._twilio.clock.now
        if recording.part and now > recording.part_began:
            recording.parts.append((recording.part, now - recording.part_began))
        recording.part, recording.part_began = following, now

    def _change(self, recording: Recording, status: str) -> None:
        recording.status = status
        self._twilio.changed(recording)
        if status != "in-progress":
            recording.ready.set()
        callback = recording.callback
        if callback is None or status not in callback.events:
            return
        told = {
            "AccountSid": self._twilio.account.sid,
            "CallSid": recording.call_sid,
            "RecordingSid": recording.sid,
            "RecordingUrl": self.url(recording),
            "RecordingStatus": status,
            "RecordingChannels": str(recording.channels),
            "RecordingSource": recording.source,
            "RecordingStartTime": rfc2822(recording.started),
            "RecordingTrack": "both",
            "ErrorCode": str(recording.error_code),
            "ConferenceSid": recording.conference_sid,
            "RecordingDuration": None if status == "in-progress" else str(self.duration(recording)),
        }
        self._twilio.webhooks.tell(Target(callback.url, callback.method), told, recording.sid)

    # ------------------------------------------------------------------------------------------------------ content

    def duration(self, recording: Recording) -> int:
        return whole(recording.seconds(self._twilio.clock.now))

    def url(self, recording: Recording) -> str:
        """As webhooks tell it: without an extension. Whoever fetches takes the sid, and not this host."""
        account = self._twilio.account.sid
        return f"https://api.twilio.com/{API_VERSION}/Accounts/{account}/Recordings/{recording.sid}"

    def content(self, recording: Recording, channels: int) -> bytes:
        if recording.status != "completed":
            raise not_found(f"/Recordings/{recording.sid}.wav")
        return wav(recording.parts, min(channels, recording.channels))
