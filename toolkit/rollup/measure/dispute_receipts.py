"""Gas of disputes: single moves at their worst, the last step with proofs of full depth, and a whole game.

A rollup of its own is deployed and driven here, step by step and without services, as in `receipts`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from web3.types import TxReceipt

from toolkit.devnet.accounts import Account
from toolkit.devnet.blobs import MAX_BLOBS, commit, versioned_hash
from toolkit.devnet.chain import Chain
from toolkit.devnet.transaction import TX_GAS_CAP
from toolkit.rollup.codec import BLOB_RECORDS, RECORD_SIZE, Header, RegisterRecord, encode_blobs
from toolkit.rollup.contracts import encode_assert, encode_post_batch, encode_post_blobs
from toolkit.rollup.deploy import deploy_rollup
from toolkit.rollup.dispute import game as g
from toolkit.rollup.inbox import Batch, Message, extend
from toolkit.rollup.machine import Account as Leaf
from toolkit.rollup.machine import Change, Outcome, State, apply_batch, apply_step, deposit_data
from toolkit.rollup.measure.deep import DeepState
from toolkit.rollup.operations import Transfer, Withdraw
from toolkit.rollup.witness import build_witness
from toolkit.technique.meter import CheckFailed

ETHER = 10**18
ETH = bytes(20)
TRANSFERS = 1_000
WRONG = 617
"""The transfer that the cheat gets wrong."""
LONG_LIST = 2**13 + 1
"""Records of a batch in calldata whose proofs have 14 siblings. 15 are the most that EIP-7825's cap leaves room for."""
_HEADER = Header(fee_token=ETH).encode()
_DENSE = b"\xff" * 32
"""No hash costs more calldata."""
_CALLDATA_STEP = "dispute: final step, worst operation (calldata batch)"
_BLOB_STEP = "dispute: final step, worst operation (blob batch)"

_Run = Callable[[int], bytes]


def measure(chain: Chain, accounts: Mapping[str, Account]) -> dict[str, int]:
    """Gas by name, as the rows of the target table are named; those of blobs only where the node takes blobs."""
    return _Drive(chain, accounts).measure()


