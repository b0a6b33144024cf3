from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.conftest import Customers
from tests.journeys.product import Books
from tests.journeys.screen import Screen
from webapp.calls.models import CallState

pytestmark = pytest.mark.journey

DANA = "+306944000001"


@pytest.fixture(scope="package")
def browser(chromium: Callable[..., Browser]) -> Browser:
    """Without windows it shows no message of the system's."""
    return chromium("chromium", "chromium-browser")


def test_without_a_connection_a_page_says_so_and_a_message_is_shown_only_when_no_page_is_looked_at(
    alice: Screen,
) -> None:
    page = alice.page
    # a browser that keeps nothing after it is closed, as this one, can be told but not subscribed
    page.add_init_script("delete window.PushManager")
    page.reload()
    page.evaluate("navigator.serviceWorker.ready.then(() => undefined)")
    page.context.grant_permissions(["notifications"])
    alice.outage_expected = True

    page.context.set_offline(True)
    page.goto(f"{alice.url}/contacts")
    expect(page.get_by_role("heading", name="No connection")).to_be_visible()
    page.context.set_offline(False)
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("heading", name="Desk")).to_be_visible()

    kept = page.evaluate(
        """async () => (await Promise.all((await caches.keys()).map(async (name) =>
           (await (await caches.open(name)).keys()).map((request) => new URL(request.url).pathname)))).flat()"""
    )
    assert [path for path in kept if not path.startswith("/static/")] == ["/offline"]

    _push(alice, '{"title": "A call rings", "body": "Queue: sales", "url": "/desk", "tag": "call:1"}')
    assert _shown(alice) == []  # she looks at the page
    page.goto("about:blank")
    _push(alice, '{"title": "A callback is due", "body": "", "url": "/day", "tag": "notice:1"}')
    page.goto(f"{alice.url}/desk")
    assert _shown(alice) == ["A callback is due"]

    page.evaluate(
        """navigator.serviceWorker.ready.then((worker) => worker.showNotification("Incoming call: Dana Reyes",
           { tag: "call:1", actions: [{ action: "decline", title: "Decline" }] }))"""
    )
    page.goto("about:blank")
    _push(alice, '{"title": "A call rings", "body": "", "url": "/desk", "tag": "call:1"}')
    page.goto(f"{alice.url}/desk")
    assert sorted(_shown(alice)) == ["A callback is due", "Incoming call: Dana Reyes"]  # and its buttons stay


def test_a_hidden_page_tells_of_a_call_and_alice_answers_it_there(
    customer: Customers, books: Books, alice: Screen
) -> None:
    page = alice.page
    page.add_init_script("delete window.PushManager; Object.defineProperty(document, 'hidden', {get: () => true})")
    page.context.grant_permissions(["notifications"])
    page.reload()
    page.evaluate("navigator.serviceWorker.ready.then(() => undefined)")
    books.contact("Dana Reyes", DANA)
    call = customer.calls("alice", DANA)
    expect(alice.card("ringing")).to_be_visible()
    alice.wait("the notification", lambda: _shown(alice))
    assert _shown(alice) == ["Incoming call: Dana Reyes"]

    _press(alice, "answer")

    expect(alice.card("answered")).to_be_visible()
    assert books.call(number=DANA, state=CallState.ANSWERED).answered_legs
    alice.wait("the notification to go", lambda: not _shown(alice))
    call.hang_up()
    expect(alice.card("wrap_up")).to_be_visible()


def _press(screen: Screen, action: str) -> None:
    """One of the notification's own buttons, as the system would."""
    [worker] = screen.page.context.service_workers
    worker.evaluate(
        """async (action) => {
            const [notification] = await self.registration.getNotifications();
            if (!notification.actions.some((each) => each.action === action)) throw new Error("no such button");
            self.dispatchEvent(new NotificationEvent("notificationclick", { notification, action }));
        }""",
        action,
    )


def _push(screen: Screen, text: str) -> None:
    """As the browser's push service would."""
    page = screen.page
    session = page.context.new_cdp_session(page)
    found: list[str] = []
    session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda told: found.extend(each["registrationId"] for each in told["registrations"] if not each["isDeleted"]),
    )
    session.send("ServiceWorker.enable")
    screen.wait("the service worker's registration", lambda: found)
    parts = urlsplit(screen.url)
    session.send(
        "ServiceWorker.deliverPushMessage",
        {"origin": f"{parts.scheme}://{parts.netloc}", "registrationId": found[0], "data": text},
    )
    page.wait_for_timeout(300)  # Chromium answers before the worker has heard it
    session.detach()


def _shown(screen: Screen) -> list[str]:
    titles: list[str] = screen.page.evaluate(
        """navigator.serviceWorker.ready.then((worker) => worker.getNotifications())
           .then((all) => all.map((each) => each.title))"""
    )
    return titles
