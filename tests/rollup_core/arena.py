"""Where disputes are played: the real Inbox, Rollup and Dispute over any machine, and all money accounted for.

What happens is followed from the events alone (`toolkit.rollup.dispute.game`); `check` holds the contract's
commitments and balances against that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from toolkit.compile import artifact as compiled
from toolkit.compile import compile_sources
from toolkit.crypto import keccak256
from toolkit.devnet.accounts import checksum
from toolkit.devnet.transaction import TX_GAS_CAP
from toolkit.rollup.contracts import encode_assert
from toolkit.rollup.deploy import create_address
from toolkit.rollup.dispute import game as g

from .evm import Contract, Evm

SEQUENCER = b"\x5e" * 20
ANYONE = b"\xa7" * 20
SEQUENCER_WINDOW, ESCAPE_DELAY = 3600, 30 * 24 * 3600
WINDOW, BOND = 7 * 24 * 3600, 10**17 + 1  # a bond with an odd half
RULES = g.Rules(clock=3600, extension=600, max_rounds=4, bond=10**16 + 1)
PENDING, CONFIRMED, REJECTED = 1, 2, 3

artifact = cache(compiled)  # which looks at every source each time

_ODD = """
// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;
/// Does what it is told; what it is paid it refuses, or it answers by another call.
contract Odd {
    bool public open;
    bool public gotIn;
    uint256 public answers;
    uint256 public needs;
    address private _to;
    bytes private _answer;
    function set(bool value) external { open = value; }
    function need(uint256 gas_) external { needs = gas_; }
    function answer(address to, bytes calldata data) external { (_to, _answer) = (to, data); }
    function act(address to, bytes calldata data) external payable {
        (bool success, bytes memory output) = to.call{value: msg.value}(data);
        if (!success) assembly { revert(add(output, 0x20), mload(output)) }
    }
    receive() external payable {
        require(open, "closed");
        require(gasleft() >= needs, "too little gas");
        if (_to != address(0)) {
            (bool success,) = _to.call(_answer);
            ++answers;
            if (success) gotIn = true;
        }
    }
}
"""


class Arena:
    """The contracts, the games that go on, and what has been burned.

    Attributes:
        claims: every assertion made, with its proposer (20 bytes), by id.
        games: those that go on, by id.
        opened: when each began (seconds).
        ended: how each ended, in order.
        burned: what must stay in the Dispute for good (wei).
    """

    def __init__(
        self,
        machine: Callable[[Evm, Contract], Contract],
        rules: g.Rules = RULES,
        *,
        ring_size: int = 64,
        sequencer: bytes = SEQUENCER,
    ) -> None:
        self.evm, self.rules, self.sequencer = Evm(), rules, sequencer
        place = create_address(bytes.fromhex(self.evm.deployer[2:]), 3)
        self.inbox = self.evm.deploy(
            artifact("Inbox"), checksum(sequencer), SEQUENCER_WINDOW, ring_size, 76, 1638, 1024
        )
        self.genesis_time = self.evm.now
        self.machine = machine(self.evm, self.inbox)
        self.rollup = self.evm.deploy(
            artifact("Rollup"), self.inbox.address, self.machine.address, checksum(place), WINDOW, BOND, ESCAPE_DELAY
        )
        parameters = (rules.clock, rules.extension, rules.max_rounds, rules.bond)
        self.dispute = self.evm.deploy(artifact("Dispute"), self.rollup.address, *parameters)
        assert self.dispute.address_bytes == place
        outbox, inner = self.evm.call(self.machine, "genesis")
        self.genesis = g.Claim(bytes(32), 0, self.accumulator(0), keccak256(outbox + inner))
        self.claims: dict[bytes, tuple[g.Claim, bytes]] = {self.genesis.id: (self.genesis, bytes(20))}
        self.games: dict[bytes, g.GameState] = {}
        self.opened: dict[bytes, int] = {}
        self.ended: list[g.Ended] = []
        self.proved: list[g.Proved] = []
        self.burned = 0
        self._odd: dict[bytes, Contract] = {}

    # The world around

    @property
    def now(self) -> int:
        return self.evm.now

    def wait(self, seconds: int) -> None:
        self.evm.set_time(self.evm.now + seconds)

    def odd_party(self) -> bytes:
        """A contract that plays: `act` is called for it. It takes no ETH until told so."""
        party = self.evm.deploy(compile_sources({"Odd.sol": _ODD})["Odd"])
        self._odd[party.address_bytes] = party
        return party.address_bytes

    def tell(self, party: bytes, name: str, *arguments: Any) -> Any:
        return self.evm.call(self._odd[party], name, *arguments)

    def balance(self, address: bytes) -> int:
        return int(self.evm.vm.get_balance(checksum(address)))

    def accumulator(self, batch: int) -> bytes:
        return bytes(self.evm.call(self.inbox, "accumulator", batch))

    def post(self, number: int, header: bytes = bytes(32), records: bytes = b"", references: bytes = b"") -> None:
        self.evm.call(self.inbox, "postBatch", number, header, records, references, sender=checksum(self.sequencer))

    # Assertions

    def claim(self, parent: g.Claim, batch: int, machine_hash: bytes) -> g.Claim:
        return g.Claim(parent.id, batch, self.accumulator(batch), machine_hash)

    def assert_state(self, proposer: bytes, parent: g.Claim, batch: int, machine_hash: bytes) -> g.Claim:
        claim = self.claim(parent, batch, machine_hash)
        data = encode_assert(claim.parent, claim.batch, claim.accumulator, claim.machine_hash)
        self.raw(proposer, self.rollup, data, BOND)
        self.claims[claim.id] = (claim, proposer)
        return claim

    def status(self, assertion: bytes) -> int:
        return int(self.evm.call(self.rollup, "assertion", assertion)[4])

    def confirm(self, claim: g.Claim, outbox: bytes, inner: bytes) -> None:
        self.evm.call(self.rollup, "confirm", claim.parent, claim.batch, claim.accumulator, outbox, inner)

    def reclaim(self, claim: g.Claim) -> None:
        self.evm.call(self.rollup, "reclaim", claim.parent, claim.batch, claim.accumulator, claim.machine_hash)

    # Games

    def raw(self, sender: bytes, to: Contract, data: bytes, value: int = 0, gas: int = TX_GAS_CAP) -> None:
        if sender in self._odd:
            self.evm.call(self._odd[sender], "act", to.address, data, value=value, gas=gas)
        else:
            self.evm.raw(to.address, data, sender=checksum(sender), value=value, gas=gas)

    def send(self, sender: bytes, data: bytes, value: int = 0) -> None:
        """Send a move to the Dispute, and follow the games by what it emits."""
        self.raw(sender, self.dispute, data, value)
        for log in self.evm.vm.result.logs:
            if log.address.lower() == self.dispute.address.lower():
                event = g.decode_event([bytes.fromhex(each[2:]) for each in log.topics], _data(log))
                if event is not None:
                    self._follow(event)

    def _follow(self, event: g.DisputeEvent) -> None:
        name = event.game
        if isinstance(event, g.Opened):
            assert name not in self.games
            self.games[name], self.opened[name] = event.first(self.now, self.rules), self.now
        elif isinstance(event, (g.Defended, g.Challenged)):
            self.games[name] = self.games[name].after(event, self.now, self.rules)
        elif isinstance(event, g.Proved):
            self.proved.append(event)
        else:
            game = self.games.pop(name).game
            self.ended.append(event)
            if event.winner == bytes(20):
                return
            bond = BOND if event.winner == game.challenger != game.defender else self.rules.bond
            if game.challenger == game.defender:  # a sham by one account: the Rollup knows which bond was lost
                bond = BOND if self.status(game.assertion) == REJECTED else self.rules.bond
            assert event.reward == bond // 2
            self.burned += bond - bond // 2

    def open(self, challenger: bytes, claim: g.Claim) -> bytes:
        """Open a game; returns its id."""
        parent = self.claims[claim.parent][0]
        self.send(challenger, g.encode_open(parent, claim), self.rules.bond)
        return g.game_id(claim.id, challenger)

    def defend(self, name: bytes, rounds: int, hashes: Sequence[bytes], *, sender: bytes | None = None) -> None:
        state = self.games[name]
        self.send(sender or state.game.defender, g.encode_defend(state, rounds, hashes))

    def challenge(self, name: bytes, index: int, *, sender: bytes | None = None) -> None:
        state = self.games[name]
        self.send(sender or state.game.challenger, g.encode_challenge(state, index))

    def prove(self, name: bytes, index: int, witness: bytes, *, sender: bytes | None = None) -> None:
        state = self.games[name]
        self.send(sender or state.game.challenger, g.encode_prove(state, index, witness))

    def timeout(self, name: bytes, *, sender: bytes = ANYONE) -> None:
        self.send(sender, g.encode_timeout(self.games[name]))

    def refund(self, name: bytes, *, sender: bytes = ANYONE) -> None:
        self.send(sender, g.encode_refund(self.games[name]))

    # Whole games, by players who know every state of the run

    def defend_as(self, name: bytes, rounds: int, run: Callable[[int], bytes]) -> None:
        """Split the segment as `run` has it, the state hash after so many steps from the parent's state."""
        state = self.games[name]
        split = g.SEGMENTS ** (rounds - state.game.picks - 1)
        self.defend(name, rounds, [run(state.offset + split * k) for k in range(1, g.SEGMENTS)])

    def first_wrong(self, name: bytes, run: Callable[[int], bytes]) -> int:
        """The first segment whose end is not `run`'s; 16 where there is none."""
        state = self.games[name]
        ends = ((index, state.segment(index)[1]) for index in range(g.SEGMENTS))
        wrong = (index for index, end in ends if end != run(state.offset + state.split * (index + 1)))
        return next(wrong, g.LAST_STEP)

    def answer(self, name: bytes, run: Callable[[int], bytes], witness: Callable[[int], bytes]) -> None:
        """The challenger's move: pick, or prove by the witness of the step after so many."""
        state, index = self.games[name], self.first_wrong(name, run)
        if index == g.LAST_STEP:
            self.prove(name, index, witness(g.SEGMENTS**state.game.rounds))
        elif state.decisive:
            self.prove(name, index, witness(state.offset + index))
        else:
            self.challenge(name, index)

    def play(
        self,
        name: bytes,
        rounds: int,
        claimed: Callable[[int], bytes],
        known: Callable[[int], bytes],
        witness: Callable[[int], bytes],
    ) -> g.Ended:
        """The whole game; the defender has the run `claimed`, the challenger knows the run `known`."""
        while name in self.games:
            self.defend_as(name, rounds, claimed)
            self.answer(name, known, witness)
        return self.ended[-1]

    # What must always hold

    def commitment(self, name: bytes) -> bytes:
        return bytes(self.evm.call(self.dispute, "commitment", name))

    def check(self) -> None:
        """Every commitment is the model's, every wei is somewhere, and no game outlasts its bound."""
        for name, state in self.games.items():
            assert self.commitment(name) == state.commitment
            assert state.deadline <= self.opened[name] + self.longest_game
        for name in {each.game for each in self.ended} - set(self.games):
            assert self.commitment(name) == bytes(32)
        credits = sum(self.evm.call(self.dispute, "credits", checksum(party)) for party in self._odd)
        held = self.balance(self.dispute.address_bytes)
        assert held == self.rules.bond * len(self.games) + credits + self.burned
        standing = [claim for claim in self.claims if claim != self.genesis.id and self.status(claim) == PENDING]
        owed = sum(self.evm.call(self.rollup, "credits", checksum(party)) for party in self._odd)
        assert self.balance(self.rollup.address_bytes) == BOND * len(standing) + owed
        for claim in standing:
            holds = self.evm.call(self.rollup, "assertion", claim)[3]
            assert holds == sum(state.game.assertion == claim for state in self.games.values())

    @property
    def longest_game(self) -> int:
        """Seconds after which a game is over, or anybody may end it."""
        rules = self.rules
        return 2 * (rules.clock + (rules.max_rounds - 1) * rules.extension)


def _data(log: Any) -> bytes:
    return bytes(log.data[1] if isinstance(log.data, tuple) else log.data)
