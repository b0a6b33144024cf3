"""A big firm: its people and contacts in the database, and, in a process of its own, the pages that its agents have open.

Such a page is one without a screen: it is logged in, listens, and asks for its call bar whenever it is told of a call.
"""

from __future__ import annotations

import random
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, cast

import websocket

PASSWORD = "a long password of many"


def username(number: int) -> str:
    return f"agent{number:03d}"


def phone(number: int) -> str:
    """A contact's, in E.164: a mobile one."""
    return f"+306970{number:06d}"


def settle(agents: int, contacts: int) -> None:
    """On PostgreSQL, which makes a million rows by itself."""
    import sqlalchemy as sa

    from webapp.accounts.actions import add_user
    from webapp.db import db, transaction

    with transaction():
        for number in range(agents):
            name = username(number)
            add_user(name, f"Agent {number}", role="agent", password=PASSWORD, lines=(f"PJSIP/{name}",))
    with transaction():
        count = {"last": contacts - 1}
        series = "generate_series(0, :last) AS i"
        db.session.execute(sa.text(
            "INSERT INTO party (id, kind, name, search_name, note, created_at, updated_at) SELECT md5('party' || i)::uuid,"
            f" 'person', 'Client ' || i, 'client ' || i, '', now(), now() FROM {series}"), count)  # fmt: skip
        db.session.execute(sa.text(
            "INSERT INTO contact_point (id, party_id, kind, value, extension, label, position) SELECT md5('point' || i)::uuid,"
            f" md5('party' || i)::uuid, 'phone', '+306970' || lpad(i::text, 6, '0'), '', '', 0 FROM {series}"),
            count)  # fmt: skip
    with transaction():
        db.session.execute(sa.text("ANALYZE"))


def main(url: str, agents: int) -> None:
    """Says "ready" when all are connected, and at the end of standard input how many cards they asked for."""
    from tests.bench.product import Agent

    firm = cast(Any, SimpleNamespace(url=url, logins=dict.fromkeys(map(username, range(agents)), PASSWORD)))
    with ThreadPoolExecutor(4) as doors:
        people = [*doors.map(lambda number: Agent(firm, username(number)), range(agents))]
    asked: list[bool] = []
    for agent in people:
        socket = agent.listen()
        threading.Thread(target=_look, args=(agent, socket, url, asked), daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()
    print(sum(asked), len(asked) - sum(asked), flush=True)


def _look(agent: Any, socket: websocket.WebSocket, url: str, asked: list[bool]) -> None:
    socket.settimeout(120)
    while True:
        message = socket.recv()
        if message == "2":
            socket.send("3")
        elif message.startswith('42["call"'):
            answer = agent.opener.open(f"http://{url}/desk/callbar", timeout=20)
            answer.read()
            asked.append(answer.status == 200)


def numbers(contacts: int, how_many: int) -> list[str]:
    return [phone(number) for number in random.Random(2).sample(range(contacts), how_many)]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
