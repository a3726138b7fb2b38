"""The contracts in an EVM, everybody around them, and what follows from L1; each transaction is held to the `Model`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec

from channel.world import odd
from rollup_core.arena import BOND, RULES, WINDOW, Arena, artifact
from rollup_core.evm import Contract, Evm, calldata, pyrevm

from toolkit.bridge.claims import Claim as WithdrawalClaim
from toolkit.bridge.claims import withdrawal_claim
from toolkit.bridge.escape import Consumption, Final, final_state
from toolkit.bridge.terms import FastExit, bridge_domain
from toolkit.crypto import keccak256, recover, sign
from toolkit.devnet.accounts import checksum
from toolkit.devnet.l1 import bytes_of, selector
from toolkit.devnet.transaction import TX_GAS_CAP
from toolkit.errors import Reverted
from toolkit.rollup.codec import NO_ACCOUNT, Header, RegisterRecord
from toolkit.rollup.contracts import (
    Contracts,
    encode_assert,
    encode_checkpoint,
    encode_confirm,
    encode_post_batch,
    encode_post_late_batch,
    encode_reclaim,
)
from toolkit.rollup.deploy import create_address
from toolkit.rollup.derive import Replica
from toolkit.rollup.dispute import game as g
from toolkit.rollup.inbox import GENESIS_CHAIN, Batch, Message, genesis_accumulator
from toolkit.rollup.machine import Genesis, State, Withdrawal, forced_data
from toolkit.rollup.operations import Transfer, Withdraw, rollup_domain
from toolkit.rollup.store import L1Log
from toolkit.rollup.witness import batch_words

from .crossing_model import ETH, INFINITE, PENDING, Model, Op, Permit
from .crossing_people import CARELESS, CAROL, CHEAT, EVERYBODY, KEYS, PROVIDER, SEQUENCER, STRANGER, VERIFIER

CHAIN_ID = 1
RING = 6
"""Accumulators that the Inbox keeps: few, so that some must be brought back."""
RICH = 2**140
"""What everybody has of everything at first."""
_ALLOWING = (PROVIDER, CARELESS, STRANGER)
"""Whose plain tokens the bridge may have without a permit."""
_HANDS = ("claims", "games", "opened", "ended", "proved", "burned")
"""What an `Arena` knows."""
_BALANCE_OF = selector("balanceOf(address)")

P = ParamSpec("P")


def transaction(method: Callable[Concatenate[Crossing, P], bool]) -> Callable[Concatenate[Crossing, P], bool]:
    """Remember what was sent to L1: after a reorganisation it may be mined again, as it is."""

    @wraps(method)
    def send(self: Crossing, /, *arguments: P.args, **named: P.kwargs) -> bool:
        self.sent.append(partial(send, self, *arguments, **named))
        return method(self, *arguments, **named)

    return send


@dataclass(frozen=True)
class Mark:
    """A block that L1 may go back to."""

    checkpoint: Any
    time: int
    model: Model
    logs: int
    sent: int
    hands: dict[str, Any]


class Crossing(Arena):
    """Both chains.

    Attributes:
        model: what must come of it.
        logs: L1's, of the five contracts; ``replica`` is what the library makes of them.
        sent: every transaction of this history, to be sent again.
        marks: the blocks that L1 may go back to.
        coin, odd: a plain token with permits, and one with vices.
    """

    def __init__(self) -> None:
        place = create_address(b"\xdd" * 20, 4)

        def deploy_machine(evm: Evm, inbox: Contract) -> Contract:
            return evm.deploy(artifact("PaymentsMachine"), inbox.address, checksum(place), 31, 32)

        super().__init__(deploy_machine, RULES, ring_size=RING, sequencer=SEQUENCER)
        self.bridge = self.evm.deploy(artifact("Bridge"), self.inbox.address, self.rollup.address, 32)
        assert self.bridge.address_bytes == place
        self._make_everybody_rich()
        inbox, machine = self.inbox.address_bytes, self.machine.address_bytes
        start = genesis_accumulator(CHAIN_ID, inbox, self.genesis_time)
        self.contracts = Contracts(
            inbox=inbox,
            rollup=self.rollup.address_bytes,
            genesis=Genesis(rollup_domain(CHAIN_ID, machine), place, start),
            genesis_assertion=self.genesis.id,
            sequencer=SEQUENCER,
            bond=BOND,
            dispute=self.dispute.address_bytes,
            rules=self.rules,
            ring_size=RING,
            window=WINDOW,
        )
        self.domain = bridge_domain(CHAIN_ID, place)
        self.replica = Replica(self.contracts)
        self.model = Model(
            sequencer=SEQUENCER,
            bridge=place,
            with_code={CAROL, self.coin.address_bytes, self.odd.address_bytes},
            coin=self.coin.address_bytes,
            ring=RING,
            bond=self.rules.bond,
            batches=[Batch(CHAIN_ID.to_bytes(32, "big"), (), (), self.genesis_time, inbox)],
            accumulators=[start],
            last=self.genesis,
            outboxes={self.replica.derived[0].outbox_root: 0},
            allowance=Counter(dict.fromkeys(_ALLOWING, INFINITE)),
            worth=Counter({(who, token): RICH for who in EVERYBODY for token in self.tokens}),
        )
        self.logs: list[L1Log] = []
        self.sent: list[Callable[[], bool]] = []
        self.marks: list[Mark] = []
        self._transactions = 0
        self._final: tuple[Replica, State] | None = None

    def _make_everybody_rich(self) -> None:
        """Of ETH and both tokens; from here on everybody has what he has. Carol's account gets its code."""
        evm, wallet = self.evm, odd("OddParty")
        self.coin = evm.deploy(artifact("Token"), "Coin", "COIN", RICH * len(EVERYBODY))
        self.odd = evm.deploy(odd("OddToken"))
        self.tokens = {ETH: None, self.coin.address_bytes: self.coin, self.odd.address_bytes: self.odd}
        evm.errors[keccak256(b"TransferFromFailed()")[:4]] = ("TransferFromFailed", [])
        self._odd[CAROL] = Contract(checksum(CAROL), evm.deploy(wallet).functions)
        evm.vm.insert_account_info(checksum(CAROL), pyrevm.AccountInfo(code=wallet.runtime))
        for who in EVERYBODY:
            evm.vm.set_balance(checksum(who), RICH)
            evm.call(self.coin, "transfer", checksum(who), RICH)
            evm.call(self.odd, "mint", checksum(who), RICH)
        for who in _ALLOWING:
            evm.call(self.coin, "approve", self.bridge.address, INFINITE, sender=checksum(who))
        evm.faucet = False

    # L1

    def raw(self, sender: bytes, to: Contract, data: bytes, value: int = 0, gas: int = TX_GAS_CAP) -> None:
        """Send a transaction, and derive what follows from its logs."""
        super().raw(sender, to, data, value, gas)
        self._transactions += 1
        name = keccak256(self._transactions.to_bytes(32, "big"))
        block = self.logs[-1].block + 1 if self.logs else 1
        for index, log in enumerate(self.evm.vm.result.logs):
            place = (block, index, keccak256(name), self.now, name, sender)
            topics, data_ = log.data
            is_batch = to is self.inbox
            found = L1Log(*place, bytes_of(log.address), tuple(topics), bytes(data_), data if is_batch else b"")
            self.logs.append(found)
            self.replica.add(found)

    def _send(self, error: str, sender: bytes, to: Contract, data: bytes, value: int = 0) -> bool:
        """Send a transaction that must end as the model says; returns whether it went through."""
        try:
            self.raw(sender, to, data, value)
        except Reverted as reverted:
            assert reverted.error == error, f"{reverted} instead of {error or 'success'}"
            return False
        assert not error, f"it went through instead of {error}"
        return True

    def _call(self, error: str, sender: bytes, name: str, *arguments: Any, value: int = 0) -> bool:
        """The same, to the bridge."""
        return self._send(error, sender, self.bridge, calldata(self.bridge, name, *arguments), value)

    def held(self, token: bytes, who: bytes) -> int:
        """What somebody has on L1."""
        contract = self.tokens[token]
        if contract is None:
            return self.balance(who)
        return int.from_bytes(self.evm.raw(contract.address, _BALANCE_OF + who.rjust(32, b"\0")), "big")

    # Deposits and other messages

    @transaction
    def deposit(
        self, sender: bytes, token: bytes, to: bytes, amount: int, permit: Permit | None = None, vice: str = ""
    ) -> bool:
        """``vice``: what the odd token does meanwhile."""
        error = self.model.deposits(sender, token, to, amount, permit, vice, self.now)
        if token == ETH:
            return self._call(error, sender, "depositETH", checksum(to), value=amount)
        if permit is not None:
            halves = permit.signature[:32], permit.signature[32:]
            words = checksum(token), checksum(to), amount, permit.deadline, halves
            return self._call(error, sender, "depositERC20WithPermit", *words)
        if vice:
            self.evm.call(self.odd, "behave", _MANNERS[vice], checksum(ETH))
        try:
            return self._call(error, sender, "depositERC20", checksum(token), checksum(to), amount)
        finally:
            if vice:
                self._ban()

    def permit(self, signer: bytes, owner: bytes, amount: int, nonce: int, deadline: int) -> Permit:
        """A permit of the owner's for the bridge, by whomever's key."""
        struct = b"".join(
            (
                keccak256(b"Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                *(each.rjust(32, b"\0") for each in (owner, self.bridge.address_bytes)),
                *(each.to_bytes(32, "big") for each in (amount, nonce, deadline)),
            )
        )
        separator = self.evm.call(self.coin, "DOMAIN_SEPARATOR")
        signature = sign(KEYS[signer], keccak256(b"\x19\x01" + separator + keccak256(struct)))
        return Permit(signer if signer == owner else b"", amount, nonce, deadline, signature)

    @transaction
    def use_permit(self, sender: bytes, permit: Permit) -> bool:
        """Bring somebody's permit to the token."""
        packed = int.from_bytes(permit.signature[32:], "big")
        v, s = 27 + (packed >> 255), (packed & ((1 << 255) - 1)).to_bytes(32, "big")
        words = permit.amount, permit.deadline, v, permit.signature[:32], s
        data = calldata(self.coin, "permit", checksum(permit.signer), self.bridge.address, *words)
        return self._send(self.model.permits_alone(permit, self.now), sender, self.coin, data)

    @transaction
    def send_message(self, sender: bytes, data: bytes, op: Op | None = None) -> bool:
        """To the Inbox, by anybody."""
        error = self.model.sends(sender, data, op, self.now)
        return self._send(error, sender, self.inbox, calldata(self.inbox, "send", data))

    def force(self, sender: bytes, op: Op) -> bool:
        """An operation by way of L1."""
        return self.send_message(sender, forced_data(op.record), op)

    def operation(self, account: int, to: int | None, amount: int, fee: int, nonce: int, forged: str = "") -> Op:
        """An operation of an account of L2; forged: by "another" key, with "more" than was signed, or for a "fork"."""
        payer, payee = self.model.accounts[account], None if to is None else self.model.accounts[to]
        domain = self.contracts.genesis.domain if forged != "fork" else rollup_domain(2, self.machine.address_bytes)
        key = KEYS[payer.owner if forged != "another" else CHEAT]
        signer = payer.owner if not forged else None
        if payee is None:
            withdraw = Withdraw(account, payer.token, amount, fee, nonce)
            record, owner = withdraw.record(withdraw.sign(domain, key)).encode(), payer.owner
        else:
            assert to is not None
            transfer = Transfer(account, payee.owner, payer.token, amount, fee, nonce)
            record, owner = transfer.record(to, transfer.sign(domain, key)).encode(), payee.owner
        if forged == "more":
            record = record[:10] + bytes([record[10] ^ 1]) + record[11:]
        return Op(record, signer, account, to, owner, payer.token, amount, fee, nonce)

    def registration(self, owner: bytes, token: bytes) -> Op:
        """An account that anybody opens for somebody."""
        return Op(RegisterRecord(owner, token).encode(), None, NO_ACCOUNT, None, owner, token, 0, 0, 0)

    # Batches

    @transaction
    def post_batch(
        self, poster: bytes, number: int, header: Header, ops: Sequence[Op], messages: Sequence[Message],
        late: tuple[bytes, Batch] | None = None,
    ) -> bool:  # fmt: skip
        """A batch; a late one shows the last, and the accumulator before it."""
        error = self.model.posts(poster, number, header, ops, messages, late, self.now)
        words = number, header.encode(), [op.record for op in ops], messages
        data = encode_post_batch(*words) if late is None else encode_post_late_batch(late[0], late[1], *words)
        return self._send(error, poster, self.inbox, data)

    def last_batch(self) -> tuple[bytes, Batch]:
        """What a late batch must show."""
        known = self.model.accumulators
        return known[-2] if len(known) > 1 else GENESIS_CHAIN, self.model.batches[-1]

    @property
    def next_batch(self) -> int:
        return len(self.model.batches)

    @transaction
    def checkpoint(self, batch: int, value: bytes, hashes: Sequence[bytes]) -> bool:
        """Bring an accumulator back, by the hashes of the batches after it."""
        error = self.model.checkpoint(batch, value, hashes)
        return self._send(error, STRANGER, self.inbox, encode_checkpoint(batch, value, hashes))

    def reach(self, batch: int) -> None:
        """Have the Inbox know an accumulator."""
        model, to = self.model, batch
        while not model.knows(to):
            to += 1
        if to > batch:
            hashes = [each.hash for each in model.batches[batch + 1 : to + 1]]
            self.checkpoint(batch, model.accumulators[batch], hashes)

    # Assertions

    @transaction
    def assert_claim(self, proposer: bytes, claim: g.Claim, wrong_from: int = 1) -> bool:
        """With a bond; where it is wrong, its proposer defends the right run up to before this step."""
        derived = self.replica.derived
        right = claim.batch < len(derived) and derived[claim.batch].machine_hash == claim.machine_hash
        error = self.model.asserts(proposer, claim, right, wrong_from, self.now)
        data = encode_assert(claim.parent, claim.batch, claim.accumulator, claim.machine_hash)
        if not self._send(error, proposer, self.rollup, data, BOND):
            return False
        self.claims[claim.id] = (claim, proposer)
        return True

    @transaction
    def confirm_final(self, sender: bytes, final: Final) -> bool:
        words = final.parent, final.batch, final.accumulator, final.outbox_root, final.inner_hash
        return self._send(self.model.confirms(final, self.now), sender, self.rollup, encode_confirm(*words))

    @transaction
    def reclaim_bond(self, sender: bytes, claim: g.Claim) -> bool:
        return self._send(self.model.reclaims(claim, self.now), sender, self.rollup, encode_reclaim(claim))

    def right_final(self, parent: bytes, batch: int) -> Final:
        """What is so after a batch."""
        derived = self.replica.derived[batch]
        return Final(parent, batch, derived.accumulator, derived.outbox_root, derived.inner_hash)

    @transaction
    def dispute_claim(self, challenger: bytes, claim: g.Claim) -> bool:
        """Open a game."""
        error = self.model.opens(g.game_id(claim.id, challenger), challenger, claim, self.now)
        parent = self.claims.get(claim.parent, (self.genesis, b""))[0]
        try:
            self.send(challenger, g.encode_open(parent, claim), self.rules.bond)
        except Reverted as reverted:
            assert reverted.error == error, reverted
            return False
        assert not error
        return True

    def finish(self, name: bytes) -> None:
        """Play a game to its end: L1 executes the step that decides it."""
        made = self.model.made[self.games[name].game.assertion]
        trace = self.replica.trace(self.replica.assertions[made.claim.id])
        wrong_from = min(made.wrong_from, g.SEGMENTS**trace.rounds)

        def claimed(step: int) -> bytes:
            return trace.hash(step) if made.right or step < wrong_from else made.claim.machine_hash

        def witness(step: int) -> bytes:
            batch = trace.number_of(step)
            if batch is not None:
                self.reach(batch)
            return trace.witness(step)

        known = trace.hash if not made.right else lambda _: bytes(32)
        ended = self.play(name, trace.rounds, claimed, known, witness)
        assert ended.winner == self.model.ends(name)

    def advance(self, to: int) -> None:
        """Let time pass until then. Games end in time; what is wrong is disputed in its last second, if not before."""
        while due := [each for each in self._due() if each[0] < to]:
            time, name = min(due)
            self.evm.set_time(max(self.now, time))
            if name in self.games:
                self.finish(name)
            else:
                self.dispute_claim(VERIFIER, self.claims[name][0])
        self.evm.set_time(max(self.now, to))

    def _due(self) -> Iterator[tuple[int, bytes]]:
        """Until when somebody honest must act, and about which game or assertion."""
        yield from ((state.deadline, name) for name, state in self.games.items())
        for name, made in self.model.made.items():
            if made.status == PENDING and made.rooted and not made.right and not self.model.is_held(name):
                yield made.deadline - 1, name

    # Withdrawals

    @transaction
    def claim_withdrawal(self, sender: bytes, claim: WithdrawalClaim) -> bool:
        return self._call(self.model.claims(claim), sender, "claim", *_claim_words(claim))

    def withdrawal_proof(self, index: int, count: int) -> WithdrawalClaim:
        """Of a withdrawal in the outbox of so many."""
        return withdrawal_claim(self.model.withdrawals[:count], index)

    @transaction
    def claim_credit(self, owner: bytes, token: bytes, to: bytes) -> bool:
        error = self.model.claims_credit(owner, token, to)
        return self._call(error, owner, "claimCredit", checksum(token), checksum(to))

    # The same while Carol's account answers the first payment by doing it once more; the odd token tells her of it

    @transaction
    def claim_withdrawal_again_meanwhile(self, sender: bytes, claim: WithdrawalClaim) -> bool:
        data = calldata(self.bridge, "claim", *_claim_words(claim))
        return self._answered(sender, data, lambda: self.model.claims(claim))

    @transaction
    def claim_credit_again_meanwhile(self, token: bytes) -> bool:
        data = calldata(self.bridge, "claimCredit", checksum(token), checksum(CAROL))
        return self._answered(CAROL, data, lambda: self.model.claims_credit(CAROL, token, CAROL))

    @transaction
    def escape_again_meanwhile(self, sender: bytes, final: Final, witness: bytes, account: int) -> bool:
        data = calldata(self.bridge, "escape", _final_words(final), witness)
        return self._answered(sender, data, lambda: self.model.escapes(final, account, True))

    def _answered(self, sender: bytes, data: bytes, expected: Callable[[], str]) -> bool:
        wallet, refuses = self._odd[CAROL], self.model.refuses
        self.evm.call(wallet, "behave", _ANSWERS_ONCE, self.bridge.address, data)
        self.evm.call(self.odd, "behave", _MANNERS["CallsReceiver"], checksum(ETH))
        self.model.refuses = set()
        try:
            done = self._send(expected(), sender, self.bridge, data)
            assert not self.evm.call(wallet, "calledBack")
        finally:
            self.model.refuses = refuses
            self._ban()
            self._close()
        return done

    def terms(self, provider: bytes, fee: int, expiry: int, batch: int | None = None) -> FastExit:
        """Terms in the history as it is now."""
        batch = len(self.model.batches) - 1 if batch is None else batch
        return FastExit(provider, fee, expiry, batch, self.model.accumulators[batch])

    @transaction
    def exit_fast(self, sender: bytes, withdrawal: Withdrawal, terms: FastExit, signature: bytes, value: int) -> bool:
        asked = FastExit(sender, *(terms.fee, terms.expiry, terms.batch, terms.accumulator))
        signer = recover(asked.digest(self.domain, withdrawal), signature)
        error = self.model.exits(sender, withdrawal, terms, signer, value, self.now)
        words = withdrawal.index, checksum(withdrawal.owner), checksum(withdrawal.token), withdrawal.amount
        agreed = terms.fee, terms.expiry, terms.batch, terms.accumulator
        halves = signature[:32], signature[32:]
        return self._call(error, sender, "fastExit", words, agreed, halves, value=value)

    # The end of the rollup

    @transaction
    def raise_alarm(self, sender: bytes, name: bytes) -> bool:
        error = self.model.alarm(name, self.now)
        return self._send(error, sender, self.rollup, calldata(self.rollup, "alarm", name))

    @transaction
    def freeze(self, sender: bytes, name: bytes) -> bool:
        error = self.model.freeze(name, self.now)
        return self._send(error, sender, self.rollup, calldata(self.rollup, "freeze", name))

    @transaction
    def escape(self, sender: bytes, final: Final, witness: bytes, account: int, *, is_true: bool = True) -> bool:
        """``is_true``: whether the witness is that of this account in this state."""
        error = self.model.escapes(final, account, is_true)
        return self._call(error, sender, "escape", _final_words(final), witness)

    @transaction
    def recover_deposit(self, sender: bytes, final: Final, consumed: Consumption, preimage: bytes) -> bool:
        error = self.model.recovers(final, consumed, preimage)
        posted = (*batch_words(consumed.posted)[:-1], checksum(consumed.posted.poster))
        words = consumed.batch, consumed.before, posted, consumed.place, consumed.hint
        proof = list(consumed.proof)
        return self._call(error, sender, "recoverDeposit", _final_words(final), words, preimage, proof)

    # Vices

    @transaction
    def close_wallet(self, closed: bool) -> bool:
        """Carol's account takes no ETH any more, or does again."""
        self.model.refuses -= {(ETH, CAROL)}
        if closed:
            self.model.refuses |= {(ETH, CAROL)}
        self._close()
        return True

    @transaction
    def ban(self, who: bytes | None) -> bool:
        """The odd token pays somebody nothing any more, or everybody again."""
        token = self.odd.address_bytes
        self.model.refuses = {each for each in self.model.refuses if each[0] != token}
        if who is not None:
            self.model.refuses |= {(token, who)}
        self._ban()
        return True

    def _close(self) -> None:
        closed = (ETH, CAROL) in self.model.refuses
        self.evm.call(self._odd[CAROL], "behave", _REVERTS if closed else 0, checksum(ETH), b"")

    def _ban(self) -> None:
        banned = next((who for token, who in self.model.refuses if token != ETH), None)
        self.evm.call(self.odd, "behave", _MANNERS["Blacklists" if banned else ""], checksum(banned or ETH))

    # Reorganisations and restarts

    def mark(self) -> None:
        """L1 may go back to here."""
        hands = {name: _copied(getattr(self, name)) for name in _HANDS}
        checkpoint = self.evm.vm.snapshot()
        self.marks.append(Mark(checkpoint, self.now, self.model.copy(), len(self.logs), len(self.sent), hands))

    def reorganise(self, place: int, again: int, *, later: bool) -> list[Callable[[], bool]]:
        """L1 goes back to a mark; returns the transactions that are gone, to be sent again.

        Args:
            again: which of them are at once, bit by bit.
            later: not earlier than they were.
        """
        mark, now = self.marks[place], self.now
        gone = self.sent[mark.sent :]
        self.evm.vm.revert(mark.checkpoint)
        self.evm.set_time(mark.time)
        del self.marks[place:], self.logs[mark.logs :], self.sent[mark.sent :]
        self.model = mark.model
        for name, value in mark.hands.items():
            setattr(self, name, value)
        self.replica = self.derived_anew()
        if later:
            self.advance(now)
        for number, send in enumerate(gone):
            if again >> number % 32 & 1:
                send()
        return gone

    def derived_anew(self) -> Replica:
        """What everybody derives who begins at the beginning."""
        fresh = Replica(self.contracts)
        fresh.add_all(self.logs)
        return fresh

    def final_state(self) -> State:
        """The frozen state."""
        if self._final is None or self._final[0] is not self.replica:
            self._final = self.replica, final_state(self.replica)
        return self._final[1]


_MANNERS = {"": 0, "ReturnsFalse": 2, "TakesFee": 3, "Blacklists": 4, "CallsReceiver": 8}
"""Of an OddToken."""
_REVERTS, _ANSWERS_ONCE = 1, 5
"""Of an OddParty."""


def _claim_words(claim: WithdrawalClaim) -> tuple[object, ...]:
    words = claim.withdrawal
    owner, token = checksum(words.owner), checksum(words.token)
    return claim.outbox_root, words.index, owner, token, words.amount, list(claim.proof)


def _final_words(final: Final) -> tuple[object, ...]:
    return final.parent, final.batch, final.accumulator, final.outbox_root, final.inner_hash


def _copied(value: Any) -> Any:
    return value.copy() if isinstance(value, (dict, list)) else value
