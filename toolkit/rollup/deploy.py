"""Deploys a rollup: Inbox, PaymentsMachine, Rollup, Bridge and Dispute, which must know each other at birth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from web3.contract import Contract

from toolkit.crypto import keccak256
from toolkit.devnet.accounts import Account, checksum
from toolkit.devnet.chain import Chain
from toolkit.errors import BadInput, L2KitError
from toolkit.rollup.codec import BLOB_RECORDS, RECORD_SIZE
from toolkit.rollup.inbox import genesis_accumulator
from toolkit.rollup.machine import Genesis, State
from toolkit.rollup.operations import l2_chain_id, rollup_domain

DAY = 24 * 3600

NAMES = ("Inbox", "PaymentsMachine", "Rollup", "Bridge", "Dispute")
"""The contracts, in the order of their deployment."""

GAS_PRICE_COVERED = 10**11
"""Wei a gas up to which a bond's half pays for what the winner spent; the other half is burned."""
DEFENDER_GAS = 400_000
"""What a defender spends on a game at most: eight moves."""
CHALLENGER_GAS = 1_000_000
"""What a challenger spends on a game at most: to open it, seven picks, and the last step."""
BOND_GAS = 2 * CHALLENGER_GAS
"""Gas that an assertion's bond is worth at the price covered: half of it pays for what the winner spent."""
CHALLENGE_BOND_GAS = 2 * DEFENDER_GAS
"""The same of a challenge's."""


@dataclass(frozen=True)
class RollupContracts:
    """A deployed rollup.

    Attributes:
        inbox, machine, rollup, bridge, dispute: its contracts.
        genesis: what its machine starts from.
        block: the number of the block with its first contract; nothing of it is in an earlier one.
        deployment: gas that each contract's deployment used, by its name.
    """

    inbox: Contract
    machine: Contract
    rollup: Contract
    bridge: Contract
    dispute: Contract
    genesis: Genesis
    block: int
    deployment: Mapping[str, int]

    @property
    def l2_chain_id(self) -> int:
        """The chain id by which clients of Ethereum's JSON-RPC know this rollup."""
        return l2_chain_id(self.genesis.domain)

    @property
    def addresses(self) -> dict[str, str]:
        """The addresses (EIP-55 text) by contract name."""
        contracts = (self.inbox, self.machine, self.rollup, self.bridge, self.dispute)
        return {name: contract.address for name, contract in zip(NAMES, contracts, strict=True)}


