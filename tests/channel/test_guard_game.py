"""A guard against the contract itself (in an EVM of this process) and a cheat whose transactions always come first.

The cheat holds every state that the honest side ever signed, also those that were never acknowledged, and shows them,
their secrets and single locks whenever it likes; the clock loves deadlines and expiries. Numbered claims, each an
assertion below:

1. The honest side is paid at least what its newest state leaves it, or what a newer one does that it signed itself,
   with every lock that pays it and whose secret it knew in time.
2. Whatever was shown, its duties end with the channel settled.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from random import Random

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from toolkit.channel import calls
from toolkit.channel.guard import Duty, Settle, Sight, Stand, duties
from toolkit.channel.position import Position
from toolkit.channel.state import NO_LOCKS, Lock, Side, State, locks_root
from toolkit.crypto import keccak256, sign
from toolkit.devnet.accounts import checksum
from toolkit.devnet.l1 import topic
from toolkit.errors import Reverted

from .people import KEY_A, KEY_B, A, B, C
from .world import START, World

GAP = 100
"""Seconds between two blocks, at most."""
MARGIN = 3 * GAP
PERIOD = 600
A_HAS, B_HAS = 200, 180
UNITS = 20
"""What each lock pays the honest side, more than all of those together that pay the cheat: so that none goes unnoticed
behind one that the cheat might have been paid."""
CLOSED = topic("Closed(bytes32,uint256)")

ADDRESSES, KEYS = {Side.A: A, Side.B: B}, {Side.A: KEY_A, Side.B: KEY_B}


@dataclass(frozen=True)
class Step:
    """One block: when it comes, and what the cheat does in it."""

    time: int
    moves: list[tuple[str, int, int]]


@dataclass
class Plan:
    """What was signed before, who knows which secret and from when on, and the blocks."""

    honest: Side
    locks: list[Lock]
    states: list[tuple[State, tuple[Lock, ...]]]
    agreed: int
    learned: dict[bytes, int]
    cheat_knows: set[bytes]
    steps: list[Step]
    tower: bool
    scheme: list[tuple[str, tuple[str, int, int]]]
    """What the cheat does whenever it is time for it."""
    hinders: bool
    """Whether it resolves one lock in every block, so that no list of all of them stays right."""

    @property
    def half_signed(self) -> bool:
        return self.agreed < len(self.states)


def secret(index: int) -> bytes:
    return bytes([index]) * 32


SECRETS = {keccak256(secret(index)): secret(index) for index in range(5)}


def plan_of(seed: int) -> Plan:
    """Everything at random, but evenly: Hypothesis likes it small and simple, with little to cheat with."""
    chance = Random(seed)
    maybe = partial(chance.choice, [False, True])
    honest = chance.choice(list(Side))
    sign_of = {honest: 1 if honest is Side.A else -1, honest.other: -1 if honest is Side.A else 1}

    def lock() -> Lock:
        payer = chance.choice(list(Side))
        units = chance.randint(1, 3) if payer is honest else UNITS
        expiry = chance.choice([chance.randint(0, 2000), chance.randint(MARGIN - GAP, PERIOD + GAP)])
        return Lock(chance.choice(list(SECRETS)), sign_of[payer] * units, START + expiry)

    locks = list(dict.fromkeys(lock() for _ in range(chance.randint(2, 6))))
    states = []
    for nonce in range(1, chance.randint(2, 4)):
        some = tuple(chance.sample(locks, chance.randint(1, min(5, len(locks)))))
        states.append((State(nonce, chance.randint(-30, 30), locks_root(some)), some))
    agreed = len(states)
    for _ in range(chance.randint(0, 2)):
        # What an honest side signs without an answer: payments that it makes. The locks that pay it stay.
        state, kept = states[-1]
        kept = (*kept, *(each for each in locks if each.payer is honest and each not in kept and maybe()))
        net = state.net + sign_of[honest] * chance.randint(0, 5)
        states.append((State(state.nonce + 1, net, locks_root(kept)), kept))

    def move(kinds: list[str]) -> tuple[str, int, int]:
        return chance.choice(kinds), chance.choice([-1, -1, -2, -2, 0]), chance.randint(0, 31)

    scheme = [
        (chance.choice(["at once", "a lock expires soon"]), move(["close"])),
        (chance.choice(["a lock has expired", "the deadline is near"]), move(["challenge"])),
    ]
    kinds = ["close", "challenge", "challenge", "unlock", "unlock", "reveal", "settle"]
    return Plan(
        honest,
        locks,
        states,
        agreed,
        learned={
            hash_: START + chance.choice([0, chance.randint(0, 1500)]) for hash_ in SECRETS if chance.random() < 0.8
        },
        cheat_knows={hash_ for hash_ in SECRETS if chance.random() < 0.8},
        steps=[
            # The clock goes on to a deadline or expiry, or the second after it, where there is one soon (a minus).
            Step(
                chance.choice([chance.randint(1, GAP), GAP, chance.randint(-5, -1)]),
                [move(kinds) for _ in range(chance.choice([0, 0, 0, 1, 2]))],
            )
            for _ in range(chance.randint(3, 25))
        ],
        tower=maybe(),
        scheme=chance.choice([scheme, scheme, scheme[:1], []]),
        hinders=maybe(),
    )


@dataclass
class Game:
    plan: Plan
    world: World = field(default_factory=World)
    shown: dict[bytes, bytes] = field(default_factory=dict)
    told: dict[bytes, tuple[Lock, ...]] = field(default_factory=dict)
    """Lists of locks that events told of, by root."""
    last: Position | None = None
    due: list[Duty] = field(default_factory=list)
    home: bool = False

    def __post_init__(self) -> None:
        self.channel = self.world.both(A_HAS, B_HAS, period=PERIOD)
        self.signing = self.world.signing(self.channel)
        self.lists = {locks_root(locks): locks for _, locks in self.plan.states}

    # L1

    def send(self, sender: bytes, data: bytes) -> bool:
        try:
            self.world.evm.raw(self.world.channels.address, data, sender=checksum(sender))
        except Reverted:
            return False
        for entry in self.world.evm.vm.result.logs:
            topics, data = entry.data
            if topics[0] == calls.SECRET_SHOWN:
                self.shown[topics[1]] = data
            elif topics[0] == calls.LOCKS_PENDING:
                rest = calls.read_locks_pending(data)
                self.told[locks_root(rest)] = rest
            elif topics[0] == CLOSED:
                self.last = Position.unpack(int.from_bytes(data, "big"), closed=True)
        return True

    def ask(self, data: bytes) -> bytes:
        return self.world.evm.raw(self.world.channels.address, data)

    def position(self) -> Position:
        return Position.decode(self.ask(calls.position(self.channel.id)))

    def pending(self) -> tuple[bytes, tuple[Lock, ...]]:
        root = self.ask(calls.pending_locks(self.channel.id))
        return root, self.told.get(root) or self.lists.get(root, ())

    def next_block(self, when: int) -> None:
        """A negative ``when``: just at, or just after, a deadline or an expiry, where there is one soon."""
        edges = sorted({self.position().deadline, *(lock.expiry for lock in self.plan.locks)})
        soon = [edge + late for edge in edges for late in (0, 1) if 0 < edge + late - self.world.now <= GAP]
        if when < 0:
            when = soon[-when % len(soon)] - self.world.now if soon else GAP
        self.world.pass_by(when)

    # The cheat

    def is_time(self, when: str) -> bool:
        now, deadline = self.world.now, self.position().deadline
        mine = [lock.expiry for lock in self.plan.locks if lock.payer is not self.plan.honest]
        return {
            "at once": True,
            "a lock expires soon": any(now <= expiry <= now + MARGIN for expiry in mine),
            "a lock has expired": any(now - GAP < expiry < now for expiry in mine),
            "the deadline is near": now + GAP >= deadline,
        }[when]

    def move(self, kind: str, which: int, choice: int) -> None:
        plan, channel = self.plan, self.channel
        state, locks = plan.states[which % len(plan.states)]
        signed, secrets = self.signing.sign_state(KEYS[plan.honest], state), self.chosen(locks, choice)
        shows = any(map(any, secrets)) and choice & 1
        _, pending = self.pending()
        hashes = sorted(plan.cheat_knows)
        calldata = {
            "close": lambda: calls.close_alone(channel, signed),
            "close, showing": lambda: calls.close_alone_and_unlock(channel, signed, locks, secrets),
            "challenge": lambda: calls.challenge(channel, signed),
            "challenge, showing": lambda: calls.challenge_and_unlock(channel, signed, locks, secrets),
            "unlock": lambda: calls.unlock_now(channel, pending, self.chosen(pending, choice)),
            "reveal": lambda: calls.reveal(SECRETS[hashes[which % len(hashes)]]) if hashes else b"",
            "settle": lambda: calls.settle_and_pay(channel),
            "settle, showing": lambda: calls.settle_and_unlock(channel, pending, self.chosen(pending, 31)),
        }[kind + ", showing" * ((kind in ("close", "challenge") and shows) or (kind == "settle" and bool(pending)))]()
        self.send(ADDRESSES[plan.honest.other], calldata)

    def hinder(self) -> None:
        """Resolve the first lock that can be."""
        me, (_, locks) = ADDRESSES[self.plan.honest.other], self.pending()
        for at in range(len(locks)):
            secrets = self.chosen(locks, 1 << at)
            if locks[at].payer is self.plan.honest and any(map(any, secrets)):
                self.send(me, calls.unlock_now(self.channel, locks, secrets))
                break

    def chosen(self, locks: tuple[Lock, ...], choice: int) -> list[bytes]:
        """The secrets of some locks, as far as the cheat knows them and they can be shown."""
        known = {**{hash_: SECRETS[hash_] for hash_ in self.plan.cheat_knows}, **self.shown}
        return [known.get(lock.hash, bytes(32)) if choice >> at & 1 else bytes(32) for at, lock in enumerate(locks)]

    # The honest side

    def stand(self) -> Stand:
        plan = self.plan
        state, locks = plan.states[plan.agreed - 1]
        digest = self.signing.state_digest(state)
        is_tower = plan.tower and not self.home
        known = {hash_: SECRETS[hash_] for hash_, time in plan.learned.items() if time <= self.world.now}
        return Stand(
            self.channel,
            None if is_tower else plan.honest,
            state,
            locks,
            sign(KEY_A, digest),
            sign(KEY_B, digest),
            known,
            half_signed=plan.half_signed and not is_tower,
            leave=self.home,
            other_locks=() if is_tower else tuple(locks for _, locks in plan.states[plan.agreed :]),
        )

    def sight(self) -> Sight:
        root, _ = self.pending()
        return Sight(
            self.world.now,
            {self.channel.id: self.position()},
            {} if root == NO_LOCKS else {self.channel.id: (root, self.told.get(root))},
            self.shown,
            {hash_: int.from_bytes(self.ask(calls.revealed_at(hash_)), "big") for hash_ in SECRETS},
        )

    def act(self) -> None:
        """Send what the last sight asked for; look again."""
        me = C if self.plan.tower and not self.home else ADDRESSES[self.plan.honest]
        for duty in self.due:
            went = self.send(me, duty.encode())
            event(f"{duty.what}: {'done' if went else 'too late'}")
        stand = self.stand()
        self.due = duties(stand, self.sight(), MARGIN)
        names = [duty.name for duty in self.due]
        assert len(set(names)) == len(names)
        assert stand.side is not None or not any(isinstance(duty, Settle) for duty in self.due)

    def least(self, state: State, locks: tuple[Lock, ...]) -> int:
        """Units that a state must bring the honest side."""
        plan = self.plan
        units = A_HAS - state.net if plan.honest is Side.A else B_HAS + state.net
        for lock in locks:
            if lock.payer is plan.honest:
                may_pay = lock.hash in plan.cheat_knows or lock.hash in plan.learned
                units -= abs(lock.units) * may_pay
            else:
                in_time = plan.learned.get(lock.hash, 2**40) + MARGIN <= lock.expiry
                units += abs(lock.units) * in_time
        return units


@pytest.mark.slow
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**64 - 1).map(plan_of))
@example(plan_of(1367))  # an unlock that is hindered until the lock has expired
@example(plan_of(1777121))  # a tower learns a secret of a state that it was never given, once that state is final
def test_who_does_its_duties_loses_nothing(plan: Plan) -> None:
    game = Game(plan)
    game.act()
    for step in plan.steps:
        game.next_block(step.time)
        for move in [each for when, each in plan.scheme if game.is_time(when)] + step.moves:
            game.move(*move)
        if plan.hinders:
            game.hinder()
        game.act()
    game.home = True
    for _ in range(60):
        if game.last is not None:
            break
        game.next_block(GAP)
        game.act()
    assert game.last is not None, "claim 2"
    paid = game.last.balance_a if plan.honest is Side.A else game.last.deposits.total - game.last.balance_a
    least = min(game.least(*each) for each in plan.states[plan.agreed - 1 :])
    assert paid >= least, "claim 1"
