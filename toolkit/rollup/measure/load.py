"""Transfers for a sequencer, from a process of its own: ``python -m toolkit.rollup.measure.load JOB.json``.

Everything is signed beforehand; then the process waits until it may begin. The job says

{"url": "http://127.0.0.1:8600", "chain_id": 31337, "machine": "0x...", "transfers": 10000,
 "payers": ["<32 bytes of key in hex>", ...], "payees": ["0x...", ...]}

and beside it appear ``JOB.signed`` (an empty file), then, once there is a ``JOB.go``, ``JOB.done``:
{"began": seconds, "ended": seconds, "last": "0x..."}: by the clock that all processes share, and the last one's hash.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from toolkit.devnet.accounts import Account
from toolkit.devnet.l1 import bytes_of, hex_of
from toolkit.rollup.client import ETH, RollupClient
from toolkit.rollup.operations import Transfer

_POLL_SECONDS = 0.001
UNITS = 999
"""Amounts go from 1 to so many gwei."""


def main(job: Path) -> None:
    """Do a job."""
    told = json.loads(job.read_text())
    client = RollupClient(told["url"], chain_id=told["chain_id"], machine=bytes_of(told["machine"]))
    transfers = signed_transfers(client, told["payers"], told["payees"], told["transfers"])
    job.with_suffix(".signed").touch()
    while not job.with_suffix(".go").exists():
        time.sleep(_POLL_SECONDS)
    began = time.monotonic()
    receipts = client.send("l2_sendTransfers", transfers)
    ended = time.monotonic()
    client.close()
    result = {"began": began, "ended": ended, "confirmed": len(receipts), "last": hex_of(receipts[-1].hash)}
    half = job.with_suffix(".half")
    half.write_text(json.dumps(result))
    half.replace(job.with_suffix(".done"))


def signed_transfers(client: RollupClient, payers: list[str], payees: list[str], count: int) -> list[dict[str, Any]]:
    """Transfers of a few gwei of each payer in turn to one payee after the other."""
    accounts = [Account(f"payer {number}", bytes.fromhex(key)) for number, key in enumerate(payers)]
    found = [client.account(account.address_bytes) for account in accounts]
    nonces = [each.nonce for each in found]
    transfers = []
    for number in range(count):
        turn = number % len(accounts)
        index = found[turn].account
        assert index is not None, accounts[turn].address
        to = bytes_of(payees[number % len(payees)])
        operation = Transfer(index, to, ETH, (number % UNITS + 1) * 10**9, 0, nonces[turn])
        nonces[turn] += 1
        transfers.append(client.signed(operation, accounts[turn]))
    return transfers


if __name__ == "__main__":
    main(Path(sys.argv[1]))
