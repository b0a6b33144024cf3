"""What people are told of callbacks."""

from __future__ import annotations

from functools import partial

from flask_babel import lazy_gettext as _l

from webapp.notices import texts
from webapp.notices.texts import define
from webapp.tasks import oversight

_WITHHELD = _l("Number withheld")
Words = partial(texts.Words, unknown={"who": _WITHHELD, "number": _WITHHELD})

define(
    oversight.REMINDER,
    Words(
        _l("Call %(who)s back"),
        _l("%(number)s has waited since %(since_at)s. Due: %(due_at)s. Queue: %(queue)s."),
        sounds=True,
    ),
)
define(
    oversight.PROMISE,
    Words(_l("You promised %(who)s a call"), _l("%(number)s expects it at %(promised_at)s."), sounds=True),
)
define(
    oversight.OVERDUE,
    Words(
        _l("Overdue: %(who)s"),
        _l(
            "%(number)s was to be called by %(due_at)s, and nobody has talked to them. Queue: %(queue)s. With: %(has_it)s."
        ),
        urgent=True,
    ),
)
define(
    oversight.OVERDUE_MANY,
    Words(_l("%(count)s callbacks are overdue"), _l("They are overdue since a moment ago, all at once."), urgent=True),
)
define(
    oversight.STILL_OVERDUE,
    Words(
        _l("Still overdue: %(who)s"),
        _l(
            "%(number)s was to be called by %(due_at)s. The head of the team knows, and nothing happened. Queue: %(queue)s."
        ),
        urgent=True,
    ),
)
define(
    oversight.EXHAUSTED,
    Words(
        _l("Never reached: %(who)s"),
        _l("%(number)s was called %(attempts)s times without an answer. No further call is planned."),
    ),
)
define(
    oversight.ASSIGNED,
    Words(_l("%(by)s gave you a callback: %(who)s"), _l("%(number)s, due %(due_at)s. Queue: %(queue)s."), sounds=True),
)
define(
    oversight.ASSIGNED_MANY,
    Words(_l("%(by)s gave you %(count)s callbacks"), _l("They are on your list."), sounds=True),
)
define(
    oversight.TAKEN,
    Words(_l("%(by)s took a callback from you: %(who)s"), _l("%(number)s is not yours to call any more.")),
)
define(
    oversight.TURN,
    Words(
        _l("It is the turn of %(who)s"),
        _l("%(number)s left the queue %(queue)s to be called, and would be answered now. Call by %(due_at)s."),
        urgent=True,
        sounds=True,
    ),
)
