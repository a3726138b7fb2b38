"""The command's entry: the list of commands, and one sentence for whatever goes wrong."""

from __future__ import annotations

import difflib
import os
import signal
import sys
from importlib import import_module
from types import FrameType
from typing import NoReturn

import click

from toolkit.errors import L2KitError

COMMANDS = {
    "up": "toolkit.cli.up",
    "demo": "toolkit.cli.demo",
    "gas": "toolkit.cli.gas",
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
      l2kit gas --markdown       what every technique costs
    """


def main() -> NoReturn:
    """Run the command line; errors become one sentence on stderr and a non-zero exit."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _asked_to_end)
    try:
        code = cli.main(prog_name="l2kit", standalone_mode=False)
        sys.stdout.flush()
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "l2kit"
        _fail(f"{_sentence(error.format_message())}; see '{where} --help'", 2)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted; everything it started has been stopped", 130)
    except click.ClickException as error:
        _fail(_sentence(error.format_message()), error.exit_code)
    except L2KitError as error:
        _fail(str(error), 1)
    except BrokenPipeError:
        # Whoever read our output has gone; what is left of it has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        _fail(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", 1)
    except Exception as error:
        if os.environ.get("L2KIT_DEBUG"):
            raise
        _fail(f"{type(error).__name__}: {_sentence(str(error))} (a fault of l2kit; L2KIT_DEBUG=1 shows where)", 1)
    sys.exit(code if isinstance(code, int) else 0)


def _asked_to_end(number: int, _frame: FrameType | None) -> NoReturn:
    # Unwinds every context manager, which stops what we started; a second signal must not break into that.
    for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)
    raise SystemExit(128 + number)


def _sentence(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


def _fail(text: str, code: int) -> NoReturn:
    click.echo(f"l2kit: {text}", err=True)
    sys.exit(code)
