"""``l2kit up``: a devnet to work with."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolkit.cli import show
from toolkit.cli.options import batch_data_option, devnet_options, hardfork_option
from toolkit.cli.payer import NoKeys, confirm, key_options, read_payer
from toolkit.devnet.running import DEFAULT_SESSION, DESCRIPTION
from toolkit.errors import BadInput

if TYPE_CHECKING:
    from toolkit.cli.detach import Detached
    from toolkit.world import Devnet

_PUBLIC_KEYS = "the keys are public: for development only"


@click.command(cls=NoKeys)
@devnet_options
@key_options
@click.option("--fund", metavar="ETH", help="With a key: what each user gets beside gas [default: 0.01].")
@click.option("--yes", is_flag=True, help="With a key: do not ask before money is sent on a public network.")
@click.option("--challenge-window", metavar="TIME", help="How long an assertion can be disputed [default: 7d].")
@hardfork_option
@click.option("--l2-port", type=int, help="Port of the sequencer's JSON-RPC [default: a free one].")
@batch_data_option("How the rollup's batches go to L1; auto is the cheaper way each time.")
@click.option(
    "--session",
    default=DEFAULT_SESSION,
    show_default=True,
    metavar="NAME",
    help="Its name, by which other commands find it.",
)
@click.option("--detach", is_flag=True, help="Return once it runs; 'l2kit down' ends it.")
@click.option("--keep-going", is_flag=True, help="Leave a service that ends as it is, instead of starting it again.")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Write the JSON to FILE, too.")
@click.option("--json", "as_json", is_flag=True, help="Print the JSON instead of the screen.")
@click.argument("node_flags", nargs=-1, type=click.UNPROCESSED, metavar="[-- NODE FLAGS]")
def up(
    detach: bool,
    keep_going: bool,
    output: Path | None,
    as_json: bool,
    fund: str | None,
    yes: bool,
    challenge_window: str | None,
    key_file: Path | None,
    password_file: Path | None,
    **given: Any,
) -> None:
    """Start a devnet, deploy everything, and run until Ctrl-C, or with --detach until 'l2kit down'.

    \b
    Prints the chains with their RPC URLs, funded accounts with their keys, contract addresses and
    logs, and writes the same as JSON. A service that ends is told of and started again, with its
    database; the end of L1's node is the end of all. At the end everything is stopped and removed.
    What follows '--' goes to L1's node.

    With --l1-rpc everything is put on a network that runs already. Where that is none with the
    development accounts, a key of yours pays (docs/networks.md): from an encrypted key file, or from
    the variable L2KIT_KEY; never from the command line.

    \b
    Examples:
      l2kit up
      l2kit up --port 8545 --l2-port 8600 --output devnet.json
      l2kit up --session second --detach
      l2kit up --node hardhat
      l2kit up --l1-rpc http://127.0.0.1:8545
      l2kit up --l1-rpc https://rpc.example.org --key-file key.json --public --challenge-window 1h
      l2kit up -- --block-time 2
    """
    from toolkit.bridge.amounts import ETHER_UNIT, parse_span, parse_units
    from toolkit.world import Devnet, Options

    if output:
        _check_output(output)
    wanted: dict[str, Any] = {} if challenge_window is None else {"challenge_window": parse_span(challenge_window)}
    if fund is not None:
        wanted["fund"] = parse_units(fund, ETHER_UNIT)
    payer = read_payer(given["l1_rpc"], key_file, password_file)
    if payer is None and (fund is not None or yes):
        raise BadInput("--fund and --yes are for a key of your own, which pays on a network that runs already")
    options = Options(**given, **wanted, payer=payer, watchtower=True)
    if payer is not None:
        options = confirm(options, yes=yes)
    keep(lambda: Devnet(options), detach, keep_going, output, as_json)


def keep(make: Callable[[], Devnet], detach: bool, keep_going: bool, output: Path | None, as_json: bool) -> None:
    """Have a devnet run until Ctrl-C, or with ``detach`` in the background; the arguments are the options of `up`."""
    from toolkit.description import describe
    from toolkit.session.keeper import Keeper

    detached: Detached | None = None
    if detach:
        from toolkit.cli.detach import detach as begin

        begun = begin()
        if isinstance(begun, bytes):  # we are who asked, and it runs
            _tell(json.loads(begun), output, as_json, detached=True)
            return
        detached = begun
    devnet = make()
    devnet.say = show.line
    with ExitStack() as stack:
        with show.steps() as step:
            step("starting the devnet")
            stack.enter_context(devnet)
        if devnet.remark:
            show.err.print(devnet.remark, markup=False)
        description = describe(devnet)
        if detached:
            description["logs"]["up"] = str(devnet.folder.path / "up.log")
        text = json.dumps(description, indent=2) + "\n"
        keeper = Keeper(devnet, lambda said: show.err.print(said, markup=False), restart=not keep_going)
        stack.callback(keeper.close)
        _write(devnet.folder.path / DESCRIPTION, text)
        if output:
            _check_output(output)  # another devnet may have taken it meanwhile
            stack.callback(output.unlink, missing_ok=True)
            _write(output, text)
        if detached:
            detached.runs(text.encode(), devnet.folder.path / "up.log")
        else:
            _tell(description, output, as_json)
        while True:
            keeper.step()


def _tell(description: dict[str, Any], output: Path | None, as_json: bool, *, detached: bool = False) -> None:
    if as_json:
        from toolkit.devnet.rpc import without_secrets

        l1 = {**description["l1"], "rpc": without_secrets(description["l1"]["rpc"])}
        show.as_json({**description, "l1": l1})
    else:
        _screen(description, output or Path(description["folder"]) / DESCRIPTION, detached=detached)


def _screen(description: dict[str, Any], file: Path, *, detached: bool) -> None:
    from toolkit.devnet.rpc import without_secrets

    ether = 10**18
    l1, l2, session = description["l1"], description["l2"], description["session"]
    show.out.print(f"L1  {without_secrets(l1['rpc'])}  chain {l1['chain_id']}, {l1['name']}", markup=False)
    show.out.print(
        f"L2  {l2['rpc']}  chain {l2['chain_id']}, {l2['name']}; send transfers here (JSON-RPC, l2_*)", markup=False
    )
    about = {
        "proposer": "",
        "verifier": "",
        "provider": ", pays withdrawals early for a fee",
        "watchtower": ", watches payment channels",
    }
    for role, what in about.items():
        show.out.print(f"    {description['services'][role]}  {role}{what}", markup=False)
    keyed = "keys" in description
    rows = [["", "address", *([] if keyed else ["private key"]), "ETH", "DEV tokens"]]
    for each in description["accounts"]:
        eth, tokens = int(each["wei"]), int(each["tokens"]) // ether
        money = f"{eth / ether:,.6f}" if keyed else f"{eth // ether:,}"
        rows.append([each["name"], each["address"], *([] if keyed else [each["key"]]), money, f"{tokens:,}"])
    whose = f"their keys are derived from that of {description['keys']['payer']}" if keyed else _PUBLIC_KEYS
    show.table(f"\nAccounts on L1 ({whose})", rows)
    show.table("\nContracts", description["contracts"].items())
    show.table("\nLogs", description["logs"].items())
    named = "" if session == DEFAULT_SESSION else f" --session {session}"
    running = f"Running (process {description['pid']}); 'l2kit down{named}' stops and removes everything."
    show.out.print(
        f"\nThe same as JSON: {file}\n"
        f"In another terminal, for example: l2kit deposit 2.5 --from alice --wait{named}\n"
        f"{running if detached else 'Running; Ctrl-C stops and removes everything.'}",
        markup=False,
    )


def _check_output(file: Path) -> None:
    folder = file.absolute().parent
    if file.is_dir():
        raise BadInput(f"cannot write {file}: it is a folder")
    if not folder.is_dir():
        raise BadInput(f"cannot write {file}: its folder does not exist")
    if not os.access(folder, os.W_OK):
        raise BadInput(f"cannot write {file}: nothing can be made in its folder")
    if file.exists():
        try:
            logs = [Path(log) for log in json.loads(file.read_text())["logs"].values()]
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            raise BadInput(f"{file} exists and is not from l2kit; name another file") from None
        # Whoever was killed left the file behind, but neither logs nor processes.
        if any(log.exists() for log in logs):
            raise BadInput(f"{file} is that of a devnet that runs; name another file, or end that devnet first")


def _write(file: Path, text: str) -> None:
    """Write all of it at once, for nobody else to read: there are keys in it."""
    half = file.with_name(file.name + f".{os.getpid()}")
    try:
        half.unlink(missing_ok=True)
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(text)
        half.replace(file)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise BadInput(f"cannot write {file}: {error.strerror}") from error
