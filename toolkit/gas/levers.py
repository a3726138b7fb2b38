"""What a chain can turn to carry more: block size, block time, consensus; and what it pays. A model throughout.

Nothing here is measured on this devnet, which has one node and no miners. Each function names its paper; `levers` lines
the results up as figures that say "modelled".

    capacity        transactions/s = block size / transaction size / block time
    propagation     exposure = latency + block size * seconds a byte        (Decker & Wattenhofer 2013)
    stale rate      1 - (1 - 1 / block time) ** exposure                    (Decker & Wattenhofer 2013)
    double spend    gambler's ruin after z confirmations                    (Nakamoto 2008; Rosenfeld 2014)
    messages        2 n (n - 1) for PBFT, 8 (n - 1) for HotStuff, aggregation for Ethereum
    energy          work: hashes * joules each, and not above what it earns; stake: nodes * watts
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toolkit.errors import BadInput
from toolkit.gas.figure import Figure, modelled

JOULES_PER_KWH = 3_600_000
SECONDS_PER_YEAR = 365.25 * 86_400

SLOTS_PER_EPOCH = 32
MAX_COMMITTEES_PER_SLOT = 64
TARGET_AGGREGATORS_PER_COMMITTEE = 16
"""The beacon chain's presets (consensus-specs, phase 0)."""

_MOST_CONFIRMATIONS = 100_000


# --- Block size and block time


def transactions_per_second(block_size: float, transaction_size: float, block_seconds: float) -> float:
    """How many transactions a second fit; both sizes in bytes, or both in gas.

    Raises:
        BadInput: a size or time is not positive.
    """
    _positive(block_size=block_size, transaction_size=transaction_size, block_seconds=block_seconds)
    return block_size / transaction_size / block_seconds


@dataclass(frozen=True)
class Network:
    """How blocks spread.

    Attributes:
        latency: seconds for which the mean node does not know a block without content.
        seconds_per_byte: that each byte adds.
        source: where the numbers are from.
    """

    latency: float
    seconds_per_byte: float
    source: str

    def exposure(self, block_bytes: float) -> float:
        """Seconds for which the mean node does not know a block: the integral of the share that does not, over time."""
        return self.latency + self.seconds_per_byte * block_bytes


BITCOIN_2012 = Network(
    latency=11.37 - 0.080 * 80,
    seconds_per_byte=0.080 / 1_000,
    source="Decker & Wattenhofer 2013: 80 ms a kB beyond 20 kB, exposure 11.37 s (taken as that of an 80 kB block)",
)
"""Bitcoin before compact blocks (BIP 152): slower than today, and the only network with a published fit."""

EFFECTIVE_THROUGHPUT_90 = 55_000
"""Bit/s at which blocks reached 90% of Bitcoin's nodes (Croman et al. 2016)."""


def stale_rate(exposure: float, block_seconds: float) -> float:
    """The share of blocks that meet a rival, since somebody finds one while they spread (Decker & Wattenhofer 2013).

    Args:
        exposure: see `Network.exposure`, seconds.
        block_seconds: mean time between blocks, above one second.

    Raises:
        BadInput: an argument is out of range.
    """
    if exposure < 0 or block_seconds <= 1:
        raise BadInput(f"no blocks come every {block_seconds} s and spread for {exposure} s")
    return -math.expm1(exposure * math.log1p(-1 / block_seconds))


def largest_block(bits_per_second: float, block_seconds: float) -> float:
    """Bytes of the largest block that a network spreads before the next one comes (Croman et al. 2016)."""
    _positive(bits_per_second=bits_per_second, block_seconds=block_seconds)
    return bits_per_second * block_seconds / 8


def effective_share(attacker: float, stale: float) -> float:
    """The attacker's share of the blocks that count, when the others lose some to each other and it loses none.

    Raises:
        BadInput: a share is out of range.
    """
    if not 0 <= attacker <= 1 or not 0 <= stale < 1:
        raise BadInput(f"no attacker has {attacker} of the work while {stale} of the others' is stale")
    honest = (1 - attacker) * (1 - stale)
    return attacker / (attacker + honest)


