"""Who may ask the API, how lists are read, what is refused, and what a read may not know yet."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from random import Random

import pytest
import requests
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client

from telephony.fake.twilio import Api, ApiRequest, Chaos, FakeTwilio, InProcess, NotModelled, client_of
from telephony.fake.twilio.people import answers
from telephony.fake.twilio.rest import ROUTES
from tests.fake_twilio.conftest import ALICE, OURS
from tests.fake_twilio.contract import Broken, Contract
from tests.fake_twilio.product import HOST, Product, twiml


@pytest.fixture
def calls(twilio: FakeTwilio, product: Product) -> list[str]:
    """Seven, a minute from one to the next, newest first."""
    product.documents["/voice"] = twiml("<Say>Good day</Say>")
    made = []
    for i in range(7):
        made.append(twilio.people.call(f"+1500555020{i}", OURS).call.sid)
        twilio.clock.advance(60)
    return made[::-1]


def test_a_list_has_pages(client: Client, calls: list[str]) -> None:
    assert [each.sid for each in client.calls.list(page_size=3)] == calls
    assert [each.sid for each in client.calls.list(limit=4, page_size=2)] == calls[:4]


def test_a_page_goes_on_where_the_last_one_ended(twilio: FakeTwilio, client: Client, calls: list[str]) -> None:
    page = client.calls.page(page_size=3)
    first = [each.sid for each in page]
    twilio.people.call(ALICE, OURS)  # meanwhile
    second = page.next_page()
    assert second is not None
    assert first + [each.sid for each in second] == calls[:6]


def test_times_are_filters(twilio: FakeTwilio, client: Client, calls: list[str]) -> None:
    third = client.calls(calls[4]).fetch()
    assert third.start_time is not None
    assert [each.sid for each in client.calls.list(start_time_after=third.start_time)] == calls[:5]
    assert [each.sid for each in client.calls.list(end_time_before=third.start_time)] == calls[5:]
    assert len(client.calls.list(start_time=date(2026, 11, 23))) == 7
    assert client.calls.list(start_time=date(2026, 11, 24)) == []


def test_the_library_says_that_local_time_is_utc(client: Client, calls: list[str]) -> None:
    """It writes a Z behind whatever it is given: who asks converts first."""
    begun = datetime(2026, 11, 23, 9, 0, tzinfo=UTC).astimezone(timezone(timedelta(hours=7)))
    assert client.calls.list(start_time_after=begun) == []
    assert len(client.calls.list(start_time_after=begun.astimezone(UTC))) == 7


def test_conferences_are_found_by_days_only(twilio: FakeTwilio, api: Api, client: Client, product: Product) -> None:
    product.documents["/voice"] = twiml("<Dial><Conference>c-1</Conference></Dial>")
    twilio.people.call(ALICE, OURS)
    twilio.clock.advance(1)
    assert len(client.conferences.list(date_created_after=date(2026, 11, 23))) == 1
    api.check = lambda request, answer: None
    with pytest.raises(TwilioException):
        client.conferences.list(date_created_after="2026-11-23T09:00:00Z")  # type: ignore[arg-type]


def test_only_the_account_may_ask(twilio: FakeTwilio, api: Api) -> None:
    account = twilio.account
    for user, secret in ((account.sid, "wrong"), (account.key_sid, account.auth_token), ("SK" + "0" * 32, "")):
        with pytest.raises(TwilioRestException) as refused:
            Client(user, secret, account.sid, http_client=InProcess(api)).calls("CA" + "0" * 32).fetch()
        assert (refused.value.status, refused.value.code) == (401, 20003)
    account.secondary_token = "next"
    assert Client(account.sid, "next", http_client=InProcess(api)).api.accounts(account.sid).fetch().status == "active"
    stranger = Client(account.sid, account.auth_token, "AC" + "0" * 32, http_client=InProcess(api))
    with pytest.raises(TwilioException):
        stranger.calls.list()


def test_what_is_not_there(client: Client) -> None:
    with pytest.raises(TwilioRestException) as missing:
        client.calls("CA" + "0" * 32).fetch()
    assert (missing.value.status, missing.value.code) == (404, 20404)


def test_too_many_questions(twilio: FakeTwilio, api: Api, client: Client, calls: list[str]) -> None:
    api.requests_per_second = 3
    for _ in range(3):
        client.calls(calls[0]).fetch()
    with pytest.raises(TwilioRestException) as refused:
        client.calls(calls[0]).fetch()
    assert (refused.value.status, refused.value.code) == (429, 20429)
    twilio.clock.advance(2)
    client.calls(calls[0]).fetch()


def test_what_was_asked_of_us_for_a_call(client: Client, calls: list[str]) -> None:
    events = client.calls(calls[0]).events.list()
    assert [event.request["url"] for event in events if event.request] == [f"{HOST}/voice", f"{HOST}/number"]
    assert events[0].response and events[0].response["response_code"] == 200


def test_alerts_say_which_address_failed(twilio: FakeTwilio, client: Client, product: Product) -> None:
    product.documents |= {"/voice": "<", "/sorry": "<"}
    twilio.people.call(ALICE, OURS)
    twilio.clock.run_until_idle()
    alerts = client.monitor.v1.alerts.list()
    assert [(alert.error_code, alert.request_url) for alert in alerts] == [
        ("12100", "https://fallback.test/sorry"), ("12100", f"{HOST}/voice"),
    ]  # fmt: skip


def test_a_number_and_an_application_are_configured(twilio: FakeTwilio, client: Client) -> None:
    application = client.applications.create(friendly_name="desk", voice_url=f"{HOST}/app", voice_method="POST")
    number = client.incoming_phone_numbers.list()[0]
    changed = client.incoming_phone_numbers(number.sid).update(
        voice_url=f"{HOST}/new",
        voice_fallback_url=f"{HOST}/sorry",
        status_callback_method="GET",
        friendly_name="Support",
    )
    assert (changed.voice_url, changed.friendly_name, changed.status_callback_method) == (
        f"{HOST}/new",
        "Support",
        "GET",
    )
    assert client.applications(application.sid).update(voice_url=f"{HOST}/app2").voice_url == f"{HOST}/app2"
    assert [each.sid for each in client.applications.list(friendly_name="desk")] == [application.sid]
    with pytest.raises(TwilioRestException):
        client.incoming_phone_numbers(number.sid).update(voice_url="no address")


# ---------------------------------------------------------------------------------------------------- what goes wrong


def test_a_stale_read_shows_the_past_and_misses_the_newest(product: Product) -> None:
    chaos = Chaos(Random(1), stale=1.0, stalest=10)
    twilio = FakeTwilio(trouble=chaos, calls_per_second=10)
    client = client_of(Api(twilio))
    twilio.buy(OURS)
    twilio.people.at(ALICE, answers(2))
    sid = client.calls.create(to=ALICE, from_=OURS, twiml=twiml('<Pause length="60"/>')).sid
    twilio.clock.advance(4)
    seen = set()
    for _ in range(60):
        try:
            seen.add(client.calls(str(sid)).fetch().status)
        except TwilioRestException as error:
            seen.add(str(error.code))
    assert {"20404", "in-progress"} <= seen <= {"20404", "queued", "ringing", "in-progress"}
    assert {len(client.calls.list()) for _ in range(30)} == {0, 1}
    chaos.stop()
    assert client.calls(str(sid)).fetch().status == "in-progress"


def test_an_answer_that_gets_lost_does_not_undo_what_was_done() -> None:
    twilio = FakeTwilio(trouble=Chaos(Random(1), api_no_answer=1.0))
    client = client_of(Api(twilio))
    twilio.buy(OURS)
    with pytest.raises(requests.ReadTimeout):
        client.calls.create(to=ALICE, from_=OURS, twiml=twiml())
    assert len(twilio.calls.all) == 1


@pytest.mark.parametrize("rate", ["api_limit", "api_fail", "api_unreachable"])
def test_a_refusal_does_nothing(rate: str) -> None:
    twilio = FakeTwilio(trouble=Chaos(Random(1), **{rate: 1.0}))
    client = client_of(Api(twilio))
    twilio.buy(OURS)
    with pytest.raises((TwilioRestException, requests.RequestException)):
        client.calls.create(to=ALICE, from_=OURS, twiml=twiml())
    assert twilio.calls.all == {}


# ------------------------------------------------------------------------------------------------- what is not modelled


def test_a_resource_that_is_not_modelled(client: Client) -> None:
    with pytest.raises(NotModelled, match="Transcriptions"):
        client.transcriptions.list()


def test_a_parameter_that_is_not_modelled(client: Client) -> None:
    with pytest.raises(NotModelled, match=r"parameter CallReason of POST /Calls\.json"):
        client.calls.create(to=ALICE, from_=OURS, url=f"{HOST}/voice", call_reason="Because")


@pytest.mark.parametrize(
    "asked",
    [{"status_callback_event": ["bogus"], "status_callback": HOST}, {"record": True, "recording_channels": "three"}],
)
def test_a_value_that_is_not_modelled(client: Client, asked: dict[str, object]) -> None:
    with pytest.raises(NotModelled):
        client.calls.create(to=ALICE, from_=OURS, url=f"{HOST}/voice", **asked)  # type: ignore[arg-type]


def test_what_is_modelled_is_described() -> None:
    """Every resource and every parameter that the stand-in takes is in Twilio's own description."""
    contract = Contract()
    for route in ROUTES:
        if not route.template.endswith(".json"):
            continue
        path = route.pattern.pattern.replace("(?P<account>AC[0-9a-f]{32})", "AC" + "0" * 32)
        while "(?P<" in path:
            before, _, rest = path.partition("(?P<")
            name, _, after = rest.partition(">[^/]+?)")
            path = before + ("Today" if name == "period" else "XX" + "0" * 32) + after
        _, operation = contract._operation(route.method, path)
        described = operation["query"] if route.method != "POST" else operation.get("form", {}).get("properties", {})
        assert route.accepts - {"PageSize", "Page", "PageToken"} <= set(described), route.template


def test_the_contract_finds_what_is_wrong(api: Api) -> None:
    contract, account = Contract(), api.twilio.account
    api.twilio.buy("+15005550007")

    def ask(**form: str) -> None:
        from urllib.parse import urlencode

        path = f"/2010-04-01/Accounts/{account.sid}/Calls.json"
        contract.check(ApiRequest("POST", path, urlencode(form).encode()), answer)

    call = api.views.call(api.twilio.calls._new(ALICE, OURS, "inbound"))
    answer = api.made(call)
    ask(To=ALICE, From=OURS)
    for wrong in (
        {"To": ALICE},
        {"To": ALICE, "From": OURS, "Bogus": "1"},
        {"To": ALICE, "From": OURS, "Timeout": "soon"},
    ):
        with pytest.raises(Broken):
            ask(**wrong)
    for name, value in (("status", 3), ("sid", "CA1"), ("duration", 12), ("date_created", 5)):
        answer = api.made({**call, name: value})
        with pytest.raises(Broken):
            ask(To=ALICE, From=OURS)
    answer = api.made({name: value for name, value in call.items() if name != "price"})
    with pytest.raises(Broken, match="price"):
        ask(To=ALICE, From=OURS)
