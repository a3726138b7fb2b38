"""Batches that anybody posts where the sequencer does not (``Inbox.postLateBatch``): they bring in what waits there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from toolkit.devnet.l1 import hex_of
from toolkit.devnet.rpc import Rpc
from toolkit.errors import ProtocolError
from toolkit.rollup.codec import Header
from toolkit.rollup.contracts import Contracts, encode_post_late_batch
from toolkit.rollup.derive import Replica
from toolkit.rollup.inbox import GENESIS_CHAIN, Batch, genesis_accumulator
from toolkit.rollup.machine import account_hint

if TYPE_CHECKING:
    from web3.contract import Contract
    from web3.types import TxReceipt

    from toolkit.devnet.accounts import Account
    from toolkit.devnet.chain import Chain


def post_late_batch(
    chain: Chain, inbox: Contract, account: Account, replica: Replica, records: Sequence[bytes] = ()
) -> TxReceipt:
    """Post the next batch, with the messages that it must consume; the next of those that wait are then required.

    Args:
        account: pays; anybody's.
        replica: the rollup as L1 holds it now.
        records: operations (76 bytes each) to be applied before the messages.

    Raises:
        Reverted: TooEarly while the sequencer's window is open, WrongLastBatch or WrongMessages where the replica is no
            longer what L1 holds (Inbox).
    """
    data = late_batch_call(replica, *_last(chain, replica), records)
    return chain.send(account, to=inbox.address, data=data)


def late_batch_call(replica: Replica, before_last: bytes, last: Batch, records: Sequence[bytes] = ()) -> bytes:
    """The calldata of it; pure."""
    history = replica.history
    hinted = [replace(each, account=account_hint(replica.state, each)) for each in history.required]
    number, header = len(history.posted) + 1, Header().encode()
    return encode_post_late_batch(before_last, last, number, header, records, hinted)


def late_from(replica: Replica, window: int, born: int) -> int:
    """From when on (seconds of L1's time) anybody may post; pure.

    Args:
        window: the Inbox's SEQUENCER_WINDOW.
        born: when the Inbox was deployed, which counts where there is no batch yet (L1's time).
    """
    posted, queue = replica.history.posted, replica.history.queue
    last = posted[-1].batch.timestamp if posted else born
    return (min(last, queue.since) if queue.required else last) + window


def born(rpc: Rpc, chain_id: int, contracts: Contracts, block: int) -> int:
    """When the Inbox was deployed (L1's time), in ``block`` or before, which its first accumulator tells.

    Raises:
        ProtocolError: in none of these blocks.
    """
    for number in range(block, -1, -1):
        found = rpc.call("eth_getBlockByNumber", hex(number), False)
        timestamp = int(found["timestamp"], 16) if found else 0
        if genesis_accumulator(chain_id, contracts.inbox, timestamp) == contracts.genesis.accumulator:
            return timestamp
    raise ProtocolError(f"no block of L1 at {rpc.shown} is that in which the Inbox was deployed")


def _last(chain: Chain, replica: Replica) -> tuple[bytes, Batch]:
    """The last batch, and the accumulator before it."""
    posted = replica.history.posted
    if posted:
        return replica.derived[-2].accumulator, posted[-1].batch
    return GENESIS_CHAIN, _genesis(chain, replica)


def _genesis(chain: Chain, replica: Replica) -> Batch:
    """The batch 0, which says which Inbox it is and when it was deployed."""
    query = {"address": hex_of(replica.contracts.rollup), "fromBlock": "0x0"}
    first = int(chain.rpc.call("eth_getLogs", query)[0]["blockNumber"], 16)
    deployed = born(chain.rpc, chain.chain_id, replica.contracts, first)
    return Batch(chain.chain_id.to_bytes(32, "big"), (), (), deployed, replica.contracts.inbox)