# --- Confirmations


def double_spend_nakamoto(attacker: float, confirmations: int) -> float:
    """The probability that the attacker catches up from so many blocks behind (Nakamoto 2008, section 11).

    The attacker's progress is taken as Poisson, which is too hopeful where the risk is small: `double_spend_rosenfeld`.

    Raises:
        BadInput: an argument is out of range.
    """
    _check_attack(attacker, confirmations)
    honest = 1 - attacker
    if attacker >= honest:
        return 1.0
    if attacker == 0:
        return 0.0 if confirmations else 1.0
    if confirmations == 0:
        return 1.0
    mean = confirmations * attacker / honest
    caught = math.fsum(
        math.exp(-mean + k * math.log(mean) - math.lgamma(k + 1)) * -math.expm1((confirmations - k) * _odds(attacker))
        for k in range(confirmations + 1)
    )
    return min(1.0, max(0.0, 1 - caught))


def double_spend_rosenfeld(attacker: float, confirmations: int) -> float:
    """The same with the attacker's progress as it is, negative binomial, one block mined ahead (Rosenfeld 2014, eq. 1).

    Raises:
        BadInput: an argument is out of range.
    """
    _check_attack(attacker, confirmations)
    honest, n = 1 - attacker, confirmations
    if attacker >= honest:
        return 1.0
    if attacker == 0:
        return 0.0 if n else 1.0
    if n == 0:
        return 1.0
    caught = math.fsum(
        math.exp(
            math.lgamma(m + n) - math.lgamma(m + 1) - math.lgamma(n) + n * math.log(honest) + m * math.log(attacker)
        )
        * -math.expm1((n - m) * _odds(attacker))
        for m in range(n + 1)
    )
    return min(1.0, max(0.0, 1 - caught))


def confirmations_for(
    attacker: float, risk: float, double_spend: Callable[[float, int], float] = double_spend_rosenfeld
) -> int | None:
    """The fewest confirmations after which a double spend succeeds with less than ``risk``; None where none suffice.

    Args:
        risk: from 1e-12 (below it floats have no digits left) to 1.

    Raises:
        BadInput: an argument is out of range.
    """
    if not 1e-12 <= risk <= 1:
        raise BadInput(f"a risk is from 1e-12 to 1, not {risk}")
    if double_spend(attacker, 0) < risk:
        return 0
    if attacker >= 0.5:
        return None
    low, high = 0, 1  # at low it is too risky; the risk falls with every block
    while double_spend(attacker, high) >= risk:
        low, high = high, 2 * high
        if high > _MOST_CONFIRMATIONS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if double_spend(attacker, middle) >= risk else (low, middle)
    return high


# --- Messages


def faults_tolerated(nodes: int) -> int:
    """How many of the nodes may lie at most: less than a third (partial synchrony; Dwork, Lynch & Stockmeyer 1988)."""
    _at_least_one(nodes)
    return (nodes - 1) // 3


def pbft_messages(nodes: int) -> int:
    """Messages of one decision, no fault: pre-prepare, then all to all twice (Castro & Liskov 1999): 2 n (n - 1)."""
    _at_least_one(nodes)
    return (nodes - 1) + (nodes - 1) ** 2 + nodes * (nodes - 1)


def hotstuff_messages(nodes: int) -> int:
    """Messages of one decision in basic HotStuff (Yin et al. 2019): four phases, out from the leader and back."""
    _at_least_one(nodes)
    return 8 * (nodes - 1)


def longest_chain_messages(nodes: int) -> int:
    """Deliveries of one block where nobody votes: once to every other node."""
    _at_least_one(nodes)
    return nodes - 1


