"""The game as the services know it, against the contract that plays it."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from toolkit.compile import artifact
from toolkit.crypto import keccak256
from toolkit.devnet.accounts import checksum
from toolkit.devnet.l1 import selector, topic
from toolkit.errors import ProtocolError
from toolkit.rollup.contracts import encode_assert
from toolkit.rollup.deploy import create_address
from toolkit.rollup.dispute import game as g
from toolkit.rollup.inbox import Batch, genesis_accumulator
from toolkit.rollup.machine import Genesis, State, apply_batch
from toolkit.rollup.operations import rollup_domain
from toolkit.rollup.witness import build_witness

from .evm import Evm, refusal

DEFENDER, CHALLENGER, ANYONE = (bytes([n]) * 20 for n in (0xDE, 0xC4, 0xA7))
SEQUENCER = checksum(b"\x5e" * 20)
WINDOW, BOND = 7 * 24 * 3600, 10**17
RULES = g.Rules(3600, 600, 3, 10**16)
HEADER = bytes(32)


class Table:
    """The contracts, a wrong assertion about five empty batches, and the game as followed from its events."""

    def __init__(self, claimed: bytes | None = None) -> None:
        self.evm = Evm()
        place = create_address(bytes.fromhex(self.evm.deployer[2:]), 3)
        inbox = self.evm.deploy(artifact("Inbox"), SEQUENCER, 3600, 16, 76, 1638, 100)
        start = genesis_accumulator(1, inbox.address_bytes, self.evm.now)
        machine = self.evm.deploy(artifact("PaymentsMachine"), inbox.address, checksum(ANYONE), 31, 32)
        rollup = self.evm.deploy(
            artifact("Rollup"), inbox.address, machine.address, checksum(place), WINDOW, BOND, 2 * WINDOW
        )
        rules = (RULES.clock, RULES.extension, RULES.max_rounds, RULES.bond)
        self.dispute = self.evm.deploy(artifact("Dispute"), rollup.address, *rules)
        assert self.dispute.address_bytes == place
        state = State(Genesis(rollup_domain(1, machine.address_bytes), ANYONE, start))
        self.parent = g.Claim(bytes(32), 0, start, state.machine_hash)
        self.batches, self.states = [], [state.copy()]
        for number in range(1, 6):
            self.evm.call(inbox, "postBatch", number, HEADER, b"", b"", sender=SEQUENCER)
            self.batches.append(Batch(HEADER, (), (), self.evm.now, bytes.fromhex(SEQUENCER[2:])))
            apply_batch(state, self.batches[-1])
            self.states.append(state.copy())
        self.claim = g.Claim(self.parent.id, 5, state.accumulator, claimed or keccak256(b"wrong"))
        data = encode_assert(self.claim.parent, 5, self.claim.accumulator, self.claim.machine_hash)
        self.evm.raw(rollup.address, data, sender=checksum(DEFENDER), value=BOND)
        self.state: g.GameState | None = None
        self.ended: g.Ended | None = None
        self.proved: g.Proved | None = None

    @property
    def known(self) -> bytes:
        kept = self.evm.call(self.dispute, "commitment", g.game_id(self.claim.id, CHALLENGER))
        return bytes(kept)

    @property
    def now(self) -> g.GameState:
        assert self.state is not None
        return self.state

    def wait(self, seconds: int) -> None:
        self.evm.set_time(self.evm.now + seconds)

    def send(self, sender: bytes, data: bytes, value: int = 0) -> None:
        """Send a move, and follow the game by what the contract emits."""
        self.evm.raw(self.dispute.address, data, sender=checksum(sender), value=value)
        for log in self.evm.vm.result.logs:
            if log.address.lower() != self.dispute.address.lower():
                continue
            topics = [bytes.fromhex(each[2:]) for each in log.topics]
            event = g.decode_event(topics, _data(log))
            if isinstance(event, g.Opened):
                self.state = event.first(self.evm.now, RULES)
            elif isinstance(event, (g.Defended, g.Challenged)):
                self.state = self.now.after(event, self.evm.now, RULES)
            elif isinstance(event, g.Proved):
                self.proved = event
            elif isinstance(event, g.Ended):
                self.ended = event

    def open(self) -> None:
        self.send(CHALLENGER, g.encode_open(self.parent, self.claim), RULES.bond)

    def defend(self, rounds: int, hashes: list[bytes]) -> None:
        self.send(DEFENDER, g.encode_defend(self.now, rounds, hashes))


def _data(log: Any) -> bytes:
    data = log.data
    return bytes(data[1] if isinstance(data, tuple) else data)


@pytest.fixture
def table() -> Table:
    return Table()


def hashes_of(dice: random.Random) -> list[bytes]:
    return [dice.randbytes(32) for _ in range(15)]


def test_names_are_those_of_the_contract() -> None:
    def types(inputs: list[dict[str, Any]]) -> str:
        found = []
        for each in inputs:
            kind = str(each["type"])
            found.append(kind.replace("tuple", f"({types(each['components'])})") if "components" in each else kind)
        return ",".join(found)

    def declared(kind: str, *contracts: str) -> set[str]:
        abi = [entry for name in contracts for entry in artifact(name).abi]
        return {f"{entry['name']}({types(entry['inputs'])})" for entry in abi if entry["type"] == kind}

    moves = {g.OPEN, g.DEFEND, g.CHALLENGE, g.PROVE, g.TIMEOUT, g.REFUND}
    assert moves <= declared("function", "Dispute")
    events = {topic(each) for each in declared("event", "Dispute")}
    assert {g.OPENED, g.DEFENDED, g.CHALLENGED, g.PROVED, g.ENDED} <= events
    assert set(g.ERRORS) <= declared("error", "Dispute", "Rollup", "PaymentsMachine", "Inbox")
    names = [re.sub(r"\(.*", "", each) for each in g.ERRORS]
    assert len(names) == len(set(names)) == len({selector(each) for each in g.ERRORS})


@pytest.mark.parametrize("seed", range(6))
def test_every_move_leads_where_the_contract_goes(table: Table, seed: int) -> None:
    dice = random.Random(seed)
    table.open()
    assert table.known == table.now.commitment
    assert table.now.deadline == table.evm.now + RULES.clock
    rounds = dice.randint(1, 3)
    offset = 0
    for left in range(rounds - 1, -1, -1):
        table.wait(dice.choice([0, 1, 500, table.now.time_left]))
        table.defend(rounds, hashes_of(dice))
        assert (table.known, table.now.turn) == (table.now.commitment, g.Player.CHALLENGER)
        assert table.now.split == 16**left
        if left:
            index = dice.choice([0, 7, 15])
            offset += index * 16**left
            table.wait(dice.choice([0, 1, 500, table.now.time_left]))
            table.send(CHALLENGER, g.encode_challenge(table.now, index))
            assert (table.known, table.now.turn) == (table.now.commitment, g.Player.DEFENDER)
            assert table.now.offset == offset
    assert table.now.decisive
    left_over = table.now.time_left
    table.wait(left_over)
    assert refusal("StillTime", lambda: table.send(ANYONE, g.encode_timeout(table.now))) == (left_over, left_over)
    table.wait(1)
    assert table.evm.now == table.now.deadline + 1
    table.send(ANYONE, g.encode_timeout(table.now))
    assert table.known == bytes(32)
    assert table.ended == g.Ended(table.now.game.id, table.claim.id, DEFENDER, RULES.bond // 2)


def test_a_defender_out_of_time_loses_half_of_its_bond_to_the_challenger(table: Table) -> None:
    table.open()
    table.wait(table.now.time_left + 1)
    with pytest.raises(ProtocolError, match="impossible"):
        table.now.after(g.Defended(table.now.game.id, 1, (bytes(32),) * 15), table.evm.now, RULES)
    table.send(ANYONE, g.encode_timeout(table.now))
    assert table.ended == g.Ended(table.now.game.id, table.claim.id, CHALLENGER, BOND // 2)


def test_the_last_step_is_proved_with_the_witness_of_the_specification(table: Table) -> None:
    table.open()
    right = [table.states[min(k, 5)].machine_hash for k in range(1, 16)]
    wrong = [*right[:3], *[keccak256(bytes([k])) for k in range(12)]]  # right until after step 3
    table.defend(1, wrong)
    state, batch = table.states[3], table.batches[3]
    table.send(CHALLENGER, g.encode_prove(table.now, 3, build_witness(state, batch)))
    assert table.proved == g.Proved(table.now.game.id, state.machine_hash, wrong[3], table.states[4].machine_hash)
    assert table.ended is not None
    assert table.ended.winner == CHALLENGER


def test_a_state_that_is_not_the_last_is_proved_by_the_step_after_it() -> None:
    unfinished = Table().states[4].machine_hash
    table = Table(unfinished)  # the same addresses and times again, so the same hashes
    table.open()
    table.defend(1, [unfinished] * 15)
    assert table.now.segment(g.LAST_STEP) == (unfinished, unfinished)
    witness = build_witness(table.states[4], table.batches[4])
    table.send(CHALLENGER, g.encode_prove(table.now, g.LAST_STEP, witness))
    last = table.states[5].machine_hash
    assert table.proved == g.Proved(table.now.game.id, unfinished, unfinished, last)
    assert table.ended is not None
    assert table.ended.winner == CHALLENGER


def test_a_game_against_what_another_has_rejected_gives_the_bond_back(table: Table) -> None:
    table.open()
    mine = table.now
    other = b"\xc5" * 20
    table.send(other, g.encode_open(table.parent, table.claim), RULES.bond)
    theirs = table.now
    refusal("NotRejected", lambda: table.send(ANYONE, g.encode_refund(mine)))
    table.wait(RULES.clock + 1)
    table.send(ANYONE, g.encode_timeout(theirs))
    before = table.evm.vm.get_balance(checksum(CHALLENGER))
    table.send(ANYONE, g.encode_refund(mine))
    assert table.ended == g.Ended(mine.game.id, table.claim.id, bytes(20), 0)
    assert table.evm.vm.get_balance(checksum(CHALLENGER)) == before + RULES.bond
