"""Hash time locks: shown, revealed, expired, overridden."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from eth_abi.abi import decode, encode

from toolkit.channel.position import Position
from toolkit.channel.state import Channel, Deposits, Lock, SignedState, State, locks_root
from toolkit.crypto import sign
from toolkit.devnet.accounts import checksum
from toolkit.errors import Reverted

from .hands import LATER, calldata, refused
from .people import DAY, KEY_A, KEY_B, A, B, C
from .world import START, World, halves, secret, words

SECRET, HASH = secret("one")
OTHER_SECRET, OTHER_HASH = secret("two")
HIDDEN = bytes(32)
SOON = START + 3 * 3600

LOCKED = "LocksPending(bytes32,(bytes32,int64,uint40)[])"


@pytest.fixture
def world() -> World:
    return World()


def locked(world: World, *locks: Lock, net: int = 10, key: bytes = KEY_B) -> tuple[Channel, SignedState]:
    """A channel of 100 and 50, and a state of nonce 3 with these locks."""
    channel = world.both(100, 50)
    return channel, world.state(channel, key, 3, net, locks)


def settled(world: World, channel: Channel, *unlocking: object) -> tuple[int, int]:
    """What A and B get."""
    before = world.ether(A), world.ether(B)
    if unlocking:
        world.call(C, "settleAndUnlock", words(channel), *unlocking)
    else:
        world.settle(channel, sender=C)
    return world.ether(A) - before[0], world.ether(B) - before[1]


def pending_of(world: World) -> list[Lock]:
    """The list of the last call's LocksPending."""
    ((_, data),) = world.logs(LOCKED)
    (found,) = decode(["(bytes32,int64,uint40)[]"], data)
    return [Lock(*each) for each in found]


# Showing a state with locks


def test_a_states_locks_are_pending_from_its_start(world: World) -> None:
    locks = [Lock(HASH, 5, SOON), Lock(OTHER_HASH, -7, LATER)]
    channel, state = locked(world, *locks)
    world.close_alone(A, channel, state)
    assert world.position(channel) == Position(Deposits(100, 50), 90, 3, world.now + DAY, has_locks=True)
    assert world.pending_locks(channel) == locks_root(locks)
    world.pass_by(DAY + 1)
    with refused("LocksUnresolved", locks_root(locks)):
        world.settle(channel)


def test_a_newer_state_brings_its_own_locks_or_none(world: World) -> None:
    channel, state = locked(world, Lock(HASH, 5, SOON))
    world.close_alone(A, channel, state)
    newer = [Lock(OTHER_HASH, 9, LATER)]
    world.challenge(B, channel, world.state(channel, KEY_A, 4, 20, newer))
    assert world.pending_locks(channel) == locks_root(newer)
    assert world.position(channel).has_locks
    world.challenge_signed(C, channel, State(5, 30), KEY_A, KEY_B)
    assert world.pending_locks(channel) == bytes(32)
    assert world.position(channel) == Position(Deposits(100, 50), 70, 5, world.now + DAY)
    world.challenge_signed(C, channel, State(6, 30, locks_root(newer)), KEY_A, KEY_B)
    assert world.pending_locks(channel) == locks_root(newer)


def test_what_locks_of_an_older_state_paid_is_undone(world: World) -> None:
    lock = Lock(HASH, 5, SOON)
    channel, state = locked(world, lock)
    world.close_alone_and_unlock(A, channel, state, [lock], [SECRET])
    assert world.position(channel).balance_a == 85
    world.challenge(B, channel, world.state(channel, KEY_A, 4, 10, [lock]))
    assert world.position(channel).balance_a == 90
    assert world.pending_locks(channel) == locks_root([lock])
    world.unlock(channel, [lock], [SECRET])
    assert world.position(channel).balance_a == 85


def test_closing_together_ignores_locks(world: World) -> None:
    lock = Lock(HASH, 5, LATER)
    for how in ("now", "signed", "many"):
        channel = world.both(100, 50, salt=len(how))
        world.close_alone(A, channel, world.state(channel, KEY_B, 3, 10, [lock]))
        before = world.ether(A), world.ether(B)
        by_a, by_b = (world.close_signature(channel, key, 20, LATER) for key in (KEY_A, KEY_B))
        if how == "now":
            world.call(A, "closeNow", words(channel), 20, LATER, by_b)
        elif how == "signed":
            world.call(C, "closeNowSigned", words(channel), 20, LATER, by_a, by_b)
        else:
            world.call(A, "closeMany", [(words(channel), 20, LATER, by_b)])
        assert (world.ether(A) - before[0], world.ether(B) - before[1]) == (80, 70)
        assert world.pending_locks(channel) == bytes(32)


