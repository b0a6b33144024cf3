"""Texts, in and out, by SMS and WhatsApp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from telephony.fake.twilio.clock import Steps
from telephony.fake.twilio.errors import ApiError, BadDocument, NotModelled, invalid, not_found
from telephony.fake.twilio.model import API_VERSION, Media, Message, Target
from telephony.fake.twilio.twiml import TEXTING, Element, allow, parse
from telephony.fake.twilio.webhooks import Failed

if TYPE_CHECKING:
    from telephony.fake.twilio.stand_in import FakeTwilio

PRICE = {"inbound": 0.0079, "outbound-api": 0.0083, "outbound-reply": 0.0083}
WHATSAPP = "whatsapp:"
WINDOW = 24 * 3600.0  # after a person wrote by WhatsApp, they may be answered in any words
STOP = frozenset("STOP STOPALL UNSUBSCRIBE CANCEL END QUIT".split())
START = frozenset("START YES UNSTOP".split())
HELP = frozenset("HELP INFO".split())
LONGEST = 1600
UNREACHABLE = 30003


@dataclass(frozen=True, slots=True)
class Inbox:
    """What becomes of what is sent to somebody."""

    arrives: bool = True
    reads: bool = False  # and their app says so (WhatsApp)
    error: int = UNREACHABLE
    seconds: float = 1.0  # between two states
    silent: bool = False  # the carrier never tells what became of it: it stays sent


class Messages:
    def __init__(self, twilio: FakeTwilio) -> None:
        self._twilio = twilio
        self.all: dict[str, Message] = {}
        self.inboxes: dict[str, Inbox] = {}
        self.mobile: dict[str, bool] = {}  # False: a landline
        self.templates: dict[str, str] = {}  # content sid: text with {{1}}
        self.services: dict[str, str] = {}  # messaging service sid: the number that it sends from
        self.stopped: set[tuple[str, str]] = set()  # who wrote STOP, to whom
        self._wrote: dict[tuple[str, str], float] = {}  # the last time somebody did, to whom

    def get(self, sid: str) -> Message:
        message = self.all.get(sid)
        if message is None or message.deleted:
            raise not_found(f"/Messages/{sid}.json")
        return message

    # ----------------------------------------------------------------------------------------------------------- out

    def send(
        self,
        from_: str,
        to: str,
        body: str,
        callback: Target | None,
        media: list[Media],
        template: str = "",
        service_sid: str | None = None,
        direction: str = "outbound-api",
    ) -> Message:
        self._check(from_, to, body, media, template)
        now = self._twilio.clock.now
        message = Message(
            self._twilio.sids.new("MM" if media else "SM"), now, now, from_, to, body, direction,
            "accepted" if service_sid else "queued", callback, media, service_sid=service_sid,
        )  # fmt: skip
        self.all[message.sid] = message
        self._twilio.changed(message)
        self._twilio.clock.start(self._travel(message, template))
        return message

    def _check(self, from_: str, to: str, body: str, media: list[Media], template: str) -> None:
        plain_from, plain_to = from_.removeprefix(WHATSAPP), to.removeprefix(WHATSAPP)
        if not to:
            raise invalid(21604, "'To' phone number is required to send a Message")
        if not from_:
            raise invalid(21603, "'From' phone number is required to send a Message")
        if from_.startswith(WHATSAPP) != to.startswith(WHATSAPP):
            raise invalid(21910, "Invalid 'From' and 'To' pair: they are not of the same channel")
        if not (plain_to.startswith("+") and plain_to[1:].isdigit() and 8 <= len(plain_to) <= 16):
            raise invalid(21211, f"The 'To' number {to} is not a valid phone number.")
        if not self._twilio.owns(plain_from):
            code = 63007 if to.startswith(WHATSAPP) else 21606
            raise invalid(code, f"The 'From' phone number provided {from_} is not a valid sender")
        if not body and not media and not template:
            raise invalid(21602, "Message body is required.")
        if len(body) > LONGEST:
            raise invalid(21617, "The concatenated message body exceeds the 1600 character limit")
        if (to, from_) in self.stopped:
            raise invalid(21610, "Attempt to send to unsubscribed recipient")
        if not self.mobile.get(plain_to, True):
            raise invalid(21614, f"'To' number: {to}, is not a valid mobile number")

    def _travel(self, message: Message, template: str) -> Steps:
        inbox = self.inboxes.get(message.to, Inbox())
        yield inbox.seconds
        self._becomes(message, "sending" if message.service_sid is None else "queued")
        if message.to.startswith(WHATSAPP) and not template and not self._in_window(message):
            message.error_code = 63016
            self._becomes(message, "failed")
            return
        yield inbox.seconds
        message.sent = self._twilio.clock.now
        self._becomes(message, "sent")
        self._price(message)
        if inbox.silent:
            return
        yield inbox.seconds
        if not inbox.arrives:
            message.error_code = inbox.error
            self._becomes(message, "undelivered")
            return
        self._twilio.people.received.setdefault(message.to, []).append(message)
        self._becomes(message, "delivered")
        if inbox.reads:
            yield inbox.seconds
            self._becomes(message, "read")

    def _in_window(self, message: Message) -> bool:
        wrote = self._wrote.get((message.to, message.from_))
        return wrote is not None and self._twilio.clock.now - wrote <= WINDOW

    def _becomes(self, message: Message, status: str) -> None:
        message.status = status
        self._twilio.changed(message)
        told = {
            "AccountSid": self._twilio.account.sid,
            "ApiVersion": API_VERSION,
            "MessageSid": message.sid,
            "SmsSid": message.sid,
            "MessageStatus": status,
            "SmsStatus": status,
            "From": message.from_,
            "To": message.to,
            "MessagingServiceSid": message.service_sid,
            "ErrorCode": str(message.error_code) if message.error_code is not None else None,
        }
        if message.to.startswith(WHATSAPP):
            told |= {"ChannelPrefix": "whatsapp", "ChannelToAddress": message.to}
        self._twilio.webhooks.tell(message.callback, told, message.sid)

    def _price(self, message: Message) -> None:
        amount = PRICE[message.direction] * message.segments
        message.price = f"-{amount:.5f}"
        self._twilio.account.balance -= amount

    # ------------------------------------------------------------------------------------------------------------ in

    def inbound(self, from_: str, to: str, body: str, media: tuple[tuple[str, bytes], ...] = ()) -> Message:
        number = self._twilio.number(to.removeprefix(WHATSAPP))
        if number is None:
            raise NotModelled(f"a message to {to}, which is none of the account's numbers")
        now = self._twilio.clock.now
        message = Message(
            self._twilio.sids.new("MM" if media else "SM"), now, now, from_, to, body, "inbound", "received",
            media=[Media(self._twilio.sids.new("ME"), kind, content) for kind, content in media], sent=now,
        )  # fmt: skip
        self.all[message.sid] = message
        self._wrote[from_, to] = now
        self._price(message)
        self._twilio.changed(message)
        opt = self._opt(message)
        settings = number.settings
        sid = settings.get("SmsApplicationSid", "")
        if sid:
            settings = self._twilio.applications[sid].settings
        if settings.get("SmsUrl"):
            self._twilio.clock.start(self._received(message, settings, opt))
        return message

    def _opt(self, message: Message) -> str:
        word = message.body.strip().upper()
        pair = (message.from_, message.to)
        if word in STOP:
            self.stopped.add(pair)
            return "STOP"
        if word in START:
            self.stopped.discard(pair)
            return "START"
        return "HELP" if word in HELP else ""

    def _received(self, message: Message, settings: dict[str, str], opt: str) -> Steps:
        target = Target(settings["SmsUrl"], settings.get("SmsMethod", "POST"))
        fallback = settings.get("SmsFallbackUrl", "")
        params = self._told(message, opt)
        code = yield from self._obey(message, target, params)
        if code and fallback:
            told = {**params, "ErrorCode": str(code), "ErrorUrl": target.url.partition("#")[0]}
            yield from self._obey(message, Target(fallback, settings.get("SmsFallbackMethod", "POST")), told)

    def _obey(self, message: Message, target: Target, params: dict[str, str]) -> Steps:
        """Replies that the document holds; the code of what went wrong, or 0."""
        outcome = yield from self._twilio.webhooks.ask(target, params, message.sid)
        if isinstance(outcome, Failed):
            return outcome.code
        if outcome.status == 204 or not outcome.body:
            return 0
        try:
            verbs = allow(parse(outcome.text), TEXTING, "a message")
        except BadDocument as error:
            self._twilio.alert(error.code, str(error), message.sid, target)
            return error.code
        for verb in verbs:
            if verb.name != "Message":
                raise NotModelled(f"TwiML <{verb.name}> for a message")
            self._reply(message, verb)
        return 0

    def _reply(self, message: Message, verb: Element) -> None:
        if set(verb.attributes) or any(child.name == "Media" for child in verb.children):
            raise NotModelled("TwiML <Message> with attributes or media")
        body = verb.text or "".join(child.text for child in verb.children if child.name == "Body")
        try:
            self.send(message.to, message.from_, body, None, [], direction="outbound-reply")
        except ApiError as error:
            self._twilio.alert(error.code, error.message, message.sid)

    def _told(self, message: Message, opt: str) -> dict[str, str]:
        told = {
            "AccountSid": self._twilio.account.sid,
            "ApiVersion": API_VERSION,
            "MessageSid": message.sid,
            "SmsSid": message.sid,
            "SmsMessageSid": message.sid,
            "From": message.from_,
            "To": message.to,
            "Body": message.body,
            "NumMedia": str(len(message.media)),
            "NumSegments": str(message.segments),
            "SmsStatus": "received",
        }
        for i, media in enumerate(message.media):
            told[f"MediaContentType{i}"] = media.content_type
            told[f"MediaUrl{i}"] = self.media_url(message, media)
        if message.from_.startswith(WHATSAPP):
            told |= {
                "ProfileName": "Somebody",
                "WaId": message.from_.removeprefix(WHATSAPP + "+"),
                "MessageType": "text",
            }
        if opt:
            told["OptOutType"] = opt
        return told

    def media_url(self, message: Message, media: Media) -> str:
        account = self._twilio.account.sid
        return f"https://api.twilio.com/{API_VERSION}/Accounts/{account}/Messages/{message.sid}/Media/{media.sid}"


def fill_template(text: str, variables: dict[str, str]) -> str:
    for name, value in variables.items():
        text = text.replace("{{" + name + "}}", value)
    return text
