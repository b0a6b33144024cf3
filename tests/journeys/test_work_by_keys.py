"""A day of Alice's without a mouse: every task is done with the keyboard alone, and what came of it is looked up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
import sqlalchemy as sa
from playwright.sync_api import Locator, expect

from telephony.events import Direction
from tests.asterisk import Asterisk, wait_for
from tests.factories import many_callbacks
from tests.journeys.conftest import Customers
from tests.journeys.people import PASSWORD
from tests.journeys.product import Books
from tests.journeys.screen import Screen
from webapp.accounts.models import AgentStatus, User
from webapp.calls.models import CallState
from webapp.contacts.models import Party
from webapp.db import new_id, now
from webapp.scripts.models import Script, ScriptRun, ScriptStep
from webapp.tasks.models import Callback, CallbackKind, ClosedAs
from webapp.trial.phones import rings
from webapp.trial.traffic import CustomerCall
from webapp.wrapup.models import WrapUp, WrapUpForm

pytestmark = pytest.mark.journey

DANA, EMIL, NOBODY, SHARED = "+306944000001", "+306944000002", "+306944000003", "+306944000004"
FAR = 60  # presses of Tab, at most, to what is wanted
NO_MOUSE = "addEventListener('pointerdown', () => console.error('somebody used a mouse'), { capture: true });"
# whoever walks with Tab sees where they are: a ring around it, or around what stands for it
MARKED = """element => element.matches(":focus-visible") && [element, element.parentElement, element.nextElementSibling]
    .filter(Boolean).map(getComputedStyle)
    .some(style => style.boxShadow !== "none" || (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0))"""


@dataclass
class Day:
    screen: Screen
    books: Books
    customer: Customers
    asterisk: Asterisk
    desk_of: Callable[..., Screen]
    dana: Party
    call: CustomerCall | None = None
    waiting: list[Callback] = field(default_factory=list)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.screen.press(key)

    def type(self, text: str) -> None:
        self.screen.type(text)

    def tab_to(self, wanted: Locator) -> None:
        expect(wanted).to_be_visible()
        for _ in range(FAR):
            self.press("Tab")
            if wanted.evaluate("element => element === document.activeElement"):
                self.screen.wait("the focus to be seen", lambda: wanted.evaluate(MARKED))
                return
        raise AssertionError(f"Tab does not lead to {wanted}")

    def command(self, words: str, option: str) -> None:
        """By the palette."""
        self.press("Control+k")
        self.type(words)
        found = self.screen.page.get_by_role("dialog", name="Commands").get_by_role("option", name=option, exact=True)
        expect(found).to_have_attribute("aria-selected", "true")
        self.press("Enter")

    def opens(self, place: str) -> None:
        self.command(place, place)
        expect(self.screen.title).to_have_text(place)

    def profile(self, button: str) -> None:
        """Into the menu of one's own, and there to a button."""
        menu = self.screen.page.locator("#profile")
        self.press("/")
        self.tab_to(menu.locator("summary"))
        self.press("Enter")
        self.tab_to(menu.locator(button))
        self.press("Enter")

    def rings(self, number: str, to: str = "alice") -> None:
        self.call = self.customer.calls(to, number)
        expect(self.screen.card("ringing")).to_be_visible()

    def is_called(self, number: str) -> None:
        """Alice's phone rings for a call to this number; she lets it be."""
        expect(self.screen.card("ringing")).to_be_visible()
        newest = self.books.calls(direction=Direction.OUTBOUND)[0]
        assert newest.number == number
        self.press("Alt+h")
        expect(self.screen.card("ringing")).to_have_count(0)

    def hangs_up(self) -> None:
        assert self.call is not None
        self.call.hang_up()

    def row(self, i: int) -> Locator:
        return self.screen.page.locator(f"#callback-{self.waiting[i].id}")

    def at_row(self, i: int) -> None:
        self.press(*["k"] * len(self.waiting), *["j"] * i)
        expect(self.row(i).locator(".opener")).to_be_focused()

    def callback(self, i: int) -> Callback:
        (row,) = self.books.callbacks(id=self.waiting[i].id)
        return row

    def alice(self) -> User:
        (user,) = self.books.all(sa.select(User).where(User.username == "alice"))
        return user


# coming and going


def logs_out(day: Day) -> None:
    day.command("log out", "Log out")
    expect(day.screen.page).to_have_url(f"{day.screen.url}/login")