def test_the_first_state_has_no_locks(world: World) -> None:
    channel = world.both()
    first = SignedState(State(0, 0), bytes(64))
    world.close_alone_and_unlock(A, channel, first, [], [])
    assert world.position(channel) == Position(Deposits(100, 50), 100, 0, world.now + DAY)
    other = world.both(salt=1)
    lock = Lock(HASH, 5, LATER)
    with refused("BadFirstState", 0, locks_root([lock])):
        unsigned = SignedState(State(0, 0, locks_root([lock])), bytes(64))
        world.close_alone_and_unlock(A, other, unsigned, [lock], [SECRET])


# Unlocking


@pytest.mark.parametrize(("units", "balance_a"), [(5, 85), (-7, 97), (0, 90)])
def test_a_secret_shown_with_the_state_pays_its_lock(world: World, units: int, balance_a: int) -> None:
    lock = Lock(HASH, units, SOON)
    channel, state = locked(world, lock)
    world.close_alone_and_unlock(A, channel, state, [lock], [SECRET])
    assert world.logs("SecretShown(bytes32,bytes32)") == [([HASH], SECRET)]
    assert world.logs(LOCKED) == []
    assert world.position(channel) == Position(Deposits(100, 50), balance_a, 3, world.now + DAY)
    assert world.pending_locks(channel) == bytes(32)
    world.pass_by(DAY + 1)
    assert settled(world, channel) == (balance_a, 150 - balance_a)


def test_a_challenge_unlocks_as_well(world: World) -> None:
    lock = Lock(HASH, 5, SOON)
    channel, state = locked(world, lock, key=KEY_A)
    world.close_alone(A, channel)
    world.challenge_and_unlock(B, channel, state, [lock], [SECRET])
    assert world.position(channel) == Position(Deposits(100, 50), 85, 3, world.now + DAY)


def test_what_is_not_resolved_stays_pending_in_its_order(world: World) -> None:
    names = [secret(name) for name in "abcde"]
    locks = [Lock(hash_, 2**index, SOON + index) for index, (_, hash_) in enumerate(names)]
    channel, state = locked(world, *locks)
    world.reveal(names[3][0])
    world.close_alone_and_unlock(A, channel, state, locks, [HIDDEN, names[1][0], HIDDEN, HIDDEN, HIDDEN])
    rest = [locks[0], locks[2], locks[4]]
    assert pending_of(world) == rest
    assert world.pending_locks(channel) == locks_root(rest)
    assert world.position(channel).balance_a == 90 - 2 - 8
    world.unlock(channel, rest, [HIDDEN, HIDDEN, names[4][0]], sender=C)
    assert pending_of(world) == rest[:2]
    ((_, data),) = world.logs("Unlocked(bytes32,uint256)")
    assert Position.unpack(int.from_bytes(data, "big")) == world.position(channel)
    assert world.position(channel).balance_a == 80 - 16
    world.unlock(channel, rest[:2], [names[0][0], names[2][0]])
    assert world.logs(LOCKED) == []
    assert world.position(channel) == Position(Deposits(100, 50), 64 - 1 - 4, 3, world.now + DAY)
    assert world.pending_locks(channel) == bytes(32)


def test_of_a_pending_an_expired_and_a_shown_lock_the_first_is_left(world: World) -> None:
    third, third_hash = secret("three")
    locks = [Lock(HASH, 2, LATER), Lock(OTHER_HASH, 1, SOON), Lock(third_hash, 4, LATER)]
    channel, state = locked(world, *locks)
    world.close_alone(A, channel, state)
    world.pass_by(SOON + 1 - world.now)
    world.unlock(channel, locks, [HIDDEN, HIDDEN, third])
    assert pending_of(world) == locks[:1]
    assert world.pending_locks(channel) == locks_root(locks[:1])
    assert world.position(channel).balance_a == 90 - 4


def test_nothing_resolved_changes_nothing(world: World) -> None:
    lock = Lock(HASH, 5, SOON)
    channel, state = locked(world, lock)
    world.close_alone_and_unlock(A, channel, state, [lock], [HIDDEN])
    assert world.logs(LOCKED) == []
    assert world.pending_locks(channel) == locks_root([lock])
    before = world.position(channel)
    world.unlock(channel, [lock], [HIDDEN])
    assert world.evm.vm.result.logs == []
    assert world.position(channel) == before


