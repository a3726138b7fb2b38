"""Plays scenarios, each on a devnet of its own."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from toolkit.devnet.nodes import attach
from toolkit.errors import BadInput
from toolkit.scenario import SCENARIOS, censor, equivocate, reorg, stale, vanish, withhold
from toolkit.scenario.crew import Pace
from toolkit.scenario.outcome import Outcome
from toolkit.scenario.stage import Stage
from toolkit.technique.story import Story
from toolkit.world import Devnet, Options

_PLAYS: dict[str, Callable[[Stage], None]] = {
    "vanish": vanish.play,
    "censor": censor.play,
    "withhold": withhold.play,
    "equivocate": equivocate.play,
    "stale": stale.play,
    "reorg": reorg.play,
}


def check(names: Collection[str], options: Options) -> None:
    """See before anything starts whether scenarios can be played on such a node.

    Raises:
        BadInput: one of them cannot.
        NodeError: the node that already runs does not answer.
    """
    if options.l1_rpc is None:
        if "reorg" in names and options.node != "anvil":
            raise BadInput(f"{options.node} cannot forget blocks; Anvil can")
        return
    node = attach(options.l1_rpc)
    try:
        if "reorg" in names:
            reorg.check_node(node)
        else:
            node.check_alive()
    finally:
        node.stop()


def run(
    name: str,
    *,
    options: Options | None = None,
    story: Story | None = None,
    pace: Pace | None = None,
    step: Callable[[str], None] | None = None,
) -> Outcome:
    """Play one of `SCENARIOS` on a devnet of its own.

    Args:
        options: of the devnet.
        story: is told everything.
        pace: of the services.
        step: is told what goes on now.

    Raises:
        BadInput: there is no such scenario, or it cannot be played on such a devnet.
        CheckFailed: something is not as it must be, losses apart: these are in the outcome.
    """
    if name not in _PLAYS:
        raise BadInput(f"there is no scenario {name!r}; there are {', '.join(SCENARIOS)}")
    if step is not None:
        step(f"{name}: starting the devnet")
    with Devnet(replace(options or Options(), services=False)) as devnet:
        stage = Stage(devnet, story or Story(), pace)
        if step is not None:
            step(name)
        try:
            _PLAYS[name](stage)
            return stage.end(name, SCENARIOS[name])
        finally:
            stage.stop()
