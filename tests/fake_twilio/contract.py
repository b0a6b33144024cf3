"""Twilio's own description of its API, held against every request to the stand-in and every answer of it."""

from __future__ import annotations

import json
import re
from email.utils import parsedate_to_datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from telephony.fake.twilio import ApiAnswer, ApiRequest

FILE = Path(__file__).parent / "openapi" / "api_v2010.json"
# Where the description contradicts what Twilio answers, by its own examples and by what was seen.
WRONG_IN_THE_DESCRIPTION = {
    "reason_conference_ended": "null while the conference runs",
    "source": "StartCallRecordingTwiML is missing",
}


class Broken(AssertionError):
    """A request or an answer is not as described."""


class Contract:
    """`api.check = Contract().check`. What was seen is in `operations`."""

    def __init__(self) -> None:
        self._document = _document()
        self.operations: set[str] = set()

    def check(self, request: ApiRequest, answer: ApiAnswer) -> None:
        path = urlsplit(request.url).path
        if not path.endswith(".json"):
            return  # files, and the alerts of another product
        template, operation = self._operation(request.method, path)
        self.operations.add(f"{request.method} {template}")
        if answer.status >= 400:
            self._check_error(answer)
            return
        self._check_request(request, operation)
        schema = operation["answers"].get(str(answer.status))
        if str(answer.status) not in operation["answers"]:
            raise Broken(f"{request.method} {template} answers {answer.status}")
        if schema is not None:
            self._value(answer.json(), schema, f"{request.method} {template}")

    def _operation(self, method: str, path: str) -> tuple[str, dict[str, Any]]:
        for template, operations in self._document["paths"].items():
            if method.lower() in operations and _pattern(template).fullmatch(path):
                return template, operations[method.lower()]
        raise Broken(f"{method} {path} is not described")

    def _check_request(self, request: ApiRequest, operation: dict[str, Any]) -> None:
        if request.method == "POST":
            form = operation.get("form", {})
            described, missing = form.get("properties", {}), set(form.get("required", ()))
            pairs = parse_qsl(request.body.decode(), keep_blank_values=True)
        else:
            described, missing = operation["query"], set()
            pairs = parse_qsl(urlsplit(request.url).query, keep_blank_values=True)
        for name, value in pairs:
            missing.discard(name)
            if name not in described:
                raise Broken(f"parameter {name}")
            self._parameter(name, value, self._resolved(described[name]))
        if missing:
            raise Broken(f"without {', '.join(sorted(missing))}")

    def _parameter(self, name: str, value: str, schema: dict[str, Any]) -> None:
        kind = schema.get("type")
        if kind == "array":
            schema = self._resolved(schema["items"])
            kind = schema.get("type")
        fine = {
            "integer": lambda: re.fullmatch(r"-?\d+", value),
            "boolean": lambda: value in ("true", "false"),
            "number": lambda: re.fullmatch(r"-?\d+(\.\d+)?", value),
        }.get(str(kind), lambda: True)()
        if not fine or ("enum" in schema and value not in schema["enum"]):
            raise Broken(f"parameter {name}={value!r}")
        if value and "pattern" in schema and not re.search(schema["pattern"], value):
            raise Broken(f"parameter {name}={value!r}")

    def _check_error(self, answer: ApiAnswer) -> None:
        body = answer.json()
        if set(body) != {"code", "message", "more_info", "status"} or body["status"] != answer.status:
            raise Broken(f"an error as {body}")

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        name = schema.get("$ref")
        return self._document["components"]["schemas"][name.rpartition("/")[2]] if name else schema

    def _value(self, value: Any, schema: dict[str, Any], where: str) -> None:
        schema = self._resolved(schema)
        if value is None:
            if (
                not schema.get("nullable")
                and schema.get("type")
                and where.rpartition(".")[2] not in WRONG_IN_THE_DESCRIPTION
            ):
                raise Broken(f"{where} is null")
            return
        if not _is(value, schema.get("type")) and where.rpartition(".")[2] not in WRONG_IN_THE_DESCRIPTION:
            raise Broken(f"{where} is {value!r}, not {schema.get('type')}")
        if (
            "enum" in schema
            and value not in schema["enum"]
            and where.rpartition(".")[2] not in WRONG_IN_THE_DESCRIPTION
        ):
            raise Broken(f"{where} is {value!r}")
        if isinstance(value, str):
            self._text(value, schema, where)
        if isinstance(value, list):
            for each in value:
                self._value(each, schema.get("items", {}), where)
        if isinstance(value, dict) and "properties" in schema:
            for name in value.keys() & schema["properties"].keys():
                self._value(value[name], schema["properties"][name], f"{where}.{name}")
            absent = schema["properties"].keys() - value.keys()
            if absent:
                raise Broken(f"{where} has no {', '.join(sorted(absent))}")

    def _text(self, value: str, schema: dict[str, Any], where: str) -> None:
        if "pattern" in schema and not re.search(schema["pattern"], value):
            raise Broken(f"{where} is {value!r}")
        if schema.get("format") == "date-time-rfc-2822":
            parsedate_to_datetime(value)


def _is(value: Any, kind: str | None) -> bool:
    match kind:
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "array":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict)
    return True


@lru_cache(maxsize=1)
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return document


@lru_cache(maxsize=256)
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{\w+\}", "[^/]+?", template))