def ethereum_messages(validators: int) -> float:
    """What a node hears of one slot's votes: its own committee's one by one, the others' as aggregates.

    ``validators / 32 / 64 + 64 * 16``: subnets and aggregators of the beacon chain's peer-to-peer specification.
    """
    _at_least_one(validators)
    in_slot = validators / SLOTS_PER_EPOCH
    committees = min(MAX_COMMITTEES_PER_SLOT, max(1, int(in_slot) // 128))  # a committee has 128 at least if it can
    return in_slot / committees + min(in_slot, committees * TARGET_AGGREGATORS_PER_COMMITTEE)


def ethereum_votes_without_aggregation(validators: int) -> float:
    """What a node would hear of one slot's votes, were they sent one by one to everybody."""
    _at_least_one(validators)
    return validators / SLOTS_PER_EPOCH


# --- Energy


def work_power(hashes_per_second: float, joules_per_hash: float) -> float:
    """Watts of proof of work. Neither block size nor block time is in it: work does not follow transactions."""
    _positive(hashes_per_second=hashes_per_second, joules_per_hash=joules_per_hash)
    return hashes_per_second * joules_per_hash


def most_work_power(reward_usd: float, block_seconds: float, usd_per_kwh: float) -> float:
    """Watts beyond which miners pay more for energy than a block earns them: work follows the reward (Hayes 2017)."""
    _positive(reward_usd=reward_usd, block_seconds=block_seconds, usd_per_kwh=usd_per_kwh)
    return reward_usd / usd_per_kwh * JOULES_PER_KWH / block_seconds


def stake_power(nodes: float, watts_per_node: float) -> float:
    """Watts of proof of stake: its machines' own."""
    _positive(nodes=nodes, watts_per_node=watts_per_node)
    return nodes * watts_per_node


def kwh_per_transaction(watts: float, transactions_a_second: float) -> float:
    """Energy for each transaction, if it is all put down to them: of work it falls as they become more."""
    _positive(watts=watts, transactions_a_second=transactions_a_second)
    return watts / transactions_a_second / JOULES_PER_KWH


def twh_per_year(watts: float) -> float:
    """The same power as energy of a year."""
    return watts * SECONDS_PER_YEAR / JOULES_PER_KWH / 1e9


# --- As figures


@dataclass(frozen=True)
class Lever:
    """One lever and what turning it does.

    Attributes:
        name: what is turned.
        pays: what for.
        rows: settings; each has the same columns.
    """

    name: str
    pays: str
    rows: Sequence[Mapping[str, Figure]]

    def as_json(self) -> dict[str, Any]:
        """``name``, ``pays`` and ``rows``, a mapping from column to figure each."""
        rows = [{column: figure.as_json() for column, figure in row.items()} for row in self.rows]
        return {"name": self.name, "pays": self.pays, "rows": rows}


def levers() -> list[Lever]:
    """Every lever, at settings that articles argue about."""
    return [_block_size(), _block_time(), _confirmations(), _consensus(), _energy()]


_CAPACITY = "block bytes / 250 bytes a transaction / block seconds"
_STALE = f"1 - (1 - 1 / block seconds) ** exposure; {BITCOIN_2012.source}"
_RISK = "Rosenfeld 2014, eq. 1, risk below 0.1%, attacker's share raised by what others' stale blocks lose"


def _block_size() -> Lever:
    return Lever(
        "block size",
        "more transactions, but blocks spread more slowly, more of them are stale, and an attacker weighs more",
        [_setting({"block MB": size}, size * 1_000_000, 600) for size in (0.25, 1, 2, 4, 8, 32)],
    )


def _block_time() -> Lever:
    return Lever(
        "block time",
        "sooner the first confirmation, but more are needed, since more blocks are stale",
        [_setting({"block seconds": seconds}, 1_000_000, seconds) for seconds in (1_200, 600, 150, 60, 15)],
    )


def _setting(turned: Mapping[str, float], block_bytes: float, block_seconds: float) -> dict[str, Figure]:
    stale = stale_rate(BITCOIN_2012.exposure(block_bytes), block_seconds)
    rate = transactions_per_second(block_bytes, 250, block_seconds)
    needed = confirmations_for(effective_share(0.1, stale), 0.001)
    return {
        **{column: modelled(value, "the setting") for column, value in turned.items()},
        "transactions/s": modelled(rate, _CAPACITY),
        "stale rate": modelled(stale, _STALE),
        "transactions/s that stay": modelled(rate * (1 - stale), f"transactions/s * (1 - stale rate); {_STALE}"),
        "confirmations against 10%": modelled(needed, _RISK),
        "seconds to them": modelled(needed and needed * block_seconds, f"confirmations * block seconds; {_RISK}"),
    }


def _confirmations() -> Lever:
    nakamoto, rosenfeld = "Nakamoto 2008, section 11", "Rosenfeld 2014, eq. 1"
    return Lever(
        "confirmations",
        "less risk of a double spend for more waiting; none suffice against half of the work",
        [
            {
                "attacker's share": modelled(share, "the setting"),
                "confirmations (Nakamoto)": modelled(confirmations_for(share, 0.001, double_spend_nakamoto), nakamoto),
                "confirmations (Rosenfeld)": modelled(confirmations_for(share, 0.001), rosenfeld),
                "risk after 6": modelled(double_spend_rosenfeld(share, 6), rosenfeld),
            }
            for share in (0.02, 0.1, 0.2, 0.3, 0.4, 0.45, 0.5)
        ],
    )


def _consensus() -> Lever:
    return Lever(
        "consensus",
        "final at once, for messages that grow with the nodes, or with their square",
        [
            {
                "nodes": modelled(nodes, "the setting"),
                "may lie": modelled(faults_tolerated(nodes), "(n - 1) // 3"),
                "PBFT": modelled(pbft_messages(nodes), "2 n (n - 1); Castro & Liskov 1999"),
                "HotStuff": modelled(hotstuff_messages(nodes), "8 (n - 1); Yin et al. 2019"),
                "longest chain": modelled(longest_chain_messages(nodes), "n - 1 deliveries, nobody votes"),
                "Ethereum, heard by a node": modelled(
                    ethereum_messages(nodes), "n / 32 / committees + aggregates; consensus-specs"
                ),
            }
            for nodes in (4, 100, 1_000, 10_000, 1_000_000)
        ],
    )


def _energy() -> Lever:
    work = work_power(900e18, 20e-12)
    stake = stake_power(6_000, 50)
    return Lever(
        "energy",
        "work costs energy to secure a block, whatever is in it; stake costs what its machines draw",
        [
            {
                "chain": modelled(name, f"the setting: {setting}"),
                "TWh a year": modelled(twh_per_year(watts), equation),
                "kWh a transaction": modelled(kwh_per_transaction(watts, rate), f"watts / ({rate} transactions/s)"),
            }
            for name, setting, watts, rate, equation in (
                ("work", "900 EH/s at 20 J/TH, assumed", work, 5, "hashes/s * J a hash"),
                ("work, ten times the transactions", "the same", work, 50, "hashes/s * J a hash"),
                ("stake", "6,000 nodes of 50 W, assumed", stake, 15, "nodes * watts"),
            )
        ],
    )


def _odds(attacker: float) -> float:
    return math.log(attacker) - math.log1p(-attacker)


def _check_attack(attacker: float, confirmations: int) -> None:
    if not 0 <= attacker <= 1 or confirmations < 0:
        raise BadInput(f"no attacker with {attacker} of the work is {confirmations} blocks behind")


def _at_least_one(nodes: int) -> None:
    if nodes < 1:
        raise BadInput(f"no network has {nodes} nodes")


def _positive(**numbers: float) -> None:
    for name, number in numbers.items():
        if not number > 0:
            raise BadInput(f"{name} is {number}: it must be above zero")