def logs_in(day: Day) -> None:
    page = day.screen.page
    expect(page.locator("#login-form [autocomplete=username]")).to_be_focused()
    day.type("alice")
    day.tab_to(page.locator("#login-form [autocomplete=current-password]"))
    day.type(PASSWORD)
    day.press("Enter")
    expect(page).to_have_url(f"{day.screen.url}/desk")
    page.wait_for_load_state()
    day.screen.troubles.clear()  # of what the page still asked for while she logged out


def skips_the_navigation(day: Day) -> None:
    page = day.screen.page
    day.tab_to(page.get_by_role("link", name="Skip to the content"))
    day.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def takes_a_break(day: Day) -> None:
    day.press("Alt+r", "ArrowDown", "ArrowDown", "Enter")
    expect(day.screen.page.locator("#presence > summary")).to_contain_text("Lunch")
    user = day.alice()
    assert (user.status, user.status_reason) == (AgentStatus.ON_BREAK, "lunch")


def comes_back(day: Day) -> None:
    day.command("available", "Available")
    expect(day.screen.page.locator("#presence > summary")).to_contain_text("Available")
    assert day.alice().status is AgentStatus.AVAILABLE


# a call


def answers(day: Day) -> None:
    day.rings(DANA, to="sales")
    day.press("Alt+a")
    expect(day.screen.card("answered")).to_contain_text("Dana Reyes")
    assert day.books.call(number=DANA).state is CallState.ANSWERED


def mutes_and_speaks_again(day: Day) -> None:
    mute = day.screen.card("answered").get_by_role("button", name="Mute")
    day.press("Alt+m")
    expect(mute).to_have_attribute("aria-pressed", "true")
    day.press("Alt+m")
    expect(mute).to_have_attribute("aria-pressed", "false")


def holds_and_resumes(day: Day) -> None:
    day.press("Alt+o")
    expect(day.screen.card("held")).to_be_visible()
    wait_for("music", lambda: "MusicOnHold" in day.asterisk.pbx.cli("core show channels concise"))
    day.press("Alt+o")
    expect(day.screen.card("answered")).to_be_visible()


def presses_digits(day: Day) -> None:
    day.press("Alt+k")
    with day.screen.page.expect_response("**/digits") as answer:
        day.press("5")
    assert answer.value.status == 204
    day.press("Escape")
    expect(day.screen.page.locator(".cb-pad")).to_be_hidden()


def writes_a_note(day: Day) -> None:
    day.press("Alt+n")
    day.type("Wants the red ones.")
    expect(day.screen.card("answered").locator("[data-saved]")).to_have_text("Saved")
    assert [note.text for note in day.books.call(number=DANA).notes] == ["Wants the red ones."]
    day.press("Escape")
    expect(day.screen.card("answered").locator(".cb-head")).to_be_focused()


def answers_what_the_script_asks(day: Day) -> None:
    panel = day.screen.page.get_by_role("complementary", name="Script")
    expect(panel).to_contain_text("Good day, Dana Reyes.")
    day.press("Alt+s")
    day.tab_to(panel.get_by_label("Order number"))
    day.type("4711")
    day.press("Escape")
    expect(panel.locator(".script-title")).to_be_focused()


def goes_on_in_the_script(day: Day) -> None:
    panel = day.screen.page.get_by_role("complementary", name="Script")
    day.press("1")
    expect(panel.locator(".script-title")).to_have_text("Offer")
    (run,) = day.books.all(sa.select(ScriptRun))
    assert [(answer.label, answer.value) for answer in run.answers] == [("Order number", "4711")]
    day.press("Alt+s")
    expect(panel).to_be_hidden()


def hangs_up(day: Day) -> None:
    day.press("Alt+h")
    expect(day.screen.card("wrap_up")).to_be_visible()
    day.books.settle()


def says_how_it_ended(day: Day) -> None:
    day.press("1")
    expect(day.screen.card("wrap_up").locator("[name=disposition]").first).to_be_checked()


def asks_for_more_time(day: Day) -> None:
    day.press("Alt+e")
    expect(day.screen.card("wrap_up").locator(".cb-head")).to_contain_text("10:")


def promises_a_call_after_it(day: Day) -> None:
    card = day.screen.card("wrap_up")
    day.press("Alt+p")
    day.tab_to(card.get_by_label("Call them again", exact=True).first)
    day.press("Space")
    day.tab_to(card.get_by_label("Note (optional)"))
    day.type("About the red ones")


