"""The specification of ``Alphabet.sol``, a machine as small as one can be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from toolkit.compile import compile_sources
from toolkit.crypto import keccak256

from .evm import Contract, Evm


class Alphabet:
    """Every state from the beginning on; each batch takes so many steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self._states: list[tuple[bytes, int, int, bytes]] = [(bytes(32), 0, 0, bytes(32))]
        self.hashes: list[bytes] = [self._hash(self._states[0])]

    def deploy(self, evm: Evm, inbox: Contract) -> Contract:
        source = (Path(__file__).parent / "Alphabet.sol").read_text()
        return evm.deploy(compile_sources({"Alphabet.sol": source})["Alphabet"], inbox.address, self.steps)

    def apply_batch(self, accumulator: bytes) -> None:
        """The next batch: the Inbox's accumulator after it is all that the machine sees of it."""
        outbox, batch, _, value = self._states[-1]
        for position in range(self.steps):
            value = keccak256(value + accumulator.ljust(32, b"\0") + position.to_bytes(32, "big"))
            last = position + 1 == self.steps
            state = (value, batch + 1, 0, value) if last else (outbox, batch, position + 1, value)
            self._states.append(state)
            self.hashes.append(self._hash(state))

    def run(self, first: int, last: int) -> Callable[[int], bytes]:
        """The state hash after so many steps from the end of batch `first` on; the machine stops after batch `last`."""
        return lambda steps: self.hashes[min(first * self.steps + steps, last * self.steps)]

    def witnesses(self, first: int, last: int) -> Callable[[int], bytes]:
        """The witness of the step after so many."""
        return lambda steps: self.witness(min(first * self.steps + steps, last * self.steps))

    def witness(self, place: int) -> bytes:
        """The witness of the step after so many from the very beginning."""
        outbox, batch, position, value = self._states[place]
        return outbox + batch.to_bytes(32, "big") + position.to_bytes(32, "big") + value

    def halves(self, place: int) -> tuple[bytes, bytes]:
        """Outbox root and inner hash after so many steps from the very beginning."""
        state = self._states[place]
        return state[0], self._inner(state)

    def _hash(self, state: tuple[bytes, int, int, bytes]) -> bytes:
        return keccak256(state[0] + self._inner(state))

    @staticmethod
    def _inner(state: tuple[bytes, int, int, bytes]) -> bytes:
        return keccak256(state[1].to_bytes(32, "big") + state[2].to_bytes(32, "big") + state[3])
