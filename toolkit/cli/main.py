"""The command's entry: the list of commands, and one sentence for whatever goes wrong."""

from __future__ import annotations

import contextlib
import difflib
import os
import sys
from importlib import import_module
from typing import NoReturn

import click

from toolkit.cli import signals
from toolkit.errors import L2KitError

COMMANDS = {
    "up": "toolkit.cli.up",
    "down": "toolkit.cli.down",
    "sweep": "toolkit.cli.sweep",
    "logs": "toolkit.cli.logs",
    "demo": "toolkit.cli.demo",
    "gas": "toolkit.cli.gas",
    "recommend": "toolkit.cli.recommend",
    "accounts": "toolkit.cli.accounts",
    "balance": "toolkit.cli.balance",
    "transfer": "toolkit.cli.transfer",
    "travel": "toolkit.cli.travel",
    "snapshot": "toolkit.cli.snapshot",
    "revert": "toolkit.cli.revert",
    "save": "toolkit.cli.save",
    "load": "toolkit.cli.load",
    "fault": "toolkit.cli.fault",
    "heal": "toolkit.cli.heal",
    "deposit": "toolkit.cli.deposit",
    "withdraw": "toolkit.cli.withdraw",
    "status": "toolkit.cli.status",
    "claim": "toolkit.cli.claim",
    "escape": "toolkit.cli.escape",
    "dispute": "toolkit.cli.dispute",
    "channel": "toolkit.cli.channel",
    "bench": "toolkit.cli.bench",
    "rebuild": "toolkit.cli.rebuild",
    "scenario": "toolkit.cli.scenario",
}


class _Commands(click.Group):
    """Loads a command's module when it is called, so that help is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(COMMANDS[cmd_name]), cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(COMMANDS)}"
            raise click.UsageError(f"there is no command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="l2kit", prog_name="l2kit", message="%(prog)s %(version)s")
def cli() -> None:
    """An Ethereum devnet with real scaling protocols on it, measured against plain L1.

    \b
    Examples:
      l2kit demo                 see everything once: channel, rollup, bridge, and the gas table
      l2kit up                   a devnet to work with, until Ctrl-C
      l2kit status               how it is; 'l2kit logs NAME -f' what its services say
      l2kit deposit 2 --from alice --wait
      l2kit transfer 0.5 --from alice --to bob
      l2kit balance alice bob
      l2kit withdraw 1 --from alice --travel
      l2kit gas --markdown       what every technique costs
    """


def run() -> NoReturn:
    """Run the command line; errors become one sentence on stderr and a non-zero exit."""
    _open_standard_streams()
    try:
        code = cli.main(prog_name="l2kit", standalone_mode=False)
        sys.stdout.flush()
        signals.ignore()
    except signals.Ended as ended:
        _fail(ended.sentence, int(str(ended.code)))
    except click.UsageError as error:
        _fail(f"{_sentence(error.format_message())}; see '{' '.join(['l2kit', *_command()])} --help'", 2)
    except click.ClickException as error:
        _fail(_sentence(error.format_message()), error.exit_code)
    except L2KitError as error:
        _fail(str(error), 1)
    except BrokenPipeError:  # click and rich, too, say nothing then and exit with 1
        _drop_output()
        sys.exit(1)
    except OSError as error:
        _drop_output()
        _fail(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", 1)
    except Exception as error:
        if os.environ.get("L2KIT_DEBUG"):
            raise
        _fail(f"{type(error).__name__}: {_sentence(str(error))} (a fault of l2kit; L2KIT_DEBUG=1 shows where)", 1)
    sys.exit(code if isinstance(code, int) else 0)


def _command() -> list[str]:
    """The command that was called, with its group; the context of an error may be missing."""
    words, found = sys.argv[1:], list[str]()
    group: click.Command | None = cli
    while words and isinstance(group, click.Group):
        group = group.get_command(click.Context(group), words[0])
        if group is not None:
            found.append(words.pop(0))
    return found


def _open_standard_streams() -> None:
    """Whoever started us may have closed some; a pipe to a child must not take their place."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def _drop_output() -> None:
    """What is left of our output has nowhere to go: whoever read it has gone, or the disk is full."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _sentence(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


def _fail(text: str, code: int) -> NoReturn:
    signals.ignore()
    with contextlib.suppress(OSError):  # nobody may be there to read it
        click.echo(f"l2kit: {text}", err=True)
    sys.exit(code)
