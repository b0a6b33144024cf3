"""Numbers, applications, messages, what it costs, and what went wrong."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from telephony.fake.twilio.errors import NotModelled, invalid, not_found
from telephony.fake.twilio.messages import WHATSAPP, fill_template
from telephony.fake.twilio.model import API_VERSION, Application, Media, Message, Number, Target
from telephony.fake.twilio.rest import Api, ApiAnswer, Ask, between, matching, route
from telephony.fake.twilio.views import APPLICATION_SETTINGS, NUMBER_SETTINGS, View

# ------------------------------------------------------------------------------------------- numbers, applications


@route("GET", "/IncomingPhoneNumbers.json", "PhoneNumber FriendlyName")
def list_numbers(api: Api, ask: Ask) -> ApiAnswer:
    shown = [
        api.views.number(number)
        for number in api.twilio.numbers.values()
        if matching(ask, {"FriendlyName": number.friendly_name}) and ask.text("PhoneNumber") in number.phone_number
    ]
    return api.page(ask, "incoming_phone_numbers", "/IncomingPhoneNumbers.json", shown)


@route("GET", "/IncomingPhoneNumbers/{sid}.json")
def fetch_number(api: Api, ask: Ask, sid: str) -> ApiAnswer:
    return api.one(api.views.number(_number(api, sid)))


@route("POST", "/IncomingPhoneNumbers/{sid}.json", "FriendlyName " + " ".join(NUMBER_SETTINGS))
def update_number(api: Api, ask: Ask, sid: str) -> ApiAnswer:
    number = _number(api, sid)
    application = ask.text("VoiceApplicationSid")
    if application and application not in api.twilio.applications:
        raise invalid(21218, "Invalid ApplicationSid")
    number.friendly_name = ask.text("FriendlyName", number.friendly_name)
    number.settings.update(_settings(ask, NUMBER_SETTINGS))
    number.updated = api.twilio.clock.now
    return api.one(api.views.number(number))


def _number(api: Api, sid: str) -> Number:
    if sid not in api.twilio.numbers:
        raise not_found(f"/IncomingPhoneNumbers/{sid}.json")
    return api.twilio.numbers[sid]


def _settings(ask: Ask, names: Iterable[str]) -> dict[str, str]:
    """As they were given: an empty one takes away."""
    told = {}
    for name in names:
        if name in ask:
            value = ask.url(name) if name.endswith(("Url", "Callback")) else ask.text(name)
            told[name] = ask.choice(name, "", "GET", "POST") if name.endswith("Method") else value
    return told


@route("GET", "/Applications.json", "FriendlyName")
def list_applications(api: Api, ask: Ask) -> ApiAnswer:
    shown = [
        api.views.application(each)
        for each in api.twilio.applications.values()
        if matching(ask, {"FriendlyName": each.friendly_name})
    ]
    return api.page(ask, "applications", "/Applications.json", shown)


@route("POST", "/Applications.json", "FriendlyName " + " ".join(APPLICATION_SETTINGS))
def create_application(api: Api, ask: Ask) -> ApiAnswer:
    settings = _settings(ask, APPLICATION_SETTINGS)
    return api.made(api.views.application(api.twilio.application(ask.text("FriendlyName"), **settings)))


@route("GET", "/Applications/{sid}.json")
def fetch_application(api: Api, ask: Ask, sid: str) -> ApiAnswer:
    return api.one(api.views.application(_application(api, sid)))


@route("POST", "/Applications/{sid}.json", "FriendlyName " + " ".join(APPLICATION_SETTINGS))
def update_application(api: Api, ask: Ask, sid: str) -> ApiAnswer:
    application = _application(api, sid)
    application.friendly_name = ask.text("FriendlyName", application.friendly_name)
    application.settings.update(_settings(ask, APPLICATION_SETTINGS))
    return api.one(api.views.application(application))


@route("DELETE", "/Applications/{sid}.json")
def delete_application(api: Api, ask: Ask, sid: str) -> ApiAnswer:
    del api.twilio.applications[_application(api, sid).sid]
    return api.gone()


def _application(api: Api, sid: str) -> Application:
    if sid not in api.twilio.applications:
        raise not_found(f"/Applications/{sid}.json")
    return api.twilio.applications[sid]


@route("GET", "/OutgoingCallerIds.json", "PhoneNumber FriendlyName")
def list_caller_ids(api: Api, ask: Ask) -> ApiAnswer:
    shown = [
        api.views.caller_id(address, f"PN{i:032x}")
        for i, address in enumerate(api.twilio.account.verified)
        if matching(ask, {"PhoneNumber": address, "FriendlyName": address})
    ]
    return api.page(ask, "outgoing_caller_ids", "/OutgoingCallerIds.json", shown)


# ------------------------------------------------------------------------------------------------------- messages


@route(
    "POST",
    "/Messages.json",
    "To From MessagingServiceSid Body MediaUrl ContentSid ContentVariables StatusCallback",
)
def create_message(api: Api, ask: Ask) -> ApiAnswer:
    messages = api.twilio.messages
    service = ask.text("MessagingServiceSid")
    if service and service not in messages.services:
        raise invalid(21701, "The Messaging Service does not exist.")
    to, template = ask.text("To"), ask.text("ContentSid")
    body = _filled(api, template, ask.text("ContentVariables")) if template else ask.text("Body")
    sender = ask.text("From") or messages.services.get(service, "")
    if service and to.startswith(WHATSAPP) and sender and not sender.startswith(WHATSAPP):
        sender = WHATSAPP + sender
    media = [Media(api.twilio.sids.new("ME"), "image/png", url.encode()) for url in ask.all("MediaUrl")]
    url = ask.url("StatusCallback", 21609)
    message = messages.send(
        sender, to, body, Target(url) if url else None, media, template, service_sid=service or None
    )
    return api.made(api.views.message(message))


def _filled(api: Api, template: str, variables: str) -> str:
    text = api.twilio.messages.templates.get(template)
    if text is None:
        raise invalid(21656, f"The ContentSid {template} is invalid")
    try:
        return fill_template(text, json.loads(variables) if variables else {})
    except ValueError as error:
        raise invalid(21656, "The ContentVariables are invalid") from error


@route("GET", "/Messages.json", "To From DateSent DateSent< DateSent>")
def list_messages(api: Api, ask: Ask) -> ApiAnswer:
    found = [
        message
        for message in api.twilio.messages.all.values()
        if not message.deleted
        and matching(ask, {"To": message.to, "From": message.from_})
        and between(ask, "DateSent", message.sent)
    ]
    return api.page_of(ask, "messages", "/Messages.json", found)


@route("GET", "/Messages/{sid}.json")
def fetch_message(api: Api, ask: Ask, sid: str) -> ApiAnswer:
    return api.one(api.seen(api.twilio.messages.get(sid)))


@route("DELETE", "/Messages/{sid}.json")
def delete_message(api: Api, ask: Ask, sid: str) -> ApiAnswer:
    api.twilio.messages.get(sid).deleted = True
    return api.gone()


@route("GET", "/Messages/{sid}/Media.json")
def list_media(api: Api, ask: Ask, sid: str) -> ApiAnswer:
    message = api.twilio.messages.get(sid)
    shown = [api.views.media(message, media) for media in message.media]
    return api.page(ask, "media_list", f"/Messages/{sid}/Media.json", shown)


@route("GET", "/Messages/{sid}/Media/{media_sid}.json")
def fetch_media(api: Api, ask: Ask, sid: str, media_sid: str) -> ApiAnswer:
    message, media = _media(api, sid, media_sid)
    return api.one(api.views.media(message, media))


@route("DELETE", "/Messages/{sid}/Media/{media_sid}.json")
def delete_media(api: Api, ask: Ask, sid: str, media_sid: str) -> ApiAnswer:
    message, media = _media(api, sid, media_sid)
    message.media.remove(media)
    return api.gone()


@route("GET", "/Messages/{sid}/Media/{media_sid}")
def media_file(api: Api, ask: Ask, sid: str, media_sid: str) -> ApiAnswer:
    _, media = _media(api, sid, media_sid)
    return api.file(media.content, media.content_type)


def _media(api: Api, sid: str, media_sid: str) -> tuple[Message, Media]:
    message = api.twilio.messages.get(sid)
    for media in message.media:
        if media.sid == media_sid:
            return message, media
    raise not_found(f"/Messages/{sid}/Media/{media_sid}")


# --------------------------------------------------------------------------------------------- account and prices


@route("GET", "/{sid}.json", base=f"/{API_VERSION}/Accounts")
def fetch_account(api: Api, ask: Ask, sid: str) -> ApiAnswer:
    if sid != api.twilio.account.sid:
        raise not_found(f"/Accounts/{sid}.json")
    return api.one(api.views.account())


@route("GET", "/Balance.json")
def fetch_balance(api: Api, ask: Ask) -> ApiAnswer:
    account = api.twilio.account
    told: View = {"account_sid": account.sid, "balance": f"{account.balance:.4f}", "currency": account.currency}
    return api.one(told)


@route("GET", "/Usage/Records.json", "Category StartDate EndDate IncludeSubaccounts")
def list_usage(api: Api, ask: Ask) -> ApiAnswer:
    return _usage(api, ask, "", date(2010, 1, 1), _today(api))


@route("GET", "/Usage/Records/{period}.json", "Category StartDate EndDate IncludeSubaccounts")
def list_usage_of(api: Api, ask: Ask, period: str) -> ApiAnswer:
    today = _today(api)
    month = today.replace(day=1)
    before = (month - timedelta(days=1)).replace(day=1)
    periods = {
        "Today": (today, today),
        "Yesterday": (today - timedelta(days=1), today - timedelta(days=1)),
        "ThisMonth": (month, today),
        "LastMonth": (before, month - timedelta(days=1)),
        "AllTime": (date(2010, 1, 1), today),
    }
    if period not in periods:
        raise NotModelled(f"Usage/Records/{period}")
    return _usage(api, ask, f"/{period}", *periods[period])


def _usage(api: Api, ask: Ask, period: str, first: date, last: date) -> ApiAnswer:
    first = date.fromisoformat(ask.text("StartDate")) if ask.text("StartDate") else first
    last = date.fromisoformat(ask.text("EndDate")) if ask.text("EndDate") else last
    low, high = _moment(first), _moment(last + timedelta(days=1))
    calls = [call for call in api.twilio.calls.all.values() if call.price and low <= (call.ended or 0) < high]
    texts = [text for text in api.twilio.messages.all.values() if text.price and low <= text.created < high]
    now = api.twilio.clock.now
    minutes = {
        "calls": calls,
        "calls-inbound": [call for call in calls if call.direction == "inbound"],
        "calls-outbound": [call for call in calls if call.direction != "inbound"],
        "calls-client": [call for call in calls if "client:" in call.from_ + call.to],
    }
    rows = {
        name: (
            len(some),
            sum(-(-call.seconds(now) // 60) for call in some),
            sum(float(call.price or 0) for call in some),
        )
        for name, some in minutes.items()
    }
    for name, some in {
        "sms": texts,
        "sms-inbound": [text for text in texts if text.direction == "inbound"],
        "sms-outbound": [text for text in texts if text.direction != "inbound"],
    }.items():
        rows[name] = (len(some), sum(text.segments for text in some), sum(float(text.price or 0) for text in some))
    total = rows["calls"][2] + rows["sms"][2]
    rows["totalprice"] = (0, round(-total), total)
    wanted = ask.text("Category")
    if wanted and wanted not in rows:
        raise NotModelled(f"usage category {wanted}")
    shown = [_record(api, name, rows[name], first, last) for name in rows if wanted in ("", name)]
    return api.page(ask, "usage_records", f"/Usage/Records{period}.json", shown, sid="category")


def _record(api: Api, name: str, row: tuple[int, int, float], first: date, last: date) -> View:
    count, usage, price = row
    unit = "minutes" if name.startswith("calls") else "messages" if name.startswith("sms") else "usd"
    return {
        "account_sid": api.twilio.account.sid,
        "api_version": API_VERSION,
        "as_of": datetime.fromtimestamp(api.twilio.clock.now, UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00"),
        "category": name,
        "count": str(count),
        "count_unit": "calls" if name.startswith("calls") else "messages",
        "description": name.replace("-", " ").title(),
        "start_date": first.isoformat(),
        "end_date": last.isoformat(),
        "price": round(-price, 5),
        "price_unit": api.twilio.account.currency.lower(),
        "subresource_uris": {},
        "uri": api.views.uri(f"/Usage/Records.json?Category={name}"),
        "usage": str(usage),
        "usage_unit": unit,
    }


def _today(api: Api) -> date:
    return datetime.fromtimestamp(api.twilio.clock.now, UTC).date()


def _moment(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


@route("GET", "/Alerts", "LogLevel StartDate EndDate", base="/v1")
def list_alerts(api: Api, ask: Ask) -> ApiAnswer:
    """Of monitor.twilio.com, whose pages are told in another way."""
    ask.choice("LogLevel", "error", "error", "warning", "notice", "debug")
    low = _stamp(ask.text("StartDate"), 0)
    high = _stamp(ask.text("EndDate"), api.twilio.clock.now + 1)
    shown = [api.views.alert(each) for each in reversed(api.twilio.alerts) if low <= each.at <= high]
    size, page = ask.whole("PageSize", 50, 1, 1000), ask.whole("Page", 0, 0, 10**6)
    chosen = shown[page * size : (page + 1) * size]
    base = f"https://monitor.twilio.com/v1/Alerts?PageSize={size}&Page="
    more = (page + 1) * size < len(shown)
    meta = {
        "key": "alerts", "page": page, "page_size": size, "first_page_url": f"{base}0", "url": f"{base}{page}",
        "previous_page_url": f"{base}{page - 1}" if page else None, "next_page_url": f"{base}{page + 1}" if more else None,
    }  # fmt: skip
    return api.one({"alerts": chosen, "meta": meta})


def _stamp(value: str, default: float) -> float:
    if not value:
        return default
    try:
        return datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()
    except ValueError as error:
        raise invalid(20001, f"Invalid date: {value!r:.60}") from error