class _Drive:
    """A proposer that cheats, and the verifier that disputes what it asserts."""

    def __init__(self, chain: Chain, accounts: Mapping[str, Account]) -> None:
        self._chain, self._sequencer = chain, accounts["sequencer"]
        self._cheat, self._verifier = accounts["proposer"], accounts["verifier"]
        self._alice, self._bob = accounts["alice"], accounts["bob"]
        contracts = self._contracts = deploy_rollup(chain, accounts["deployer"], sequencer=self._sequencer.address)
        dispute, rollup = contracts.dispute.functions, contracts.rollup.functions
        parameters = (dispute.CLOCK(), dispute.EXTENSION(), dispute.MAX_ROUNDS(), dispute.BOND())
        self._rules = g.Rules(*(chain.call(each) for each in parameters))
        self._bond: int = chain.call(rollup.BOND())
        self._state = State(contracts.genesis)
        self._genesis = g.Claim(bytes(32), 0, self._state.accumulator, self._state.machine_hash)
        self._number, self._accumulator = 0, self._state.accumulator
        self._openings: list[int] = []
        self._moves: list[int] = []

    def measure(self) -> dict[str, int]:
        whole = self._whole_game()
        self._dear_moves()
        steps = {_CALLDATA_STEP: self._last_steps(self._post_long)}
        if self._chain.gives_blobs():
            steps[_BLOB_STEP] = self._last_steps(self._post_blobs)
        return {
            "dispute: open": max(self._openings),
            "dispute: one move": max(self._moves),
            **steps,
            "dispute: whole game, 1,000-transfer assertion, both sides": whole,
        }

    # A whole game

    def _whole_game(self) -> int:
        """A batch of transfers, one of which the cheat gets wrong: from opening the game to its end."""
        self._deposit()
        register = RegisterRecord(self._bob.address_bytes, ETH).encode()
        apply_batch(self._state, self._post([register]))
        parent = self._assert(self._genesis, self._state.batch, self._state.machine_hash)
        batch = self._post([self._transfer(nonce) for nonce in range(TRANSFERS)])
        right, wrong = [self._state.machine_hash], [self._state.machine_hash]
        cheated = self._state.copy()
        for step in range(batch.steps):
            if step == WRONG:
                witness = build_witness(self._state, batch)
            apply_step(self._state, batch)
            apply_step(cheated, batch)
            if step == WRONG:  # from here on right again, but for the balance
                payer = cheated.accounts[0]
                cheated.commit(Change(Outcome.APPLIED, ((0, payer._replace(balance=payer.balance + ETHER)),)))
            right.append(self._state.machine_hash)
            wrong.append(cheated.machine_hash)
        claim = self._assert(parent, self._state.batch, wrong[-1])
        return self._play(parent, claim, _run(wrong), _run(right), witness)

    def _play(self, parent: g.Claim, claim: g.Claim, claimed: _Run, known: _Run, witness: bytes) -> int:
        """The gas of everybody, from opening the game to its end."""
        game, receipt = self._open(parent, claim)
        used, rounds = receipt["gasUsed"], 3
        while True:
            split = g.SEGMENTS ** (rounds - game.game.picks - 1)
            data = g.encode_defend(game, rounds, [claimed(game.offset + split * k) for k in range(1, g.SEGMENTS)])
            game, receipt = self._move(self._cheat, game, data)
            used += receipt["gasUsed"]
            ends = ((k, game.segment(k)[1]) for k in range(g.SEGMENTS))
            index = next(k for k, end in ends if end != known(game.offset + split * (k + 1)))
            if game.decisive:
                return used + self._prove(game, index, witness)["gasUsed"]
            game, receipt = self._move(self._verifier, game, g.encode_challenge(game, index))
            used += receipt["gasUsed"]

    def _deposit(self) -> None:
        bridge = self._contracts.bridge
        receipt = self._chain.send(self._alice, bridge.functions.depositETH(self._alice.address), value=100 * ETHER)
        data = deposit_data(ETH, self._alice.address_bytes, 100 * ETHER)
        message = Message(bytes.fromhex(bridge.address[2:]), self._time_of(receipt), data)
        apply_batch(self._state, self._post([]))  # takes the queue as its snapshot
        apply_batch(self._state, self._post([], [message]))

    def _transfer(self, nonce: int) -> bytes:
        transfer = Transfer(0, self._bob.address_bytes, ETH, (nonce % 999 + 1) * 10**12, 0, nonce)
        return transfer.record(1, transfer.sign(self._contracts.genesis.domain, self._alice.key)).encode()

    # Moves at their worst

    def _dear_moves(self) -> None:
        """The moves of a game in which no hash has a zero byte, which would cost less: nobody has to believe them."""
        origin = self._assert(self._genesis, self._number - 1, _DENSE)
        guesses = (
            g.Claim(origin.id, self._number, self._accumulator, b"\xff" * 31 + bytes([end])) for end in range(256)
        )
        claim = next(guess for guess in guesses if 0 not in guess.id)
        game, _ = self._open(origin, self._assert(origin, claim.batch, claim.machine_hash))
        for _ in range(2):
            game, _ = self._move(self._cheat, game, g.encode_defend(game, self._rules.max_rounds, [_DENSE] * 15))
            game, _ = self._move(self._verifier, game, g.encode_challenge(game, 7))

    # The last step at its worst

    def _last_steps(self, post: Callable[[Sequence[bytes]], Batch]) -> int:
        """The dearest last step, with every tree as deep as can be: a withdrawal's, or a transfer's.

        The withdrawal shows most, the payer and the outbox's free leaf with a sibling for each of 31 and 32 levels:
        that decides where the batch is calldata, as calldata's floor (EIP-7623) is above what is executed. The transfer
        executes most. A test measures all that a step can be.
        """
        domain, payer, payee = self._contracts.genesis.domain, 0x2AAAAAAA, 0x55555555
        leaves = {
            payer: Leaf(self._alice.address_bytes, ETH, ETHER, 1),
            payee: Leaf(self._bob.address_bytes, ETH, 1, 1),
        }
        withdraw = Withdraw(payer, ETH, 123_456 * 10**9, 7, 1)
        transfer = Transfer(payer, self._bob.address_bytes, ETH, 123_456 * 10**9, 7, 1)
        records = [
            withdraw.record(withdraw.sign(domain, self._alice.key)).encode(),
            transfer.record(payee, transfer.sign(domain, self._alice.key)).encode(),
        ]
        number, accumulator = self._number, self._accumulator
        batch = post(records)
        used = []
        for position in range(len(records)):
            state = DeepState(self._contracts.genesis, leaves)
            state.accumulator, state.batch, state.position = accumulator, number, position
            used.append(self._last_step(state, batch))
        return max(used)

    def _last_step(self, state: State, batch: Batch) -> int:
        """Gas to prove that the step which comes next in this state does not lead where the cheat says.

        Nobody has to believe the state: it is a pending assertion as any other, and the next one is built on it.
        """
        origin = self._assert(self._genesis, state.batch, state.machine_hash)
        claim = self._assert(origin, state.batch + 1, _DENSE)
        game, _ = self._open(origin, claim)
        game, _ = self._move(self._cheat, game, g.encode_defend(game, 1, [_DENSE] * 15))
        return self._prove(game, 0, build_witness(state, batch))["gasUsed"]

    # Batches and assertions

    def _post(self, records: Sequence[bytes], messages: Sequence[Message] = ()) -> Batch:
        """Post a batch in calldata."""
        data = encode_post_batch(self._number + 1, _HEADER, records, messages)
        receipt = self._chain.send(self._sequencer, to=self._contracts.inbox.address, data=data, gas=TX_GAS_CAP)
        return self._posted(records, messages, receipt)

    def _post_long(self, records: Sequence[bytes]) -> Batch:
        """Post a batch with a long list; what follows the records has no effect."""
        return self._post([*records, *[bytes(RECORD_SIZE)] * (LONG_LIST - len(records))])

    def _post_blobs(self, records: Sequence[bytes]) -> Batch:
        """Post a batch in as many blobs as a transaction carries; what follows the records has no effect."""
        padded = [*records, *[bytes(RECORD_SIZE)] * (MAX_BLOBS * BLOB_RECORDS - len(records))]
        blobs = encode_blobs(padded)
        data = encode_post_blobs(self._number + 1, _HEADER, len(padded), ())
        receipt = self._chain.send(self._sequencer, to=self._contracts.inbox.address, data=data, blobs=blobs)
        return self._posted(padded, (), receipt, tuple(versioned_hash(commit(blob)) for blob in blobs))

    def _posted(
        self, records: Sequence[bytes], messages: Sequence[Message], receipt: TxReceipt, blobs: tuple[bytes, ...] = ()
    ) -> Batch:
        batch = Batch(_HEADER, records, messages, self._time_of(receipt), self._sequencer.address_bytes, blobs)
        self._number, self._accumulator = self._number + 1, extend(self._accumulator, batch.hash)
        return batch

    def _assert(self, parent: g.Claim, batch: int, machine_hash: bytes) -> g.Claim:
        accumulator = self._chain.call(self._contracts.inbox.functions.accumulator(batch))
        data = encode_assert(parent.id, batch, accumulator, machine_hash)
        self._chain.send(self._cheat, to=self._contracts.rollup.address, data=data, value=self._bond)
        return g.Claim(parent.id, batch, accumulator, machine_hash)

    # Moves

    def _open(self, parent: g.Claim, claim: g.Claim) -> tuple[g.GameState, TxReceipt]:
        receipt = self._send(self._verifier, g.encode_open(parent, claim), self._rules.bond)
        self._openings.append(receipt["gasUsed"])
        event = self._event(receipt)
        assert isinstance(event, g.Opened)
        return event.first(self._time_of(receipt), self._rules), receipt

    def _move(self, player: Account, game: g.GameState, data: bytes) -> tuple[g.GameState, TxReceipt]:
        receipt = self._send(player, data)
        self._moves.append(receipt["gasUsed"])
        event = self._event(receipt)
        assert isinstance(event, (g.Defended, g.Challenged))
        return game.after(event, self._time_of(receipt), self._rules), receipt

    def _prove(self, game: g.GameState, index: int, witness: bytes) -> TxReceipt:
        """The last move, by which the verifier wins."""
        receipt = self._send(self._verifier, g.encode_prove(game, index, witness))
        proved = self._event(receipt)
        assert isinstance(proved, g.Proved)
        if proved.computed == proved.claimed:
            raise CheckFailed(f"the step of the game 0x{game.game.id.hex()} is as its defender claimed")
        return receipt

    def _send(self, player: Account, data: bytes, value: int = 0) -> TxReceipt:
        return self._chain.send(player, to=self._contracts.dispute.address, data=data, value=value)

    def _event(self, receipt: TxReceipt) -> g.DisputeEvent | None:
        """The first event of the game in a transaction."""
        logs = [log for log in receipt["logs"] if log["address"] == self._contracts.dispute.address]
        return g.decode_event([bytes(topic) for topic in logs[0]["topics"]], bytes(logs[0]["data"]))

    def _time_of(self, receipt: TxReceipt) -> int:
        return self._chain.w3.eth.get_block(receipt["blockNumber"])["timestamp"]


def _run(hashes: Sequence[bytes]) -> _Run:
    """The state hash after so many steps; beyond the last one nothing changes."""
    return lambda steps: hashes[min(steps, len(hashes) - 1)]
