"""Makes `api_v2010.json` here from Twilio's own document: what the stand-in serves of it, without prose and examples.

python tests/fake_twilio/openapi/reduce.py twilio_api_v2010.json[.gz]
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ABOVE = "/2010-04-01/Accounts"
OWN = f"{ABOVE}/{{AccountSid}}"
PATHS = (
    f"{ABOVE}/{{Sid}}.json",
    *(
        OWN + path
        for path in (
            "/Calls.json",
            "/Calls/{Sid}.json",
            "/Calls/{CallSid}/Events.json",
            "/Calls/{CallSid}/Recordings.json",
            "/Calls/{CallSid}/Recordings/{Sid}.json",
            "/Conferences.json",
            "/Conferences/{Sid}.json",
            "/Conferences/{ConferenceSid}/Recordings.json",
            "/Conferences/{ConferenceSid}/Recordings/{Sid}.json",
            "/Conferences/{ConferenceSid}/Participants.json",
            "/Conferences/{ConferenceSid}/Participants/{CallSid}.json",
            "/Queues.json",
            "/Queues/{Sid}.json",
            "/Queues/{QueueSid}/Members.json",
            "/Queues/{QueueSid}/Members/{CallSid}.json",
            "/Recordings.json",
            "/Recordings/{Sid}.json",
            "/IncomingPhoneNumbers.json",
            "/IncomingPhoneNumbers/{Sid}.json",
            "/Applications.json",
            "/Applications/{Sid}.json",
            "/OutgoingCallerIds.json",
            "/Messages.json",
            "/Messages/{Sid}.json",
            "/Messages/{MessageSid}/Media.json",
            "/Messages/{MessageSid}/Media/{Sid}.json",
            "/Balance.json",
            "/Usage/Records.json",
            "/Usage/Records/AllTime.json",
            "/Usage/Records/LastMonth.json",
            "/Usage/Records/ThisMonth.json",
            "/Usage/Records/Today.json",
            "/Usage/Records/Yesterday.json",
        )
    ),
)
KEPT = (
    "type",
    "nullable",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "format",
    "properties",
    "items",
    "required",
    "$ref",
)
FORM = "application/x-www-form-urlencoded"


def reduced(document: dict[str, Any]) -> dict[str, Any]:
    paths = {path: _path(document["paths"][path]) for path in PATHS}
    schemas: dict[str, Any] = {}
    wanted = _references(paths)
    while wanted:
        name = wanted.pop()
        if name not in schemas:
            schemas[name] = _schema(document["components"]["schemas"][name])
            wanted |= _references(schemas[name])
    return {
        "openapi": document["openapi"],
        "info": {key: document["info"][key] for key in ("title", "version", "license")},
        "paths": paths,
        "components": {"schemas": dict(sorted(schemas.items()))},
    }


def _path(path: dict[str, Any]) -> dict[str, Any]:
    return {method: _operation(path[method]) for method in ("get", "post", "delete") if method in path}


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {
        "query": {
            each["name"]: _schema(each["schema"]) for each in operation.get("parameters", ()) if each["in"] == "query"
        }
    }
    form = operation.get("requestBody", {}).get("content", {}).get(FORM)
    if form is not None:
        kept["form"] = _schema(form["schema"])
    kept["answers"] = {
        status: _schema(answer["content"]["application/json"]["schema"]) if "content" in answer else None
        for status, answer in operation["responses"].items()
    }
    return kept


def _schema(schema: Any) -> Any:
    kept = {key: schema[key] for key in KEPT if key in schema}
    if "properties" in kept:
        kept["properties"] = {name: _schema(value) for name, value in kept["properties"].items()}
    if "items" in kept:
        kept["items"] = _schema(kept["items"])
    return kept


def _references(found: Any) -> set[str]:
    if isinstance(found, dict):
        here = {found["$ref"].rpartition("/")[2]} if isinstance(found.get("$ref"), str) else set()
        return here.union(*(_references(value) for value in found.values()))
    return set().union(*(_references(value) for value in found)) if isinstance(found, list) else set()


if __name__ == "__main__":
    source = Path(sys.argv[1])
    content = gzip.decompress(source.read_bytes()) if source.suffix == ".gz" else source.read_bytes()
    text = json.dumps(reduced(json.loads(content)), indent=1, sort_keys=False)
    (HERE / "api_v2010.json").write_text(text + "\n", encoding="utf-8")
