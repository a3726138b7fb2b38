"""What one step of the machine costs on L1, by the depth of the account tree.

Nobody has a tree of 2**31 accounts at hand, so it is one that is made up where a transfer from the first account to the
last does not look (``deep.py``). The step is the specification's, the witness is the one that a dispute would show, and
all proofs have all their siblings.
"""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.crypto import keccak256
from toolkit.devnet.accounts import USERS
from toolkit.devnet.accounts import Account as Key
from toolkit.devnet.chain import Chain
from toolkit.devnet.transaction import TX_GAS_CAP
from toolkit.errors import ProtocolError
from toolkit.rollup.client import ETH
from toolkit.rollup.codec import Header
from toolkit.rollup.deploy import deploy_rollup
from toolkit.rollup.inbox import Batch
from toolkit.rollup.machine import Account, Outcome, apply_step
from toolkit.rollup.measure.deep import DeepState
from toolkit.rollup.operations import Transfer
from toolkit.rollup.witness import build_witness

DEPTHS = (8, 16, 24, 31)
_RECORDS = 1_600
_ETHER = 10**18


@dataclass(frozen=True)
class StepCost:
    """What one step costs.

    Attributes:
        depth: of the account tree.
        gas: that its execution uses, as inside the last move of a dispute.
        transaction_gas: of a transaction that does nothing else: its calldata, the witness, costs more (EIP-7623).
    """

    depth: int
    gas: int
    transaction_gas: int


def step_cost(chain: Chain, accounts: dict[str, Key], depth: int) -> StepCost:
    """Execute one transfer, the last of a batch of 1,600, in a full account tree.

    A rollup of its own is deployed for it.

    Raises:
        ProtocolError: L1 finds another successor than the specification.
    """
    deployer, sequencer, payer, payee = (accounts[name] for name in ("deployer", "sequencer", *USERS[:2]))
    contracts = deploy_rollup(chain, deployer, sequencer=sequencer.address, accounts_depth=depth)
    transfer = Transfer(0, payee.address_bytes, ETH, 123_456 * 10**12, 5 * 10**9, nonce=3)
    last = (1 << depth) - 2
    record = transfer.record(last, transfer.sign(contracts.genesis.domain, payer.key)).encode()
    records = [keccak256(bytes([number % 256])) * 2 + bytes(12) for number in range(_RECORDS - 1)] + [record]
    header = Header(fee_token=ETH).encode()
    posted = chain.send(
        sequencer, contracts.inbox.functions.postBatch(1, header, b"".join(records), b""), gas=TX_GAS_CAP
    )
    timestamp = chain.w3.eth.get_block(posted["blockNumber"])["timestamp"]
    batch = Batch(header, records, (), timestamp, sequencer.address_bytes)

    holders = {
        0: Account(payer.address_bytes, ETH, 10 * _ETHER, transfer.nonce),
        last: Account(payee.address_bytes, ETH, _ETHER, 0),
    }
    state = DeepState(contracts.genesis, holders)
    state.position = _RECORDS - 1
    before, witness = state.machine_hash, build_witness(state, batch)
    outcome = apply_step(state, batch).outcome
    step = contracts.machine.functions.step(before, 1, witness)
    found = chain.call(step)
    if found != state.machine_hash or outcome != Outcome.APPLIED:
        said = f"0x{state.machine_hash.hex()} ({outcome.name})"
        raise ProtocolError(f"a step at depth {depth} gives 0x{found.hex()} on L1, not {said}")
    receipt = chain.send(deployer, step, gas=TX_GAS_CAP)
    return StepCost(depth, _executed(chain, bytes(receipt["transactionHash"])), receipt["gasUsed"])


def _executed(chain: Chain, transaction: bytes) -> int:
    """Gas that a transaction's call used, without what every transaction and its calldata cost."""
    name = "0x" + transaction.hex()
    if chain.w3.client_version.startswith("anvil"):
        return int(chain.rpc.call("trace_transaction", name)[0]["result"]["gasUsed"], 16)
    leave_out = {"disableMemory": True, "disableStack": True, "disableStorage": True}
    steps = chain.rpc.call("debug_traceTransaction", name, leave_out)["structLogs"]  # which Anvil does not keep
    return int(steps[0]["gas"] - steps[-1]["gas"] + steps[-1]["gasCost"])
