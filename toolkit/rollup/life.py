"""Whether the rollup lives, as L1's events tell: what was confirmed last, and whether that is the end."""

from __future__ import annotations

from dataclasses import dataclass, field

from toolkit.rollup.contracts import Alarmed, Asserted, Confirmed, Frozen

QUIET_SECONDS = 24 * 3600
"""How long no batch comes, at most, while an alarm stands."""


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

    def needs_a_batch(self, posted: int, quiet: int) -> bool:
        """Whether an alarm calls for a batch: something new that can be asserted.

        Where all ``posted`` batches are confirmed there is nothing to assert. Else there may not be: who asserts what
        is right before everybody else can let it die, and it cannot be asserted again. So one comes each day.

        Args:
            posted: batches on L1.
            quiet: seconds since the last of them.
        """
        return self.alarm is not None and self.frozen is None and (self.batch == posted or quiet >= QUIET_SECONDS)
