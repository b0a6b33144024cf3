"""Press 1 and keep your place: the sample dialplan on a real Asterisk, up to the ticket in the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import config
from tests.asterisk import Asterisk, wait_for
from tests.journeys.conftest import Customers
from tests.journeys.product import Books
from webapp.calls.models import CallState
from webapp.tasks.models import CallbackKind

pytestmark = pytest.mark.journey

DANA = "+306944000001"
SAMPLE = Path(config.__file__).parent / "asterisk" / "queue-callback.example.conf"


@pytest.fixture
def way_out(asterisk: Asterisk) -> Iterator[Asterisk]:
    """The sales queue as the sample's first lines say."""
    etc = asterisk.pbx.state_dir / "etc"
    plan, queues = (etc / "extensions.conf").read_text(), (etc / "queues.conf").read_text()
    named = plan.replace(" same => n,Queue(sales,", " same => n,Set(CRM_QUEUE=sales)\n same => n,Queue(sales,")
    assert named != plan
    (etc / "extensions.conf").write_text(named + SAMPLE.read_text(encoding="utf-8"))
    (etc / "queues.conf").write_text(
        queues.replace("[sales](waiting)\n", "[sales](waiting)\ncontext = ringback-queue-callback\n")
    )
    for module in ("app_read.so", "app_senddtmf.so"):  # the sample's, and what presses the key here
        asterisk.pbx.cli(f"module load {module}")
    _reload(asterisk)
    yield asterisk
    (etc / "extensions.conf").write_text(plan)
    (etc / "queues.conf").write_text(queues)
    _reload(asterisk)


def _reload(asterisk: Asterisk) -> None:
    asterisk.pbx.cli("dialplan reload")
    asterisk.pbx.cli("queue reload all")


@pytest.mark.req("T12")
@pytest.mark.usefixtures("only_alice_sells")
def test_who_presses_1_is_a_ticket_with_the_place_of_the_call(
    way_out: Asterisk, customer: Customers, books: Books
) -> None:
    customer.calls("sales", DANA)
    waiting = wait_for("Dana to wait", lambda: books.calls(number=DANA, state=CallState.RINGING, queue="sales"))[0]
    commands = way_out.logged_in("ringback-commands")
    (channel,) = [channel for channel in way_out.channels() if channel.startswith("PJSIP/trunk")]
    commands.act("PlayDTMF", Channel=channel, Digit="1", Receive="true")

    (ticket,) = wait_for("the ticket", lambda: books.callbacks(kind=CallbackKind.TICKET))
    assert (ticket.number, ticket.queue, ticket.missed) == (DANA, "sales", 1)
    call = wait_for("the call to end", lambda: books.calls(id=waiting.id, state=CallState.ENDED))[0]
    assert call.answered_at is None
    assert ticket.queued_at == call.queued_at
    assert ticket.queued_at is not None and ticket.queued_at >= call.started_at
    assert len(books.callbacks(number=DANA)) == 1
