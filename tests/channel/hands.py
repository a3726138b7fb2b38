"""What the tests of the contract share: its errors by name, calldata, and tokens that behave oddly."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode
from rollup_core.evm import Contract

from toolkit.crypto import keccak256
from toolkit.devnet.accounts import checksum
from toolkit.errors import Reverted

from .people import DAY, A, B
from .world import START, World

LATER = START + 10 * DAY


def refused(name: str, *arguments: object) -> pytest.RaisesExc[Reverted]:
    def same(error: Reverted) -> bool:
        return error.error == name and tuple(error.arguments)[: len(arguments)] == arguments

    return pytest.RaisesExc(Reverted, check=same)


def calldata(signature: str, *arguments: object) -> bytes:
    types = signature[signature.index("(") + 1 : -1]
    depth, split = 0, [""]
    for character in types:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            split.append("")
        else:
            split[-1] += character
    return keccak256(signature.encode())[:4] + encode(split, arguments)


def plain_token(world: World) -> Contract:
    token = world.deploy_odd("OddToken")
    for owner in (A, B):
        world.evm.call(token, "mint", checksum(owner), 10**30)
    return token


def behave(world: World, contract: Contract, manner: int, who: bytes = bytes(20)) -> None:
    arguments = (checksum(who), b"") if "act" in contract.functions else (checksum(who),)
    world.evm.call(contract, "behave", manner, *arguments)


def held(world: World, token: Contract, owner: bytes) -> int:
    return int(world.evm.call(token, "balanceOf", checksum(owner)))
