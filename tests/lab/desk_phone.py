"""A phone that transfers as desk phones do: hold, a consultation on a second line, then REFER with Replaces. SIPp cannot:
it would need the tags of one dialog inside another.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

CRLF = "\r\n"
LOOPBACK = "127.0.0.1"
PATIENCE = 30.0


@dataclass(slots=True)
class _Line:
    call_id: str
    local: str
    remote: str
    target: str


class Message(dict[str, str]):
    """Headers in small letters; the first line is `first`."""

    def __init__(self, text: str) -> None:
        head, _, _ = text.partition(CRLF * 2)
        self.first, *rest = head.split(CRLF)
        for line in rest:
            name, _, value = line.partition(":")
            self.setdefault(name.strip().lower(), value.strip())

    def answers(self, cseq: str) -> bool:
        """Finally."""
        return self.first.startswith("SIP/2.0 ") and self.first[8] != "1" and self.get("cseq") == cseq


class DeskPhone:
    """Answers one call, talks, holds it, consults `target`, and connects both. `over` waits for the end of it."""

    def __init__(
        self, extension: str, port: int, sip_port: int, target: str, *, ring: float, talk: float, consult: float
    ) -> None:
        self._extension, self._port, self._peer, self._target = extension, port, (LOOPBACK, sip_port), target
        self._ring, self._talk, self._consult = ring, talk, consult
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, port))
        self._numbers = count(1)
        self.failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def over(self) -> None:
        self._thread.join(PATIENCE)
        if self.failure:
            raise self.failure

    def stop(self) -> None:
        self._socket.close()

    def complaints(self) -> str:
        return f"{self.failure}" if self.failure else ""

    def _run(self) -> None:
        try:
            customer = self._answer()
            time.sleep(self._talk)
            self._request(customer, "INVITE", 1, body=self._sdp("sendonly"))
            self._until(lambda message: message.answers("1 INVITE"))
            self._request(customer, "ACK", 1)
            colleague = self._call(self._target)
            time.sleep(self._consult)
            self._connect(customer, colleague)
        except Exception as error:
            self.failure = error

    def _answer(self) -> _Line:
        invite = self._until(lambda message: message.first.startswith("INVITE"))
        self._reply(invite, "180 Ringing", "first")
        time.sleep(self._ring)
        self._reply(invite, "200 OK", "first", self._sdp("sendrecv"))
        self._until(lambda message: message.first.startswith("ACK"))
        return _Line(invite["call-id"], f"{invite['to']};tag=first", invite["from"], _uri(invite["contact"]))

    def _call(self, target: str) -> _Line:
        uri = f"sip:{target}@{LOOPBACK}:{self._peer[1]}"
        me = f"<sip:{self._extension}@{LOOPBACK}:{self._peer[1]}>;tag=second"
        line = _Line(f"consult-{self._port}-{time.time_ns()}", me, f"<{uri}>", uri)
        self._request(line, "INVITE", 1, body=self._sdp("sendrecv"))
        answer = self._until(lambda message: message.answers("1 INVITE"))
        if " 200 " not in answer.first:
            raise RuntimeError(f"consultation failed: {answer.first}")
        line.remote, line.target = answer["to"], _uri(answer["contact"])
        self._request(line, "ACK", 1)
        return line

    def _connect(self, customer: _Line, colleague: _Line) -> None:
        tag = re.search(r"tag=([^;]+)", colleague.remote)
        assert tag is not None
        replaces = f"{colleague.call_id}%3Bto-tag%3D{tag[1]}%3Bfrom-tag%3Dsecond"
        uri = f"sip:{self._target}@{LOOPBACK}:{self._peer[1]}"
        self._request(
            customer,
            "REFER",
            2,
            f"Refer-To: <{uri}?Replaces={replaces}>",
            f"Referred-By: <sip:{self._extension}@{LOOPBACK}>",
        )
        message = self._until(lambda message: message.first.startswith("BYE"))
        self._reply(message, "200 OK", "")

    # messages

    def _until(self, wanted: Callable[[Message], bool]) -> Message:
        """What is asked on the way is agreed to."""
        self._socket.settimeout(PATIENCE)
        while True:
            message = Message(self._socket.recv(65536).decode("utf-8", "replace"))
            if wanted(message):
                return message
            if message.first.split()[0] in ("NOTIFY", "OPTIONS", "UPDATE"):
                self._reply(message, "200 OK", "")

    def _reply(self, message: Message, status: str, tag: str, body: str = "") -> None:
        to = message["to"] if "tag=" in message["to"] else f"{message['to']};tag={tag}"
        via, sender, cseq = (message[name] for name in ("via", "from", "cseq"))
        headers = [f"Via: {via}", f"From: {sender}", f"To: {to}", f"Call-ID: {message['call-id']}", f"CSeq: {cseq}"]
        self._send(f"SIP/2.0 {status}", *headers, body=body)

    def _request(self, line: _Line, method: str, cseq: int, *headers: str, body: str = "") -> None:
        self._send(
            f"{method} {line.target} SIP/2.0",
            f"Via: SIP/2.0/UDP {LOOPBACK}:{self._port};branch=z9hG4bK{next(self._numbers)}-{self._port}",
            f"From: {line.local}",
            f"To: {line.remote}",
            f"Call-ID: {line.call_id}",
            f"CSeq: {cseq} {method}",
            "Max-Forwards: 70",
            *headers,
            body=body,
        )

    def _send(self, *lines: str, body: str = "") -> None:
        contact = f"Contact: <sip:{self._extension}@{LOOPBACK}:{self._port}>"
        kind = ["Content-Type: application/sdp"] if body else []
        head = CRLF.join([*lines, contact, *kind, f"Content-Length: {len(body)}"])
        self._socket.sendto(f"{head}{CRLF * 2}{body}".encode(), self._peer)

    def _sdp(self, direction: str) -> str:
        lines = [
            "v=0", f"o=- 1 {next(self._numbers)} IN IP4 {LOOPBACK}", "s=-", f"c=IN IP4 {LOOPBACK}", "t=0 0",
            f"m=audio {self._port} RTP/AVP 0", "a=rtpmap:0 PCMU/8000", f"a={direction}", "",
        ]  # fmt: skip
        return CRLF.join(lines)


def _uri(contact: str) -> str:
    found = re.search(r"sip:[^>]*", contact)
    assert found is not None
    return found[0]
