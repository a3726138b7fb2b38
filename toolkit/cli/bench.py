"""``l2kit bench``: how fast the off-chain halves are, as ratios to what this machine can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from toolkit.cli import show
from toolkit.cli.options import batch_data_option, node_option

if TYPE_CHECKING:
    from toolkit.channel.bench import Rates
    from toolkit.rollup.measure.bench import Report


@click.group()
def bench() -> None:
    """Measure speed, beside what this machine can do at all in the same run.

    \b
    Examples:
      l2kit bench channel
      l2kit bench rollup
      l2kit bench devnet
    """


@bench.command()
@click.option("--payments", type=click.IntRange(1, 10_000_000), default=20_000, show_default=True, help="How many.")
@click.option(
    "--batch", type=click.IntRange(1, 1024), default=1024, show_default=True, help="Payments that share a message."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def channel(payments: int, batch: int, as_json: bool) -> None:
    """Payments through one channel: each signed, verified, and on both sides' disks before it counts.

    \b
    In process: two parties in one thread, batch by batch. Over sockets: two processes over loopback; the
    rate is that of payments ordered at once, the times are of payments made one by one.

    \b
    Examples:
      l2kit bench channel
      l2kit bench channel --payments 100000 --json
    """
    from toolkit.channel.bench import in_process, over_sockets

    with show.steps() as step:
        step(f"{payments:,} payments in process")
        inside = in_process(payments, batch)
        outside = over_sockets(payments, min(payments, 1_000), step)
    if as_json:
        show.as_json({**inside.as_json(), "over_sockets": outside.as_json(), "payments": payments, "batch": batch})
        return
    rows = [["", "payments/s", "p50 ms", "p99 ms", "bytes each", "of verify/s"]]
    rows += [_row("in process", inside), _row("over sockets", outside)]
    show.table(f"{payments:,} payments through one channel, signed, verified and durable", rows, numbers=True)
    show.out.print(
        f"\nThis machine, one core: {inside.sign_per_second:,.0f} signatures/s,"
        f" {inside.verify_per_second:,.0f} verifications/s",
        markup=False,
    )


@bench.command()
@click.option("--transfers", type=click.IntRange(1, 10_000_000), default=20_000, show_default=True, help="How many.")
@click.option("--clients", type=click.IntRange(1, 8), default=2, show_default=True, help="Processes that send them.")
@batch_data_option("How the batches go to L1; a devnet's blobs cost next to nothing, so auto takes them.")
@node_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rollup(transfers: int, clients: int, batch_data: str, node: str, as_json: bool) -> None:
    """Transfers through the rollup: to the sequencer's disk, to L1, and derived again from there.

    \b
    A node and the services run as processes of their own. Transfers of eight wallets are signed first
    (EIP-712), then sent over HTTP; one counts when the sequencer has it on disk. Then a verifier with an
    empty database derives all of them from L1, and must agree with what was asserted there. Last, what
    L1 charges: for the data of up to as many transfers, and for one step of a dispute.

    \b
    Examples:
      l2kit bench rollup
      l2kit bench rollup --transfers 100000 --clients 4 --batch-data blobs
      l2kit bench rollup --json > rollup.json
    """
    from toolkit.rollup.measure.bench import measure

    with show.steps() as step:
        report = measure(transfers, clients, batch_data, step, node=node)
    if as_json:
        show.as_json(report.as_json())
        return
    _show_rollup(report)


@bench.command()
@click.option("--tests", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many, of each kind.")
@node_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def devnet(tests: int, node: str, as_json: bool) -> None:
    """A devnet's start, and how long it takes to be as it was after a test.

    \b
    Before and after each test L1's node and every service are brought back to one state, as
    'Session.anchor' of the library does; what the test itself takes does not count. The measure is L1's
    node alone, which takes a snapshot and reverts to it.

    \b
    Examples:
      l2kit bench devnet
      l2kit bench devnet --tests 200 --json
    """
    from toolkit.isolation import measure

    with show.steps() as step:
        found = measure(tests, step, node=node)
    if as_json:
        show.as_json(found.as_json())
        return
    rows = [["a test that", "before ms", "after ms", "together", "of L1 alone"]]
    rows += [
        [each.test, f"{each.before_ms:.1f}", f"{each.after_ms:.1f}", f"{each.ms:.1f}", f"{each.ms / found.bare_ms:.1f}"]
        for each in found.isolation
    ]
    show.table(f"Isolation of {tests:,} tests with {found.services} services, medians", rows, numbers=True)
    show.out.print(
        f"\nL1's node alone: {found.bare_ms:.1f} ms for a snapshot and the return to it\n"
        f"A devnet's start: {found.start_seconds:.1f} s",
        markup=False,
    )


def _show_rollup(report: Report) -> None:
    rates = report.rates
    speeds = [
        ("sequencer: over HTTP to its disk", rates.transfers_per_second),
        ("verifier: L1's logs to the machine hash", rates.rederive_per_second),
        ("verifier: the same, starting and reading L1 included", rates.rederive_with_start_per_second),
    ]
    rows = [["", "transfers/s", "of recover/s"]]
    rows += [[name, f"{speed:,.0f}", f"{speed / rates.recover_per_second:.2f}"] for name, speed in speeds]
    how = {"calldata": "as calldata", "blobs": "in blobs", "auto": "the cheaper way"}[report.batch_data]
    title = f"{report.transfers:,} transfers, each signed and verified, posted {how}"
    show.table(title, rows, numbers=True)
    show.out.print(
        f"\nThis machine, one core: {rates.sign_per_second:,.0f} signatures/s,"
        f" {rates.recover_per_second:,.0f} signers recovered/s\n",
        markup=False,
    )
    rows = [["posted to L1 as", "transfers", "bytes each", "gas each", "blob gas each"]]
    rows += [
        [
            each.kind,
            f"{each.transfers:,}",
            f"{each.bytes_per_transfer:,.1f}",
            f"{each.gas_per_transfer:,.1f}",
            f"{each.blob_gas_per_transfer:,.1f}",
        ]
        for each in report.data
    ]
    show.table("Transfers as data on L1", rows, numbers=True)
    show.out.print()
    rows = [["accounts", "depth", "gas", "as a transaction"]]
    rows += [
        [f"{1 << each.depth:,}", str(each.depth), f"{each.gas:,}", f"{each.transaction_gas:,}"] for each in report.steps
    ]
    show.table("One transfer executed by L1, the last step of a dispute", rows, numbers=True)


def _row(name: str, rates: Rates) -> list[str]:
    return [
        name,
        f"{rates.payments_per_second:,.0f}",
        f"{rates.p50_ms:.2f}",
        f"{rates.p99_ms:.2f}",
        f"{rates.bytes_per_payment:.1f}",
        f"{rates.payments_per_second / rates.verify_per_second:.2f}",
    ]
