"""Whether the rollup lives, as L1's events tell: what was confirmed last, and whether that is the end."""

from __future__ import annotations

from dataclasses import dataclass, field

from toolkit.rollup.contracts import Alarmed, Asserted, Confirmed, Frozen


@dataclass
class Life:
    """The last confirmed assertion, and what was said of it; a pure fold over the Rollup's events.

    Attributes:
        confirmed: its id; the genesis assertion's at first.
        alarm: from when on (seconds of L1's time) the rollup can be frozen with it, if somebody has raised the alarm
            about it. The next confirmation makes that void.
        frozen: its id, if the rollup was frozen with it, for ever; None while the rollup lives.
    """

    confirmed: bytes
    alarm: int | None = None
    frozen: bytes | None = None
    _batches: dict[bytes, int] = field(default_factory=dict)

    @property
    def batch(self) -> int:
        """Batches that the last confirmed state has applied."""
        return self._batches.get(self.confirmed, 0)

    def add(self, event: object) -> None:
        """Take the next event."""
        if isinstance(event, Asserted):
            self._batches[event.id] = event.batch
        elif isinstance(event, Confirmed):
            self.confirmed, self.alarm = event.id, None
        elif isinstance(event, Alarmed):
            self.alarm = event.freezable_at
        elif isinstance(event, Frozen):
            self.frozen = event.id

    def needs_a_batch(self, posted: int) -> bool:
        """Whether an alarm calls for a confirmation, and of ``posted`` batches all are confirmed."""
        return self.alarm is not None and self.frozen is None and self.batch == posted
