"""Whether each technique survives that its operator vanishes, from what is actually played here.

The other party of a channel and a hub are killed with kill -9 (`toolkit.channel.vanish`), and so are all services of a
rollup (the scenario "vanish", `toolkit.scenario`). On L1 itself nobody can vanish; that is derived, not played.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from toolkit.bridge.amounts import span
from toolkit.channel import vanish as channels
from toolkit.channel.technique import CHALLENGE_PERIOD
from toolkit.channel.vanish import Aftermath, Leave, Place
from toolkit.crypto import keccak256
from toolkit.devnet.accounts import Account
from toolkit.errors import BadInput
from toolkit.gas.cell import TECHNIQUES
from toolkit.gas.figure import Figure, derived, measured
from toolkit.gas.sheet import CellValue, Column, Sheet
from toolkit.scenario import program
from toolkit.scenario.outcome import Outcome, exact
from toolkit.technique.workload import ETHER
from toolkit.world import Devnet, Options

COMMAND = "l2kit gas"
"""What plays the channels' part."""
SCENARIO = "l2kit scenario vanish"
"""What plays the rollup's part."""

ON_L1 = ("l1-eth", "l1-erc20", "batch-pay")
ROLLUPS: Mapping[str, str] = {"rollup-calldata": "calldata", "rollup-blobs": "blobs"}
"""The keys of the rollups, and how their batches go to L1 (`Options.batch_data`)."""
BLOB_SECONDS = 4096 * 32 * 12
"""For how long Ethereum's nodes keep blobs: 4,096 epochs (EIP-4844's MIN_EPOCHS_FOR_BLOB_SIDECARS_REQUESTS)."""
_HUB_MONEY = 20 * ETHER
_HOUR = 3600
_VARIES = "proofs and signatures are other bytes every time, of which the zeros are cheaper; see timing"


