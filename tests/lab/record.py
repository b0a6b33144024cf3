"""Plays stories one by one and keeps what Asterisk said of each, and the truth beside it, as recordings for the tests of
call logic: `python -m tests.lab.record DIRECTORY NAME...`.
"""

from __future__ import annotations

import functools
import gzip
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from telephony.ami.causes import endpoint
from telephony.ami.frames import Frame
from tests.journeys.test_write_down_every_call import GROUPS
from tests.lab.stage import Played, Stage
from tests.lab.truth import Truth
from webapp.accounts import actions as accounts
from webapp.calls.models import Call
from webapp.trial.install import default_cache, ensure_sipp, find_or_install


def record(directory: Path, names: Sequence[str]) -> None:
    accounts.hash_password = functools.cache(accounts.hash_password)  # slow on purpose
    installation, sipp = find_or_install(default_cache(), print), ensure_sipp(default_cache(), print)
    assert installation and sipp
    stories = {story.name: story for group in GROUPS.values() for story in group}
    with tempfile.TemporaryDirectory() as place, Stage(installation, sipp, Path(place) / "stage") as stage:
        for name in names:
            plays, _ = stage.play([stories[name]])
            _keep(directory / name, plays[name], _of_the_story(stage.heard))
            print(name)


def _of_the_story(heard: Sequence[Frame]) -> list[Frame]:
    """Without the last call, and without what the bridge itself wrote into its journal."""
    last = next(number for number, frame in enumerate(heard) if frame.get("Exten") == "nowhere")
    return [
        frame for frame in heard[:last] if not frame.mark and frame.name not in ("FullyBooted", "QueueMemberStatus")
    ]


def _keep(path: Path, play: Played, frames: Sequence[Frame]) -> None:
    assert not play.failure, play.failure
    raw = b"".join(frame.raw + b"\r\n\r\n" for frame in frames)
    path.with_suffix(".ami.gz").write_bytes(gzip.compress(raw, mtime=0))
    calls = [_as_json(play, call, truth) for call, truth in zip(play.told.calls, play.truths, strict=True)]
    told = {"scenario": path.name, "note": None, "calls": calls, "other_linkedids": []}
    path.with_suffix(".json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _as_json(play: Played, call: Call, truth: Truth) -> dict[str, Any]:
    def known(who: str) -> str:
        return play.scene.extension(who) if who in ("alice", "bob", "charlie") else endpoint(who)

    facts: dict[str, Any] = {
        "direction": truth.direction,
        "customer": call.number_raw,
        "did": truth.did,
        "queue": truth.queue,
        "outcome": truth.result,
        "answered_by": list(dict.fromkeys(known(leg.who) for leg in truth.legs if leg.result == "answered")),
        "rang": list(dict.fromkeys(known(leg.who) for leg in truth.legs if leg.rang)),
        "wait": truth.wait,
        "talk": truth.talk,
        "hold": truth.hold,
        "hangup_by": truth.by,
        "transfers": [
            {"type": kind, "by": by if by == "supervisor" else known(by), "to": known(to), "result": result}
            for kind, by, to, result in truth.transfers
        ],
        "linkedid": call.linkedid,
    }
    if truth.agent:
        facts["agent"] = known(truth.agent)
    return {name: value for name, value in facts.items() if not (name == "wait" and value is None)}


if __name__ == "__main__":
    record(Path(sys.argv[1]), sys.argv[2:])