def test_nothing_pending_leaves_nothing_to_unlock(world: World) -> None:
    channel = world.both()
    world.close_alone(A, channel)
    world.unlock(channel, [], [])
    assert world.evm.vm.result.logs == []
    lock = Lock(HASH, 5, SOON)
    with refused("BadLocks", locks_root([lock]), bytes(32)):
        world.unlock(channel, [lock], [SECRET])


def test_the_locks_are_those_of_the_state_all_and_in_order(world: World) -> None:
    locks = [Lock(HASH, 5, SOON), Lock(OTHER_HASH, 6, SOON)]
    channel, state = locked(world, *locks)
    root = locks_root(locks)
    wrong = [[], locks[:1], locks[::-1], [*locks, locks[0]], [locks[0], locks[1]._replace(units=7)]]
    for other in wrong:
        with refused("BadLocks", locks_root(other), root):
            world.close_alone_and_unlock(A, channel, state, other, [HIDDEN] * len(other))
    world.close_alone(A, channel, state)
    for other in wrong:
        with refused("BadLocks", locks_root(other), root):
            world.unlock(channel, other, [HIDDEN] * len(other))
    newer = world.state(channel, KEY_A, 4, 10, locks)
    for other in wrong:
        with refused("BadLocks", locks_root(other), root):
            world.challenge_and_unlock(B, channel, newer, other, [HIDDEN] * len(other))
    world.pass_by(DAY + 1)
    for other in wrong:
        with refused("BadLocks", locks_root(other), root):
            world.settle_and_unlock(channel, other, [HIDDEN] * len(other))


def test_each_lock_has_its_secret_and_no_other(world: World) -> None:
    locks = [Lock(HASH, 5, SOON), Lock(OTHER_HASH, 6, SOON)]
    channel, state = locked(world, *locks)
    world.close_alone(A, channel, state)
    for count in (0, 1, 3):
        with refused("BadSecretCount", count, 2):
            world.unlock(channel, locks, [HIDDEN] * count)
    with refused("WrongSecret", HASH, OTHER_SECRET):
        world.unlock(channel, locks, [OTHER_SECRET, SECRET])
    with refused("WrongSecret", OTHER_HASH, HASH):
        world.unlock(channel, locks, [SECRET, HASH])
    world.pass_by(4 * 3600)
    with refused("WrongSecret", HASH, OTHER_SECRET):  # late, and wrong all the same
        world.unlock(channel, locks, [OTHER_SECRET, HIDDEN])


def test_one_secret_pays_every_lock_of_its_hash(world: World) -> None:
    locks = [Lock(HASH, 5, SOON), Lock(HASH, 6, SOON), Lock(HASH, -2, SOON + 1)]
    channel, state = locked(world, *locks)
    world.close_alone(A, channel, state)
    world.unlock(channel, locks, [SECRET, HIDDEN, HIDDEN])
    assert pending_of(world) == locks[1:], "each is shown on its own"
    world.reveal(SECRET)
    world.unlock(channel, locks[1:], [HIDDEN, HIDDEN])
    assert world.position(channel).balance_a == 90 - 5 - 6 + 2


def test_a_balance_stays_between_nothing_and_everything(world: World) -> None:
    """Honest parties sign no such states; those who do must still be able to leave."""
    locks = [Lock(HASH, 2**63 - 1, SOON), Lock(HASH, 2**63 - 1, SOON), Lock(OTHER_HASH, -(2**63), SOON)]
    channel, state = locked(world, *locks, net=2**63 - 1)
    world.close_alone_and_unlock(A, channel, state, locks, [SECRET, SECRET, HIDDEN])
    assert world.position(channel).balance_a == 0
    world.unlock(channel, [locks[2]], [OTHER_SECRET])
    assert world.position(channel).balance_a == 150
    other = world.both(salt=1)
    state = world.state(other, KEY_B, 1, -10, [locks[0], locks[2]])
    world.close_alone_and_unlock(A, other, state, [locks[0], locks[2]], [SECRET, OTHER_SECRET])
    assert world.position(other).balance_a == 111, "together they are one unit to A, whatever comes first"


# The clock


