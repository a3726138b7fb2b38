"""Every command with its options, as click knows them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from toolkit.cli.main import cli
from toolkit.reference.markdown import code, page, table

_ABOUT = (
    "Every command of `l2kit`, as `--help` tells it. Amounts are decimal (`2.5`), in ETH unless `--token` names "
    "another. `NAME` is an account of the devnet; `--session` or `--devnet` says which devnet where several run. "
    "Errors are one sentence on stderr: exit status 1, or 2 where the command itself was wrong."
)


def commands() -> str:
    """The page of all commands."""
    found = [each for each in _walk(_context(cli, "l2kit")) if each.command is not cli]
    index = table(
        ["command", "what it does"],
        ([f"[`{each.command_path}`](#{_anchor(each.command_path)})", _first(each.command)] for each in found),
    )
    return page("The commands", _ABOUT, [index, *map(_command, found)])


def _walk(context: click.Context) -> Iterator[click.Context]:
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            if command is not None and not command.hidden:
                yield from _walk(_context(command, name, context))


def _context(command: click.Command, name: str, parent: click.Context | None = None) -> click.Context:
    return click.Context(command, parent, name, **command.context_settings)


def _command(context: click.Context) -> str:
    command = context.command
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    parts = [f"## {context.command_path}", code(usage), *_told(command.help or "")]
    rows = [
        record
        for option in command.get_params(context)
        if isinstance(option, click.Option) and (record := option.get_help_record(context)) is not None
    ]
    if rows:
        parts.append(table(["option", "what it does"], ([f"`{names}`", told] for names, told in rows)))
    return "\n\n".join(parts)


def _told(text: str) -> Iterator[str]:
    """The paragraphs of a help text; those that click shall not wrap, and that are aligned, as code."""
    for block in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        lines = block.splitlines()
        kept = lines[0].strip() == "\b"
        if kept:
            lines = lines[1:]
        if lines and lines[0].startswith("Example"):
            yield lines[0]
            yield code("\n".join(line.strip() for line in lines[1:]), "sh")
        elif kept and any(re.search(r"\S {2,}\S", line) for line in lines):
            yield code("\n".join(lines))
        else:
            yield "\n".join(lines)


def _first(command: click.Command) -> str:
    """The first sentence of a command's help."""
    return " ".join(next(_told(command.help or "")).split()).split(". ")[0].rstrip(".")


def _anchor(title: str) -> str:
    return title.replace(" ", "-")
