"""Witnesses: the bytes with which ``PaymentsMachine.step`` recomputes one step from the state's hash alone."""

from __future__ import annotations

from eth_abi.abi import encode

from toolkit.devnet.blobs import commit, element_at, prove_element
from toolkit.rollup.codec import (
    BLOB_RECORDS,
    HEADER_VERSION,
    NO_ACCOUNT,
    Header,
    decode_amount,
    decode_fee,
    elements_of_record,
    encode_blobs,
)
from toolkit.rollup.inbox import Batch
from toolkit.rollup.machine import Account, State, apply_step, debit, is_forced
from toolkit.rollup.merkle import SparseMerkleTree, list_proof, list_root, node

_STATE = "(bytes32,uint256,uint256,bytes28,uint256,uint256,uint256)"
_BATCH = "(bytes32,bytes32,uint256,uint256,bytes32,uint256,uint256,address)"
_BLOB_OPENING = "(bytes32[],bytes,bytes32[3],bytes)"
_OPENING = "((address,address,uint256,uint256),bytes32[])"
WITNESS = f"(bytes32,{_STATE},{_BATCH},uint256,bytes,bytes32[],{_BLOB_OPENING},{_OPENING},{_OPENING},bytes32[])"
"""The ABI type of `PaymentsMachine.Witness`."""

HOLDING = f"({_STATE},uint256,(address,address,uint256,uint256),bytes32[])"
"""The ABI type of `PaymentsMachine.Holding`."""

_Proof = tuple[bytes, ...]
_Opening = tuple[Account, _Proof]
_NO_OPENING: _Opening = (Account(bytes(20), bytes(20), 0, 0), ())
_BlobOpening = tuple[tuple[bytes, ...], bytes, tuple[bytes, ...], bytes]
_NO_BLOB_OPENING: _BlobOpening = ((), b"", (bytes(32),) * 3, b"")
_NO_BATCH = Batch(bytes(32), (), (), 0, bytes(20))


def build_witness(state: State, batch: Batch | None = None) -> bytes:
    """The witness of the step that comes next in ``state``.

    Args:
        state: before the step; not changed.
        batch: the one that the state is in; None where the state has reached its target and the step changes nothing.
            To open a record in a blob takes a quarter of a second.

    Returns:
        ``abi.encode(PaymentsMachine.Witness)``. What the step does not need is left empty.
    """
    step = batch or _NO_BATCH
    position, records = state.position, len(step.records)
    hint, item = 0, b""
    item_proof: _Proof = ()
    blob_opening = _NO_BLOB_OPENING
    first = second = _NO_OPENING
    withdrawal_proof: _Proof = ()
    if position < records:
        item = step.records[position]
        if step.blobs:
            blob_opening = _of_blob(step, position)
        else:
            item_proof = list_proof(step.record_leaves, position)
        header = Header.decode(step.header)
        if header.version == HEADER_VERSION:
            first, second, withdrawal_proof = _of_record(state, header.fee_token, item)
    elif position < records + len(step.messages):
        message = step.messages[position - records]
        hint, item = message.account, message.preimage
        item_proof = list_proof(step.message_leaves, position - records)
        if is_forced(message):
            first, second, withdrawal_proof = _of_record(state, None, message.data[1:])
        else:
            first, second = _of_credit(state, hint)
    elif state.fees:
        first, second = _of_credit(state, Header.decode(step.header).fee_account)
    return encode(
        [WITNESS],
        [
            (
                state.outbox_root,
                _words(state),
                batch_words(step),
                hint,
                item,
                item_proof,
                blob_opening,
                first,
                second,
                withdrawal_proof,
            )
        ],
    )


def holding_witness(state: State, index: int) -> bytes:
    """The witness by which L1 sees what the account at ``index`` holds in ``state``, for ``IMachine.holding``."""
    account, proof = _opening(state, index)
    return encode([HOLDING], [(_words(state), index, account, proof)])