def saves_and_is_ready(day: Day) -> None:
    day.press("Control+Enter")
    expect(day.screen.cards).to_have_count(0)
    (saved,) = day.books.all(sa.select(WrapUp).where(WrapUp.saved_at.is_not(None)))
    (promise,) = day.books.callbacks(kind=CallbackKind.PROMISE)
    assert (saved.callback_id, promise.note) == (promise.id, "About the red ones")
    assert day.books.call(number=DANA).disposition is not None


# who is it?


def chooses_who_it_is(day: Day) -> None:
    for name in ("Fanny Reyes", "Gil Reyes"):
        day.books.contact(name, SHARED)
    day.rings(SHARED)
    day.press("2")
    expect(day.screen.card("ringing").locator(".cb-who .name")).to_have_text("Gil Reyes")
    assert (party := day.books.call(number=SHARED).party)
    assert party.name == "Gil Reyes"


def declines(day: Day) -> None:
    day.press("Alt+h")
    expect(day.screen.card("ringing")).to_have_count(0)
    day.books.call(number=SHARED, state=CallState.ENDED)


def writes_a_new_contact_down(day: Day) -> None:
    day.rings(EMIL)
    card = day.screen.card("ringing")
    day.press("Alt+p")
    day.tab_to(card.get_by_text("New contact"))
    day.press("Enter")
    day.tab_to(card.get_by_label("Name"))
    day.type("Emil Kranz")
    day.press("Enter")
    expect(card.locator(".cb-who .name")).to_have_text("Emil Kranz")
    assert len(day.books.all(sa.select(Party).where(Party.name == "Emil Kranz"))) == 1


def parks(day: Day) -> None:
    day.press("Alt+a")
    talking = day.screen.card("answered")
    expect(talking).to_be_visible()
    day.press("Alt+p")
    day.tab_to(talking.get_by_role("button", name="Park"))
    day.press("Enter")
    parked = day.screen.page.locator("#cb-parked")
    expect(parked).to_contain_text("Emil Kranz")
    day.hangs_up()
    expect(parked).to_have_count(0)
    wraps_up(day)


def transfers(day: Day) -> None:
    charlie = day.desk_of("charlie")
    day.rings(DANA)
    day.press("Alt+a")
    expect(day.screen.card("answered")).to_be_visible()
    day.press("Alt+t")
    expect(day.screen.page.locator("[data-colleagues] label").first).to_be_visible()
    day.type("charlie")
    day.tab_to(day.screen.page.get_by_role("button", name="Transfer now"))
    day.press("Enter")
    expect(day.screen.card("wrap_up")).to_be_visible()
    expect(charlie.card("ringing")).to_contain_text("Dana Reyes")
    day.hangs_up()
    wraps_up(day)


def wraps_up(day: Day) -> None:
    expect(day.screen.card("wrap_up")).to_be_visible()
    day.press("Alt+1", "Control+Enter")
    expect(day.screen.cards).to_have_count(0)
    day.books.settle()


# people and pages


def finds_a_contact(day: Day) -> None:
    day.command("dana", "Dana Reyes")
    expect(day.screen.page).to_have_url(f"{day.screen.url}/contacts/{day.dana.id}")


def edits_the_contact(day: Day) -> None:
    page = day.screen.page
    day.tab_to(page.get_by_role("link", name="Edit"))
    day.press("Enter")
    expect(day.screen.title).to_have_text("Edit contact")
    day.tab_to(page.locator("#main").get_by_label("Name"))
    day.press("End")
    day.type(" the younger")
    day.press("Enter")
    expect(day.screen.title).to_have_text("Dana Reyes the younger")
    (party,) = day.books.all(sa.select(Party).where(Party.id == day.dana.id))
    assert party.name == "Dana Reyes the younger"


def calls_the_contact(day: Day) -> None:
    day.tab_to(day.screen.page.locator(".call-main"))
    day.press("Enter")
    day.is_called(DANA)


def calls_a_number_by_the_palette(day: Day) -> None:
    day.command("6944000003", "Call 694 400 0003")
    day.is_called(NOBODY)


def dials(day: Day) -> None:
    day.press("Alt+c")
    field = day.screen.page.get_by_label("Number or name")
    expect(field).to_be_focused()
    day.type("6944000002")
    day.press("Enter")
    day.is_called(EMIL)


def searches(day: Day) -> None:
    day.opens("Desk")
    day.press("/")
    day.type("reyes")
    day.press("Enter")
    expect(day.screen.page.locator("#contact-rows tr")).to_have_count(1)
    day.press("j", "Enter")
    expect(day.screen.title).to_contain_text("Dana Reyes")


