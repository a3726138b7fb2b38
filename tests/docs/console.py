"""The consoles on the pages: what somebody types, what the screen shows then, and whether it still does.

A block ```` ```console ```` holds commands, each after ``$ ``, and below each what it prints. What is different each
time is masked on both sides: times, ports, folders, numbers of blocks and batches, fractions of an ETH that gas takes;
gas may differ by 2 %.
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
    (r"\((?:now|[\da-z ]+ ago)\)", "(<ago>)"),
    (r"(?<![\d.,])[\d,]+\.\d{7,}", "<amount>"),
    (r"\d+\.\d+ ?%", "<share>"),
    (r"(?<![\w.])\d+(?:\.\d+)? (?:s|ms|min)\b(?: \d+ s\b)?", "<span>"),
    (r"\b(batch|block|step) [\d,]+", r"\1 <n>"),  # a busy machine gathers more into fewer batches
    (r"\d+ records, \d+ messages", "<n> records, <n> messages"),
    (r"\d+ are on L1", "<n> are on L1"),
    (r"<tied> \d+(?= \w+ what is )", "<tied> <n>"),
)
_GAS = re.compile(r"(?<![\d.])([\d,]+) gas\b")
_TIED = re.compile(r"0x[0-9a-fA-F]+\.\.\.[0-9a-fA-F]+|0x[0-9a-fA-F]{8,}\b|(?<=\bprocess )\d+|(?<=\brunning )\d+")
_STAGE = re.compile(r"(sent|posted|asserted|due): ")
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
    _furthest: int = 0

    def typed(self, words: str) -> str:
        """A command of the page, as it must be typed in the run."""
        return _TIED.sub(lambda name: self.known.get(name[0], name[0]), _pids(words, self.known))

    def difference(self, shown: Sequence[str], printed: Sequence[str]) -> str | None:
        """Where what a command has printed is not what the page shows; None where it is."""
        lines = [line.rstrip() for line in printed]
        while lines and not lines[-1]:
            lines.pop()
        self._furthest = 0
        if self._match([line.rstrip() for line in shown], lines):
            return None
        expected = "\n".join(f"  {line}" for line in shown)
        return f"the page shows\n{expected}\nand the same till line {self._furthest} was printed:\n" + "\n".join(
            printed
        )

    def _match(self, shown: Sequence[str], printed: Sequence[str], done: int = 0, *, missing: int = 1) -> bool:
        """Whether all lines match, in every way in which those that are left out may be chosen; ties what they name.

        So many stages may be ``missing``: of two that came between two looks of a busy machine only the last is told.
        """
        self._furthest = max(self._furthest, done)
        if not shown:
            return not printed
        if shown[0] == "...":
            lefts = range(len(printed) + 1)
            return any(self._match(shown[1:], printed[left:], done + left, missing=missing) for left in lefts)
        if not printed or not self._is(shown[0], printed[0]):
            may_miss = missing > 0 and _STAGE.match(shown[0]) is not None
            return may_miss and self._match(shown[1:], printed, done, missing=missing - 1)
        before = dict(self.known)
        self.known.update(zip(_tied(shown[0]), _tied(printed[0]), strict=False))
        if self._match(shown[1:], printed[1:], done + 1, missing=missing):
            return True
        self.known = before
        return False

    def _is(self, shown: str, printed: str) -> bool:
        is_begun = shown.endswith(_REST)
        shown = shown.removesuffix(_REST)
        known, words = masked(shown).split(), masked(printed).split()
        if known != (words[: len(known)] if is_begun else words):
            return False
        pairs = list(zip(_tied(shown), _tied(printed), strict=not is_begun))
        if any(self.known.get(name, value) != value for name, value in pairs):
            return False
        figures = [[int(each.replace(",", "")) for each in _GAS.findall(line)] for line in (shown, printed)]
        return all(abs(a - b) <= _GAS_TOLERANCE * max(a, b) for a, b in zip(*figures, strict=not is_begun))


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
