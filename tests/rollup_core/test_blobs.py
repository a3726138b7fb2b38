"""Records in blobs: where they lie, and that nobody can show L1 another one."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from eth_abi.abi import decode, encode
from hypothesis import given
from hypothesis import strategies as st

from toolkit.compile import compile_sources
from toolkit.devnet.blobs import (
    BLOB_SIZE,
    FIELD_ELEMENTS,
    MODULUS,
    _kzg,
    commit,
    element_at,
    make_sidecar,
    prove_element,
    versioned_hash,
)
from toolkit.errors import BadInput, Reverted
from toolkit.rollup.codec import (
    BLOB_RECORDS,
    Header,
    decode_blobs,
    elements_of_record,
    encode_blobs,
)
from toolkit.rollup.inbox import Batch
from toolkit.rollup.machine import Outcome, State, apply_step
from toolkit.rollup.measure.deep import DeepState
from toolkit.rollup.witness import WITNESS, build_witness
from toolkit.toolchain.folders import contracts_path

from .evm import Evm, refusal
from .machines import Machines, account_of, signed_transfer, signed_withdrawal
from .worlds import POSTER, in_blobs, in_noisy_blobs

RECORD = st.binary(min_size=76, max_size=76)


def test_two_records_lie_in_five_elements_as_documented() -> None:
    a, b = bytes(range(76)), bytes(range(100, 176))
    (blob,) = encode_blobs([a, b])
    spare = bytes(3)
    elements = [a[:31], a[31:62], a[62:] + b[62:] + spare, b[:31], b[31:62]]
    assert blob == b"".join(b"\0" + element for element in elements).rstrip(b"\0")
    assert [elements_of_record(index) for index in (0, 1, 2, 1637, 1638)] == [
        (0, 1, 2), (3, 4, 2), (5, 6, 7), (4093, 4094, 4092), (0, 1, 2),
    ]  # fmt: skip


@given(st.lists(RECORD, max_size=9), st.integers(0, 3))
def test_records_survive_their_blobs(records: list[bytes], more: int) -> None:
    blobs = encode_blobs(records)
    assert decode_blobs(blobs, len(records)) == tuple(records)
    # What lies behind the last record is zeros, which are records as well.
    assert decode_blobs(blobs, len(records) + more) == (*records, *[bytes(76)] * more)


@pytest.mark.parametrize("count", [0, 1, BLOB_RECORDS - 1, BLOB_RECORDS, BLOB_RECORDS + 1, 2 * BLOB_RECORDS + 1])
def test_as_few_blobs_as_hold_the_records_and_at_least_one(count: int) -> None:
    records = [index.to_bytes(76, "little") for index in range(1, count + 1)]
    blobs = encode_blobs(records)
    assert len(blobs) == max(1, -(-count // BLOB_RECORDS))
    assert decode_blobs(blobs, count) == tuple(records)
    assert all(len(blob) <= BLOB_SIZE for blob in blobs)


def test_blobs_do_not_hold_more_than_they_can() -> None:
    assert len(decode_blobs([b"", b""], 2 * BLOB_RECORDS)) == 2 * BLOB_RECORDS
    with pytest.raises(BadInput, match=f"{2 * BLOB_RECORDS} records at most, not {2 * BLOB_RECORDS + 1}"):
        decode_blobs([b"", b""], 2 * BLOB_RECORDS + 1)


@given(st.integers(0, 2**32), st.lists(RECORD, min_size=1, max_size=5))
def test_the_free_bits_of_a_blob_mean_nothing(seed: int, records: list[bytes]) -> None:
    rng = random.Random(seed)
    (blob,) = encode_blobs(records)
    noisy = bytearray(blob.ljust(160 * len(records), b"\0"))
    for start in range(0, len(noisy), 32):
        noisy[start] = rng.randrange(256)
    for start in range(64, len(noisy), 160):
        noisy[start + 29 : start + 32] = rng.randbytes(3)
    assert decode_blobs([bytes(noisy)], len(records)) == tuple(records)


def test_a_sidecar_s_commitments_and_proofs_are_good() -> None:
    ckzg, setup = _kzg()
    blobs = encode_blobs([index.to_bytes(76, "little") for index in range(BLOB_RECORDS + 1)])
    sidecar = make_sidecar(blobs)
    assert sidecar.blobs == tuple(blob.ljust(BLOB_SIZE, b"\0") for blob in blobs)
    assert sidecar.commitments == tuple(map(commit, blobs))
    assert sidecar.versioned_hashes == tuple(map(versioned_hash, sidecar.commitments))
    for number, (blob, commitment) in enumerate(zip(sidecar.blobs, sidecar.commitments, strict=True)):
        proofs = list(sidecar.proofs[128 * number : 128 * number + 128])
        cells = ckzg.compute_cells(blob, setup)
        assert ckzg.verify_cell_kzg_proof_batch([commitment] * 128, list(range(128)), cells, proofs, setup)


@pytest.mark.parametrize("blob", [bytes(BLOB_SIZE + 1), MODULUS.to_bytes(32, "big"), b"\xff" * 32], ids=list("lmf"))
def test_what_is_no_blob_is_refused(blob: bytes) -> None:
    for function in (commit, lambda each: prove_element(each, 0), lambda each: make_sidecar([each])):
        with pytest.raises(BadInput, match="blob"):
            function(blob)


@pytest.mark.parametrize("count", [0, 7])
def test_a_transaction_carries_one_to_six_blobs(count: int) -> None:
    with pytest.raises(BadInput, match=f"1 to 6 blobs, not {count}"):
        make_sidecar([b"\1"] * count)


# On L1.


def test_every_place_of_a_blob_can_be_shown(machines: Machines) -> None:
    """The first and the last records of two blobs and what is next to them; all other bits are noise."""
    rng = random.Random(4844)
    state = State(machines.origin(), [account_of(0, 10**6), account_of(1, 5)])
    records = [rng.randbytes(76) for _ in range(2 * BLOB_RECORDS)]
    places = [0, 1, 2, 3, 1000, 1001, 1636, 1637, 1638, 1639, 3274, 3275]
    for place in places:
        records[place] = signed_transfer(state, 0, 1, place)
    batch = in_noisy_blobs(rng, Batch(Header().encode(), records, (), 7, POSTER))
    assert len(batch.blobs) == 2
    machines.post(state, batch)
    for place in places:
        state.position = place
        after = state.copy()
        assert apply_step(after, batch).outcome is Outcome.APPLIED
        assert machines.step(state, 1, build_witness(state, batch)) == after.machine_hash


def test_the_same_blob_twice_holds_its_records_twice(machines: Machines) -> None:
    state = State(machines.origin(), [account_of(0, 100), account_of(1, 5)])
    record = signed_transfer(state, 0, 1, 10)
    records = [record, *[bytes(76)] * (BLOB_RECORDS - 1)] * 2
    batch = in_blobs(Batch(Header().encode(), records, (), 7, POSTER))
    assert batch.blobs[0] == batch.blobs[1]
    machines.post(state, batch)
    for place, expected in ((0, Outcome.APPLIED), (BLOB_RECORDS, Outcome.BAD_SIGNATURE)):
        state.position = place
        witness = build_witness(state, batch)
        before = state.copy()
        assert apply_step(state, batch).outcome is expected
        assert machines.step(before, 1, witness) == state.machine_hash


Opening = tuple[tuple[bytes, ...], bytes, tuple[bytes, ...], bytes]


class Shown:
    """A batch in two blobs, and the opening of its third record, to be tampered with."""

    def __init__(self, machines: Machines) -> None:
        rng = random.Random(7)
        self.machines = machines
        self.state = State(machines.origin(), [account_of(0, 100), account_of(1, 5)])
        records = [rng.randbytes(76) for _ in range(BLOB_RECORDS + 3)]
        self.place = 2
        records[self.place] = signed_transfer(self.state, 0, 1, 10)
        self.batch = in_noisy_blobs(rng, Batch(Header().encode(), records, (), 7, POSTER))
        self.state.position = self.place
        machines.post(self.state, self.batch)
        self.parts: list[Any] = list(decode([WITNESS], build_witness(self.state, self.batch))[0])
        self.opening: Opening = self.parts[6]

    def step(self, opening: Opening, item: bytes | None = None) -> bytes:
        parts = [*self.parts]
        parts[6] = opening
        if item is not None:
            parts[4] = item
        return self.machines.step(self.state, 1, encode([WITNESS], [tuple(parts)]))

    def open(self, blob: int, places: tuple[int, ...]) -> Opening:
        """A good opening of other elements."""
        content = self.batch.contents[blob]
        elements = tuple(element_at(content, place) for place in places)
        return self.batch.blobs, commit(content), elements, b"".join(prove_element(content, each) for each in places)


@pytest.fixture(scope="module")
def shown(machines: Machines) -> Shown:
    return Shown(machines)


def test_the_untouched_opening_is_accepted(shown: Shown) -> None:
    after = shown.state.copy()
    apply_step(after, shown.batch)
    assert shown.step(shown.opening) == after.machine_hash
    assert shown.step(shown.open(0, elements_of_record(shown.place))) == after.machine_hash


@pytest.mark.parametrize("number", [0, 1, 2])
def test_an_element_with_another_value_is_refused(shown: Shown, number: int) -> None:
    """Whatever bit of it, those without meaning, too; and the same number plus the field's modulus."""
    hashes, commitment, elements, proofs = shown.opening
    value = int.from_bytes(elements[number], "big")
    others = [value ^ 1, value ^ 1 << 248, value ^ 1 << 120, 0, value + MODULUS]
    for other in others:
        changed = (*elements[:number], other.to_bytes(32, "big"), *elements[number + 1 :])
        assert refusal("WrongElement", lambda c=changed: shown.step((hashes, commitment, c, proofs))) == (
            (5, 6, 7)[number],
            other.to_bytes(32, "big"),
        )


