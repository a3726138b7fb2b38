"""``l2kit up``: a devnet to work with."""

from __future__ import annotations

import json
import os
import time
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolkit.cli import show
from toolkit.cli.options import batch_data_option, devnet_options, hardfork_option
from toolkit.devnet.running import DESCRIPTION
from toolkit.errors import BadInput

if TYPE_CHECKING:
    from toolkit.world import Devnet

_WATCH_SECONDS = 0.5


@click.command()
@devnet_options
@hardfork_option
@click.option("--l2-port", type=int, help="Port of the sequencer's JSON-RPC [default: a free one].")
@batch_data_option("How the rollup's batches go to L1; auto is the cheaper way each time.")
@click.option("--keep-going", is_flag=True, help="Go on when a service ends, for example by your kill -9.")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Write the JSON to FILE, too.")
@click.option("--json", "as_json", is_flag=True, help="Print the JSON instead of the screen.")
def up(keep_going: bool, output: Path | None, as_json: bool, **given: Any) -> None:
    """Start a devnet, deploy everything, and run until Ctrl-C.

    \b
    Prints the chains with their RPC URLs, funded accounts with their keys, contract addresses and
    logs, and writes the same as JSON. At the end everything is stopped and removed.

    \b
    Examples:
      l2kit up
      l2kit up --port 8545 --l2-port 8600 --output devnet.json
      l2kit up --node hardhat
      l2kit up --l1-rpc http://127.0.0.1:8545
    """
    from toolkit.world import Devnet, Options

    if output:
        _check_output(output)
    devnet = Devnet(Options(**given))
    with ExitStack() as stack:
        with show.steps() as step:
            step("starting the devnet")
            stack.enter_context(devnet)
        description = describe(devnet)
        text = json.dumps(description, indent=2) + "\n"
        file = devnet.folder.path / DESCRIPTION
        _write(file, text)
        if output:
            _check_output(output)  # another devnet may have taken it meanwhile
            stack.callback(output.unlink, missing_ok=True)
            _write(output, text)
        if as_json:
            show.as_json(description)
        else:
            _screen(description, output or file)
        ended: set[str] = set()
        while True:
            time.sleep(_WATCH_SECONDS)
            if keep_going:
                _tell_ended(devnet, ended)
            else:
                devnet.check_alive()


def _tell_ended(devnet: Devnet, told: set[str]) -> None:
    """Say of each service that has ended that it has, once. Raises NodeError where L1's node has."""
    devnet.node.check_alive()
    for child in devnet.folder.children:
        if child.name not in told and not child.alive:
            told.add(child.name)
            show.err.print(f"{child.name} has ended ({child.ending()}); the devnet goes on without it", markup=False)


def describe(devnet: Devnet) -> dict[str, Any]:
    """Everything a program needs to use the devnet."""
    token = devnet.contracts["Token"].functions
    return {
        "l2kit": version("l2kit"),
        "l1": {
            "name": devnet.node.version(),
            "chain_id": devnet.l1.chain_id,
            "rpc": devnet.node.url,
            "deployed_block": devnet.rollup.block,
        },
        "l2": {
            "name": "payments rollup",
            "chain_id": devnet.rollup.l2_chain_id,
            "rpc": devnet.services["sequencer"].url,
        },
        "services": {role: service.url for role, service in devnet.services.items()},
        "accounts": [
            {
                "name": account.name,
                "address": account.address,
                "key": "0x" + account.key.hex(),
                "wei": str(devnet.l1.balance(account.address)),
                "tokens": str(token.balanceOf(account.address).call()),
            }
            for account in devnet.accounts.values()
        ],
        "contracts": {name: contract.address for name, contract in devnet.contracts.items()},
        "folder": str(devnet.folder.path),
        "logs": {child.name: str(child.log) for child in devnet.folder.children},
    }


def _screen(description: dict[str, Any], file: Path) -> None:
    from toolkit.devnet.rpc import without_secrets

    ether = 10**18
    l1, l2 = description["l1"], description["l2"]
    show.out.print(f"L1  {without_secrets(l1['rpc'])}  chain {l1['chain_id']}, {l1['name']}", markup=False)
    show.out.print(
        f"L2  {l2['rpc']}  chain {l2['chain_id']}, {l2['name']}; send transfers here (JSON-RPC, l2_*)", markup=False
    )
    for role, what in (("proposer", ""), ("verifier", ""), ("provider", ", pays withdrawals early for a fee")):
        show.out.print(f"    {description['services'][role]}  {role}{what}", markup=False)
    rows = [["", "address", "private key", "ETH", "DEV tokens"]]
    for each in description["accounts"]:
        eth, tokens = int(each["wei"]) // ether, int(each["tokens"]) // ether
        rows.append([each["name"], each["address"], each["key"], f"{eth:,}", f"{tokens:,}"])
    show.table("\nAccounts on L1 (the keys are public: for development only)", rows)
    show.table("\nContracts", description["contracts"].items())
    show.table("\nLogs", description["logs"].items())
    show.out.print(
        f"\nThe same as JSON: {file}\n"
        "In another terminal, for example: l2kit deposit 2.5 --from alice --wait\n"
        "Running; Ctrl-C stops and removes everything.",
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
