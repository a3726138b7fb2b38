"""``l2kit bench``: how fast the off-chain halves are, as ratios to what this machine can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from toolkit.cli import show

if TYPE_CHECKING:
    from toolkit.channel.bench import Rates


@click.group()
def bench() -> None:
    """Measure speed, beside what this machine signs and verifies in the same run.

    \b
    Example:
      l2kit bench channel
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


def _row(name: str, rates: Rates) -> list[str]:
    return [
        name,
        f"{rates.payments_per_second:,.0f}",
        f"{rates.p50_ms:.2f}",
        f"{rates.p99_ms:.2f}",
        f"{rates.bytes_per_payment:.1f}",
        f"{rates.payments_per_second / rates.verify_per_second:.2f}",
    ]
