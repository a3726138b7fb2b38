"""What the bridge's commands share: their options, and how they tell what happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from toolkit.cli import show
from toolkit.cli.signals import Ended
from toolkit.errors import L2KitError, Reverted

if TYPE_CHECKING:
    from toolkit.bridge.amounts import Words
    from toolkit.bridge.local import Local
    from toolkit.bridge.passage import Deed, Passage
    from toolkit.bridge.standing import Standing
    from toolkit.session import Session

F = TypeVar("F", bound=Callable[..., Any])


def devnet_option(command: F) -> F:
    """Which running devnet, by its file or its session; the command is given its "file", None where nobody says."""

    @wraps(command)
    def with_file(*args: Any, session: str | None, file: Path | None, **given: Any) -> Any:
        from toolkit.devnet.running import find_devnet

        chosen = file if session is None else find_devnet(file, session)
        return command(*args, file=chosen, **given)

    by_name = click.option("--session", metavar="NAME", help="The devnet of that session ('l2kit up --session NAME').")
    by_file = click.option(
        "--devnet",
        "file",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="The devnet's JSON file [default: the devnet that runs on this machine].",
    )
    return cast(F, by_file(by_name(with_file)))


def attached(file: Path | None) -> Session:
    """The devnet that `devnet_option` names."""
    from toolkit.session import attach

    return attach(file)


def json_option(command: F) -> F:
    """For programs."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def token_option(command: F) -> F:
    """Which asset."""
    return click.option(
        "--token", default="ETH", show_default=True, metavar="SYMBOL|ADDRESS", help="ETH, DEV, or a token's address."
    )(command)


def posted_option(command: F) -> F:
    """L2 without the sequencer."""
    return click.option("--posted", is_flag=True, help="L2 as L1 alone shows it, without asking the sequencer.")(
        command
    )


def travel_option(command: F) -> F:
    """How to wait."""
    return click.option(
        "--travel", is_flag=True, help="Move the devnet's clock instead of waiting (implies --wait; Anvil and Hardhat)."
    )(command)


def max_fee_option(command: F) -> F:
    """How much a fast exit may cost."""
    most = "With --fast: what the fee may be at most [default: 5 % of the amount]."
    return click.option("--max-fee", metavar="AMOUNT", help=most)(command)


class Told:
    """Tells people what happens as it does, and keeps it for programs.

    Attributes:
        deeds: the transactions that were sent.
        on_the_way: what to say when somebody or an error interrupts us; "" while nothing was begun.
    """

    def __init__(self, words: Words, step: Callable[[str], None], *, quiet: bool) -> None:
        self.deeds: list[Deed] = []
        self.on_the_way = ""
        self._words, self._step, self._quiet = words, step, quiet

    def stage(self, standing: Standing, now: int) -> None:
        """Something has come a step further, at L1's time ``now`` (seconds)."""
        from toolkit.bridge.amounts import span
        from toolkit.bridge.standing import Stage

        if standing.stage is not Stage.PROMISED:  # of which was told when it was made
            is_open = standing.stage in {Stage.ASSERTED, Stage.DISPUTED} and standing.until is not None
            left = f"; {span(max(0, standing.until - now))} left" if is_open and standing.until else ""
            self.note(f"{standing.stage.value + ':':<11} {standing.news}{left}")
        if standing.waits_for and standing.stage is not Stage.CREDITED:
            self._step(f"waiting for {standing.waits_for.split(';')[0]}")

    def deed(self, deed: Deed) -> None:
        """We have sent a transaction."""
        self.deeds.append(deed)
        self.note(f"{deed.said}, {deed.gas:,} gas ({deed.transaction})")

    def may_be_taken(self, operation: bytes) -> None:
        """An operation (its hash) goes out to the sequencer."""
        name = f"0x{operation.hex()}"
        self.on_the_way = f"the sequencer may have taken the operation {name}, and 'l2kit status {name}' says so"

    def going_on(self, sent: Sequence[str]) -> str:
        """What goes on without us, where we end; ``sent`` are the transactions that went out."""
        told = {deed.transaction for deed in self.deeds}
        waiting = [name for name in sent if name not in told][-1:]
        said = [
            f"the transaction {name} may be under way, and 'l2kit status {name}' says what became of it"
            for name in waiting
        ]
        return "; ".join([*said, *([self.on_the_way] if self.on_the_way else [])])

    def note(self, what: str) -> None:
        """Something else happens."""
        if not self._quiet:
            show.out.print(what, markup=False)


@contextmanager
def telling(local: Local, *, quiet: bool = False) -> Iterator[Told]:
    """Who tells of what happens on a running devnet; where something ends us, also of what goes on without us."""
    for fault in local.faults():
        show.err.print(f"note: {fault.said}", markup=False)
    with show.steps() as step:
        step("looking at L1")
        told = Told(local.words, step, quiet=quiet)
        try:
            yield told
        except Ended as ended:
            if going_on := told.going_on(local.sent):
                ended.sentence = f"interrupted; {going_on}"
            raise
        except L2KitError as error:
            is_over = isinstance(error, Reverted) or isinstance(error.__cause__, Reverted)
            if going_on := told.going_on([] if is_over else local.sent):
                error.args = (f"{error}; {going_on}",)
            raise


@contextmanager
def passing(
    file: Path | None, *, payer: str | None = None, travel: bool = False, quiet: bool = False
) -> Iterator[tuple[Passage, Told]]:
    """A passage over the bridge of a running devnet, and who tells of it; the account ``payer`` pays for it."""
    from toolkit.bridge.local import Local
    from toolkit.bridge.passage import Passage

    local = Local.find(file)
    account = None if payer is None else local.account(payer)
    with telling(local, quiet=quiet) as told, local.onlooker() as onlooker:
        yield Passage(local, onlooker, told, payer=account, travel=travel), told


def show_standing(standing: Standing, words: Words) -> None:
    """Print where something is."""
    show.out.print(standing.subject.title(words), style="bold", markup=False)
    rows: list[Sequence[str]] = [("it is", standing.stage.value)]
    rows += [("so far" if number == 0 else "", said) for number, said in enumerate(standing.happened)]
    if standing.waits_for:
        rows.append(("waits for", standing.waits_for))
    if standing.then:
        rows.append(("then", standing.then))
    show.table("", rows)
