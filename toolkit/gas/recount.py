"""A chain whose receipts say what the same transactions would use at another fork's prices.

Anvil runs each transaction again under a tracer that notes what it does to accounts and storage, the notes become a
`Work`, and `price` says its gas. At the fork that the node runs the same way must lead to the receipt's own gas, or
`CheckFailed` is raised: nothing that the transaction did is missed. What a contract does must not depend on the gas
that it has left; ours do not look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, cast

from web3.types import TxReceipt

from toolkit.devnet.chain import Chain
from toolkit.devnet.rpc import Rpc
from toolkit.errors import BadInput
from toolkit.gas.schedule import OSAKA, Schedule, Work, executed, intrinsic, price
from toolkit.technique.meter import CheckFailed

_CALLS = ("CALL", "CALLCODE", "STATICCALL", "DELEGATECALL")
_PRECOMPILES = frozenset([*range(1, 0x12), 0x100])  # until EIP-2537, and EIP-7951's
_WARM = 100


class Recounting(Chain):
    """A chain on Anvil at Osaka whose receipts' ``gasUsed`` is that of another fork.

    A transaction is run again when its gas is asked for, and only then.

    Attributes:
        prices: of the fork.
        over_cap: transactions among those asked for that EIP-7825 would forbid there.
    """

    def __init__(self, url: str, prices: Schedule) -> None:
        super().__init__(url)
        self.prices = prices
        self.over_cap = 0

    def receipts(self, tx_hashes: Any, *, within: float | None = None) -> list[TxReceipt]:
        """As `Chain.receipts`, with the gas of the other fork."""
        return [cast(TxReceipt, _Recounted(receipt, self)) for receipt in super().receipts(tx_hashes, within=within)]

    def gas_of(self, receipt: Mapping[str, Any]) -> int:
        """The gas of a transaction of this chain at the other fork, by its receipt.

        Raises:
            CheckFailed: what was noted does not explain the receipt.
        """
        found = price(work_of(self.rpc, receipt), self.prices)
        self.over_cap += found.over_cap
        return found.gas


class _Recounted(dict[str, Any]):
    def __init__(self, receipt: Mapping[str, Any], chain: Recounting) -> None:
        super().__init__(receipt)
        self._chain = chain

    def __getitem__(self, key: str) -> Any:
        return self._chain.gas_of(dict(self)) if key == "gasUsed" else super().__getitem__(key)


def work_of(rpc: Rpc, receipt: Mapping[str, Any]) -> Work:
    """What a transaction did, on an Anvil that runs Osaka or Prague.

    Raises:
        CheckFailed: what was noted does not explain the receipt.
        BadInput: the transaction does what is not understood: SELFDESTRUCT, authorizations, an inner revert.
    """
    tx_hash = "0x" + bytes(receipt["transactionHash"]).hex()
    tx = rpc.call("eth_getTransactionByHash", tx_hash)
    trace = rpc.call("debug_traceTransaction", tx_hash, {"tracer": _tracer()})
    before = rpc.call("debug_traceTransaction", tx_hash, {"tracer": "prestateTracer"})
    block = hex(receipt["blockNumber"])
    miner = rpc.call("eth_getBlockByNumber", block, False)["miner"]
    created = receipt["contractAddress"]
    code = rpc.call("eth_getCode", created, block)[2:] if created else ""
    work = _work(tx, trace, before, miner, len(code) // 2)
    expected = price(work, OSAKA).gas
    if expected != receipt["gasUsed"]:
        raise CheckFailed(f"{tx_hash} used {receipt['gasUsed']:,} gas, and what it did explains {expected:,}")
    return work


def _work(
    tx: Mapping[str, Any], trace: Mapping[str, Any], before: Mapping[str, Any], miner: str, code_bytes: int
) -> Work:
    if tx.get("accessList") or tx.get("authorizationList"):
        raise BadInput(f"{tx['hash']} has an access list or authorizations, which are not recounted")
    if trace["faults"] or any(note[0] in ("REVERT", "SELFDESTRUCT") for note in trace["notes"]):
        raise BadInput(f"{tx['hash']} reverts a call or destroys a contract, which is not recounted")
    data, to = bytes.fromhex(tx["input"][2:]), tx["to"]
    known = {address.lower(): account for address, account in before.items()}
    value = int(tx["value"], 16) > 0
    warm = {_address(tx["from"]), _address(to or "0x0"), _address(miner)}
    counts = {**_of_storage(trace["notes"], known), **_of_accounts(trace["notes"], known, warm)}
    work = Work(
        calldata_bytes=len(data),
        zero_bytes=data.count(0),
        creates=to is None,
        to_self=to == tx["from"],
        value=value,
        new_recipient=value and to is not None and _is_dead(known, _address(to)),
        code_bytes=code_bytes,
        code_words=-(-code_bytes // 32),
        **counts,
    )
    # The last instruction at depth 1 ends the transaction: STOP and RETURN cost nothing where memory does not grow, and
    # code is paid for after it.
    gone = trace["first"] - trace["last"] + work.code_bytes * OSAKA.code_byte
    begins = int(tx["gas"], 16) - intrinsic(work, OSAKA)
    if trace["steps"] and trace["first"] != begins:
        raise CheckFailed(f"{tx['hash']} began with {trace['first']:,} gas, not with {begins:,}")
    other = gone - executed(work, OSAKA)
    if other < 0:
        raise CheckFailed(f"{tx['hash']} executed {gone:,} gas, {-other:,} less than what it did costs")
    return replace(work, other=other)


def _of_storage(notes: Sequence[Sequence[Any]], known: Mapping[str, Any]) -> dict[str, int]:
    """Counts of what SSTORE did. What it cost says whether the slot was cold, and whether this was its first change."""
    counts = dict.fromkeys(
        ["cold_stores", "warm_stores", "set_slots", "unset_slots", "changed_slots", "restored_slots", "cleared_slots"],
        0,
    )
    present: dict[tuple[str, int], int] = {}
    for note in notes:
        if note[0] != "SSTORE":
            continue
        _, _, account, key, value, gas, after = note
        slot, new, cost = (_address(account), int(key, 16)), int(value, 16), gas - after
        original = _original(known, *slot)
        old = present.get(slot, original)
        first = old == original != new
        cold = cost >= OSAKA.sstore_cold and cost not in (2_900, 20_000)
        expected = (OSAKA.sstore_cold if cold else _WARM) + first * OSAKA.storage_write
        expected += (first and original == 0) * OSAKA.storage_set
        if cost != expected:
            raise CheckFailed(f"SSTORE of {new:#x} over {old:#x} (first {original:#x}) cost {cost}, not {expected}")
        counts["cold_stores" if cold else "warm_stores"] += 1
        if first:
            counts["set_slots" if original == 0 else "changed_slots"] += 1
        if old != new and original == new:
            counts["unset_slots" if original == 0 else "restored_slots"] += 1
        if original != 0 and old != new:
            counts["cleared_slots"] += (new == 0) - (old == 0)
        present[slot] = new
    return counts


def _of_accounts(notes: Sequence[Sequence[Any]], known: Mapping[str, Any], warm: set[str]) -> dict[str, int]:
    """Counts of what was done to accounts; those in ``warm`` are so from the beginning."""
    counts = dict.fromkeys(["cold_accounts", "code_reads", "value_calls", "new_accounts", "inner_creates"], 0)
    touched = set(warm)
    for name, _, _, *rest in notes:
        if name in ("CREATE", "CREATE2"):
            raise BadInput("a contract that creates another one is not recounted")
        if name == "SSTORE":
            continue
        target = _address(rest[1] if name in _CALLS else rest[0])
        cold = target not in touched and int(target, 16) not in _PRECOMPILES
        if name in ("BALANCE", "EXTCODESIZE", "EXTCODEHASH") and rest[1] - rest[2] != (
            OSAKA.cold_account if cold else _WARM
        ):
            raise CheckFailed(f"{name} of {target} cost {rest[1] - rest[2]} gas, and cold is {cold}")
        touched.add(target)
        counts["cold_accounts"] += cold
        # What a warm touch costs is the same at every fork, and so part of `other`.
        counts["code_reads"] += name in ("EXTCODESIZE", "EXTCODECOPY")
        if name in ("CALL", "CALLCODE") and int(rest[2], 16) > 0:
            counts["value_calls"] += 1
            counts["new_accounts"] += name == "CALL" and _is_dead(known, target)
    return counts


def _address(text: str) -> str:
    return f"0x{int(text, 16) % 2**160:040x}"


def _original(known: Mapping[str, Any], account: str, key: int) -> int:
    stored = known.get(account, {}).get("storage") or {}
    return next((int(value, 16) for slot, value in stored.items() if int(slot, 16) == key), 0)


def _is_dead(known: Mapping[str, Any], account: str) -> bool:
    """Whether nothing is there (EIP-161)."""
    found = known.get(account, {})
    balance = int(found.get("balance", "0x0"), 16)
    return balance == 0 and not found.get("nonce") and found.get("code", "0x") in ("", "0x")


@cache
def _tracer() -> str:
    lines = Path(__file__).with_name("state_access.js").read_text().splitlines()
    return "\n".join(line for line in lines if not line.startswith("//"))
