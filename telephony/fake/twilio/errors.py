"""What the stand-in cannot do, and what Twilio would refuse."""

from __future__ import annotations


class NotModelled(Exception):
    """Something that Twilio may well know, and this stand-in does not: a parameter, a verb, a resource, a way to behave.

    It is never an answer: whoever meets it models it, or stops using it."""


class ApiError(Exception):
    """An answer of the REST API that is none of 2xx, with Twilio's own code."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message

    def body(self) -> dict[str, object]:
        return {
            "code": self.code,
            "message": self.message,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }


class BadDocument(Exception):
    """TwiML that Twilio cannot run: the caller hears an error, or the fallback URL is asked."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


def not_found(what: str) -> ApiError:
    return ApiError(404, 20404, f"The requested resource {what} was not found")


def invalid(code: int, message: str) -> ApiError:
    return ApiError(400, code, message)
