"""What a phone does in one call, step by step, and the SIPp scenario that does it.

answering(rings(1), answers(), talks(2), types("#1"), hears_the_end())   for whoever is called
calling("2101000100", From("6940100001"), is_answered(), talks(2), hangs_up())   for whoever calls
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

FOREVER = 600.0  # seconds
KEY_SECONDS = 0.15  # between two keys
AUDIO = "speech.ulaw"


@dataclass(slots=True)
class _Dialog:
    """How requests inside the dialog are addressed, and what was written so far."""

    sender: str
    peer: str
    target: str
    cseq: int = 1
    labels: int = 0
    lines: list[str] = field(default_factory=list)

    def add(self, *lines: str) -> None:
        self.lines += lines

    def label(self) -> str:
        self.labels += 1
        return f"l{self.labels}"

    def request(self, method: str, *headers: str, body: str = "", cseq: int = 0, resent: bool = True) -> None:
        if not cseq:
            self.cseq += 1
        self.add(
            _send(
                f"{method} {self.target} SIP/2.0",
                "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
                f"From: {self.sender}",
                f"To: {self.peer}",
                "Call-ID: [call_id]",
                f"CSeq: {cseq or self.cseq} {method}",
                "Contact: <sip:[local_ip]:[local_port]>",
                "Max-Forwards: 70",
                *headers,
                body=body,
                resent=resent,
            )
        )

    def ok(self, then: str = "") -> None:
        """To the request that just came."""
        self.add(
            _send(
                "SIP/2.0 200 OK", "[last_Via:]", "[last_From:]", "[last_To:]", "[last_Call-ID:]", "[last_CSeq:]", then=then
            )
        )  # fmt: skip


Step = Callable[[_Dialog], None]


# ---------------------------------------------------------------------------------------------- steps of who is called


def rings(seconds: float = FOREVER) -> Step:
    """Until it is cancelled, or for so long."""

    def step(dialog: _Dialog) -> None:
        label = dialog.label()
        dialog.add(
            _reply("180 Ringing", "Contact: <sip:[local_ip]:[local_port]>"),
            f'<recv request="CANCEL" timeout="{_ms(seconds)}" ontimeout="{label}" next="cancelled"/>',
            f'<label id="{label}"/>',
        )

    return step


def answers() -> Step:
    def step(dialog: _Dialog) -> None:
        dialog.add(
            _reply("200 OK", "Contact: <sip:[local_ip]:[local_port]>", body=_sdp(1), resent=True),
            '<recv request="ACK" timeout="10000"/>',
        )

    return step


def refuses(status: str = "486 Busy Here", *headers: str) -> Step:
    def step(dialog: _Dialog) -> None:
        dialog.add(_reply(status, *headers, resent=True), '<recv request="ACK" timeout="10000" next="end"/>')

    return step


def forwards_to(number: str) -> Step:
    return refuses("302 Moved Temporarily", f"Contact: <sip:{number}@[remote_ip]:[remote_port]>")


# ------------------------------------------------------------------------------------------------- steps of who calls


def is_answered(within: float = FOREVER) -> Step:
    def step(dialog: _Dialog) -> None:
        dialog.add(
            *(f'<recv response="{code}" optional="true"/>' for code in (100, 180, 183, 180, 183, 181)),
            f'<recv response="200" rrs="true" timeout="{_ms(within)}"/>',
        )
        dialog.request("ACK", cseq=1, resent=False)

    return step


def is_refused() -> Step:
    def step(dialog: _Dialog) -> None:
        codes = (403, 404, 408, 410, 480, 486, 487, 500, 502, 503, 600)
        dialog.add(
            *(f'<recv response="{code}" optional="true"/>' for code in (100, 180, 183, 180, 183, 181)),
            *(f'<recv response="{code}" optional="true" next="refused"/>' for code in codes),
            '<recv response="603" next="refused"/>',
        )

    return step


def gives_up(after: float) -> Step:
    """While it rings."""
    patience = f'timeout="{_ms(after)}" ontimeout="enough"'

    def step(dialog: _Dialog) -> None:
        dialog.add(
            *(f'<recv response="{code}" optional="true"/>' for code in (100, 183)),
            '<recv response="180"/>',
            *(f'<recv response="{code}" optional="true" {patience}/>' for code in (181, 180, 183)),
            f'<recv response="199" {patience}/>',
            '<label id="enough"/>',
            _send(
                "CANCEL [$target] SIP/2.0",
                "[last_Via:]",
                f"From: {dialog.sender}",
                f"To: {_BARE}",
                "Call-ID: [call_id]",
                "CSeq: 1 CANCEL",
                "Max-Forwards: 70",
                resent=True,
            ).replace("[$target]", _URI),
            '<recv response="180" optional="true"/>',
            '<recv response="200"/>',
            '<recv response="487" next="refused"/>',
        )

    return step


# ------------------------------------------------------------------------------------------------------ steps of both


def talks(seconds: float) -> Step:
    """Or until the other side has had enough."""

    def step(dialog: _Dialog) -> None:
        label = dialog.label()
        dialog.add(
            f'<recv request="BYE" timeout="{_ms(seconds)}" ontimeout="{label}" next="ended"/>', f'<label id="{label}"/>'
        )

    return step


def hears_the_end() -> Step:
    return talks(FOREVER)


def hangs_up() -> Step:
    def step(dialog: _Dialog) -> None:
        dialog.request("BYE")
        dialog.add(
            '<recv request="BYE" optional="true" next="ended"/>',
            '<recv response="481" optional="true" next="end"/>',
            '<recv response="200" timeout="10000" ontimeout="end" next="end"/>',
        )

    return step


def types(keys: str, pause: float = KEY_SECONDS) -> Step:
    def step(dialog: _Dialog) -> None:
        for key in keys:
            dialog.request("INFO", "Content-Type: application/dtmf-relay", body=f"Signal={key}\nDuration=100\n")
            dialog.add('<recv response="200"/>', f'<pause milliseconds="{_ms(pause)}"/>')

    return step


def holds() -> Step:
    return _reinvites("sendonly")


def resumes() -> Step:
    return _reinvites("sendrecv")


def _reinvites(direction: str) -> Step:
    def step(dialog: _Dialog) -> None:
        dialog.request("INVITE", body=_sdp(dialog.cseq + 1, direction))
        dialog.add('<recv response="100" optional="true"/>', '<recv response="200"/>')
        dialog.request("ACK", cseq=dialog.cseq, resent=False)

    return step


def refers_to(number: str) -> Step:
    def step(dialog: _Dialog) -> None:
        dialog.request(
            "REFER", f"Refer-To: <sip:{number}@[remote_ip]:[remote_port]>", "Referred-By: <sip:[local_ip]:[local_port]>"
        )
        dialog.add('<recv response="202"/>')

    return step


def speaks() -> Step:
    """Sound, from now on; without it nothing that needs sound is noticed."""
    return lambda dialog: dialog.add(f'<nop><action><exec rtp_stream="{AUDIO},-1,0"/></action></nop>')


# -------------------------------------------------------------------------------------------------------- scenarios


@dataclass(frozen=True, slots=True)
class From:
    """Who calls. `user` stands in the SIP address as it is: what is %-encoded there, the PBX decodes."""

    user: str
    name: str = ""
    privacy: str = "none"


_URI = "sip:[service]@[remote_ip]:[remote_port]"
_BARE = f"<{_URI}>"


def answering(*steps: Step) -> str:
    dialog = _Dialog("[$me];tag=[pid]A[call_number]", "[$peer]", "[$target]")
    dialog.add(
        f'<recv request="INVITE" timeout="{_ms(FOREVER)}">',
        "<action>",
        '<ereg regexp=".*" search_in="hdr" header="Via:" assign_to="via"/>',
        '<ereg regexp="[0-9]+" search_in="hdr" header="CSeq:" assign_to="icseq"/>',
        '<ereg regexp=".*" search_in="hdr" header="From:" assign_to="peer"/>',
        '<ereg regexp=".*" search_in="hdr" header="To:" assign_to="me"/>',
        '<ereg regexp="sip:[^>]*" search_in="hdr" header="Contact:" assign_to="target"/>',
        "</action>",
        "</recv>",
    )
    for step in steps:
        step(dialog)
    dialog.add('<nop next="end"/>', '<label id="cancelled"/>')
    dialog.ok()
    dialog.add(
        _reply("487 Request Terminated", resent=True),
        '<recv request="ACK" timeout="10000" ontimeout="end" next="end"/>',
    )
    _finish(dialog)
    return _scenario(dialog, '<Reference variables="via,icseq,peer,me,target"/>')


def calling(caller: From, *steps: Step) -> str:
    sender = f'"{caller.name}" <sip:{caller.user}@[local_ip]:[local_port]>;tag=[pid]C[call_number]'
    dialog = _Dialog(sender, f"{_BARE}[peer_tag_param]", "[next_url]")
    dialog.add(
        _send(
            f"INVITE {_URI} SIP/2.0",
            "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
            f"From: {sender}",
            f"To: {_BARE}",
            "Call-ID: [call_id]",
            "CSeq: 1 INVITE",
            "Contact: <sip:[local_ip]:[local_port]>",
            "Max-Forwards: 70",
            f'P-Asserted-Identity: "{caller.name}" <sip:{caller.user}@[local_ip]>',
            f"Privacy: {caller.privacy}",
            body=_sdp(1),
            resent=True,
        )
    )
    for step in steps:
        step(dialog)
    dialog.add('<nop next="end"/>', '<label id="refused"/>')
    dialog.add(
        _send(
            f"ACK {_URI} SIP/2.0", "[last_Via:]", f"From: {sender}", "[last_To:]", "Call-ID: [call_id]", "CSeq: 1 ACK",
            "Max-Forwards: 70", then="end",
        )
    )  # fmt: skip
    _finish(dialog)
    return _scenario(dialog)


def _finish(dialog: _Dialog) -> None:
    dialog.add('<label id="ended"/>')
    dialog.ok(then="end")
    dialog.add('<label id="end"/>')


def _scenario(dialog: _Dialog, *more: str) -> str:
    head = '<?xml version="1.0" encoding="UTF-8" ?>\n<scenario name="story">'
    return "\n".join([head, *dialog.lines, *more, "</scenario>\n"])


def _reply(status: str, *headers: str, body: str = "", resent: bool = False) -> str:
    """To the INVITE."""
    return _send(
        f"SIP/2.0 {status}",
        "Via: [$via]",
        "From: [$peer]",
        "To: [$me];tag=[pid]A[call_number]",
        "Call-ID: [call_id]",
        "CSeq: [$icseq] INVITE",
        *headers,
        body=body,
        resent=resent,
    )


def _send(*lines: str, body: str = "", resent: bool = False, then: str = "") -> str:
    attributes = (' retrans="500"' if resent else "") + (f' next="{then}"' if then else "")
    if body.startswith("v=0"):
        lines = (*lines, "Content-Type: application/sdp")
    text = "\n".join([*lines, f"Content-Length: {'[len]' if body else 0}", "", body or "", ""])
    return f"<send{attributes}><![CDATA[\n\n{text}\n]]></send>"


def _sdp(version: int, direction: str = "sendrecv") -> str:
    return "\n".join(
        [
            "v=0",
            f"o=- 1 {version} IN IP[local_ip_type] [local_ip]",
            "s=-",
            "c=IN IP[media_ip_type] [media_ip]",
            "t=0 0",
            "m=audio [media_port] RTP/AVP 0",
            "a=rtpmap:0 PCMU/8000",
            f"a={direction}",
        ]
    )


def _ms(seconds: float) -> int:
    return round(1000 * seconds)
