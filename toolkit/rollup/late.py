"""Batches that anybody posts where the sequencer does not (``Inbox.postLateBatch``): they bring in what waits there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from web3.contract import Contract
from web3.types import TxReceipt

from toolkit.devnet.accounts import Account, checksum
from toolkit.devnet.chain import Chain
from toolkit.devnet.l1 import hex_of
from toolkit.errors import BadInput
from toolkit.rollup.codec import Header
from toolkit.rollup.derive import Replica
from toolkit.rollup.inbox import GENESIS_CHAIN, Batch, extend
from toolkit.rollup.machine import account_hint
from toolkit.rollup.witness import batch_words


def post_late_batch(
    chain: Chain, inbox: Contract, account: Account, replica: Replica, records: Sequence[bytes] = ()
) -> TxReceipt:
    """Post the next batch, with the messages that it must consume; what has arrived since the last is then required.

    Args:
        account: pays; anybody's.
        replica: the rollup as L1 holds it now.
        records: operations (76 bytes each) to be applied before the messages.

    Raises:
        Reverted: TooEarly while the sequencer's window is open, WrongLastBatch or WrongMessages where the replica is no
            longer what L1 holds (Inbox).
    """
    history = replica.history
    before, last = _last(chain, replica)
    hinted = (replace(each, account=account_hint(replica.state, each)) for each in history.required)
    references = b"".join(message.reference() for message in hinted)
    number, header = len(history.posted) + 1, Header().encode()
    words = (*batch_words(last)[:-1], checksum(last.poster))
    post = inbox.functions.postLateBatch(before, words, number, header, b"".join(records), references)
    return chain.send(account, post)


def late_from(chain: Chain, replica: Replica, window: int) -> int:
    """From when on (seconds of L1's time) anybody may post; ``window`` is the Inbox's SEQUENCER_WINDOW."""
    last, queue = _last(chain, replica)[1].timestamp, replica.history.queue
    return (min(last, queue.since) if queue.required else last) + window


def _last(chain: Chain, replica: Replica) -> tuple[bytes, Batch]:
    """The last batch, and the accumulator before it."""
    posted, genesis = replica.history.posted, replica.contracts.genesis
    if posted:
        return posted[-2].accumulator if len(posted) > 1 else genesis.accumulator, posted[-1].batch
    return GENESIS_CHAIN, _genesis(chain, replica)


def _genesis(chain: Chain, replica: Replica) -> Batch:
    """The batch 0, which says which Inbox it is and when it was deployed."""
    deployed = Batch(chain.chain_id.to_bytes(32, "big"), (), (), 0, replica.contracts.inbox)
    query = {"address": hex_of(replica.contracts.rollup), "fromBlock": "0x0"}
    first = int(chain.rpc.call("eth_getLogs", query)[0]["blockNumber"], 16)
    for number in range(first, -1, -1):  # the Inbox was there before the Rollup
        found = replace(deployed, timestamp=chain.w3.eth.get_block(number)["timestamp"])
        if extend(GENESIS_CHAIN, found.hash) == replica.contracts.genesis.accumulator:
            return found
    raise BadInput("no block of L1 is that in which the Inbox was deployed")
