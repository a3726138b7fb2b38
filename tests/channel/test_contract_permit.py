"""Opening a channel in a token with an EIP-2612 permit instead of an approval."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from rollup_core.evm import Contract

from toolkit.channel.position import Position
from toolkit.channel.state import ETHER, Channel, ChannelTerms, Deposits
from toolkit.compile import artifact
from toolkit.crypto import address_of, keccak256, sign
from toolkit.devnet.accounts import checksum

from .hands import LATER, held, plain_token, refused
from .people import DAY, KEY_A, KEY_B, A, B, C
from .world import NO_SIGNATURE, World, halves

PERMIT = keccak256(b"Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)")
TERMS = ChannelTerms(B, DAY, 3)


@dataclass
class Stage:
    world: World
    token: Contract

    def permit(
        self, units: int, *, key: bytes = KEY_A, spender: bytes | None = None, nonce: int = 0, deadline: int = LATER
    ) -> tuple[bytes, bytes]:
        spender = spender or self.world.channels.address_bytes
        fields = [units * 10**3, nonce, deadline]
        message = address_of(key).rjust(32, b"\0") + spender.rjust(32, b"\0")
        message += b"".join(field.to_bytes(32, "big") for field in fields)
        separator = self.world.evm.call(self.token, "DOMAIN_SEPARATOR")
        return halves(sign(key, keccak256(b"\x19\x01" + separator + keccak256(PERMIT + message))))

    def open(self, units: int, signature: tuple[bytes, bytes], deadline: int = LATER, sender: bytes = A) -> bytes:
        arguments = TERMS.pack(), self.token.address, units, deadline, signature
        return bytes(self.world.call(sender, "openInTokensWithPermit", *arguments))

    def allowance(self) -> int:
        return int(self.world.evm.call(self.token, "allowance", checksum(A), self.world.channels.address))


@pytest.fixture
def stage() -> Stage:
    world = World()
    token = world.evm.deploy(artifact("Token"), "Token", "TOK", 10**30)
    world.evm.call(token, "transfer", checksum(A), 10**20)
    return Stage(world, token)


def test_a_permit_opens_in_one_call(stage: Stage) -> None:
    id_ = stage.open(50, stage.permit(50))
    a, b, *_ = stage.world.call(A, "position", id_)
    assert (a, b) == (50, 0)
    assert held(stage.world, stage.token, stage.world.channels.address_bytes) == 50_000
    assert stage.allowance() == 0
    with refused(""):  # TransferFromFailed() of the library: the permit is used up
        stage.world.pass_by(12)
        stage.open(50, stage.permit(50))


def test_somebody_else_may_have_used_the_permit_first(stage: Stage) -> None:
    r, vs = stage.permit(50)
    packed = int.from_bytes(vs, "big")
    v, s = 27 + (packed >> 255), (packed % 2**255).to_bytes(32, "big")
    spender = stage.world.channels.address
    stage.world.evm.call(stage.token, "permit", checksum(A), spender, 50_000, LATER, v, r, s, sender=checksum(C))
    stage.open(50, (r, vs))
    assert held(stage.world, stage.token, stage.world.channels.address_bytes) == 50_000


def test_an_allowance_needs_no_permit(stage: Stage) -> None:
    stage.world.evm.call(stage.token, "approve", stage.world.channels.address, 2**256 - 1, sender=checksum(A))
    stage.open(50, NO_SIGNATURE)
    assert held(stage.world, stage.token, stage.world.channels.address_bytes) == 50_000


def test_a_permit_that_is_none_opens_nothing(stage: Stage) -> None:
    good = stage.permit(50)
    wrong = [
        (49, good, LATER),
        (51, good, LATER),
        (50, good, LATER + 1),
        (50, stage.permit(50, key=KEY_B), LATER),
        (50, stage.permit(50, spender=C), LATER),
        (50, stage.permit(50, nonce=1), LATER),
        (50, stage.permit(50, deadline=stage.world.now - 1), stage.world.now - 1),
        (50, NO_SIGNATURE, LATER),
    ]
    for units, signature, deadline in wrong:
        with refused(""):
            stage.open(units, signature, deadline)
    assert held(stage.world, stage.token, stage.world.channels.address_bytes) == 0
    stage.open(50, good)


def test_one_accounts_permit_opens_no_channel_of_anothers(stage: Stage) -> None:
    with refused(""):
        stage.open(50, stage.permit(50), sender=C)
    assert held(stage.world, stage.token, A) == 10**20


def test_what_is_refused_without_a_permit_is_refused_with_one(stage: Stage) -> None:
    call = stage.world.call
    with refused("NotAToken", checksum(ETHER)):
        call(A, "openInTokensWithPermit", TERMS.pack(), checksum(ETHER), 1, LATER, NO_SIGNATURE)
    with refused("BadUnits", 2**256 - 1, 2**56 - 1):
        call(A, "openInTokensWithPermit", TERMS.pack(), stage.token.address, 2**256 - 1, LATER, NO_SIGNATURE)
    with refused("BadUnitExponent", 255):
        terms = B + DAY.to_bytes(4, "big") + bytes([255]) + bytes(7)
        call(A, "openInTokensWithPermit", terms, stage.token.address, 1, LATER, NO_SIGNATURE)
    with refused(""):  # no contract there
        call(A, "openInTokensWithPermit", TERMS.pack(), checksum(C), 1, LATER, NO_SIGNATURE)


def test_a_token_without_permits_takes_an_allowance(stage: Stage) -> None:
    token = plain_token(stage.world)  # has no allowances at all: whoever asks may have it
    stage.world.call(A, "openInTokensWithPermit", TERMS.pack(), token.address, 5, LATER, NO_SIGNATURE)
    assert held(stage.world, token, stage.world.channels.address_bytes) == 5_000


def test_the_channel_is_an_ordinary_one(stage: Stage) -> None:
    world = stage.world
    id_ = stage.open(50, stage.permit(50))
    channel = Channel(A, TERMS, stage.token.address_bytes, world.block)
    assert channel.id == id_
    assert world.position(channel) == Position(Deposits(50, 0))
    world.pass_by(12)
    world.close_now(A, channel, 20, LATER, KEY_B)
    assert held(world, stage.token, B) == 20_000
    assert held(world, stage.token, A) == 10**20 - 20_000