def batch_words(batch: Batch) -> tuple[bytes, bytes, int, int, bytes, int, int, bytes]:
    """The eight words of ``IInbox.Batch``."""
    return (
        batch.header,
        batch.records_root,
        len(batch.records),
        len(batch.blobs),
        list_root(batch.message_leaves),
        len(batch.messages),
        batch.timestamp,
        batch.poster,
    )


def _words(state: State) -> tuple[bytes, int, int, bytes, int, int, int]:
    """The seven words of ``PaymentsMachine.State``."""
    return (
        state.account_tree.root,
        len(state.accounts),
        len(state.withdrawals),
        state.accumulator,
        state.batch,
        state.position,
        state.fees,
    )


def witness_at(state: State, batch: Batch, position: int) -> bytes:
    """The witness of any step of a batch; ``state`` is the one before the batch, and is not changed."""
    working = state.copy()
    while working.position < position:
        apply_step(working, batch)
    return build_witness(working, batch)


def _of_blob(batch: Batch, index: int) -> _BlobOpening:
    """The commitment to the blob with the record at ``index``, and the record's elements with their proofs."""
    blob = (batch.contents or encode_blobs(batch.records))[index // BLOB_RECORDS]
    places = elements_of_record(index)
    return (
        batch.blobs,
        commit(blob),
        tuple(element_at(blob, place) for place in places),
        b"".join(prove_element(blob, place) for place in places),
    )


def _of_record(state: State, fee_token: bytes | None, record: bytes) -> tuple[_Opening, _Opening, _Proof]:
    """The payer, the payee in the tree in which the payer has paid (or the free leaf), and the free withdrawal leaf."""
    sender, recipient = int.from_bytes(record[:4], "big"), int.from_bytes(record[4:8], "big")
    if sender == NO_ACCOUNT:
        return _NO_OPENING, _free_leaf(state), ()
    if sender >= len(state.accounts):
        return _NO_OPENING, _NO_OPENING, ()
    first = _opening(state, sender)
    if recipient == NO_ACCOUNT:
        withdrawals = len(state.withdrawals)
        full = withdrawals >> state.genesis.withdrawals_depth
        return first, _NO_OPENING, () if full else state.withdrawal_tree.proof(withdrawals)
    if recipient >= len(state.accounts):
        return first, _NO_OPENING, ()
    payer = state.accounts[sender]
    charged = decode_fee(record[11:12]) if payer.token == fee_token else 0
    debited = debit(payer, decode_amount(record[8:11]), charged)
    if debited is None:
        return first, _NO_OPENING, ()
    payee = debited if recipient == sender else state.accounts[recipient]
    return first, (payee, _proof_after(state.account_tree, recipient, sender, debited.leaf())), ()


def _of_credit(state: State, hint: int) -> tuple[_Opening, _Opening]:
    """The account hinted at, and the free leaf."""
    return _opening(state, hint) if hint < len(state.accounts) else _NO_OPENING, _free_leaf(state)


def _opening(state: State, index: int) -> _Opening:
    return state.accounts[index], state.account_tree.proof(index)


def _free_leaf(state: State) -> _Opening:
    index = len(state.accounts)
    if index >> state.genesis.accounts_depth:
        return _NO_OPENING
    return _NO_OPENING[0], state.account_tree.proof(index)


def _proof_after(tree: SparseMerkleTree, index: int, changed: int, leaf: bytes) -> _Proof:
    """The proof of ``index`` in the tree that results when the leaf at ``changed`` becomes ``leaf``."""
    proof = list(tree.proof(index))
    if index != changed:
        meeting = (index ^ changed).bit_length() - 1  # the height at which the two paths are siblings
        for height, sibling in enumerate(tree.proof(changed)[:meeting]):
            leaf = node(sibling, leaf) if changed >> height & 1 else node(leaf, sibling)
        proof[meeting] = leaf
    return tuple(proof)
