"""The consoles on the pages: what somebody types, what the screen shows then, and whether it still does.

A block ```` ```console ```` holds commands, each after ``$ ``, and below each what it prints. What is different each
time is masked on both sides: times, ports, folders, fractions of an ETH that gas takes; gas may differ by 2 %.
Addresses, hashes and process ids of the page are tied to those of the run where they first come, and must be the same
ones from then on, in what is typed, too. They may be shortened (``0x5d0e...c1``). A line ``...`` stands for any lines,
and `` ...`` at the end of a line for any rest of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_MASKS: tuple[tuple[str, str], ...] = (
    (r"\S*/l2kit-\w+", "<folder>"),
    (r"127\.0\.0\.1:\d+", "<host:port>"),
    (r"chain \d{6,}", "chain <id>"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?: UTC|Z)", "<time>"),
    (r"\(\d{10}\)", "(<time>)"),
    (r"\b6 d 23 h\b", "7 d"),
    (r"\b29 d 23 h\b", "30 d"),
    (r"\(now\)|\(\d+ s ago\)", "(<ago>)"),
    (r"(?<![\d.,])[\d,]+\.\d{7,}", "<amount>"),
    (r"\d+\.\d+ ?%", "<share>"),
    (r"(?<![\w.])\d+(?:\.\d+)? (?:s|ms|min)\b(?: \d+ s\b)?", "<span>"),
    (r"\bblocks? [\d,]+", "block <n>"),
    (r"\bstep \d+", "step <n>"),
)
_GAS = re.compile(r"(?<![\d.])([\d,]+) gas\b")
_TIED = re.compile(r"0x[0-9a-fA-F]+\.\.\.[0-9a-fA-F]+|0x[0-9a-fA-F]{8,}\b|(?<=\bprocess )\d+|(?<=\brunning )\d+")
_GAS_TOLERANCE = 0.02
_REST = " ..."


@dataclass(frozen=True)
class Command:
    """What is typed, and what it prints; ``line`` is its place on the page."""

    words: str
    printed: tuple[str, ...]
    line: int


def commands(page: str) -> list[Command]:
    """The commands of a page's consoles, in order."""
    found: list[Command] = []
    lines, inside = page.splitlines(), False
    for number, line in enumerate(lines, 1):
        if not inside:
            inside = line == "```console"
        elif line == "```":
            inside = False
        elif line.startswith("$ "):
            found.append(Command(line[2:], (), number))
        elif found:
            last = found[-1]
            found[-1] = Command(last.words, (*last.printed, line), last.line)
    return found


@dataclass
class Ties:
    """What of the run each address, hash and process id of the page is."""

    known: dict[str, str] = field(default_factory=dict)

    def typed(self, words: str) -> str:
        """A command of the page, as it must be typed in the run."""
        return _TIED.sub(lambda name: self.known.get(name[0], name[0]), _pids(words, self.known))

    def difference(self, shown: Sequence[str], printed: Sequence[str]) -> str | None:
        """Where what a command has printed is not what the page shows; None where it is."""
        rest, loose = [line.rstrip() for line in printed], False
        while rest and not rest[-1]:
            rest.pop()
        for line in (each.rstrip() for each in shown):
            if line == "...":
                loose = True
                continue
            while loose and rest and not self._is(line, rest[0]):
                rest = rest[1:]
            if not rest:
                return f"the page shows\n  {line}\nand nothing more was printed, after\n" + "\n".join(printed)
            if not self._is(line, rest[0], tie=True):
                return f"the page shows\n  {line}\nand what was printed is\n  {rest[0]}\nin\n" + "\n".join(printed)
            rest, loose = rest[1:], False
        return None if loose or not rest else f"the page does not show\n  {rest[0]}\nof\n" + "\n".join(printed)

    def _is(self, shown: str, printed: str, *, tie: bool = False) -> bool:
        is_begun = shown.endswith(_REST)
        shown = shown.removesuffix(_REST)
        known, words = masked(shown).split(), masked(printed).split()
        if known != (words[: len(known)] if is_begun else words):
            return False
        pairs = list(zip(_tied(shown), _tied(printed), strict=not is_begun))
        if any(self.known.get(name, value) != value for name, value in pairs):
            return False
        figures = [[int(each.replace(",", "")) for each in _GAS.findall(line)] for line in (shown, printed)]
        if any(abs(a - b) > _GAS_TOLERANCE * max(a, b) for a, b in zip(*figures, strict=not is_begun)):
            return False
        if tie:
            self.known.update(pairs)
        return True


def masked(line: str) -> str:
    """A line without what is different each time; runs of spaces count as one."""
    line = _TIED.sub("<tied>", _evened(line))
    for pattern, mask in _MASKS:
        line = re.sub(pattern, mask, line)
    return _GAS.sub("<gas> gas", line)


def _tied(line: str) -> list[str]:
    return _TIED.findall(_evened(line))


def _evened(line: str) -> str:
    return re.sub(r"\s+", " ", line)


def _pids(words: str, known: dict[str, str]) -> str:
    """A command with the process ids of the run."""
    return re.sub(r"(?<=^kill -9 )\d+$", lambda pid: known.get(pid[0], pid[0]), words)
