"""The stage of the journeys: a real Asterisk with simulated phones and customers, the product in a process of its own,
and Chromium. All are shared; every story begins with empty books, quiet phones and fresh pages.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Error, StorageState, expect, sync_playwright

from telephony.commands import First
from tests.asterisk import Asterisk, _running_asterisk, asterisk_installation
from tests.journeys.people import PASSWORD
from tests.journeys.product import Books, Product
from tests.journeys.screen import Screen
from webapp import assets_build
from webapp.calls.models import CallingRule
from webapp.trial.traffic import CustomerCall

__all__ = ["_running_asterisk", "asterisk_installation"]

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
    "--use-fake-device-for-media-stream",  # a microphone that beeps
    "--use-fake-ui-for-media-stream",
]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A story that failed shows what its people had before their eyes, and what the product said last."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        for name, thing in item.funcargs.items():
            with suppress(Error):
                if isinstance(thing, Screen):
                    report.sections.append((f"screen of {name}", thing.page.locator("body").aria_snapshot()))
        if isinstance(product := item.funcargs.get("product"), Product):
            report.sections.append(("the product's last words", product.last_words()))
    return report


@pytest.fixture(scope="package")
def product(_running_asterisk: Asterisk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    assets_build.build()
    product = Product(tmp_path_factory.mktemp("product"), _running_asterisk.pbx.switch("main"))
    product.plant_people()
    product.start()
    yield product
    product.stop()


@pytest.fixture(scope="package")
def chromium() -> Iterator[Callable[..., Browser]]:
    """Starts the first of these editions that there is."""
    started: list[Browser] = []
    with sync_playwright() as playwright:

        def start(*editions: str) -> Browser:
            installed = next(filter(None, map(shutil.which, editions)), None)
            if installed is None:
                pytest.skip(f"not installed: {editions[0]}")
            started.append(playwright.chromium.launch(executable_path=installed, args=FLAGS))
            return started[-1]

        yield start
        for browser in started:
            browser.close()


@pytest.fixture(scope="package")
def browser(chromium: Callable[..., Browser]) -> Browser:
    """Without windows it opens a page with a fifth of the work."""
    return chromium("chromium-headless-shell", "chromium", "chromium-browser")


@pytest.fixture(scope="package")
def session_of(browser: Browser, product: Product) -> Callable[[str], StorageState]:
    """The cookies of somebody who has logged in, by the form, once."""
    sessions: dict[str, StorageState] = {}

    def log_in(username: str) -> StorageState:
        if username not in sessions:
            context = browser.new_context(base_url=product.url)
            page = context.new_page()
            page.goto("/login")
            page.locator("#login-form [autocomplete=username]").fill(username)
            page.locator("#login-form [autocomplete=current-password]").fill(PASSWORD)
            page.get_by_role("button", name="Log in").click()
            expect(page).to_have_url(f"{product.url}/desk")
            sessions[username] = context.storage_state()
            context.close()
        return sessions[username]

    return log_in


@pytest.fixture
def books(product: Product) -> Iterator[Books]:
    books = Books(product.settings.database_url)
    books.empty()
    yield books
    if not product.running:
        product.start()
    product.wait_until_connected()
    books.settle()
    product.wait_until_all_is_told()


@pytest.fixture
def with_books(product: Product, books: Books) -> Iterator[None]:
    """The PBX's own books are read as well."""
    product.stop()
    product.read_books(True)
    product.start()
    yield
    if product.running:
        product.stop()
    product.read_books(False)
    product.start()


@pytest.fixture
def asterisk(books: Books, _running_asterisk: Asterisk) -> Iterator[Asterisk]:
    """Tidied up before the books are closed: what ends then is still written down."""
    yield _running_asterisk
    _running_asterisk.tidy()


@pytest.fixture
def desk_of(
    books: Books, browser: Browser, product: Product, session_of: Callable[[str], StorageState]
) -> Iterator[Callable[..., Screen]]:
    """Opens a browser in which this agent is logged in. What goes wrong in any of them fails the story."""
    screens: list[Screen] = []

    def open_desk(username: str, path: str = "/desk", **options: object) -> Screen:
        context = browser.new_context(**{"storage_state": session_of(username), "locale": "en-GB"} | options)  # type: ignore[arg-type]
        screen = Screen(context, product.url)
        screens.append(screen)
        screen.go(path)
        return screen

    yield open_desk
    for screen in screens:
        screen.listen()
        screen.page.context.close()
    assert [trouble for screen in screens for trouble in screen.troubles] == []


@pytest.fixture
def alice(desk_of: Callable[..., Screen]) -> Screen:
    return desk_of("alice")


@pytest.fixture
def charlie(desk_of: Callable[..., Screen]) -> Screen:
    return desk_of("charlie")


@pytest.fixture
def erin(desk_of: Callable[..., Screen]) -> Screen:
    """Whose phone is the page: it is registered."""
    screen = desk_of("erin")
    expect(screen.page.locator("[data-phone-word=registered]")).to_be_visible()
    return screen


@pytest.fixture
def frank(desk_of: Callable[..., Screen]) -> Screen:
    """His phone is his page too."""
    screen = desk_of("frank")
    expect(screen.page.locator("[data-phone-word=registered]")).to_be_visible()
    return screen


@pytest.fixture
def dora(desk_of: Callable[..., Screen]) -> Screen:
    return desk_of("dora")


class Customers:
    def __init__(self, asterisk: Asterisk) -> None:
        self._asterisk = asterisk

    def calls(self, target: str, number: str, name: str = "", *, withheld: bool = False) -> CustomerCall:
        """A queue or an agent, and waits on the line."""
        return self._asterisk.call(number, name, to=target, withheld=withheld)


@pytest.fixture
def customer(asterisk: Asterisk) -> Customers:
    return Customers(asterisk)


@pytest.fixture
def customer_first(books: Books) -> Iterator[None]:
    """Whoever is called rings before whoever calls."""
    books.add(CallingRule(queue="", hours={}, rings_first=First.CUSTOMER))
    yield
    with books.writing() as session:
        session.execute(sa.delete(CallingRule))


@contextmanager
def _only(asterisk: Asterisk, seller: str) -> Iterator[None]:
    """The sales queue rings its members in turn: now this is the only one whose turn it can be."""
    colleagues = [member for member in asterisk.pbx.people.queue("sales").members if member != seller]
    for username in colleagues:
        asterisk.pbx.cli(f"queue pause member PJSIP/{username} queue sales")
    yield
    for username in colleagues:
        asterisk.pbx.cli(f"queue unpause member PJSIP/{username} queue sales")


@pytest.fixture
def only_alice_sells(asterisk: Asterisk) -> Iterator[None]:
    with _only(asterisk, "alice"):
        yield


@pytest.fixture
def only_erin_sells(asterisk: Asterisk) -> Iterator[None]:
    with _only(asterisk, "erin"):
        yield
