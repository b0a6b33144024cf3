"""The trial's account: agents who answer by themselves, customers who come, and what to write into the switches file."""

from __future__ import annotations

import tomllib

from telephony.fake.twilio import client_at
from tests.fake_twilio.product import Product, twiml
from webapp.trial.people import cast
from webapp.trial.twilio import TwilioTrial


def test_customers_call_as_soon_as_a_number_leads_somewhere(served: tuple[Product, str]) -> None:
    product, address = served
    product.documents["/voice"] = twiml('<Dial action="/after"><Client>alice</Client></Dial>')
    product.documents["/after"] = twiml("<Hangup/>")
    people = cast()
    with TwilioTrial(people, address, lambda words: None, public_url="https://crm.test") as trial:
        table = tomllib.loads(trial.table("twilio"))["twilio"]
        product.token = table["auth_token"]
        trial.start_traffic(["+15005550101"], pause=(0.1, 0.2))
        client = client_at(trial.base_url, table["api_key"], table["api_secret"], table["account_sid"])
        assert set(table["numbers"]) == {each.phone_number for each in client.incoming_phone_numbers.list()}
        assert product.told == []  # no number leads anywhere yet
        number = client.incoming_phone_numbers.list()[0]
        client.incoming_phone_numbers(number.sid).update(voice_url="https://crm.test/voice")
        trial.server.wait_for(lambda: any(leg.answered for leg in trial.server.twilio.calls.all.values() if leg.parent))
        assert trial.server.errors == [] and product.refused == 0
        assert product.words("/voice", "To")[0] == number.phone_number


def test_the_table_is_whole() -> None:
    with TwilioTrial(cast(), "http://127.0.0.1:1", lambda words: None) as trial:
        table = tomllib.loads(trial.table("twilio"))["twilio"]
    assert table["kind"] == "twilio"
    assert table["shown_number"] in table["numbers"]
    assert {len(table[name]) for name in ("account_sid", "api_key")} == {34}
