"""What each fork says of fees: blob schedule, calldata floor, reserve price, limits.

Where the numbers are from: EIP-4844 (Cancun), EIP-7691 and EIP-7623 (Prague), EIP-7918, EIP-7594 and EIP-7825 (Osaka),
the example schedule of EIP-7892 (BPO1, BPO2; the mainnet's own has the same values). Mainnet's times are those of
EIP-7569, EIP-7600, EIP-7607 and of Besu's release 25.11.0, which lists Osaka and both BPO forks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from toolkit.errors import BadInput


@dataclass(frozen=True)
class Fork:
    """The rules of fees from one fork on.

    Attributes:
        name: as `FORKS` knows it.
        activation: when mainnet took it up (Unix seconds).
        target: blobs of a block at which the blob base fee stays (EIP-7840).
        max: blobs that a block may carry (EIP-7840).
        blob_base_fee_update_fraction: by how much excess blob gas the blob base fee grows e-fold (EIP-4844).
        total_cost_floor_per_token: gas that a token of calldata costs at least (EIP-7623); 0 before Prague.
        blob_base_cost: execution gas whose price bounds that of a blob from below (EIP-7918); 0 before Osaka.
        max_blobs_per_tx: blobs that one transaction carries at most (EIP-7594; before, a block's).
        tx_gas_limit_cap: gas that one transaction may have (EIP-7825); None before Osaka.
        eips: which EIPs say so.
    """

    name: str
    activation: int
    target: int
    max: int
    blob_base_fee_update_fraction: int
    total_cost_floor_per_token: int
    blob_base_cost: int
    max_blobs_per_tx: int
    tx_gas_limit_cap: int | None
    eips: tuple[str, ...]


_CANCUN = Fork(
    name="cancun",
    activation=1_710_338_135,  # 2024-03-13 13:55:35 UTC
    target=3,
    max=6,
    blob_base_fee_update_fraction=3_338_477,
    total_cost_floor_per_token=0,
    blob_base_cost=0,
    max_blobs_per_tx=6,
    tx_gas_limit_cap=None,
    eips=("EIP-4844",),
)
_PRAGUE = replace(
    _CANCUN,
    name="prague",
    activation=1_746_612_311,  # 2025-05-07 10:05:11 UTC
    target=6,
    max=9,
    blob_base_fee_update_fraction=5_007_716,
    total_cost_floor_per_token=10,
    max_blobs_per_tx=9,
    eips=("EIP-4844", "EIP-7623", "EIP-7691"),
)
_OSAKA = replace(
    _PRAGUE,
    name="osaka",
    activation=1_764_798_551,  # 2025-12-03 21:49:11 UTC
    blob_base_cost=2**13,
    max_blobs_per_tx=6,
    tx_gas_limit_cap=2**24,
    eips=(*_PRAGUE.eips, "EIP-7594", "EIP-7825", "EIP-7918"),
)
_BPO1 = replace(
    _OSAKA,
    name="bpo1",
    activation=1_765_290_071,  # 2025-12-09 14:21:11 UTC
    target=10,
    max=15,
    blob_base_fee_update_fraction=8_346_193,
    eips=(*_OSAKA.eips, "EIP-7892"),
)
_BPO2 = replace(
    _BPO1,
    name="bpo2",
    activation=1_767_747_671,  # 2026-01-07 01:01:11 UTC
    target=14,
    max=21,
    blob_base_fee_update_fraction=11_684_671,
)

FORKS: Mapping[str, Fork] = MappingProxyType({each.name: each for each in (_CANCUN, _PRAGUE, _OSAKA, _BPO1, _BPO2)})
"""Every fork that the model knows, the oldest first."""
LATEST = _BPO2
"""The last one of them that mainnet took up."""


def fork(name: str) -> Fork:
    """The fork of this name.

    Raises:
        BadInput: the model knows none of this name.
    """
    if name not in FORKS:
        raise BadInput(f"the fee model knows the forks {', '.join(FORKS)}, not {name!r}")
    return FORKS[name]


def fork_at(timestamp: int) -> Fork:
    """The fork whose rules mainnet followed at a time (Unix seconds).

    Raises:
        BadInput: there were no blobs yet.
    """
    past = [each for each in FORKS.values() if each.activation <= timestamp]
    if not past:
        raise BadInput(f"mainnet had no blobs at {timestamp}: they came at {_CANCUN.activation}")
    return past[-1]