def looks_into_the_call_log(day: Day) -> None:
    day.opens("Calls")
    day.press("j", "Enter")
    newest = day.books.calls()[0]
    expect(day.screen.page).to_have_url(f"{day.screen.url}/calls/{newest.id}")


def looks_at_her_day(day: Day) -> None:
    day.books.add(promise_to(day.dana, day.alice()))
    day.opens("My day")
    day.press("j")
    expect(day.screen.page.locator("#day-list li a")).to_be_focused()
    expect(day.screen.page.locator("#day-list li")).to_contain_text("Dana Reyes")


def chooses_a_theme(day: Day) -> None:
    day.profile("[name=theme][value=dark]")
    expect(day.screen.page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    day.press("Escape")
    day.command("theme system", "Theme: System")
    expect(day.screen.page.locator("html")).to_have_attribute("data-bs-theme", "auto")


def chooses_closer_rows(day: Day) -> None:
    for density in ("compact", "comfortable"):
        day.profile(f"[name=density][value={density}]")
        expect(day.screen.page.locator("html")).to_have_attribute("data-density", density)
        day.press("Escape")
        expect(day.screen.page.locator("#profile > summary")).to_be_focused()


def chooses_a_language(day: Day) -> None:
    for language in ("el", "en"):
        day.profile(f"[name=locale][value={language}]")
        expect(day.screen.page.locator("html")).to_have_attribute("lang", language)
        day.screen.page.wait_for_load_state()  # before its scripts are there, a page knows no keys


def looks_keys_up(day: Day) -> None:
    keys = day.screen.page.get_by_role("dialog", name="Keyboard shortcuts")
    day.press("?")
    expect(keys.get_by_text("Undo", exact=True)).to_be_visible()
    day.press("Escape")
    expect(keys).to_be_hidden()


# the list of callbacks


def walks_the_list(day: Day) -> None:
    day.opens("Callbacks")
    day.press("j", "j", "j", "k")
    expect(day.row(1).locator(".opener")).to_be_focused()


def reads_the_details(day: Day) -> None:
    day.press("Enter")
    expect(day.screen.page.get_by_text("Nobody has tried yet.")).to_be_visible()
    day.press("Enter")
    expect(day.screen.page.get_by_text("Nobody has tried yet.")).to_have_count(0)


def claims(day: Day) -> None:
    day.at_row(1)
    day.press("a")
    expect(day.row(1).locator(".holder")).to_contain_text("You")
    assert day.callback(1).claimed_by_id == day.alice().id


def releases(day: Day) -> None:
    day.at_row(1)
    day.press("a")
    expect(day.row(1).locator(".holder")).to_contain_text("Nobody")
    assert day.callback(1).claimed_by_id is None


def calls_back(day: Day) -> None:
    day.at_row(0)
    day.press("c")
    number = day.waiting[0].number
    assert number is not None
    day.is_called(number)


def promises_a_call(day: Day) -> None:
    dialog = day.screen.page.locator("#schedule")
    day.at_row(3)
    day.press("s")
    expect(dialog.get_by_label("Date")).to_be_focused()
    day.tab_to(dialog.get_by_label("Note"))
    day.type("After the holidays")
    day.press("Enter")
    expect(dialog).to_be_hidden()
    expect(day.row(3)).to_have_count(0)
    (promised,) = day.books.callbacks(kind=CallbackKind.PROMISE)
    assert (promised.number, promised.note) == (day.waiting[3].number, "After the holidays")


def dismisses_for_a_ready_reason(day: Day) -> None:
    dialog = day.screen.page.locator("#dismiss")
    day.at_row(2)
    day.press("d")
    day.tab_to(dialog.get_by_role("button", name="Unwanted call"))
    day.press("Enter")
    expect(dialog.get_by_label("Reason")).to_be_focused()
    day.press("Enter")
    expect(day.row(2)).to_have_count(0)
    assert (day.callback(2).closed_as, day.callback(2).reason) == (ClosedAs.DISMISSED, "Unwanted call")


def takes_it_back(day: Day) -> None:
    day.press("Alt+u")
    expect(day.row(2)).to_be_visible()
    assert day.callback(2).is_open


def filters_and_clears(day: Day) -> None:
    found = day.screen.page.locator("[data-found-text]")
    day.press("/")
    day.type("nobody of this name")
    expect(day.screen.page.get_by_text("No callback matches these filters")).to_be_visible()
    day.tab_to(day.screen.page.locator("[data-clear]").first)
    day.press("Enter")
    expect(found).to_have_text("7 callbacks")


def goes_from_the_search_to_what_was_found(day: Day) -> None:
    day.press("/")
    day.type("6944")
    expect(day.screen.page.locator("[data-found-text]")).to_have_text("2 callbacks")
    day.press("Escape")  # the browser empties the field
    expect(day.screen.page.locator("[data-found-text]")).to_have_text("7 callbacks")
    day.press("Escape", "j")
    expect(day.screen.page.locator("#callback-rows .opener").first).to_be_focused()


DAY: dict[str, tuple[Callable[[Day], None], ...]] = {
    "coming and going": (logs_out, logs_in, skips_the_navigation, takes_a_break, comes_back),
    "a call": (
        answers,
        mutes_and_speaks_again,
        holds_and_resumes,
        presses_digits,
        writes_a_note,
        answers_what_the_script_asks,
        goes_on_in_the_script,
        hangs_up,
        says_how_it_ended,
        asks_for_more_time,
        promises_a_call_after_it,
        saves_and_is_ready,
    ),
    "who is it": (
        chooses_who_it_is,
        declines,
        writes_a_new_contact_down,
        parks,
        transfers,
    ),
    "people and pages": (
        finds_a_contact,
        edits_the_contact,
        calls_the_contact,
        calls_a_number_by_the_palette,
        dials,
        searches,
        looks_into_the_call_log,
        looks_at_her_day,
        chooses_a_theme,
        chooses_closer_rows,
        chooses_a_language,
        looks_keys_up,
    ),
    "callbacks": (
        walks_the_list,
        reads_the_details,
        claims,
        releases,
        calls_back,
        promises_a_call,
        dismisses_for_a_ready_reason,
        takes_it_back,
        filters_and_clears,
        goes_from_the_search_to_what_was_found,
    ),
}


def test_a_day_has_at_least_thirty_tasks() -> None:
    assert len({task for part in DAY.values() for task in part}) >= 30


@pytest.mark.parametrize("part", DAY)
def test_alice_needs_no_mouse(part: str, day: Day) -> None:
    for task in DAY[part]:
        task(day)


@pytest.fixture
def day(
    part: str,
    books: Books,
    customer: Customers,
    asterisk: Asterisk,
    only_alice_sells: None,
    alice: Screen,
    desk_of: Callable[..., Screen],
) -> Iterator[Day]:
    alice.page.add_init_script(NO_MOUSE)
    day = Day(alice, books, customer, asterisk, desk_of, books.contact("Dana Reyes", DANA))
    if part in ("a call", "who is it"):
        books.add(WrapUpForm(queue="", limit_seconds=600, more_seconds=60, disposition_required=True, next_step=True))
    if part == "a call":
        books.add(an_order_script())
    if part == "callbacks":
        day.waiting = wait_for_a_call(books)
    asterisk.called_back(rings())
    alice.go("/desk")
    yield day
    asterisk.pbx.cli("queue unpause member PJSIP/alice")
    books.is_there(day.alice(), theme="auto", density="comfortable", locale=None)


def an_order_script() -> Script:
    asks = [{"key": "number", "label": "Order number", "kind": "number", "required": True, "options": []}]
    offer = ScriptStep(id=new_id(), position=1, title="Offer", text="In red?", asks=[], ways=[])
    way = {"label": "Wants more", "to": str(offer.id)}
    greeting = ScriptStep(position=0, title="Greeting", text="Good day, {customer}.", asks=asks, ways=[way])
    return Script(name="Orders", queue="", opens=True, active=True, steps=[greeting, offer])


def wait_for_a_call(books: Books) -> list[Callback]:
    """Eight of them, the most urgent first."""
    rows, at = many_callbacks(8), now()
    callbacks = [row for row in rows if isinstance(row, Callback)]
    for i, callback in enumerate(callbacks):
        callback.id, callback.due_at, callback.missed = new_id(), at + timedelta(hours=2, minutes=i), 1
    books.add(*rows)
    return callbacks


def promise_to(party: Party, by: User) -> Callback:
    at = now()
    return Callback(
        open_key=f"tel:{DANA}", number=DANA, number_raw=DANA, switch="main", kind=CallbackKind.PROMISE, missed=0,
        first_missed_at=at, last_missed_at=at, due_at=at + timedelta(minutes=30), promised_for=at + timedelta(minutes=30),
        assigned_to_id=by.id, party_id=party.id,
    )  # fmt: skip
