"""What one step of the machine costs on L1, by the depth of the account tree.

Nobody has a tree of 2**31 accounts at hand. But a transfer touches two leaves only, so here are trees that know the
paths to two leaves, the first and the last of a full tree, and no other. The step is the specification's, the witness
is the one that a dispute would show, and both proofs have all their siblings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from toolkit.crypto import keccak256
from toolkit.devnet.accounts import USERS
from toolkit.devnet.accounts import Account as Key
from toolkit.devnet.chain import Chain
from toolkit.devnet.transaction import TX_GAS_CAP
from toolkit.errors import ProtocolError
from toolkit.rollup.client import ETH
from toolkit.rollup.codec import Header
from toolkit.rollup.deploy import deploy_rollup
from toolkit.rollup.machine import Account, Batch, Genesis, State, apply_step
from toolkit.rollup.merkle import SparseMerkleTree, node
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

    A rollup of its own is deployed for it; the node must be Anvil, which tells what a call inside a transaction used.

    Raises:
        ProtocolError: L1 finds another successor than the specification.
    """
    deployer, sequencer, payer, payee = (accounts[name] for name in ("deployer", "sequencer", *USERS[:2]))
    contracts = deploy_rollup(chain, deployer, sequencer=sequencer.address, accounts_depth=depth)
    transfer = Transfer(0, payee.address_bytes, ETH, 123_456 * 10**12, 5 * 10**9, nonce=3)
    record = transfer.record((1 << depth) - 1, transfer.sign(contracts.genesis.domain, payer.key)).encode()
    records = [keccak256(bytes([number % 256])) * 2 + bytes(12) for number in range(_RECORDS - 1)] + [record]
    header = Header(fee_token=ETH).encode()
    posted = chain.send(
        sequencer, contracts.inbox.functions.postBatch(1, header, b"".join(records), b""), gas=TX_GAS_CAP
    )
    timestamp = chain.w3.eth.get_block(posted["blockNumber"])["timestamp"]
    batch = Batch(header, records, (), timestamp, sequencer.address_bytes)

    state = _FullState(
        contracts.genesis,
        Account(payer.address_bytes, ETH, 10 * _ETHER, nonce=3),
        Account(payee.address_bytes, ETH, _ETHER, nonce=0),
    )
    state.position = _RECORDS - 1
    before, witness = state.machine_hash, build_witness(state, batch)
    apply_step(state, batch)
    step = contracts.machine.functions.step(before, 1, witness)
    found = chain.call(step)
    if found != state.machine_hash:
        raise ProtocolError(f"a step at depth {depth} gives 0x{found.hex()} on L1, not 0x{state.machine_hash.hex()}")
    receipt = chain.send(deployer, step, gas=TX_GAS_CAP)
    executed = chain.rpc.call("trace_transaction", "0x" + bytes(receipt["transactionHash"]).hex())[0]["result"]
    return StepCost(depth, int(executed["gasUsed"], 16), receipt["gasUsed"])


class _FullState(State):
    """A state with as many accounts as its tree has leaves, of which the first and the last are known."""

    def __init__(self, genesis: Genesis, first: Account, last: Account) -> None:
        super().__init__(genesis)
        count = 1 << genesis.accounts_depth
        # A list for whoever asks for items and for the length, as the machine and its witnesses do.
        self.accounts = cast("list[Account]", _Accounts(count, {0: first, count - 1: last}))
        self._account_tree = _FullTree(genesis.accounts_depth)
        self._dirty = {0, count - 1}


class _Accounts:
    def __init__(self, count: int, known: dict[int, Account]) -> None:
        self._count, self._known = count, known

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Account:
        return self._known[index]

    def __setitem__(self, index: int, account: Account) -> None:
        self._known[index] = account


class _FullTree(SparseMerkleTree):
    """A full tree of which two leaves are known, the first and the last, and the subtrees beside their paths."""

    def __init__(self, depth: int) -> None:
        super().__init__(depth)
        self._leaves = [bytes(32), bytes(32)]
        self._beside = [[keccak256(bytes([side, height])) for height in range(depth - 1)] for side in range(2)]

    def __setitem__(self, index: int, leaf: bytes) -> None:
        self._leaves[index > 0] = leaf

    @property
    def root(self) -> bytes:
        return node(self._half(0), self._half(1))

    def proof(self, index: int) -> tuple[bytes, ...]:
        side = int(index > 0)
        return (*self._beside[side], self._half(1 - side))

    def _half(self, side: int) -> bytes:
        found = self._leaves[side]
        for beside in self._beside[side]:
            found = node(beside, found) if side else node(found, beside)
        return found
