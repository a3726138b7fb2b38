"""Everybody around the two chains: an address and a key each."""

from __future__ import annotations

from toolkit.crypto import address_of, keccak256


class Person(bytes):
    """An address, known by a name."""

    def __new__(cls, name: str) -> Person:
        return super().__new__(cls, address_of(keccak256(name.encode())))

    def __init__(self, name: str) -> None:
        self.name, self.key = name, keccak256(name.encode())

    def __repr__(self) -> str:
        return self.name


ALICE, BOB, CAROL, STRANGER = Person("ALICE"), Person("BOB"), Person("CAROL"), Person("STRANGER")
SEQUENCER, PROPOSER, VERIFIER, CHEAT = Person("SEQUENCER"), Person("PROPOSER"), Person("VERIFIER"), Person("CHEAT")
PROVIDER, CARELESS = Person("PROVIDER"), Person("CARELESS")
"""Carol's account has got code: it takes ETH, or not, and is not deposited to. Careless is a provider who checks
nothing."""
EVERYBODY = (ALICE, BOB, CAROL, STRANGER, SEQUENCER, PROPOSER, VERIFIER, CHEAT, PROVIDER, CARELESS)
KEYS = {bytes(who): who.key for who in EVERYBODY}