def deploy_rollup(
    chain: Chain,
    deployer: Account,
    *,
    sequencer: str,
    challenge_window: int = 7 * DAY,
    bond: int = BOND_GAS * GAS_PRICE_COVERED,
    sequencer_window: int = DAY // 2,
    clock: int = DAY,
    extension: int = DAY // 8,
    max_rounds: int = 8,
    challenge_bond: int = CHALLENGE_BOND_GAS * GAS_PRICE_COVERED,
    escape_delay: int = 30 * DAY,
    ring_size: int = 256,
    max_message_size: int = 1024,
    accounts_depth: int = 31,
    withdrawals_depth: int = 32,
) -> RollupContracts:
    """Deploy a rollup's five contracts and check that they know each other.

    Args:
        deployer: pays; has no role afterwards. It must send nothing else meanwhile.
        sequencer: address (EIP-55 text) that may post batches.
        challenge_window: seconds in which an assertion can be disputed.
        bond: of an assertion, wei.
        sequencer_window: seconds without a batch after which anyone may post one.
        clock: seconds that each player of a dispute has for all its moves.
        extension: seconds that it has at least for each.
        max_rounds: log16 of the steps that an assertion may be about, at most.
        challenge_bond: of a dispute's challenger, wei.
        escape_delay: seconds from an alarm until the rollup may be frozen. Twice what it takes to confirm under dispute
            (half a day for a batch, the window, 3.75 days of a game) is 22 days.
        ring_size: accumulators that the Inbox keeps without a checkpoint.
        max_message_size: bytes of a message to the Inbox at most.
        accounts_depth, withdrawals_depth: of the machine's trees.

    Raises:
        Reverted: a contract refuses its parameters.
        L2KitError: the contracts do not belong together, because the deployer's account sent something meanwhile.
    """
    nonce = chain.nonce(deployer)
    machine_address, bridge_address, dispute_address = (
        create_address(deployer.address_bytes, nonce + step) for step in (1, 3, 4)
    )
    inbox, first = chain.deploy(
        deployer, "Inbox", sequencer, sequencer_window, ring_size, RECORD_SIZE, BLOB_RECORDS, max_message_size
    )
    machine, second = chain.deploy(
        deployer, "PaymentsMachine", inbox.address, checksum(bridge_address), accounts_depth, withdrawals_depth
    )
    times = (challenge_window, bond, escape_delay)
    rollup, third = chain.deploy(deployer, "Rollup", inbox.address, machine.address, checksum(dispute_address), *times)
    bridge, fourth = chain.deploy(deployer, "Bridge", inbox.address, rollup.address, withdrawals_depth)
    dispute, fifth = chain.deploy(deployer, "Dispute", rollup.address, clock, extension, max_rounds, challenge_bond)

    block = chain.w3.eth.get_block(first["blockNumber"])
    inbox_address = bytes.fromhex(inbox.address[2:])
    genesis = Genesis(
        rollup_domain(chain.chain_id, machine_address),
        bridge_address,
        genesis_accumulator(chain.chain_id, inbox_address, block["timestamp"]),
        accounts_depth,
        withdrawals_depth,
    )
    state = State(genesis)
    halves = chain.call(machine.functions.genesis())
    foreseen = [checksum(each) for each in (machine_address, bridge_address, dispute_address)]
    found = [machine.address, bridge.address, dispute.address]
    if found != foreseen or list(halves) != [state.outbox_root, state.inner_hash]:
        raise L2KitError(
            f"the rollup's contracts do not fit together: machine, bridge and dispute are {', '.join(found)}, but "
            f"{', '.join(foreseen)} were foreseen; {deployer.name} must send nothing else meanwhile"
        )
    contracts = (inbox, machine, rollup, bridge, dispute)
    receipts = (first, second, third, fourth, fifth)
    gas = {name: receipt["gasUsed"] for name, receipt in zip(NAMES, receipts, strict=True)}
    return RollupContracts(*contracts, genesis, first["blockNumber"], gas)


def create_address(deployer: bytes, nonce: int) -> bytes:
    """The 20-byte address of the contract that an account creates with a transaction of this nonce.

    The hash of RLP([deployer, nonce]) (Yellow Paper, sections 7 and B).
    """
    digits = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    length = b"" if 0 < nonce < 0x80 else bytes([0x80 + len(digits)])
    items = bytes([0x80 + 20]) + deployer + length + digits
    return keccak256(bytes([0xC0 + len(items)]) + items)[12:]


def find_rollup(
    chain: Chain, addresses: Mapping[str, str], block: int, deployment: Mapping[str, int]
) -> RollupContracts:
    """A rollup that was deployed before.

    Args:
        addresses: of its contracts, by name.
        block: the number of the block with its first contract.
        deployment: gas that each contract's deployment used, by its name.

    Raises:
        BadInput: it is not there.
    """
    inbox, machine, rollup, bridge, dispute = (chain.contract(name, addresses[name]) for name in NAMES)
    first = chain.rpc.call("eth_getBlockByNumber", hex(block), False)
    inbox_address, machine_address, bridge_address = (
        bytes.fromhex(each.address[2:]) for each in (inbox, machine, bridge)
    )
    if first is None:
        raise BadInput(f"there is no block {block}, with which the rollup is said to begin")
    genesis = Genesis(
        rollup_domain(chain.chain_id, machine_address),
        bridge_address,
        genesis_accumulator(chain.chain_id, inbox_address, int(first["timestamp"], 16)),
        chain.call(machine.functions.ACCOUNTS_DEPTH()),
        chain.call(machine.functions.WITHDRAWALS_DEPTH()),
    )
    state = State(genesis)
    halves = chain.call(machine.functions.genesis())
    if list(halves) != [state.outbox_root, state.inner_hash]:
        raise BadInput(f"what is at {machine.address} is not the machine of a rollup that begins in block {block}")
    gas = {name: deployment.get(name, 0) for name in NAMES}
    return RollupContracts(inbox, machine, rollup, bridge, dispute, genesis, block, gas)
