"""One family of errors, mapped to HTTP once. Their messages are for users and go through gettext where they are raised."""

from __future__ import annotations

from collections.abc import Mapping


class RingbackError(Exception):
    """Something a user can be told. `code` is stable, for programs; `status` is HTTP's."""

    status = 500
    code = "error"

    def __init__(self, message: str = "", *, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message or self.code)
        self.message = message
        self.fields = dict(fields or {})


class NotFound(RingbackError):
    status, code = 404, "not_found"


class Forbidden(RingbackError):
    status, code = 403, "forbidden"


class Invalid(RingbackError):
    """Input that cannot be used; `fields` names each field and what is wrong with it."""

    status, code = 422, "invalid"


class Conflict(RingbackError):
    """Somebody was faster, or the thing is no longer in a state that allows this."""

    status, code = 409, "conflict"


class TooManyAttempts(RingbackError):
    """Not now; in so many seconds."""

    status, code = 429, "too_many_attempts"

    def __init__(self, message: str = "", *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(RingbackError):
    """A part outside (the PBX) did not do it."""

    status, code = 503, "unavailable"
