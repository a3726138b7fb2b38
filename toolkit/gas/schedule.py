"""What each fork charges for what changes its price between them, and the gas of one transaction by those prices. Pure.

Osaka's prices are those of EIP-2028, EIP-2200, EIP-2929, EIP-3529, EIP-3860 and EIP-7623; Prague's are the same.
Amsterdam's are those of EIP-2780, EIP-7976, EIP-8037 and EIP-8038 as they stood in last call in November 2026 (the
values of EIPs pull request 12083 and of the fork's eighth devnet); they are not final before the fork is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from toolkit.devnet.transaction import TX_GAS_CAP

SLOT_BYTES = 64
"""State bytes of a new storage slot (EIP-8037)."""
ACCOUNT_BYTES = 120
"""State bytes of a new account (EIP-8037)."""
_REFUND_SHARE = 5  # a fifth at most (EIP-3529)


@dataclass(frozen=True)
class Schedule:
    """The prices of one fork, in gas.

    Attributes:
        name: of the fork.
        eips: what is in these prices that Osaka's do not have.
        tx_base, tx_recipient, tx_value, tx_create: of a transaction; for its recipient; for value to somebody else;
            for creating a contract (EIP-2780).
        floor_on_whole_base: whether the calldata floor rests on all of these, and not on ``tx_base`` alone (EIP-2780).
        floor_zero, floor_nonzero: for a byte of calldata at least (EIP-7623, EIP-7976).
        cold_account: for the first touch of an account; a later one is 100 always (EIP-2929, EIP-8038).
        code_read: for EXTCODESIZE and EXTCODECOPY above the touch (EIP-8038).
        call_value, new_account: for a call with value, and where that creates an account.
        create: for CREATE and CREATE2.
        code_byte, code_word: for deployed code.
        sstore_cold: for the first touch of a slot by SSTORE; a later one is 100 always.
        storage_write: above the touch, for a slot's first change in a transaction; given back where it is undone.
        storage_set: above the write, where the slot was zero.
        clear_refund: for a slot that becomes zero.
        state_byte: for each byte that the state grows (EIP-8037).
    """

    name: str
    eips: tuple[int, ...] = ()
    tx_base: int = 21_000
    tx_recipient: int = 0
    tx_value: int = 0
    tx_create: int = 32_000
    floor_on_whole_base: bool = False
    floor_zero: int = 10
    floor_nonzero: int = 40
    cold_account: int = 2_600
    code_read: int = 0
    call_value: int = 9_000
    new_account: int = 25_000
    create: int = 32_000
    code_byte: int = 200
    code_word: int = 0
    sstore_cold: int = 2_200
    storage_write: int = 2_800
    storage_set: int = 17_100
    clear_refund: int = 4_800
    state_byte: int = 0


OSAKA = Schedule("osaka")
"""Prague's prices are the same."""
AMSTERDAM_PART = replace(
    OSAKA,
    name="amsterdam (part)",
    eips=(7976, 8037),
    tx_create=9_000,
    floor_zero=64,
    floor_nonzero=64,
    new_account=0,
    create=9_000,
    code_byte=0,
    code_word=6,
    storage_set=0,
    state_byte=1_530,
)
"""The part of Amsterdam's prices that Hardhat 3.18 charges: found by probes, held by a test."""
AMSTERDAM = replace(
    AMSTERDAM_PART,
    name="amsterdam",
    eips=(2780, 7976, 8037, 8038),
    tx_base=12_000,
    tx_recipient=3_000,
    tx_value=6_000,
    tx_create=12_000,
    floor_on_whole_base=True,
    cold_account=3_000,
    code_read=100,
    call_value=11_300,
    create=12_000,
    sstore_cold=2_100,
    storage_write=10_000,
    clear_refund=11_616,
)


