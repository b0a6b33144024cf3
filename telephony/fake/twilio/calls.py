"""The life of a leg: dialled, rung, answered, moved, ended; and what Twilio tells of it."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import phonenumbers

from telephony.fake.twilio.clock import TIMEOUT, Steps, rfc2822
from telephony.fake.twilio.errors import ApiError, NotModelled, invalid, not_found
from telephony.fake.twilio.interpreter import Interpreter
from telephony.fake.twilio.model import API_VERSION, Account, Call, Callback, Number, Program, Target
from telephony.fake.twilio.orders import DEFAULT_LIMIT, RING_BUFFER, Detection, Order
from telephony.fake.twilio.people import REFUSED, Party, Script, custom_parameters

if TYPE_CHECKING:
    from telephony.fake.twilio.stand_in import FakeTwilio

ERROR_MESSAGE = 5.0  # seconds: "we are sorry, an application error has occurred"
PRICE_AFTER = 30.0
PER_MINUTE = {"inbound": 0.0085, "outbound-api": 0.014, "outbound-dial": 0.014, "client": 0.004, "sip": 0.004}
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_CLIENT = re.compile(r"client:[^\s?]{1,256}")
_SIP = re.compile(r"sips?:[^\s@]+@[^\s@]+")
WITHHELD = frozenset({"anonymous", "unknown", "+266696687", "+8656696", "+7378742833", ""})


class Calls:
    def __init__(self, twilio: FakeTwilio) -> None:
        self._twilio = twilio
        self.all: dict[str, Call] = {}
        self.interpreter = Interpreter(twilio)
        self._next_slot = 0.0

    def get(self, sid: str) -> Call:
        call = self.all.get(sid)
        if call is None or call.deleted:
            raise not_found(f"/Calls/{sid}.json")
        return call

    @property
    def roots(self) -> list[Call]:
        return [call for call in self.all.values() if call.parent is None]

    # -------------------------------------------------------------------------------------------- calls come to be

    def inbound(self, from_: str, to: str, script: Script, *, stir: str = "", caller_name: str | None = None) -> Party:
        number = self._twilio.number(to)
        if number is None:
            raise NotModelled(f"a call to {to}, which is none of the account's numbers")
        call = self._new(from_, to, "inbound", number=number, stir=stir, caller_name=caller_name)
        program, application = self._program_of(number)
        call.program, call.application_sid = program, application
        return self._comes(call, script)

    def from_browser(self, identity: str, application_sid: str, params: dict[str, str]) -> Party:
        application = self._twilio.applications.get(application_sid)
        if application is None:
            raise NotModelled(f"a call to application {application_sid}")
        call = self._new(f"client:{identity}", params.pop("To", ""), "inbound")
        call.application_sid, call.custom = application_sid, params
        call.program = _program(application.settings)
        return self._comes(call, Script("by_hand", message=0))

    def place(self, order: Order) -> Call:
        """By the API; it is queued until the account's calls a second allow it."""
        call = self.ordered(order)
        call.process = self._twilio.clock.start(self._outbound(call, order))
        return call

    def ordered(self, order: Order) -> Call:
        if self._next_slot - self._twilio.clock.now > self._twilio.account.longest_queue:
            raise ApiError(429, 20429, "Too Many Requests")
        to, custom = custom_parameters(order.to)
        call = self._new(order.from_, to, "outbound-api")
        call.custom = {**custom, **order.custom}
        call.program, call.progress, call.application_sid = order.program, order.progress, order.application_sid
        return call

    def child(
        self, parent: Call, to: str, caller_id: str, progress: Callback | None, custom: Mapping[str, str]
    ) -> Call:
        call = self._new(caller_id, to, "outbound-dial", parent=parent)
        call.progress, call.custom = progress, dict(custom)
        parent.children.append(call)
        return call

    def _new(self, from_: str, to: str, direction: str, **more: Any) -> Call:
        now = self._twilio.clock.now
        call = Call(self._twilio.sids.new("CA"), now, now, from_, to, direction, **more)
        self.all[call.sid] = call
        self._twilio.changed(call)
        return call

    def _comes(self, call: Call, script: Script) -> Party:
        party = call.party = Party(self._twilio, call, script)
        call.status, call.started = "ringing", self._twilio.clock.now
        self._twilio.changed(call)
        party.begins()
        call.process = self._twilio.clock.start(self._inbound(call))
        return party

    def _program_of(self, number: Number) -> tuple[Program, str]:
        sid = number.settings.get("VoiceApplicationSid", "")
        if not sid:
            return _program(number.settings), ""
        application = self._twilio.applications.get(sid)
        if application is None:
            raise NotModelled(f"a number whose application {sid} is gone")
        return _program(application.settings), sid

    # ------------------------------------------------------------------------------------------------ their course

    def _inbound(self, call: Call) -> Steps:
        if not call.program.url:  # "the number you have dialled is not configured"
            self.answer(call)
            yield ERROR_MESSAGE
            self.end(call, "completed", "twilio")
            return
        yield from self.obey(call, call.program)

    def obey(self, call: Call, program: Program) -> Steps:
        """Its documents, to their end."""
        yield from self.interpreter.run(call, program)
        self.end(call, "completed", "twilio")

    def _outbound(self, call: Call, order: Order) -> Steps:
        yield from self.dial(call, order)
        if call.is_over:
            return
        if order.detection is not None:
            yield from self._detect(call, order.detection)
        yield from self.obey(call, order.program)

    def dial(self, call: Call, order: Order) -> Steps:
        """Until it is answered, or over."""
        yield self._slot() - self._twilio.clock.now
        result = yield from self.ring(call, order.timeout + RING_BUFFER)
        if result != "answered":
            self.end(call, result, "party")
            return
        self.answer(call, order.limit)
        if order.record is not None:
            recorded = order.record
            self._twilio.recordings.start(call, recorded.source, recorded.channels, recorded.callback)

    def _slot(self) -> float:
        now = self._twilio.clock.now
        moment = max(now, self._next_slot)
        self._next_slot = moment + 1 / self._twilio.account.calls_per_second
        return moment

    def ring(self, call: Call, seconds: float) -> Generator[Any, Any, str]:
        """Answered, or the status with which it ends."""
        call.started = self._twilio.clock.now
        party = call.party = self._twilio.people.called(call)
        self._tell_progress(call, "initiated", "initiated")
        yield min(party.script.setup, seconds)
        kind = party.script.kind
        if kind not in ("busy", "unreachable", "absent"):
            call.status = "ringing"
            self._twilio.changed(call)
            self._tell_progress(call, "ringing", "ringing")
        party.rings()
        decided = yield party.decided, max(0.0, seconds - party.script.setup)
        if decided is TIMEOUT:
            decided = "ignores"
        if decided == "answers":
            return "answered"
        status, call.sip_code = REFUSED[decided]
        return status

    def answer(self, call: Call, limit: float = DEFAULT_LIMIT) -> None:
        if call.answered is not None or call.is_over:
            return
        call.status, call.answered, call.sip_code = "in-progress", self._twilio.clock.now, 200
        call.limit = self._twilio.clock.after(limit, lambda: self.end(call, "completed", "twilio"))
        self._twilio.changed(call)
        self._tell_progress(call, "answered", "in-progress")
        if call.direction != "inbound" and call.party is not None:
            call.party.begins()

    def _detect(self, call: Call, detection: Detection) -> Steps:
        assert call.party is not None
        script, began = call.party.script, self._twilio.clock.now
        known = script.detected_after <= detection.timeout
        seconds = min(script.detected_after, detection.timeout)
        result = script.answered_by if known else "unknown"
        if detection.mode == "DetectMessageEnd" and result == "machine_start":
            result = "machine_end_beep"
        if detection.callback is None:
            yield seconds
            call.answered_by = result
            return

        def told() -> None:
            if not call.is_over:
                call.answered_by = result
            length = str(round((self._twilio.clock.now - began) * 1000))
            params = {"AccountSid": self._twilio.account.sid, "CallSid": call.sid, "AnsweredBy": result}
            self._twilio.webhooks.tell(detection.callback, {**params, "MachineDetectionDuration": length}, call.sid)

        self._twilio.clock.after(seconds, told)

    # ------------------------------------------------------------------------------------------------------ changes

    def redirect(self, call: Call, program: Program) -> None:
        """By the API: what the call is doing ends, and it gets other documents."""
        if call.answered is None or call.is_over:
            raise invalid(21220, "Call is not in-progress. Cannot redirect.")
        if call.place is not None:
            call.place.leave(call, "redirected")
            call.place = None
        if call.process is not None:
            call.process.stop()
        call.program = replace(program, fallback=program.fallback or call.program.fallback)
        call.process = self._twilio.clock.start(self.obey(call, call.program))
        self._twilio.changed(call)

    def hung_up(self, call: Call) -> None:
        """By who is at its other end."""
        early = self._twilio.doubts.abandoned_early if call.direction == "inbound" else "no-answer"
        self.end(call, early, "party")

    def cancel(self, call: Call) -> None:
        self.end(call, "canceled", "api")

    def end(self, call: Call, status: str, by: str) -> None:
        """`status` holds for a call that was never answered; any other is completed."""
        if call.is_over:
            return
        now = self._twilio.clock.now
        call.status = "completed" if call.answered is not None else status
        call.ended, call.ended_by = now, by
        if call.sip_code is None or (call.answered is None and call.sip_code == 200):
            call.sip_code = 487
        place, call.place = call.place, None
        if place is not None:
            place.leave(call, "api" if by == "api" else "hangup")
        if call.limit is not None:
            call.limit.cancel()
        if call.party is not None:
            call.party.goes()
        self._twilio.recordings.stop_all(call)
        self._twilio.changed(call)
        self._tell_end(call)
        self._twilio.clock.after(PRICE_AFTER, lambda: self._price(call))
        call.over.set()
        if call.process is not None:
            call.process.stop()

    def _price(self, call: Call) -> None:
        if call.answered is None:
            call.price = "0"
        else:
            kind = next((each for each in ("client", "sip") if each in (call.to + call.from_)), call.direction)
            minutes = -(-call.seconds(self._twilio.clock.now) // 60)
            amount = minutes * PER_MINUTE[kind]
            call.price = f"-{amount:.5f}"
            self._twilio.account.balance -= amount
        self._twilio.changed(call)

    # -------------------------------------------------------------------------------------------------- what is told

    def params(self, call: Call, status: str | None = None) -> dict[str, str]:
        """The standard set of voice webhooks."""
        told = {
            "AccountSid": self._twilio.account.sid,
            "ApiVersion": API_VERSION,
            "CallSid": call.sid,
            "CallStatus": status or call.status,
            "Direction": call.direction,
            "From": call.from_,
            "To": call.to,
            "Caller": call.from_,
            "Called": call.to,
        }
        for name, address in (("From", call.from_), ("To", call.to), ("Caller", call.from_), ("Called", call.to)):
            told.update(_geography(name, address))
        if call.parent is not None:
            told["ParentCallSid"] = call.parent.sid
        if call.application_sid:
            told["ApplicationSid"] = call.application_sid
        if call.stir:
            told["StirVerstat"] = call.stir
        if call.caller_name is not None:
            told["CallerName"] = call.caller_name
        if call.answered_by is not None:
            told["AnsweredBy"] = call.answered_by
        if call.direction == "inbound":
            for name, value in call.custom.items():
                told.setdefault(name, value)  # no page can say who called
            if call.number is not None:
                told["CallToken"] = f"%7B%22callSid%22%3A%22{call.sid}%22%7D"
        return told

    def _tell_progress(self, call: Call, event: str, status: str) -> None:
        if call.progress is None or event not in call.progress.events:
            return
        self._tell(call, call.progress, status, {})

    def _tell_end(self, call: Call) -> None:
        target = call.progress
        if call.direction == "inbound":
            target = self._number_callback(call)
        if target is None or "completed" not in target.events:
            return
        seconds = call.seconds(self._twilio.clock.now)
        more = {"CallDuration": str(seconds), "Duration": str(-(-seconds // 60)), "SipResponseCode": str(call.sip_code)}
        self._tell(call, target, call.status, more)

    def _number_callback(self, call: Call) -> Callback | None:
        settings = call.number.settings if call.number is not None else {}
        if call.application_sid:
            application = self._twilio.applications.get(call.application_sid)
            settings = application.settings if application is not None else {}
        if call.progress is not None:  # the API gave it another one
            return call.progress
        url = settings.get("StatusCallback", "")
        if not url or (call.failures and not self._twilio.doubts.told_after_fallback):
            return None
        return Callback(url, settings.get("StatusCallbackMethod", "POST"))

    def _tell(self, call: Call, callback: Callback, status: str, more: Mapping[str, str]) -> None:
        params = {
            **self.params(call, status),
            "Timestamp": rfc2822(self._twilio.clock.now) or "",
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(call.sequence),
            **more,
        }
        call.sequence += 1
        self._twilio.webhooks.tell(Target(callback.url, callback.method), params, call.sid)

    # ---------------------------------------------------------------------------------------------------- addresses

    def check_destination(self, to: str) -> None:
        if not to:
            raise invalid(21201, "No 'To' number is specified")
        if not (_PHONE.fullmatch(to) or _CLIENT.fullmatch(to.partition("?")[0]) or _SIP.fullmatch(to)):
            raise invalid(21211, f"The phone number you are attempting to call, {to}, is not valid.")

    def check_caller_id(self, from_: str, to: str) -> None:
        if not from_:
            raise invalid(21213, "No 'From' number is specified")
        if _PHONE.fullmatch(from_):
            if not owns(self._twilio.account, self._twilio.numbers, from_):
                raise invalid(
                    21210, f"The source phone number provided, {from_}, is not yet verified for your account."
                )
        elif not to.startswith(("client:", "sip:")):
            raise invalid(21212, f"The source phone number provided, {from_}, is not valid.")


def owns(account: Account, numbers: Mapping[str, Number], address: str) -> bool:
    return address in account.verified or any(number.phone_number == address for number in numbers.values())


def is_phone(address: str) -> bool:
    return bool(_PHONE.fullmatch(address))


def is_sip(address: str) -> bool:
    return bool(_SIP.fullmatch(address))


def refuse_unless_running(call: Call) -> None:
    if call.answered is None or call.is_over:
        raise ApiError(400, 21220, "Requested resource is not eligible for recording")


def _program(settings: Mapping[str, str]) -> Program:
    fallback = settings.get("VoiceFallbackUrl", "")
    return Program(
        settings.get("VoiceUrl", ""),
        settings.get("VoiceMethod", "POST"),
        fallback=Target(fallback, settings.get("VoiceFallbackMethod", "POST")) if fallback else None,
    )


@lru_cache(maxsize=4096)
def _geography(name: str, address: str) -> Mapping[str, str]:
    if not is_phone(address):
        return {}
    try:
        country = phonenumbers.region_code_for_number(phonenumbers.parse(address)) or ""
    except phonenumbers.NumberParseException:
        country = ""
    return {f"{name}City": "", f"{name}State": "", f"{name}Zip": "", f"{name}Country": country}
