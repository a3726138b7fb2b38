"""Text in Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

MADE = "<!-- Made from the code by `make docs`: what is written here by hand is lost. -->"
"""First line of every page that is made."""

_SECTION = re.compile(r"(Args|Attributes|Raises[^:]*|Returns|Yields|Example|Examples|Arguments):$")
_ENTRY = re.compile(r"([\w*`., ()/]+?): +(\S.*)")


def page(title: str, text: str, parts: Iterable[str]) -> str:
    """A page that is made: its title, what it is, and its parts."""
    return "\n\n".join([MADE, f"# {title}", text, *parts]).rstrip() + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; what its cells hold stays in them."""
    lines = [header, ["---"] * len(header), *([_cell(each) for each in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def code(text: str, language: str = "text") -> str:
    """A block of code."""
    return f"```{language}\n{text.rstrip()}\n```"


def docstring(text: str | None) -> str:
    """A docstring as paragraphs, lists of what its sections name, and examples."""
    parts: list[str] = []
    for block in re.split(r"\n\s*\n", inspect.cleandoc(text or "")):
        first, *rest = block.splitlines() or [""]
        if _SECTION.fullmatch(first.strip()) and rest:
            parts.append(f"{first.strip()}\n\n{_section(first, rest)}")
        elif first.startswith((">>>", "    ")):
            parts.append(code(inspect.cleandoc(_plain(block)), "pycon" if ">>>" in first else "text"))
        else:
            parts.append(block)
    return "\n\n".join(parts)


def _section(title: str, lines: Sequence[str]) -> str:
    body = inspect.cleandoc("\n".join(["", *lines]))
    if title.startswith("Example"):
        return code(_plain(body), "pycon")
    entries: list[str] = []
    for line in body.splitlines():
        named = None if line.startswith(" ") else _ENTRY.fullmatch(line)
        if named:
            entries.append(f"- `{named[1].replace('`', '')}`: {named[2]}")
        elif entries:
            entries[-1] += f" {line.strip()}"
        else:
            entries.append(f"- {line.strip()}")
    return "\n".join(entries)


def _plain(example: str) -> str:
    """An example without what it tells doctest."""
    return re.sub(r" *# doctest: .*", "", example)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