def test_elements_of_other_places_are_refused(shown: Shown) -> None:
    """With good proofs, and the item that they would make."""
    for blob, places in ((0, elements_of_record(3)), (0, elements_of_record(0)), (1, (5, 6, 7)), (0, (6, 5, 7))):
        opening = shown.open(blob, places)
        item = b"".join(element[1:] for element in opening[2][:2]) + opening[2][2][1:15]
        with pytest.raises(Reverted) as caught:
            shown.step(opening, item)
        assert caught.value.error == "WrongElement"


def test_another_item_than_the_elements_make_is_refused(shown: Shown) -> None:
    item: bytes = shown.parts[4]
    for other in (item[:-1], item + b"\0", item[:75] + bytes([item[75] ^ 1]), b"\1" + item[1:], b""):
        refusal("WrongWitness", lambda o=other: shown.step(shown.opening, o))


def _changes(shown: Shown) -> dict[str, tuple[str, Opening]]:
    hashes, commitment, elements, proofs = shown.opening
    another = prove_element(shown.batch.contents[0], 9)
    infinity = b"\xc0" + bytes(47)
    return {
        "another element's proof": ("WrongElement", (hashes, commitment, elements, another + proofs[48:])),
        "proofs in another order": ("WrongElement", (hashes, commitment, elements, proofs[48:] + proofs[:48])),
        "a proof at infinity": ("WrongElement", (hashes, commitment, elements, infinity + proofs[48:])),
        "a proof that is no point": ("WrongElement", (hashes, commitment, elements, b"\xff" * 48 + proofs[48:])),
        "the other blob's commitment": (
            "WrongElement",
            (hashes, commit(shown.batch.contents[1]), elements, proofs),
        ),
        # the sign of the point, a flag of the encoding, and no point at all
        "the negated commitment": (
            "WrongElement",
            (hashes, bytes([commitment[0] ^ 0x20]) + commitment[1:], elements, proofs),
        ),
        "a commitment without its flag": (
            "WrongElement",
            (hashes, bytes([commitment[0] & 0x7F]) + commitment[1:], elements, proofs),
        ),
        "a short commitment": ("BadLength", (hashes, commitment[:-1], elements, proofs)),
        "a long commitment": ("BadLength", (hashes, commitment + b"\0", elements, proofs)),
        "short proofs": ("BadLength", (hashes, commitment, elements, proofs[:-48])),
        "long proofs": ("BadLength", (hashes, commitment, elements, proofs + bytes(48))),
        # what moves a byte from one to the other keeps the precompile's input as it is
        "a byte moved": ("BadLength", (hashes, commitment + proofs[:1], elements, proofs[1:])),
        "hashes exchanged": ("WrongWitness", (hashes[::-1], commitment, elements, proofs)),
        "a hash too few": ("WrongWitness", (hashes[:1], commitment, elements, proofs)),
        "a hash too many": ("WrongWitness", ((*hashes, hashes[0]), commitment, elements, proofs)),
        "no hashes": ("WrongWitness", ((), commitment, elements, proofs)),
        "another blob's hash": ("WrongWitness", ((bytes(32), hashes[1]), commitment, elements, proofs)),
    }


