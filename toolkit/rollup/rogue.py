"""The dishonest, for tests and demonstrations: the same processes, interfaces and contracts, with something swapped.

A proposer that lies believes in another run of the machine: it derives from L1 like the honest one, with one thing
wrong, and then asserts, defends and confirms with the honest one's code. So it bluffs as well as anybody could.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace

from toolkit.bridge.provider import ProviderService
from toolkit.bridge.provider_api import ProviderApi
from toolkit.bridge.underwriting import Declined
from toolkit.crypto import keccak256
from toolkit.devnet.l1 import hex_of
from toolkit.errors import BadInput, NodeError
from toolkit.rollup import api, jsonrpc
from toolkit.rollup.codec import TransferRecord, WithdrawRecord, decode_record, round_amount_down
from toolkit.rollup.contracts import Contracts
from toolkit.rollup.derive import Replica
from toolkit.rollup.dispute.game import SEGMENTS
from toolkit.rollup.dispute.game import Player as Side
from toolkit.rollup.dispute.moves import Move, defend_move, open_move, pick_move, prove_move, timeout_moves
from toolkit.rollup.dispute.player import Player
from toolkit.rollup.dispute.trace import Trace
from toolkit.rollup.inbox import Batch
from toolkit.rollup.machine import Account, Change, Outcome, State, Withdrawal, apply_step
from toolkit.rollup.operations import Transfer, Withdraw
from toolkit.rollup.proposer import ProposerService, assert_move, assert_moves
from toolkit.rollup.sequencer import Refused
from toolkit.rollup.sequencer_api import SequencerApi
from toolkit.rollup.sequencing import SequencerService, Signed
from toolkit.rollup.service import Built, Parts
from toolkit.rollup.store import Entry
from toolkit.rollup.watcher import Watcher

ETH = bytes(20)
ETHER = 10**18

log = logging.getLogger("rogue")


def build_rogue(role: str, parts: Parts) -> Built:
    """The service of a role that cheats as its configuration says: ``name`` or ``name:detail``.

    Raises:
        BadInput: there is no such way to cheat.
    """
    name, _, detail = parts.config.cheat.partition(":")
    cheats = CHEATS[role]
    if name not in cheats:
        raise BadInput(f"a {role} cannot cheat by {name!r}; there are {', '.join(cheats)}")
    logging.getLogger(role).warning("this %s cheats: %s", role, parts.config.cheat)
    return cheats[name](parts, detail)


class LyingReplica(Replica):
    """Derives everything, but for one kind of step that it gets wrong."""

    def apply(self, state: State, batch: Batch) -> Sequence[Outcome]:
        outcomes = []
        for _ in range(batch.steps):
            outcomes.append(self.step(state, batch))
        return outcomes[:-1]

    def step(self, state: State, batch: Batch) -> Outcome:
        """Apply one step, or something else in its place."""
        return apply_step(state, batch).outcome

    def state_at(self, batch: int) -> State:
        state = State(self.contracts.genesis)
        for posted in self.history.posted[:batch]:
            self.apply(state, posted.batch)
        return state

    def new_trace(self, first: int, last: int) -> Trace:
        batches = [each.batch for each in self.history.posted[first:last]]
        return _OtherTrace(self.state_at(first), batches, self.step)


class _OtherTrace(Trace):
    def __init__(self, before: State, batches: Sequence[Batch], step: Callable[[State, Batch], object]) -> None:
        super().__init__(before, batches)
        self._step = step

    def apply(self, state: State, index: int) -> None:
        self._step(state, self._batches[index])


class StolenBalance(LyingReplica):
    """In one batch, the record in its middle gives the thief the greatest balance of ETH, too.

    Args:
        thief: the 20-byte address that gets it.
        batch: the batch's number; where zero, the first that has records.
    """

    def __init__(self, contracts: Contracts, thief: bytes, batch: int = 0) -> None:
        super().__init__(contracts)
        self._thief, self._batch = thief, batch

    def step(self, state: State, batch: Batch) -> Outcome:
        number, position = state.batch + 1, state.position
        outcome = super().step(state, batch)
        if number == (self._batch or self._first()) and position == len(batch.records) // 2:
            state.commit(self._theft(state))
        return outcome

    def _first(self) -> int | None:
        return next((each.number for each in self.history.posted if each.batch.records), None)

    def _theft(self, state: State) -> Change:
        rich = [i for i, each in enumerate(state.accounts) if each.token == ETH and each.owner != self._thief]
        if not rich:
            return Change(Outcome.APPLIED)
        index = max(rich, key=lambda i: state.accounts[i].balance)
        victim = state.accounts[index]
        own = state.index_of(self._thief, ETH)
        account = Account(self._thief, ETH, 0, 0) if own is None else state.accounts[own]
        loot = account._replace(balance=account.balance + victim.balance)
        place = len(state.accounts) if own is None else own
        return Change(Outcome.APPLIED, ((index, victim._replace(balance=0)), (place, loot)))


class ForgedSignature(LyingReplica):
    """Takes every transfer whose signature is nobody's for one of the payer's."""

    def step(self, state: State, batch: Batch) -> Outcome:
        if state.position < len(batch.records):
            return apply_step(state, batch, lambda *_: True).outcome
        return super().step(state, batch)


class Stale(LyingReplica):
    """Says of a batch and all after it that nothing in them had an effect: accounts and withdrawals stay as they were.

    So withdrawals made since are left out. The old state's hash itself would be less of a lie: it says that the batches
    are still to come, so whoever builds on it applies them.

    Args:
        batch: the first, from 1; where zero, the first in whose records somebody withdraws.
    """

    def __init__(self, contracts: Contracts, batch: int = 0) -> None:
        super().__init__(contracts)
        self._batch = batch

    def step(self, state: State, batch: Batch) -> Outcome:
        first = self._batch or self._first()
        if first is None or state.batch + 1 < first or state.position == batch.steps - 1:
            return super().step(state, batch)
        state.position += 1
        return Outcome.APPLIED

    def _first(self) -> int | None:
        return next((each.number for each in self.history.posted if any(map(_withdraws, each.batch.records))), None)


def _withdraws(record: bytes) -> bool:
    return isinstance(decode_record(record), WithdrawRecord)


class Liar(Replica, ABC):
    """Derives everything as it is, and claims something else of what is asserted up to a batch or a later one.

    Args:
        batch: the first that it lies about.
    """

    def __init__(self, contracts: Contracts, batch: int = 0) -> None:
        super().__init__(contracts)
        self._first_lie = batch

    def judged(self, parent: bytes, batch: int) -> bytes:
        if batch < self._first_lie:
            return super().judged(parent, batch)
        return self.lie(parent, batch)

    @abstractmethod
    def lie(self, parent: bytes, batch: int) -> bytes:
        """The machine hash that it claims of the assertion on ``parent`` about ``batch``."""


class WrongStateRoot(Liar):
    """Claims a random hash, and in the dispute makes up what it needs between the truth and that."""

    def lie(self, parent: bytes, batch: int) -> bytes:
        return keccak256(b"wrong" + parent + batch.to_bytes(8, "big"))

    def new_trace(self, first: int, last: int) -> Trace:
        return _made_up(self, first, last)


class Unfinished(Liar):
    """Claims a state from the middle of the run: after 16 steps, or 256, and so on, or one step before the end."""

    def lie(self, parent: bytes, batch: int) -> bytes:
        trace = self.new_trace(self.batch_of(parent), batch)
        return trace.hash(trace.steps)

    def new_trace(self, first: int, last: int) -> Trace:
        trace = super().new_trace(first, last)
        stop = SEGMENTS ** (trace.rounds - 1)
        trace.steps = stop if stop > 1 else trace.steps - 1
        return trace


def _made_up(replica: Replica, first: int, last: int) -> Trace:
    return _MadeUp(replica.state_at(first), [each.batch for each in replica.history.posted[first:last]])


class _MadeUp(Trace):
    """Right for the first third of the run, made up from there on."""

    def hashes(self, steps: Sequence[int]) -> list[bytes]:
        right = super().hashes(steps)
        return [
            known if step <= self.steps // 3 else keccak256(known + step.to_bytes(8, "big"))
            for known, step in zip(right, steps, strict=True)
        ]


class CheatingProposer(ProposerService):
    """Asserts its lie once, and nothing beside what others assert."""

    def assertions(self, replica: Replica) -> list[Move]:
        return assert_moves(replica)


class Equivocator(CheatingProposer):
    """Asserts beside every right state a wrong one, and defends both."""

    def assertions(self, replica: Replica) -> list[Move]:
        mine = [each for each in replica.pending.values() if each.proposer == self.address and each.agree]
        wrong = [replace(each.claim, machine_hash=keccak256(each.machine_hash)) for each in mine]
        siblings = [
            replace(assert_move(replica, claim), name=("sibling", claim.id))
            for claim in wrong
            if claim.id not in replica.assertions
        ]
        return [*super().assertions(replica), *siblings]

    def moves(self, replica: Replica, timestamp: int) -> list[Move]:
        moves = super().moves(replica, timestamp)
        for dispute in replica.disputes.open.values():
            assertion, state = replica.assertions[dispute.state.game.assertion], dispute.state
            is_own_lie = state.game.defender == self.address and not assertion.agree and assertion.status == "pending"
            if is_own_lie and state.turn is Side.DEFENDER and timestamp <= state.deadline:
                run = _made_up(replica, replica.batch_of(assertion.parent), assertion.batch)
                moves.append(defend_move(replica.contracts, dispute, run))
        return moves


class Staller(CheatingProposer):
    """Makes every move that has a deadline as late as it dares.

    Attributes:
        margin: seconds of L1's time before the deadline.
    """

    margin = 5

    def moves(self, replica: Replica, timestamp: int) -> list[Move]:
        due = super().moves(replica, timestamp)
        return [move for move in due if move.deadline is None or timestamp >= move.deadline - self.margin]


class FalseChallengers:
    """Disputes what is right, with several keys at once: half of them vanish, half pick wrongly until L1 decides.

    Args:
        players: one for each key; the first pays the others.
    """

    def __init__(self, parts: Parts, watcher: Watcher, players: Sequence[Player]) -> None:
        self._parts, self._watcher, self._players = parts, watcher, players

    async def start(self) -> None:
        """Derive what L1 holds so far."""
        await self._watcher.start()

    async def run(self) -> None:
        """Follow L1 and dispute until cancelled."""
        while True:
            try:
                await self._watcher.look()
                await self._act()
            except NodeError as error:
                log.warning("cannot reach L1: %s", error)
            await asyncio.sleep(self._parts.config.poll_seconds)

    def methods(self) -> dict[str, api.Method]:
        """The JSON-RPC methods by name."""
        return {"l2_status": self._watcher.status, "l2_disputes": self._watcher.disputes}

    async def _act(self) -> None:
        first, *others = self._players
        replica, now = self._watcher.replica, self._watcher.timestamp
        shown = [("eth_getBalance", [hex_of(player.address), "latest"]) for player in others]
        poor = [
            player for player, balance in zip(others, await self._parts.l1.batch(shown), strict=True)
            if not int(balance, 16)
        ]  # fmt: skip
        gift = replica.contracts.rules.bond + ETHER
        alms = [Move(("alms", each.address), each.address, b"", "pays an accomplice", gift) for each in poor]
        await first.play([*self._moves(replica, now, 0), *alms])
        for number, player in enumerate(self._players):
            if number and player not in poor:
                await player.play(self._moves(replica, now, number))

    def _moves(self, replica: Replica, now: int, number: int) -> list[Move]:
        me, contracts, moves = self._players[number].address, replica.contracts, list[Move]()
        for assertion in replica.pending.values():
            known = [each for each in replica.disputes.against(assertion.id) if each.state.game.challenger == me]
            if not known and assertion.agree and now < assertion.deadline:
                moves.append(open_move(replica, assertion))
            for dispute in known:
                vanishes = number % 2 == 1
                state = dispute.state
                if not dispute.ended and state.turn is Side.DEFENDER:
                    moves += timeout_moves(contracts, dispute, now)
                if dispute.ended or vanishes or state.turn is Side.DEFENDER or now > state.deadline:
                    continue
                index = number % SEGMENTS
                if state.decisive:
                    witness = replica.trace(assertion).witness(state.offset + index)
                    moves.append(prove_move(contracts, dispute, index, witness))
                else:
                    moves.append(pick_move(contracts, dispute, index))
        return moves


class Forger(SequencerService):
    """Puts into each batch with records a transfer out of the richest account that nobody has signed."""

    def _seal(self) -> bool:
        if not super()._seal():
            return False
        if self.sealed is None or not self.sealed.records:
            return True
        accounts = self.sequencer.state.accounts
        rich = max(range(len(accounts)), key=lambda index: accounts[index].balance)
        other = next((i for i, each in enumerate(accounts) if i != rich and each.token == accounts[rich].token), None)
        if other is not None:
            forged = TransferRecord(rich, other, round_amount_down(accounts[rich].balance), 0, b"\x11" * 64)
            self.sealed = replace(self.sealed, records=(*self.sealed.records, forged.encode()))
        return True


class Withholder(SequencerService):
    """Confirms operations, and never posts a batch."""

    async def _post(self) -> None:
        await asyncio.Event().wait()


class Censor(SequencerService):
    """Refuses every operation on the accounts of some owners.

    Attributes:
        refused: these owners' 20-byte addresses.
    """

    refused: frozenset[bytes] = frozenset()

    async def submit(self, operations: list[Signed]) -> list[Entry | Refused]:
        welcome = [each for each in operations if not self._is_refused(each[0])]
        taken = iter(await super().submit(welcome))
        return [Refused("no reason is given") if self._is_refused(each) else next(taken) for each, _ in operations]

    def _is_refused(self, operation: Transfer | Withdraw) -> bool:
        accounts = self.sequencer.state.accounts
        return operation.account < len(accounts) and accounts[operation.account].owner in self.refused


class WithholdingCensor(Withholder, Censor):
    """Does both."""


class Careless(ProviderService):
    """Pays early whatever it is told is a withdrawal, and does not look whether there is one."""

    def examine(self, replica: Replica, index: int, described: Withdrawal | None) -> Withdrawal:
        known = replica.state.withdrawals[index : index + 1]
        if described is None and not known:
            raise Declined(f"nobody has said what withdrawal {index} is")
        return described or known[0]


Cheat = Callable[[Parts, str], Built]
"""Builds a service that cheats; the text is the detail."""
Derive = Callable[[Contracts, bytes, str], Replica]
"""Makes a replica for a proposer; given its address and the detail, too."""


def _proposer(derive: Derive, service: type[ProposerService] = CheatingProposer) -> Cheat:
    """A proposer that derives in its own way."""

    def build(parts: Parts, detail: str) -> Built:
        player = Player(parts.outbox(parts.needed_key("proposer")), logging.getLogger("proposer"))
        watcher = parts.watcher("proposer", lambda contracts: derive(contracts, player.address, detail))
        proposer = service(watcher, player, parts.config)
        return proposer, proposer.methods()

    return build


def _challengers(parts: Parts, count: str) -> Built:
    keys = [parts.needed_key("verifier")]
    while len(keys) < int(count or 8):
        keys.append(keccak256(keys[-1]))
    players = [Player(parts.outbox(key), log) for key in keys]
    service = FalseChallengers(parts, parts.watcher("verifier"), players)
    return service, service.methods()


def _careless(parts: Parts, _: str) -> Built:
    provider = parts.provider(Careless)
    return provider, ProviderApi(provider).methods()


def _sequencer(parts: Parts, service: SequencerService) -> Built:
    config = parts.config
    on_demand = {"seal_on_demand": config.seal_on_demand, "batch_data_on_demand": config.batch_data_on_demand}
    return service, SequencerApi(service, **on_demand).methods()


def _censor(kind: type[Censor]) -> Cheat:
    """A sequencer that is told, separated by commas, whom to refuse."""

    def build(parts: Parts, owners: str) -> Built:
        service = parts.sequencer(kind)
        service.refused = frozenset(jsonrpc.data(each, "the owner to refuse", 20) for each in owners.split(","))
        return _sequencer(parts, service)

    return build


CHEATS: dict[str, dict[str, Cheat]] = {
    "proposer": {
        "wrong-state-root": _proposer(lambda contracts, _, batch: WrongStateRoot(contracts, int(batch or 0))),
        "stolen-balance": _proposer(lambda contracts, thief, batch: StolenBalance(contracts, thief, int(batch or 0))),
        "forged-signature": _proposer(lambda contracts, *_: ForgedSignature(contracts)),
        "stale": _proposer(lambda contracts, _, batch: Stale(contracts, int(batch or 0))),
        "unfinished": _proposer(lambda contracts, _, batch: Unfinished(contracts, int(batch or 0))),
        "equivocation": _proposer(lambda contracts, *_: Replica(contracts), Equivocator),
        "stall": _proposer(lambda contracts, _, batch: WrongStateRoot(contracts, int(batch or 0)), Staller),
    },
    "verifier": {"false-challenge": _challengers},
    "sequencer": {
        "forged-signature": lambda parts, _: _sequencer(parts, parts.sequencer(Forger)),
        "withhold": lambda parts, _: _sequencer(parts, parts.sequencer(Withholder)),
        "censor": _censor(Censor),
        "withhold-censor": _censor(WithholdingCensor),
    },
    "provider": {"careless": _careless},
}
"""Every way to cheat, by role."""
