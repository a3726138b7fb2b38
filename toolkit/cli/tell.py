"""A story told to people, on stdout."""

from __future__ import annotations

from collections.abc import Sequence

from toolkit.cli import show
from toolkit.technique.story import Story


class Told(Story):
    """Tells people what a demonstration or a scenario does, as it happens."""

    _WIDTH = 60  # with the gas, 80 columns

    def section(self, title: str) -> None:
        show.out.print(f"\n{title}", style="bold", markup=False)
        super().section(title)

    def step(self, what: str, gas: int | None = None) -> None:
        spent = "" if gas is None else f"{gas:>14,} gas"
        show.out.print(f"  {what:<{self._WIDTH}}{spent}".rstrip(), markup=False)
        super().step(what, gas)

    def table(self, title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        show.table(f"  {title}", [header, *rows], numbers=True)
        super().table(title, header, rows)

    def checked(self, fact: str) -> None:
        show.out.print(f"  ok  {fact}", style="green", markup=False)
        super().checked(fact)
