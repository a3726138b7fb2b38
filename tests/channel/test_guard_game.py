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

import pytest
from hypothesis import HealthCheck, event, given, settings
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


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    honest = draw(st.sampled_from(Side))
    pays = {honest: 1 if honest is Side.A else -1}
    pays[honest.other] = -pays[honest]
    lock = st.builds(
        lambda index, payer, units, expiry: Lock(
            keccak256(secret(index)), pays[payer] * (units if payer is honest else UNITS), START + expiry
        ),
        st.integers(0, 4), st.sampled_from(Side), st.integers(1, 3),
        st.integers(0, 2000) | st.integers(MARGIN - GAP, PERIOD + GAP),
    )  # fmt: skip
    locks = draw(st.lists(lock, min_size=3, max_size=6, unique=True))
    states = []
    for nonce in range(1, 1 + draw(st.sampled_from([2, 3, 1]))):
        some = tuple(draw(st.lists(st.sampled_from(locks), min_size=1, max_size=5, unique=True)))
        states.append((State(nonce, draw(st.integers(-30, 30)), locks_root(some)), some))
    agreed = len(states)
    for _ in range(draw(st.sampled_from([0, 1, 2]))):
        # What an honest side signs without an answer: payments that it makes. The locks that pay it stay.
        state, kept = states[-1]
        more = [each for each in locks if each.payer is honest and each not in kept and draw(st.booleans())]
        kept = (*kept, *more)
        net = state.net + pays[honest] * draw(st.integers(0, 5))
        states.append((State(state.nonce + 1, net, locks_root(kept)), kept))
    kinds = ["close", "close", "challenge", "challenge", "challenge", "unlock", "unlock", "reveal", "settle"]
    moves = st.lists(
        st.tuples(st.sampled_from(kinds), st.sampled_from([-1, -1, -2, 0, 1, 2]), st.integers(0, 31)), max_size=2
    )
    which, choice = st.sampled_from([-1, -1, -2, -2, 0]), st.integers(0, 31)
    scheme = [
        (draw(st.sampled_from(["at once", "a lock expires soon"])), ("close", draw(which), draw(choice))),
        (
            draw(st.sampled_from(["a lock has expired", "the deadline is near"])),
            ("challenge", draw(which), draw(choice)),
        ),
    ]
    # The clock goes on to the next deadline or expiry, or the second after it, where there is one soon.
    when = st.integers(1, GAP) | st.sampled_from([GAP, GAP, -1, -2, -3, -4, -5])
    return Plan(
        honest, locks, states, agreed,
        {hash_: START + draw(st.just(0) | st.integers(0, 1500)) for hash_ in SECRETS if draw(st.integers(0, 3))},
        {hash_ for hash_ in SECRETS if draw(st.integers(0, 3))},
        draw(st.lists(st.builds(Step, when, moves), min_size=5, max_size=25)),
        draw(st.booleans()), draw(st.sampled_from([scheme, scheme[:1], []])), draw(st.booleans()),
    )  # fmt: skip


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
            "close, showing": lambda: calls.close_alone_unlocking(channel, signed, locks, secrets),
            "challenge": lambda: calls.challenge(channel, signed),
            "challenge, showing": lambda: calls.challenge_unlocking(channel, signed, locks, secrets),
            "unlock": lambda: calls.unlock(channel, pending, self.chosen(pending, choice)),
            "reveal": lambda: calls.reveal(SECRETS[hashes[which % len(hashes)]]) if hashes else b"",
            "settle": lambda: calls.settle_and_pay(channel),
            "settle, showing": lambda: calls.settle_unlocking(channel, pending, self.chosen(pending, 31)),
        }[kind + ", showing" * ((kind in ("close", "challenge") and shows) or (kind == "settle" and bool(pending)))]()
        self.send(ADDRESSES[plan.honest.other], calldata)

    def hinder(self) -> None:
        """Resolve the first lock that can be."""
        me, (_, locks) = ADDRESSES[self.plan.honest.other], self.pending()
        for at in range(len(locks)):
            secrets = self.chosen(locks, 1 << at)
            if locks[at].payer is self.plan.honest and any(map(any, secrets)):
                self.send(me, calls.unlock(self.channel, locks, secrets))
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
            half_signed=plan.half_signed,
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
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plans())
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