def test_a_lock_pays_in_its_last_second_and_returns_in_the_next(world: World) -> None:
    for late in (False, True):
        world_ = World()
        lock = Lock(HASH, 5, SOON)
        channel, state = locked(world_, lock)
        world_.close_alone(A, channel, state)
        world_.pass_by(SOON - world_.now + late)
        world_.unlock(channel, [lock], [SECRET])
        assert len(world_.logs("SecretShown(bytes32,bytes32)")) == (not late)
        assert world_.position(channel) == Position(Deposits(100, 50), 90 if late else 85, 3, START + 12 + DAY)
        assert world_.pending_locks(channel) == bytes(32)


def test_a_lock_that_has_expired_returns_with_the_state(world: World) -> None:
    lock = Lock(HASH, 5, START)
    channel, state = locked(world, lock)
    world.close_alone_and_unlock(A, channel, state, [lock], [SECRET])
    assert world.position(channel) == Position(Deposits(100, 50), 90, 3, world.now + DAY)
    with refused("BadLocks"):
        world.unlock(channel, [lock], [SECRET])


def test_locks_are_unlocked_after_the_deadline_too(world: World) -> None:
    lock = Lock(HASH, 5, LATER)
    channel, state = locked(world, lock)
    world.close_alone(A, channel, state)
    world.pass_by(2 * DAY)
    with refused("LockPending", HASH, LATER):
        world.settle_and_unlock(channel, [lock], [HIDDEN])
    world.unlock(channel, [lock], [SECRET])
    assert settled(world, channel) == (85, 65)


def test_settling_resolves_what_is_pending(world: World) -> None:
    locks = [Lock(HASH, 5, SOON), Lock(OTHER_HASH, -9, LATER)]
    channel, state = locked(world, *locks)
    world.close_alone(A, channel, state)
    world.pass_by(DAY)
    with refused("ChallengePeriodNotOver"):
        world.settle_and_unlock(channel, locks, [HIDDEN, OTHER_SECRET])
    world.pass_by(1)
    with refused("LockPending", OTHER_HASH, LATER):
        world.settle_and_unlock(channel, locks, [HIDDEN, HIDDEN])
    assert settled(world, channel, locks, [SECRET, OTHER_SECRET]) == (99, 51), "the first one has expired"
    assert world.pending_locks(channel) == bytes(32)
    assert not world.position(channel).exists
    with refused("NotOpen", channel.id):
        world.settle_and_unlock(channel, locks, [HIDDEN, HIDDEN])


def test_settling_waits_for_the_last_second_of_a_lock(world: World) -> None:
    lock = Lock(HASH, 5, START + 2 * DAY)
    channel, state = locked(world, lock)
    world.close_alone(A, channel, state)
    world.pass_by(lock.expiry - world.now)
    with refused("LockPending", HASH, lock.expiry):
        world.settle_and_unlock(channel, [lock], [HIDDEN])
    world.pass_by(1)
    assert settled(world, channel, [lock], [HIDDEN]) == (90, 60)


def test_settling_and_unlocking_needs_no_locks(world: World) -> None:
    channel = world.both(100, 50)
    with refused("NotClosing", channel.id):
        world.settle_and_unlock(channel, [], [])
    with refused("NotClosing", channel.id):
        world.unlock(channel, [], [])
    world.close_alone(A, channel)
    world.pass_by(DAY + 1)
    assert settled(world, channel, [], []) == (100, 50)
    with refused("NotOpen", channel.id):
        world.unlock(channel, [], [])


# Revealing


def test_a_secret_is_revealed_once(world: World) -> None:
    world.reveal(SECRET, sender=C)
    assert world.logs("SecretShown(bytes32,bytes32)") == [([HASH], SECRET)]
    assert world.call(A, "revealedAt", HASH) == world.now
    first = world.now
    world.pass_by(12)
    world.reveal(SECRET)
    assert world.evm.vm.result.logs == []
    assert world.call(A, "revealedAt", HASH) == first
    assert world.call(A, "revealedAt", OTHER_HASH) == 0


def test_a_revealed_secret_counts_in_every_channel_however_late(world: World) -> None:
    lock = Lock(HASH, 5, SOON)
    channels = []
    for salt in range(2):
        channel = world.both(100, 50, salt=salt)
        channels.append((channel, world.state(channel, KEY_B, 1, 10, [lock])))
    world.pass_by(SOON - world.now)
    world.reveal(SECRET)
    world.pass_by(DAY)
    for channel, state in channels:
        world.close_alone_and_unlock(A, channel, state, [lock], [HIDDEN])
        assert world.position(channel).balance_a == 85