CHANGES = (
    "another element's proof", "proofs in another order", "a proof at infinity", "a proof that is no point",
    "the other blob's commitment", "the negated commitment", "a commitment without its flag", "a short commitment",
    "a long commitment", "short proofs", "long proofs", "a byte moved", "hashes exchanged", "a hash too few",
    "a hash too many", "no hashes", "another blob's hash",
)  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_tampered_opening_is_refused(shown: Shown, change: str) -> None:
    changes = _changes(shown)
    assert set(changes) == set(CHANGES)
    error, opening = changes[change]
    refusal(error, lambda: shown.step(opening))


def test_another_blob_with_its_own_good_opening_is_refused(shown: Shown) -> None:
    """A blob made to measure, well opened, but not the batch's."""
    hashes, _, _, _ = shown.opening
    forged = in_blobs(Batch(Header().encode(), [signed_transfer(shown.state, 0, 1, 100)] * 3, (), 7, POSTER))
    (blob,) = encode_blobs(forged.records)
    elements = tuple(element_at(blob, place) for place in (5, 6, 7))
    proofs = b"".join(prove_element(blob, place) for place in (5, 6, 7))
    own = (forged.blobs[0], hashes[1])
    refusal("WrongElement", lambda: shown.step((hashes, commit(blob), elements, proofs), forged.records[2]))
    refusal("WrongWitness", lambda: shown.step((own, commit(blob), elements, proofs), forged.records[2]))


