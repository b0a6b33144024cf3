"""What is said of agents."""

from __future__ import annotations

from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from webapp.accounts.breaks import NO_ANSWER
from webapp.accounts.models import AgentStatus, BreakReason
from webapp.agents.actions import DID_NOT_ANSWER
from webapp.agents.models import Measure
from webapp.agents.queries import AgentState
from webapp.notices.texts import Words, define

define(
    DID_NOT_ANSWER,
    Words(
        _l("%(who)s does not answer"),
        _l("The phone rang %(rings)s times in a row, and nobody answered. They are still logged in."),
        urgent=True,
    ),
)


def status_word(status: AgentStatus) -> str:
    words = {
        AgentStatus.AVAILABLE: _("Available"),
        AgentStatus.ON_BREAK: _("On break"),
        AgentStatus.LOGGED_OUT: _("Logged out"),
    }
    return str(words[status])


def state_word(state: AgentState) -> str:
    words = {
        AgentState.IDLE: _("Idle"),
        AgentState.CALLING: _("Calling a customer"),
        AgentState.RINGING: _("Ringing"),
        AgentState.TALKING: _("Talking"),
        AgentState.ON_HOLD: _("On hold"),
        AgentState.WRAP_UP: _("Wrap-up"),
    }
    return str(words[state])


def reason_word(code: str, reasons: dict[str, BreakReason]) -> str:
    """In the reader's language; what a switch said is shown as it said it."""
    if code == NO_ANSWER:
        return str(_("Did not answer"))
    locale = get_locale()
    return reasons[code].label(locale.language if locale else "en") if code in reasons else code


def measure_word(measure: Measure) -> str:
    words = {
        Measure.CONVERSATIONS: _("Conversations"),
        Measure.CALLS_PLACED: _("Calls placed"),
        Measure.TALK_MINUTES: _("Minutes talked"),
        Measure.CALLBACKS: _("Callbacks done"),
    }
    return str(words[measure])