def test_a_secret_revealed_too_late_counts_for_later_locks_only(world: World) -> None:
    locks = [Lock(HASH, 5, SOON), Lock(HASH, 6, SOON + 1)]
    channel, state = locked(world, *locks)
    world.close_alone(A, channel, state)
    world.pass_by(SOON + 1 - world.now)
    world.reveal(SECRET)
    world.pass_by(1)
    world.unlock(channel, locks, [SECRET, SECRET])
    assert world.position(channel) == Position(Deposits(100, 50), 84, 3, START + 12 + DAY)


def test_a_revealed_secret_survives_newer_states_a_shown_one_does_not(world: World) -> None:
    """Whoever has signed a newer state that may still be shown reveals."""
    for revealed in (False, True):
        world_ = World()
        lock = Lock(HASH, 5, SOON)
        channel, state = locked(world_, lock, key=KEY_A)
        newer = world_.state(channel, KEY_B, 4, 10, [lock])
        world_.close_alone_and_unlock(B, channel, state, [lock], [SECRET])
        if revealed:
            world_.reveal(SECRET)
        world_.pass_by(4 * 3600)
        world_.challenge(A, channel, newer)
        world_.unlock(channel, [lock], [SECRET])
        assert world_.position(channel).balance_a == (85 if revealed else 90)


def test_a_reveal_cannot_be_overtaken_and_an_unlock_can(world: World) -> None:
    """A dust lock that the other side resolves changes the root: the unlock that was on its way is refused."""
    locks = [Lock(OTHER_HASH, 1, SOON), Lock(HASH, 40, SOON)]
    channel, state = locked(world, *locks)
    world.close_alone(A, channel, state)
    world.unlock(channel, locks, [OTHER_SECRET, HIDDEN], sender=A)
    with refused("BadLocks", locks_root(locks), locks_root(locks[1:])):
        world.unlock(channel, locks, [HIDDEN, SECRET], sender=B)
    world.reveal(SECRET, sender=C)
    world.reveal(SECRET, sender=B)
    world.pass_by(DAY)
    world.unlock(channel, locks[1:], [HIDDEN])
    assert world.position(channel).balance_a == 90 - 1 - 40


def test_the_zero_secret_is_revealed_not_shown(world: World) -> None:
    _, hash_ = bytes(32), bytes.fromhex("290decd9548b62a8d60345a988386fc84ba6bc95484008f6362f93160ef3e563")
    lock = Lock(hash_, 5, SOON)
    channel, state = locked(world, lock)
    world.close_alone_and_unlock(A, channel, state, [lock], [bytes(32)])
    assert world.pending_locks(channel) == locks_root([lock])
    world.reveal(bytes(32))
    world.unlock(channel, [lock], [bytes(32)])
    assert world.position(channel).balance_a == 85


# Who may, and malformed calls


def test_unlocking_closings_need_what_plain_ones_need(world: World) -> None:
    lock = Lock(HASH, 5, SOON)
    channel = world.both(100, 50)
    by_a, by_b = (world.state(channel, key, 3, 10, [lock]) for key in (KEY_A, KEY_B))
    with refused("NotClosing", channel.id):
        world.challenge_and_unlock(B, channel, by_a, [lock], [SECRET])
    calls: list[Callable[..., None]] = [world.close_alone_and_unlock, world.challenge_and_unlock]
    for call in calls:
        with refused("NotAParty", checksum(C).lower()):
            call(C, channel, by_a, [lock], [SECRET])
        with refused("BadSignature", checksum(B).lower()):
            call(A, channel, by_a, [lock], [SECRET])
        with refused("NotOpen"):
            call(A, Channel(A, channel.terms, channel.token, 7), by_b, [lock], [SECRET])
    world.close_alone_and_unlock(A, channel, by_b, [lock], [SECRET])
    deadline = world.now + DAY
    with refused("AlreadyClosing", channel.id, deadline):
        world.close_alone_and_unlock(A, channel, by_b, [lock], [SECRET])
    with refused("NotNewer", 3, 3):
        world.challenge_and_unlock(B, channel, by_a, [lock], [SECRET])
    world.pass_by(DAY + 1)
    with refused("ChallengePeriodOver", deadline, world.now):
        newer = world.state(channel, KEY_A, 4, 10, [lock])
        world.challenge_and_unlock(B, channel, newer, [lock], [SECRET])