def test_a_blob_batch_is_not_shown_as_calldata_nor_the_other_way_round(machines: Machines) -> None:
    state = State(machines.origin(), [account_of(0, 100), account_of(1, 5)])
    in_calldata = Batch(Header().encode(), (signed_transfer(state, 0, 1, 10),), (), 7, POSTER)
    blobs = in_blobs(in_calldata)
    for posted, claimed in ((in_calldata, blobs), (blobs, in_calldata)):
        machines.post(state, posted)
        refusal("WrongWitness", lambda c=claimed: machines.step(state, 1, build_witness(state, c)))
    # The words of a batch in blobs, with zero blobs: then its root is a list's, and the hashes are no proof.
    machines.post(state, replace(blobs, blobs=()))
    refusal("WrongWitness", lambda: machines.step(state, 1, build_witness(state, blobs)))


_HARNESS = """
// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;
import {BlobReader} from "./BlobReader.sol";
contract Harness {
    function record(BlobReader.Opening calldata shown, uint256 index) external view returns (bytes memory) {
        return BlobReader.record(shown, index);
    }
}
contract Impostor {
    bytes private _answer;
    bool private _fails;
    function set(bytes calldata answer, bool fails) external { (_answer, _fails) = (answer, fails); }
    fallback(bytes calldata) external returns (bytes memory) {
        require(!_fails);
        return _answer;
    }
}
"""


def _reader(precompile: str) -> dict[str, Any]:
    """The library as it is, but with its precompile elsewhere."""
    text = (contracts_path() / "rollup" / "BlobReader.sol").read_text()
    assert text.count("address(0x0a)") == 1
    moved = text.replace("address(0x0a)", f"address({precompile})")
    return dict(compile_sources({"test/BlobReader.sol": moved, "test/Harness.sol": _HARNESS}))


def test_only_the_precompile_s_own_answer_counts() -> None:
    """On a chain without it, the call succeeds and answers nothing."""
    evm = Evm()
    impostor = evm.deploy(_reader("0x0b")["Impostor"])
    harness = evm.deploy(_reader(impostor.address)["Harness"])
    opening = ([bytes(32)], bytes(48), [bytes(32)] * 3, bytes(144))
    show = partial(evm.call, harness, "record", opening, 0)
    good = encode(["uint256", "uint256"], [FIELD_ELEMENTS, MODULUS])
    answers = (b"", good[:32], good[:63], good + b"\0", bytes(64), good[32:] + good[:32], good[:63] + b"\2")
    for answer in answers:
        evm.call(impostor, "set", answer, False)
        refusal("WrongElement", show)
    evm.call(impostor, "set", good, True)
    refusal("WrongElement", show)
    evm.call(impostor, "set", good, False)
    assert show() == bytes(76)


def _gas(machines: Machines, state: State, batch: Batch) -> int:
    """Of the step that comes next, as a transaction of its own, by EIP-7623."""
    witness = build_witness(state, batch)
    call = encode(["bytes32", "uint64", "bytes"], [state.machine_hash, state.batch + 1, witness])
    successor = machines.step(state, state.batch + 1, witness)
    apply_step(state, batch)
    assert successor == state.machine_hash
    floor = 21_000 + sum(40 if byte else 10 for byte in call) + 4 * 40
    return max(floor, int(machines.evm.vm.result.gas_used))


@pytest.mark.parametrize("put", ["calldata", "blobs"])
@pytest.mark.parametrize("kind", ["transfer", "withdrawal"])
def test_the_worst_step_stays_below_its_target(machines: Machines, put: str, kind: str) -> None:
    """Trees of full depth, and as long a list of records as a transaction can post."""
    rng = random.Random(1)
    origin = machines.origin()
    payer, payee = 0x2AAAAAAA, 0x55555555
    state = DeepState(origin, {payer: account_of(0, 10**18), payee: account_of(1, 10**18)})
    make: Callable[[], bytes] = {
        "transfer": lambda: signed_transfer(state, payer, payee, 123_456 * 10**9, 7),
        "withdrawal": lambda: signed_withdrawal(state, payer, 123_456 * 10**9, 7),
    }[kind]
    records = [rng.randbytes(76) for _ in range(5_400)]
    records[1] = make()
    batch = Batch(Header().encode(), records, (), 7, POSTER)
    if put == "blobs":
        batch = in_blobs(batch)
    state.position = 1
    machines.post(state, batch)
    gas = _gas(machines, state, batch)
    assert state.fees == 7, "the step must have applied"
    assert gas < {"calldata": 250_000, "blobs": 400_000}[put]
