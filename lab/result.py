"""What one case counted through one NAT, and the one place that says whether that is good."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.espwatch import EspWatch
from lab.probes import Bulk, Count


@dataclass
class Result:
    """What one case counted through one NAT."""

    case: str
    title: str
    nat: str
    ike: str
    counts: list[Count] = field(default_factory=list)
    checks: list[tuple[str, bool]] = field(default_factory=list)
    bulks: list[Bulk] = field(default_factory=list)
    # ESP packets at the NAT's two sides, told by SPI and sequence number: what it carried of what it was given.
    esp_out: Count = Count("ESP out", 0, 0)
    esp_in: Count = Count("ESP in", 0, 0)
    # ESP packets that the NAT delivered to the right host, which had no SA for them (yet, or any more).
    refused: int = 0
    # ESP packets that went to a host which does not own their SPI, beside the one that does.
    copies: int = 0
    # ESP packets that came while the NAT was stopped, in a case that stops it.
    outage: int = 0
    # Whether a ping may fall into the end points' own gap between two SAs (only where SAs are replaced).
    gap: bool = False
    seconds: float = 0.0

    @property
    def lost(self) -> int:
        """Pings without an answer."""
        return sum(count.sent - count.received for count in self.counts)

    @property
    def ok(self) -> bool:
        """The NAT carried every ESP packet, every ping was answered once, every check held, every transfer is intact.

        A ping may be missing only where SAs are being replaced and an end point itself refused an ESP packet that the
        NAT had delivered, or where the case itself had stopped the NAT.
        """
        return (
            self.esp_out.complete
            and self.esp_in.complete
            and all(count.sent > 0 and count.duplicates == 0 for count in self.counts)
            and self.lost <= (self.refused if self.gap else 0) + self.outage
            and all(held for _, held in self.checks)
            and all(one.same for one in self.bulks)
        )

    def figure(self) -> str:
        """The sum of it, for a table: pings answered, and checks that held."""
        sent = sum(count.sent for count in self.counts)
        parts = [f"{sent - self.lost}/{sent}"] if sent else [f"{one.mbit:.0f} Mbit/s" for one in self.bulks]
        rekeys = [held for what, held in self.checks if " rekeys " in what]
        if rekeys:
            parts.append(f"rekeys {sum(rekeys)}/{len(rekeys)}")
        return ", ".join(parts)

    def __str__(self) -> str:
        parts = _brief([(str(count), count.complete) for count in self.counts], "pings complete")
        parts += _brief([(f"{what}: {'yes' if held else 'NO'}", held) for what, held in self.checks], "checks held")
        parts += [str(one) for one in self.bulks]
        parts += [str(self.esp_out), str(self.esp_in)]
        if self.refused:
            parts.append(f"refused by end points {self.refused}")
        if self.copies:
            parts.append(f"copies to others {self.copies}")
        if self.outage:
            parts.append(f"lost while the NAT was stopped {self.outage}")
        return ", ".join(parts)

    def watched(self, watch: EspWatch) -> None:
        """Take over what was counted at the NAT's two sides."""
        self.esp_out, self.esp_in = watch.out, watch.back
        self.refused, self.copies, self.outage = watch.refused, watch.copies, watch.outage


def _brief(items: list[tuple[str, bool]], good: str) -> list[str]:
    """All of a few; of many, those that are not as they should be, and how many are."""
    if len(items) <= 8:
        return [text for text, _ in items]
    bad = [text for text, fine in items if not fine]
    return [*bad, f"{len(items) - len(bad)}/{len(items)} {good}"]