def test_a_refused_unlocking_shows_no_secret(world: World) -> None:
    lock = Lock(HASH, 5, SOON)
    channel, state = locked(world, lock)
    world.close_alone(A, channel, state)
    with refused("NotNewer"):
        world.challenge_and_unlock(A, channel, state, [lock], [SECRET])
    assert world.call(A, "revealedAt", HASH) == 0
    assert world.pending_locks(channel) == locks_root([lock])


def test_the_most_locks_of_a_transaction_are_hundreds(world: World) -> None:
    """As many as IPaymentChannels says fit: shown at once, or listed and stored again."""
    count = 400
    names = [secret(str(index)) for index in range(count)]
    locks = [Lock(hash_, 1, SOON) for _, hash_ in names]
    channel = world.both(1000, 50)
    state = world.state(channel, KEY_B, 1, 0, locks)
    secrets = [each for each, _ in names]
    arguments = words(channel), state.state, halves(state.signature), locks, [HIDDEN, *secrets[1:]]
    world.evm.call(world.channels, "closeAloneAndUnlock", *arguments, sender=checksum(A), gas=16_777_216)
    assert world.position(channel).balance_a == 1000 - (count - 1)
    other = world.both(1000, 50, salt=1)
    state = world.state(other, KEY_B, 1, 0, locks)
    arguments = words(other), state.state, halves(state.signature), locks, [secrets[0], *[HIDDEN] * (count - 1)]
    world.evm.call(world.channels, "closeAloneAndUnlock", *arguments, sender=checksum(A), gas=16_777_216)
    assert pending_of(world) == locks[1:]


def test_a_list_with_dirty_bits_is_another_list(world: World) -> None:
    lock = Lock(HASH, 5, SOON)
    channel, state = locked(world, lock)
    world.close_alone(A, channel, state)
    kind = "unlockNow((bytes32,bytes32,address),(bytes32,int64,uint40)[],bytes32[])"
    good = calldata(kind, words(channel), [lock], [SECRET])
    encoded = lock.encode()
    for dirty in (encoded[:32] + b"\1" + encoded[33:], encoded[:64] + b"\1" + encoded[65:]):
        with refused("BadLocks"):
            world.evm.raw(world.channels.address, good.replace(encoded, dirty), sender=checksum(A))
    world.evm.raw(world.channels.address, good, sender=checksum(A))


def test_calldata_that_ends_too_soon_is_refused(world: World) -> None:
    lock = Lock(HASH, 5, SOON)
    channel, state = locked(world, lock)
    world.close_alone(A, channel, state)
    kind = "unlockNow((bytes32,bytes32,address),(bytes32,int64,uint40)[],bytes32[])"
    good = calldata(kind, words(channel), [lock], [SECRET])
    many = (2**64).to_bytes(32, "big")
    for bad in (good[:-1], good[:-64], good.replace((1).to_bytes(32, "big"), many)):
        with pytest.raises(Reverted):
            world.evm.raw(world.channels.address, bad, sender=checksum(A))


def test_a_locked_states_signature_covers_its_locks(world: World) -> None:
    channel = world.both(100, 50)
    plain = world.state(channel, KEY_B, 3, 10)
    lock = Lock(HASH, -5, SOON)
    with refused("BadSignature", checksum(B).lower()):
        swapped = SignedState(State(3, 10, locks_root([lock])), plain.signature)
        world.close_alone_and_unlock(A, channel, swapped, [lock], [SECRET])
    digest = world.signing(channel).state_digest(State(3, 10, locks_root([lock])))
    with refused("BadSignature", checksum(B).lower()):
        world.close_alone(A, channel, SignedState(State(3, 10), sign(KEY_B, digest)))


def test_a_root_of_nothing_known_locks_the_channel_until_both_agree(world: World) -> None:
    """What IPaymentChannels warns of: no list is known for this root. A newer state or a Close helps."""
    channel = world.both(100, 50)
    world.close_alone(A, channel, world.state(channel, KEY_B, 3, 10, encode(["uint256"], [7])))
    world.pass_by(DAY + 1)
    with refused("LocksUnresolved"):
        world.settle(channel)
    with refused("BadLocks"):
        world.settle_and_unlock(channel, [], [])
    world.close_now(A, channel, 10, LATER, KEY_B)
    assert not world.position(channel).exists
