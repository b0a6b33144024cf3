"""What a browser's phone hears and says, as the browser itself counts it."""

from __future__ import annotations

from typing import Any

from tests.asterisk import wait_for
from tests.journeys.screen import Screen

STATS = """async () => {
    const report = await document.querySelector("ringback-callbar").phone.own.connection.getStats();
    const found = {};
    for (const each of report.values()) {
        if (each.type === "inbound-rtp") {
            Object.assign(found, { came: each.packetsReceived, lost: each.packetsLost, energy: each.totalAudioEnergy });
        }
        if (each.type === "outbound-rtp") found.went = each.packetsSent;
        if (each.type === "transport") found.dtls = each.dtlsState;
    }
    return found;
}"""


def stats(screen: Screen) -> dict[str, Any]:
    found: dict[str, Any] = screen.page.evaluate(STATS)
    return found


def flows(screen: Screen) -> None:
    """Sound goes both ways, from now on: a quarter of a second of it."""
    before = stats(screen)

    def more() -> bool:
        now = stats(screen)
        return all(now.get(way, 0) > before.get(way, 0) + 12 for way in ("came", "went"))

    wait_for("sound in both directions", more)
