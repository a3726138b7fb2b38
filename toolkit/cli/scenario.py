"""``l2kit scenario``: the operator cheats, fails or vanishes, and users get by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from toolkit.cli import show
from toolkit.cli.options import devnet_options
from toolkit.errors import L2KitError
from toolkit.scenario import SCENARIOS

if TYPE_CHECKING:
    from toolkit.scenario.outcome import Outcome

_ALL = (*SCENARIOS, "all")
_WIDTH = max(map(len, _ALL))
_HELP = f"""Kill or corrupt the operator of a rollup, and see what its users do, and what everybody has in the end.

\b
{chr(10).join(f"{name:<{_WIDTH}}  {what}" for name, what in SCENARIOS.items())}
{"all":<{_WIDTH}}  all of these, one after another

\b
Each runs on a devnet of its own: a real node, real processes, real kill -9. Users have nothing but L1 and
their keys. Everybody's funds are counted before and after, on both chains, to the wei. The exit status is 0
only if nobody honest has lost anything; gas and agreed fees are shown apart.

\b
Examples:
  l2kit scenario vanish
  l2kit scenario reorg --json
  l2kit scenario all
"""


class SomebodyLost(L2KitError):
    """Somebody honest has lost something."""


@click.command(help=_HELP)
@click.argument("name", type=click.Choice(_ALL), metavar=f"[{'|'.join(_ALL)}]")
@devnet_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the story.")
def scenario(name: str, as_json: bool, **given: Any) -> None:
    from toolkit.cli.tell import Told
    from toolkit.scenario.program import check, run
    from toolkit.technique.story import Story
    from toolkit.world import Options

    names = tuple(SCENARIOS) if name == "all" else (name,)
    options = Options(**given)
    check(names, options)
    outcomes, failed = [], list[str]()
    for each in names:
        with show.steps() as step:
            if not as_json:
                show.out.print(
                    f"{'' if each == name else chr(10)}{each}: {SCENARIOS[each]}", style="bold", markup=False
                )
            try:
                outcome = run(each, options=options, story=Story() if as_json else Told(), step=step)
            except L2KitError as error:
                if name != "all":
                    raise
                failed.append(f"{each}: {error}")
                continue
        outcomes.append(outcome)
        if not as_json:
            _tell(outcome)
    if as_json:
        found = [outcome.as_json() for outcome in outcomes]
        ok = not failed and all(each.ok for each in outcomes)
        show.as_json({"ok": ok, "scenarios": found, "failed": failed} if name == "all" else found[0])
    wrong = [sentence for outcome in outcomes for sentence in outcome.wrong()]
    if failed:
        raise L2KitError("; ".join([*wrong, *failed]))
    if wrong:
        raise SomebodyLost("; ".join(wrong))


def _tell(outcome: Outcome) -> None:
    for title, rows in outcome.tables():
        show.out.print()
        show.table(title, rows, numbers=True)
    show.out.print()
    for sentence in outcome.sentences():
        show.out.print(f"  {sentence}", markup=False)
    if outcome.ok:
        show.out.print("  ok  nobody honest has lost anything", style="green", markup=False)
