"""A caller leaves the queue to be called: the dialplan says so by a UserEvent (see queue-callback.example.conf)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from telephony.ami.callbook import CallBook
from telephony.ami.channels import Channel
from telephony.events import CallbackRequested

_NAME = "CRM_CALLBACK"
_TYPED = re.compile(r"\+?[0-9]{3,20}")
_QUEUE = re.compile(r"[^\x00-\x1f\x7f]{1,80}")


def callback_requested(book: CallBook, headers: Mapping[str, str], known: Channel | None, at: datetime) -> None:
    """Only of a customer who called us and whom nobody has talked to; what stands in the event was typed by a caller."""
    if headers.get("UserEvent", "").upper() != _NAME or known is None:
        return
    call = known.call
    if known is not call.customer or not call.inbound or call.answered_at is not None or not call.open:
        return
    queue, number = headers.get("CRM_QUEUE", "") or call.queue or "", headers.get("CRM_NUMBER", "")
    if _QUEUE.fullmatch(queue):
        typed = number if _TYPED.fullmatch(number) else ""
        book.out.append(CallbackRequested(uid=call.uid, at=at, queue=queue, number=typed))