@dataclass(frozen=True)
class Vanish:
    """What becomes of a technique whose operator vanishes.

    Attributes:
        technique: key of `TECHNIQUES`.
        survives: whether nobody honest loses anything that was acknowledged (a rollup: confirmed).
        lost: what is lost or undone, in words.
        transactions: of users on L1, until everybody has everything; one's own where each leaves for itself.
        gas: that these use; None where it is not the same every time, and ``timing`` has it.
        seconds: on L1's clock, until everybody has everything; whole hours, since a run takes some seconds itself.
        timing: what differs from run to run.

    Raises:
        BadInput: there is no such technique.
    """

    technique: str
    survives: Figure
    lost: str
    transactions: Figure
    gas: Figure
    seconds: Figure
    timing: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.technique not in TECHNIQUES:
            raise BadInput(f"there is no technique {self.technique!r}; there are {', '.join(TECHNIQUES)}")

    def as_json(self) -> dict[str, Any]:
        """All of it; what differs from run to run is under ``timing``."""
        shown = {name: each.as_json() if isinstance(each, Figure) else each for name, each in vars(self).items()}
        return {**shown, "timing": dict(self.timing)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Vanish:
        """What `as_json` wrote. Raises KeyError, TypeError or BadInput where it is something else."""
        figures = {name: Figure(**data[name]) for name in ("survives", "transactions", "gas", "seconds")}
        return cls(**{**data, **figures, "timing": dict(data["timing"])})


def play(technique: str, options: Options | None = None) -> Vanish:
    """What becomes of a technique's users when its operator vanishes; each is played on a devnet of its own.

    Args:
        technique: key of `TECHNIQUES`.
        options: of the devnet.

    Raises:
        BadInput: there is no such technique.
        CheckFailed, ServiceError: it could not be played.
    """
    options = options or Options()
    if technique in ROLLUPS:
        return rollup(technique, program.run("vanish", options=replace(options, batch_data=ROLLUPS[technique])))
    if technique in ON_L1:
        return on_l1(technique)
    if technique not in _PLAYS:
        raise BadInput(f"there is no technique {technique!r}; there are {', '.join(TECHNIQUES)}")
    with Devnet(replace(options, services=False)) as devnet:
        return _PLAYS[technique](devnet)


def on_l1(technique: str) -> Vanish:
    """Payments on L1 itself."""
    why = "every payment is an L1 transaction of its payer: there is no operator, and nothing is locked anywhere"
    none = derived(0, why)
    return Vanish(technique, derived(True, why), "nothing: nobody is there who could vanish", none, none, none)


def channel(devnet: Devnet) -> Vanish:
    """Two parties pay each other; one is killed, the other one leaves alone."""
    return of_channel(channels.other_party(_place(devnet)))


def hub(devnet: Devnet) -> Vanish:
    """Four parties pay through a hub, which is killed in the middle; all leave alone."""
    account = Account("hub", keccak256(b"l2kit hub that vanishes"))
    if (missing := _HUB_MONEY - devnet.l1.balance(account.address)) > 0:
        devnet.l1.send(devnet.accounts["deployer"], to=account.address, value=missing)
    return of_hub(channels.hub(_place(devnet), account))


def of_channel(found: Aftermath) -> Vanish:
    """What the one who stayed comes to."""
    (leave,) = found.leaves
    source = f"{COMMAND}: {found.acknowledged} payments, then the other party's process is killed (kill -9) for good"
    lost = f"nothing of what was acknowledged; the deposit cannot be used for {span(CHALLENGE_PERIOD)}"
    return _left_alone("channel", found, leave, source, lost)


def of_hub(found: Aftermath) -> Vanish:
    """What everybody but the hub comes to."""
    source = (
        f"{COMMAND}: {len(found.leaves)} parties, {found.acknowledged} payments, {len(found.flights)} more on their way"
        " when the hub's process is killed (kill -9) for good"
    )
    arrived = [each for each in found.flights if each.arrived]
    back = [each for each in found.flights if not each.paid]
    lost = (
        f"nothing of what was acknowledged; of {len(found.flights)} payments on their way {len(arrived)} arrived and"
        f" {len(back)} went back to the payer; the deposits cannot be used for {span(CHALLENGE_PERIOD)}"
    )
    if at_hubs := sum(each.amount for each in arrived if not each.paid):
        lost += f"; the hub has lost {exact(at_hubs)} ETH, which it had promised on and was not there to collect"
    plain = [each for each in found.leaves if each.locks == 0]
    return _left_alone("hub", found, plain[0], f"{source}; of one with nothing on its way", lost)


def rollup(technique: str, outcome: Outcome) -> Vanish:
    """What the scenario "vanish" came to."""
    blobs = ROLLUPS[technique] == "blobs"
    source = f'{COMMAND}: the scenario "vanish", with batches in blobs' if blobs else SCENARIO
    seconds = outcome.after.timestamp - outcome.before.timestamp
    lost = [*outcome.wrong(), *outcome.reasons]
    if blobs and seconds > BLOB_SECONDS:
        lost.append(
            f"Ethereum's nodes keep blobs for {span(BLOB_SECONDS)} only, and this takes {span(_whole_hours(seconds))}:"
            " somebody must have kept the batches, as the node here has"
        )
    return Vanish(
        technique,
        measured(outcome.ok, source),
        "; ".join(lost) or "nothing",
        measured(len(outcome.deeds), f"{source}: all that users sent, their last deposits among it"),
        measured(None, f"{source}: {_VARIES}"),
        measured(_whole_hours(seconds), source),
        {"gas": sum(deed.gas for deed in outcome.deeds), "seconds": seconds},
    )


def _left_alone(technique: str, found: Aftermath, leave: Leave, source: str, lost: str) -> Vanish:
    if found.lost:
        lost = f"{exact(found.lost)} ETH of honest parties"
    return Vanish(
        technique,
        measured(found.lost == 0, source),
        lost,
        measured(leave.transactions, source),
        measured(leave.gas, source),
        measured(_whole_hours(leave.seconds), source),
        {
            **{f"seconds of {each.name}": each.seconds for each in found.leaves},
            **{f"gas of {each.name}": each.gas for each in found.leaves if each.locks},
        },
    )


def _whole_hours(seconds: int) -> int:
    return seconds // _HOUR * _HOUR


def _place(devnet: Devnet) -> Place:
    contract = devnet.contracts["PaymentChannels"].address
    return Place(devnet.l1, lambda seconds: devnet.travel(seconds=seconds), contract, devnet.folder, devnet.accounts)


def sheet(found: Sequence[Vanish]) -> Sheet:
    """One row a technique."""
    columns = (
        Column("technique", "technique"),
        Column("survives", "nobody honest loses"),
        Column("transactions", "transactions of users"),
        Column("gas", "gas of leaving", "gas"),
        Column("seconds", "until all is back", "s"),
        Column("lost", "what is lost or undone"),
    )
    rows: list[Mapping[str, CellValue]] = [
        {
            "technique": each.technique,
            "survives": each.survives,
            "transactions": each.transactions,
            "gas": each.gas,
            "seconds": each.seconds,
            "lost": each.lost,
        }
        for each in found
    ]
    return Sheet("vanish", "Whoever runs it is killed, and never comes back", columns, rows)


_PLAYS: Mapping[str, Callable[[Devnet], Vanish]] = {"channel": channel, "hub": hub}