@dataclass(frozen=True)
class Work:
    """What one transaction did, as far as forks price it differently.

    Attributes:
        calldata_bytes, zero_bytes: of its data; the latter are part of the former.
        creates: whether it creates a contract.
        to_self: whether its recipient is its sender.
        value: whether it moves ether.
        new_recipient: whether its ether goes to who had no account.
        other: gas of all that costs the same in every fork.
        cold_accounts: accounts touched first by an instruction.
        code_reads: EXTCODESIZE and EXTCODECOPY.
        value_calls, new_accounts: calls with value, and those of them that create an account.
        inner_creates: CREATE and CREATE2.
        code_bytes, code_words: of deployed code.
        cold_stores, warm_stores: SSTORE to a slot not touched before, and to another one.
        set_slots, unset_slots: slots that become other than zero, and those of them that become zero again.
        changed_slots, restored_slots: slots with another value, and those of them that get their old one back.
        cleared_slots: slots that become zero, less those that are not left so.
    """

    calldata_bytes: int = 0
    zero_bytes: int = 0
    creates: bool = False
    to_self: bool = False
    value: bool = False
    new_recipient: bool = False
    other: int = 0
    cold_accounts: int = 0
    code_reads: int = 0
    value_calls: int = 0
    new_accounts: int = 0
    inner_creates: int = 0
    code_bytes: int = 0
    code_words: int = 0
    cold_stores: int = 0
    warm_stores: int = 0
    set_slots: int = 0
    unset_slots: int = 0
    changed_slots: int = 0
    restored_slots: int = 0
    cleared_slots: int = 0


@dataclass(frozen=True)
class Price:
    """The gas of a transaction.

    Attributes:
        gas: what its receipt says.
        regular: without state gas and before refunds.
        state: of what the state grows (EIP-8037).
        refund: given back.
        floor: that its calldata costs at least (EIP-7623).
    """

    gas: int
    regular: int
    state: int
    refund: int
    floor: int

    @property
    def over_cap(self) -> bool:
        """Whether EIP-7825 forbids it. The cap is on all but state gas (EIP-8037)."""
        return max(self.regular, self.floor) > TX_GAS_CAP


def intrinsic(work: Work, prices: Schedule) -> int:
    """Gas that the transaction costs before anything is executed, without state gas."""
    create = -(-work.calldata_bytes // 32) * 2 if work.creates else 0  # EIP-3860
    return _base(work, prices) + 4 * work.zero_bytes + 16 * (work.calldata_bytes - work.zero_bytes) + create


def executed(work: Work, prices: Schedule) -> int:
    """Gas of what the transaction executes, without state gas and before refunds."""
    return (
        work.other
        + work.cold_accounts * prices.cold_account
        + work.code_reads * prices.code_read
        + work.value_calls * prices.call_value
        + work.new_accounts * prices.new_account
        + work.inner_creates * prices.create
        + work.code_bytes * prices.code_byte
        + work.code_words * prices.code_word
        + work.cold_stores * prices.sstore_cold
        + work.warm_stores * 100
        + (work.set_slots + work.changed_slots) * prices.storage_write
        + work.set_slots * prices.storage_set
    )


def price(work: Work, prices: Schedule) -> Price:
    """The transaction's gas."""
    regular = intrinsic(work, prices) + executed(work, prices)
    accounts = work.new_accounts + work.inner_creates + work.creates + work.new_recipient
    grown = SLOT_BYTES * (work.set_slots - work.unset_slots) + ACCOUNT_BYTES * accounts + work.code_bytes
    # A top-level transfer creates an account for nothing before EIP-2780.
    if work.new_recipient and not prices.floor_on_whole_base:
        grown -= ACCOUNT_BYTES
    state = prices.state_byte * grown
    back = (
        work.unset_slots * (prices.storage_write + prices.storage_set)
        + work.restored_slots * prices.storage_write
        + work.cleared_slots * prices.clear_refund
    )
    refund = min((regular + state) // _REFUND_SHARE, back)
    base = _base(work, prices) if prices.floor_on_whole_base else prices.tx_base
    nonzero = work.calldata_bytes - work.zero_bytes
    floor = base + prices.floor_zero * work.zero_bytes + prices.floor_nonzero * nonzero
    return Price(max(regular + state - refund, floor), regular, state, refund, floor)


def _base(work: Work, prices: Schedule) -> int:
    if work.creates:
        return prices.tx_base + prices.tx_create
    recipient = 0 if work.to_self else prices.tx_recipient
    return prices.tx_base + recipient + (prices.tx_value if work.value and not work.to_self else 0)
