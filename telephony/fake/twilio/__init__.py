"""A Twilio that is none: an account with numbers, calls, conferences, queues, recordings and messages, which asks and
tells the product as the real one does, and goes wrong as the real one does.

    twilio = FakeTwilio(WsgiTransport(app))        # within this process, in virtual time
    client = client_of(Api(twilio))                # the official library
    twilio.buy("+15005550006", VoiceUrl="https://crm.test/twilio/voice")
    alice = twilio.people.call("+15005550101", "+15005550006")
    twilio.clock.advance(30)
    alice.hang_up()

`TwilioServer` is the same in real time on a port. What it does not know raises `NotModelled`, with its name.
"""

from telephony.fake.twilio.chaos import Calm, Chaos
from telephony.fake.twilio.client import Elsewhere, InProcess, InProcessAdapter, client_at, client_of
from telephony.fake.twilio.clock import Clock
from telephony.fake.twilio.errors import ApiError, NotModelled
from telephony.fake.twilio.rest import Api, ApiAnswer, ApiRequest, NoAnswer
from telephony.fake.twilio.server import TwilioServer
from telephony.fake.twilio.stand_in import Doubts, FakeTwilio
from telephony.fake.twilio.transports import FunctionTransport, HttpTransport, Routes, WsgiTransport
from telephony.fake.twilio.truth import Truth, truth
from telephony.fake.twilio.webhooks import Failed, HttpAnswer, HttpRequest

__all__ = [
    "Api", "ApiAnswer", "ApiError", "ApiRequest", "Calm", "Chaos", "Clock", "Doubts", "Elsewhere", "Failed", "FakeTwilio",
    "FunctionTransport", "HttpAnswer", "HttpRequest", "HttpTransport", "InProcess", "InProcessAdapter", "NoAnswer",
    "NotModelled", "Routes", "Truth", "TwilioServer", "WsgiTransport", "client_at", "client_of",
    "truth",
]  # fmt: skip
