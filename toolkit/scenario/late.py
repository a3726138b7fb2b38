"""Late batches: what anyone may post when the sequencer has not for its window; pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from toolkit.devnet.accounts import checksum
from toolkit.errors import BadInput
from toolkit.rollup.codec import Header
from toolkit.rollup.derive import History
from toolkit.rollup.merkle import list_root


def late_batch(history: History, records: Sequence[bytes] = ()) -> tuple[Any, ...]:
    """The arguments of ``Inbox.postLateBatch`` for the next batch, which consumes what it must.

    Args:
        history: the Inbox's.
        records: of the batch, 76 bytes each; none to bring nothing but the messages.

    Raises:
        BadInput: there is no batch yet.
    """
    if not history.posted:
        raise BadInput("there is no batch on L1 yet: a late one follows another")
    last = history.posted[-1].batch
    before = history.posted[-2].accumulator if len(history.posted) > 1 else history.genesis
    shown = (
        *(last.header, last.records_root, len(last.records), len(last.blobs), list_root(last.message_leaves)),
        *(len(last.messages), last.timestamp, checksum(last.poster)),
    )
    references = b"".join(message.reference() for message in history.required)
    return before, shown, len(history.posted) + 1, Header().encode(), b"".join(records), references
