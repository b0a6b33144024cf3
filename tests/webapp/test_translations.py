"""Greek is complete: nothing of ours is left in English on any page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from babel.messages import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import Flask
from flask.testing import FlaskClient
from flask_babel import get_babel

from telephony.events import Direction, HungUpBy, LegResult, Result
from telephony.fake.switch import FakeSwitch
from tests.factories import make_call, make_callback, make_disposition, make_party
from webapp import install
from webapp.accounts.models import AgentStatus, User
from webapp.calls.models import UNHEARD, Call, CallNote, CallState
from webapp.contacts.models import Party
from webapp.db import db, now, transaction
from webapp.tasks.models import CallbackState, ClosedAs

As = Callable[[User], FlaskClient]
PROJECT = Path(__file__).parents[2]
GREEK = PROJECT / "webapp/translations/el/LC_MESSAGES"
DOMAINS = ("messages", "flask_security")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w+\}")
LATIN = re.compile(r"[A-Za-z][A-Za-z_-]+")
# the product, keys of a keyboard, and what Greeks write in Latin letters too
STAYS = {"Ringback", "Alt", "Ctrl", "Enter", "Shift", "Esc", "e-mail", "E-mail", "English", "PJSIP", "UTC"}
PATHS = (
    "/desk", "/desk/status", "/contacts", "/contacts?q=κανείς", "/contacts/new", "/calls", "/calls?q=κανείς", "/calls?mine=1",
    "/callbacks", "/callbacks?tab=mine", "/callbacks?tab=waiting",
    "/callbacks?tab=promises", "/settings/absences",
    "/callbacks?tab=closed", "/callbacks?q=κανείς", "/no-such-page", "/contacts?after=forged",
)  # fmt: skip
OF_ADMINISTRATORS = (
    "/settings/breaks", "/settings/breaks/new", "/settings/wrap-up", "/settings/wrap-up/edit", "/settings/dispositions",
    "/settings/dispositions/new", "/settings/scripts", "/settings/scripts/new",
)  # fmt: skip
FIRM = {"main"}  # the name of its switch


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """As set-up does; only what is not there yet, or older than its source."""
    for domain in DOMAINS:
        source, compiled = GREEK / f"{domain}.po", GREEK / f"{domain}.mo"
        if not compiled.exists() or compiled.stat().st_mtime < source.stat().st_mtime:
            with compiled.open("wb") as file:
                write_mo(file, _catalogue(domain))


@cache
def _catalogue(domain: str) -> Catalog:
    with (GREEK / f"{domain}.po").open("rb") as file:
        return read_po(file, locale="el", domain=domain)


@cache
def _texts() -> set[str | tuple[str, ...]]:
    """What the sources say today; `make messages` collects the same."""
    with (PROJECT / "config/babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)
    keywords = {**DEFAULT_KEYWORDS, "_l": None, "lazy_gettext": None}
    found = extract_from_dir(
        PROJECT / "webapp", methods, options, keywords, directory_filter=lambda path: "node_modules" not in str(path)
    )
    return {text for _file, _line, text, _comments, _context in found}


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_text_has_a_translation_that_somebody_stands_by(domain: str) -> None:
    unfinished = [text.id for text in _messages(domain) if text.fuzzy or not all(_forms(text))]
    assert unfinished == []


@pytest.mark.parametrize("domain", DOMAINS)
def test_what_is_put_into_a_text_is_put_into_its_translation(domain: str) -> None:
    wrong = [
        text.id
        for text in _messages(domain)
        for form in _forms(text)
        if sorted(PLACEHOLDER.findall(form)) != sorted(PLACEHOLDER.findall(_ids(text)[-1]))
    ]
    assert wrong == []


def test_the_catalogue_has_the_texts_of_the_sources_and_no_others() -> None:
    known = {text.id for text in _messages("messages")}
    assert {"missing": _texts() - known, "left over": known - _texts()} == {"missing": set(), "left over": set()}


def test_the_library_still_says_what_was_translated_for_it(app: Flask) -> None:
    import flask_security

    with (Path(flask_security.__file__).parent / "translations/flask_security.pot").open("rb") as file:
        said = {text.id for text in read_po(file)}
    said |= {
        value[0] for name, value in app.config.items() if name.startswith("SECURITY_MSG_")
    }  # our words for its own
    assert {text.id for text in _messages("flask_security")} - said == set()


def test_the_scripts_say_only_what_the_page_gives_them(client: FlaskClient) -> None:
    scripts = "".join(path.read_text(encoding="utf-8") for path in (PROJECT / "webapp/assets/src").glob("*.ts"))
    given = set(_Page(client.get("/login").text).strings)
    assert set(re.findall(r'\bsay\("(\w+)"', scripts)) - given == set()
    assert {key for key in given if f'"{key}"' not in scripts and not key.startswith("notes_")} == set()


def test_a_failed_log_in_is_told_in_greek(client: FlaskClient, alice: User) -> None:
    for form in ({"username": "alice", "password": "wrong"}, {"username": "", "password": ""}):
        page = client.post("/login", data=form, headers={"Accept-Language": "el-GR,el;q=0.9"}).text
        assert "Η σύνδεση απέτυχε" in page
        assert _english(page) == set()


def test_a_visitor_is_greeted_in_a_language_of_theirs(client: FlaskClient) -> None:
    assert "Σύνδεση" in client.get("/login", headers={"Accept-Language": "el"}).text
    assert "Log in" in client.get("/login", headers={"Accept-Language": "de, en;q=0.5"}).text


def test_or_else_in_the_installations(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(get_babel(app), "default_locale", "el")
    assert "Σύνδεση" in client.get("/login", headers={"Accept-Language": "de"}).text


def test_the_trials_log_in_page(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    people = [
        {"username": "αλ", "name": "Αλίκη", "role": role, "password": ""} for role in ("agent", "supervisor", "admin")
    ]
    monkeypatch.setitem(app.extensions, "ringback.demo_logins", people)
    assert _english(client.get("/login", headers={"Accept-Language": "el"}).text) == set()


@pytest.mark.parametrize("firm", ["new", "busy"])
def test_a_greek_agent_meets_no_english(firm: str, as_: As, eleni: User, nikos: User, switch: FakeSwitch) -> None:
    if firm == "busy":
        _a_busy_day(eleni, nikos)
    browser = as_(eleni)
    assert {path: left for path in PATHS if (left := _english(browser.get(path).text))} == {}


def test_nor_one_without_a_phone(as_: As, person: Callable[..., User]) -> None:
    maria = person("maria", "Μαρία Νέα", locale="el", lines=())
    assert _english(as_(maria).get("/desk").text) == set()


def test_nor_one_on_a_break(as_: As, eleni: User) -> None:
    with transaction():
        eleni.status = AgentStatus.ON_BREAK
    assert _english(as_(eleni).get("/desk").text) == set()


@pytest.mark.parametrize("role", ["supervisor", "admin"])
def test_nor_their_head(as_: As, person: Callable[..., User], eleni: User, role: str) -> None:
    browser = as_(person("head", "Κεφάλα", role=role, lines=(), locale="el"))
    for path in ("/calls", "/agents", *(OF_ADMINISTRATORS if role == "admin" else ())):
        assert _english(browser.get(path).text) == set()


@pytest.mark.parametrize(
    "story", ["ringing", "known", "answered", "wrap_up", "elsewhere", "missed", "asked", "unheard", "withheld"]
)
def test_every_card_speaks_greek(story: str, as_: As, eleni: User, nikos: User, switch: FakeSwitch) -> None:
    _card(story, eleni, nikos)
    page = as_(eleni).get("/desk/callbar").text
    assert "cb-card" in page
    assert _english(page) == set()


def test_the_page_of_every_call(as_: As, eleni: User) -> None:
    browser = as_(eleni)
    for result in Result:
        for way in (Direction.INBOUND, Direction.OUTBOUND):
            call = _greek(make_call(answered_by=eleni, direction=way, result=result, linkedid="1"))
            assert _english(browser.get(f"/calls/{call.id}").text) == set()


def test_every_end_of_a_phones_part(as_: As, eleni: User, nikos: User) -> None:
    browser = as_(eleni)
    for result in LegResult:
        for by in HungUpBy:
            call = _greek(make_call(ringing=(eleni,), answered_by=nikos, linkedid="1", hangup_by=by, hold_seconds=3.0))
            with transaction():
                for leg in call.legs:
                    leg.result = result
                call.notes.append(CallNote(user_id=eleni.id, text="Να ξανακαλέσουμε."))
            assert _english(browser.get(f"/calls/{call.id}").text) == set()


def test_the_dispositions_of_a_new_installation(app: Flask, as_: As, eleni: User) -> None:
    install.prepare(app)
    make_call(answered_by=eleni, started_at=now())
    bar = as_(eleni).get("/desk/callbar").text
    assert "Θέλει να τον καλέσουμε" in bar
    assert "Wants to be called back" not in bar


def test_a_contact_with_its_history(as_: As, eleni: User, nikos: User) -> None:
    party = _a_busy_day(eleni, nikos)
    browser = as_(eleni)
    assert _english(browser.get(f"/contacts/{party.id}").text) == set()
    assert _english(browser.get(f"/contacts/{party.id}/edit").text) == set()


def test_what_is_wrong_with_a_form_is_said_in_greek(as_: As, eleni: User) -> None:
    wrong = {"name": "", "numbers-0-number": "12", "emails-0-address": "@", "company": "ω" * 300, "kind": "person"}
    answer = as_(eleni).post("/contacts/new", data=wrong)
    assert answer.status_code == 422
    assert "Δεν είναι αριθμός τηλεφώνου." in answer.text
    assert _english(answer.text, {"@"}) == set()


@pytest.mark.parametrize("path", ["/calls/{}/answer", "/calls/{}/hangup", "/callbacks/{}/claim"])
def test_refusals_are_told_in_greek(path: str, as_: As, eleni: User, nikos: User) -> None:
    call = make_call(answered_by=eleni)
    error = as_(eleni).post(path.format(call.id), headers={"Accept": "application/json"}).json["error"]
    assert LATIN.findall(error["message"]) == []


@pytest.fixture
def eleni(person: Callable[..., User]) -> User:
    return person("eleni", "Ελένη Αγγέλου", team="Πωλήσεις", locale="el")


@pytest.fixture
def nikos(person: Callable[..., User]) -> User:
    return person("nikos", "Νίκος Βέργος", team="Πωλήσεις", locale="el")


def _a_busy_day(eleni: User, nikos: User) -> Party:
    """Whatever the firm writes is Greek here: what is Latin on a page is then ours."""
    party = make_party("Μαρία Παππά", "+306944000001", "+302101234567")
    with transaction():
        party.note = "Καλεί πάντα το πρωί."
    for result in Result:
        _greek(
            make_call(
                answered_by=eleni if result is Result.ANSWERED else None, party=party, result=result, ringing=(nikos,)
            )
        )
    _greek(make_call(answered_by=eleni, direction=Direction.OUTBOUND, number="+306944000009"))
    _greek(make_call(answered_by=eleni, direction=Direction.INTERNAL))
    _greek(make_call(ringing=(eleni,), number=None))
    late = now() - timedelta(hours=2)
    for missed, columns in enumerate(
        ({}, {"due_at": late}, {"claimed_by_id": eleni.id}, {"claimed_by_id": nikos.id}), 1
    ):
        state = CallbackState.CLAIMED if "claimed_by_id" in columns else CallbackState.OPEN
        make_callback(f"+30694400000{missed}", missed=missed, **{"queue": "Πωλήσεις", "state": state, **columns})
    for way, closed_as in enumerate(ClosedAs):
        columns = {"state": CallbackState.CLOSED, "closed_as": closed_as, "closed_at": now(), "open_key": None}
        if closed_as is ClosedAs.DISMISSED:
            columns |= {"closed_by_id": eleni.id, "reason": "Λάθος"}
        make_callback(f"+30694400001{way}", queue="Πωλήσεις", **columns)
    _card("ringing", eleni, nikos)
    return party


def _card(story: str, eleni: User, nikos: User) -> None:
    make_disposition("sale", "Πώληση")
    living: dict[str, Any] = {"started_at": now() - timedelta(seconds=9)}
    if story == "known":
        for name in ("Άννα Δήμου", "Άρης Δήμου"):
            make_party(name, "+306944000001")
        make_callback(missed=2, queue="Πωλήσεις")
    match story:
        case "ringing" | "known":
            call = make_call(state=CallState.RINGING, ringing=(eleni, nikos), **living)
        case "withheld":
            call = make_call(state=CallState.RINGING, ringing=(eleni,), number=None, **living)
        case "answered":
            call = make_call(state=CallState.ANSWERED, answered_by=eleni, **living)
        case "wrap_up":
            call = make_call(answered_by=eleni)
        case "elsewhere" | "missed":
            call = make_call(ringing=(eleni,), answered_by=nikos if story == "elsewhere" else None)
            with transaction():
                for leg in call.legs:
                    leg.ended_at = call.ended_at = now()
                    if leg.user_id == eleni.id and story == "elsewhere":
                        leg.result = LegResult.ANSWERED_ELSEWHERE
        case "asked":
            call = make_call(
                state=CallState.REQUESTED, direction=Direction.OUTBOUND, requested_by_id=eleni.id, **living
            )
        case _:
            call = make_call(
                direction=Direction.OUTBOUND, result=Result.FAILED, requested_by_id=eleni.id, failure=UNHEARD, **living
            )
            with transaction():
                call.ended_at = now()
    _greek(call)


def _greek(call: Call) -> Call:
    with transaction():
        call.queue, call.did = "Πωλήσεις", None
        db.session.flush()
        for leg in call.legs:
            leg.queue = "Πωλήσεις"
    return call


class _Page(HTMLParser):
    """What a page says: its text, the attributes that are read out or shown, the words that its scripts say."""

    SAYS = ("aria-label", "title", "placeholder", "alt")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self.strings: dict[str, str] = {}
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = "strings" if ("id", "strings") in attrs else tag
        self.said += [value for name, value in attrs if name in self.SAYS and value]

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "strings":
            self.strings = json.loads(data)
            self.said += [PLACEHOLDER.sub("", text) for text in self.strings.values()]
        elif self._inside not in ("script", "style"):
            self.said.append(data)


def _english(page: str, data: set[str] = frozenset()) -> set[str]:  # type: ignore[assignment]
    """The Latin words that a Greek page says and that are not the firm's."""
    request = re.compile(r"\b[0-9a-f]{12}\b|PJSIP/\w+")
    return {word for said in _Page(page).said for word in LATIN.findall(request.sub("", said))} - STAYS - FIRM - data


def _messages(domain: str) -> Iterator[Message]:
    return (text for text in _catalogue(domain) if text.id)


def _ids(text: Message) -> tuple[str, ...]:
    return text.id if isinstance(text.id, tuple) else (text.id,)


def _forms(text: Message) -> tuple[str, ...]:
    return text.string if isinstance(text.string, tuple) else (text.string,)
