"""What a role may do. Grammar: `<noun>:<verb>`, all lower case; a role is a set of these and nothing else is asked."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import Any

from flask_login import current_user
from flask_security import auth_required

from webapp.errors import Forbidden


class Permission(StrEnum):
    CALL_TAKE = "call:take"
    CALL_PLACE = "call:place"
    CALL_WRAP_UP = "call:wrap_up"
    CALL_READ = "call:read"
    CALL_READ_TEAM = "call:read_team"
    CALL_READ_ALL = "call:read_all"
    CONTACT_READ = "contact:read"
    CONTACT_WRITE = "contact:write"
    CALLBACK_WORK = "callback:work"
    CALLBACK_DISMISS = "callback:dismiss"
    CALLBACK_ASSIGN = "callback:assign"
    QUEUE_READ = "queue:read"  # what is promised to whose callers
    TARGET_SET = "target:set"  # for one's own team, and those that one heads
    QUEUE_MANAGE = "queue:manage"
    LEDGER_READ = "ledger:read"  # what the switches' books say of ours: recoveries, the balance
    USER_MANAGE = "user:manage"
    ABSENCE_OWN = "absence:own"  # say of oneself when one is away
    ABSENCE_MANAGE = "absence:manage"  # and of everybody
    SYSTEM_READ = "system:read"


_AGENT = {
    Permission.CALL_TAKE,
    Permission.CALL_PLACE,
    Permission.CALL_WRAP_UP,
    Permission.CALL_READ,
    Permission.CONTACT_READ,
    Permission.CONTACT_WRITE,
    Permission.CALLBACK_WORK,
    Permission.CALLBACK_DISMISS,
    Permission.ABSENCE_OWN,
}
_SUPERVISOR = _AGENT | {
    Permission.CALL_READ_TEAM,
    Permission.CALLBACK_ASSIGN,
    Permission.TARGET_SET,
    Permission.QUEUE_READ,
    Permission.LEDGER_READ,
    Permission.ABSENCE_MANAGE,
}
ROLES: dict[str, frozenset[Permission]] = {
    "agent": frozenset(_AGENT),
    "supervisor": frozenset(_SUPERVISOR),
    "admin": frozenset(Permission),
}


def may(user: Any, permission: Permission) -> bool:
    return bool(user.is_authenticated and user.has_permission(permission.value))


def requires(permission: Permission) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A view for those who are logged in and may. Raises `Forbidden`."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @auth_required("session")  # type: ignore[untyped-decorator]
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if not may(current_user, permission):
                raise Forbidden()
            return view(*args, **kwargs)

        return guarded  # type: ignore[no-any-return]

    return decorate
