"""Structured logs, UTC, one line an event, without secrets."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from config.settings import Settings

_SECRET_KEY = re.compile(r"(?i)secret|password|passwd|token|authorization|cookie|salt|csrf")
_SECRET_TEXT = re.compile(
    r"""(?ix) ( (?:secret|password|passwd|token|authorization)['"]?\s*[:=]\s* )
    ( "[^"]*" | '[^']*' | (?:(?:bearer|basic|digest)\s+)?\S+ )"""
)
_COOKIES = re.compile(r"(?i)(cookie['\"]?\s*[:=]\s*)[^\r\n]+")
_URL_PASSWORD = re.compile(r"(://[^:/@\s]*:)\S+(@)")  # as far as the last @: a password may have one
HIDDEN = "[hidden]"

_BEFORE: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


def hide_secrets(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Last before rendering: whatever is called a secret, or reads like one, does not reach the log."""
    for key, value in entry.items():
        entry[key] = _without_secrets(key, value)
    return entry


def _without_secrets(key: str, value: Any) -> Any:
    if _SECRET_KEY.search(key):
        return HIDDEN
    if isinstance(value, str):
        value = _COOKIES.sub(rf"\1{HIDDEN}", _SECRET_TEXT.sub(rf"\1{HIDDEN}", value))
        return _URL_PASSWORD.sub(rf"\1{HIDDEN}\2", value)
    if isinstance(value, Mapping):
        return {name: _without_secrets(str(name), part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_secrets("", part) for part in value]
    return value


def one_line(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A caller's name must not be able to write a log line of its own. Tracebacks are ours and keep their lines."""
    for key, value in entry.items():
        if isinstance(value, str) and key != "exception":
            entry[key] = re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]", lambda match: repr(match.group())[1:-1], value)
    return entry


def configure(settings: Settings) -> None:
    render: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_BEFORE,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, hide_secrets, one_line, render],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    for chatty in ("engineio", "socketio", "celery", "kombu", "alembic", "amqp"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    logging.getLogger("werkzeug").setLevel(max(logging.ERROR, root.level))
    structlog.configure(
        processors=[*_BEFORE, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
