"""Gas of the rollup's and the bridge's single transactions, in a steady state.

Steady: accounts and slots were used before, other deposits are in escrow, the allowance is infinite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from web3.contract import Contract
from web3.types import TxReceipt

from toolkit.bridge import client
from toolkit.bridge.claims import withdrawal_claim
from toolkit.bridge.escape import escape_witness, escapes
from toolkit.bridge.terms import FastExit, bridge_domain
from toolkit.devnet.accounts import Account
from toolkit.devnet.chain import Chain
from toolkit.rollup.client import ETH
from toolkit.rollup.machine import Withdrawal
from toolkit.rollup.measure.drive import ETHER, Drive
from toolkit.technique.protocol import blob_gas_of

TRANSFERS = 1_000


def measure(
    chain: Chain, accounts: Mapping[str, Account], token: Contract, travel: Callable[[int], int]
) -> dict[str, int]:
    """Gas by name, as the rows of the target table are named."""
    drive = Drive(chain, accounts, token, travel)
    return {**_in_and_out(drive), **_fast_exits(drive), **_end(drive)}


def _in_and_out(drive: Drive) -> dict[str, int]:
    chain, alice, bridge, token = drive.chain, drive.alice, drive.contracts.bridge, drive.token
    address, asset = token.address, drive.token_bytes
    chain.send(alice, token.functions.approve(bridge.address, 2**256 - 1))
    for _ in range(2):  # the second of each is the steady one
        ether = drive.deposited(client.deposit_eth(chain, bridge, alice, 10 * ETHER), ETH, 10 * ETHER)
        receipt = client.deposit_erc20(chain, bridge, alice, address, 10 * ETHER)
        tokens = drive.deposited(receipt, asset, 10 * ETHER)
    for _ in range(2):
        permit = client.deposit_erc20_with_permit(chain, bridge, alice, token, 10 * ETHER)
        permitted = drive.deposited(permit, asset, 10 * ETHER)
    drive.post([])
    drive.post([])  # consumes the deposits
    drive.post(drive.transfers(1))  # opens bob's account
    drive.post(drive.transfers(1))  # now every place of the ring was used
    transfers = drive.post(drive.transfers(TRANSFERS))
    in_blob = drive.post(drive.transfers(TRANSFERS), in_blobs=True) if chain.gives_blobs() else None
    claims: dict[bytes, int] = {}
    for _ in range(2):
        drive.post([drive.withdraw(ETH), drive.withdraw(asset)])
        asserted, confirmed = drive.settle()
        claims.update((each.token, _claim(drive, each)) for each in drive.state.withdrawals[-2:])
    return {
        "bridge: deposit (ETH)": ether,
        "bridge: deposit (ERC20)": tokens,
        "bridge: deposit with permit (ERC20)": permitted,
        "bridge: claim withdrawal (ETH)": claims[ETH],
        "bridge: claim withdrawal (ERC20)": claims[asset],
        "rollup: batch of 1,000 transfers as calldata, per transfer": round(transfers["gasUsed"] / TRANSFERS),
        **_of_blob_batch(in_blob),
        "rollup: assert": asserted["gasUsed"],
        "rollup: confirm": confirmed["gasUsed"],
    }


def _fast_exits(drive: Drive) -> dict[str, int]:
    """Bob pays alice's withdrawals before they are confirmed, and claims them."""
    chain, bridge, provider = drive.chain, drive.contracts.bridge, drive.bob
    domain = bridge_domain(chain.chain_id, bytes.fromhex(bridge.address[2:]))
    chain.send(provider, drive.token.functions.approve(bridge.address, 2**256 - 1))
    drive.post([drive.withdraw(ETH), drive.withdraw(drive.token_bytes)])
    gas: dict[bytes, int] = {}
    taken = drive.state.withdrawals[-2:]
    for withdrawal in taken:
        terms = FastExit(provider.address_bytes, 10**15, 2**32, drive.state.batch, drive.state.accumulator)
        signature = terms.sign(domain, withdrawal, drive.alice.key)
        receipt = client.fast_exit(chain, bridge, provider, withdrawal, terms, signature)
        gas[withdrawal.token] = receipt["gasUsed"]
    drive.settle()
    claimed = [_claim(drive, withdrawal) for withdrawal in taken]
    return {
        "bridge: fast exit (ETH)": gas[ETH],
        "bridge: fast exit (ERC20)": gas[drive.token_bytes],
        "bridge: claim after a fast exit (ETH)": claimed[0],
    }


def _end(drive: Drive) -> dict[str, int]:
    """A forced withdrawal comes too late, and the rollup is frozen: alice leaves by the escape hatch."""
    chain, alice, contracts = drive.chain, drive.alice, drive.contracts
    bridge, rollup = contracts.bridge, contracts.rollup
    alarm = client.alarm(chain, rollup, alice, drive.confirmed)
    for _ in range(2):
        drive.deposited(client.deposit_eth(chain, bridge, alice, ETHER), ETH, ETHER)
    drive.post([])
    drive.post([])  # consumes them
    deposits = drive.state.batch
    forced = drive.forced(drive.withdraw(ETH))
    drive.travel(rollup.functions.ESCAPE_DELAY().call())
    freeze = client.freeze(chain, rollup, alice, drive.confirmed)
    escaped: dict[tuple[bytes, bytes], int] = {}
    for each in reversed(escapes(drive.final_state)):  # bob's is the first in its word
        witness = escape_witness(drive.final_state, each)
        receipt = client.escape(chain, bridge, alice, drive.final, witness)
        escaped[each.owner, each.token] = receipt["gasUsed"]
    for place in range(2):
        recovery, consumed = drive.consumed(deposits, place)
        recovered = client.recover_deposit(chain, bridge, alice, drive.final, recovery, consumed)
    late = []
    for _ in range(2):  # the first finds the forced withdrawal waiting, the second consumes it
        drive.travel(contracts.inbox.functions.SEQUENCER_WINDOW().call())
        late.append(drive.post_late()["gasUsed"])
    return {
        "bridge: forced withdrawal (ETH)": forced["gasUsed"],
        "bridge: escape (ETH)": escaped[alice.address_bytes, ETH],
        "bridge: escape (ERC20)": escaped[alice.address_bytes, drive.token_bytes],
        "bridge: recover a deposit (ETH)": recovered["gasUsed"],
        "rollup: late batch": max(late),
        "rollup: alarm": alarm["gasUsed"],
        "rollup: freeze": freeze["gasUsed"],
    }


def _claim(drive: Drive, withdrawal: Withdrawal) -> int:
    """Bob claims it for whom it is due to."""
    claim = withdrawal_claim(drive.final_state.withdrawals, withdrawal.index)
    return client.claim(drive.chain, drive.contracts.bridge, drive.bob, claim)["gasUsed"]


def _of_blob_batch(receipt: TxReceipt | None) -> dict[str, int]:
    """A batch in a blob: nothing on a node that takes none."""
    if receipt is None:
        return {}
    return {
        "rollup: batch in one blob, execution": receipt["gasUsed"],
        "rollup: batch in one blob, blob gas": blob_gas_of(receipt),
    }
