"""The tutorials: what they tell to type is typed, in order, on a devnet that runs, and the screen is as they show it.

They share one session, which is brought back for each page to where it had just started.
"""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from console import Command, Ties, commands
from waiting import eventually

from toolkit import session
from toolkit.cli.main import cli
from toolkit.errors import L2KitError
from toolkit.reference.made import CHECKOUT, DOCS

pytestmark = pytest.mark.node

PAGES = ("rollup", "bridge", "channels", "disputes", "gas", "devnet")
"""In this order, for the last one ends the session, and whoever came after it would have to start another."""
UP = "l2kit up --detach"
L2KIT = [sys.executable, "-m", "toolkit"]
FRESH = "fresh"
"""The snapshot that every page begins with."""
LOOKS = ("accounts", "balance", "dispute", "faults", "logs", "snapshots", "status")
"""Commands that only look: they are typed again until they show what is about to happen."""
WAIT_SECONDS = 30.0
ELSEWHERE = ("python examples/", "l2kit demo ")
"""What other tests run: `test_examples.py` and `test_readme.py`."""


class Town:
    """A folder for temporary files with the session of the pages, and the commands that go on in the background."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[tuple[subprocess.Popen[str], Path]] = []
        self.environment = {**os.environ, "TMPDIR": str(folder), "COLUMNS": "200"}
        self._screen = ""

    def up(self) -> str:
        """A session that has just started, and the screen that it has shown."""
        if not list(self.folder.glob("l2kit-*")):
            self._screen = self._run(*UP.split()[1:])
            session.attach().snapshot(FRESH)
        else:
            session.attach().heal()
            session.attach().revert(FRESH)
        return self._screen

    def type(self, words: str) -> str:
        """What a command prints, on both of its streams."""
        if words == UP:
            return self.up()
        program, *rest = shlex.split(words)
        if program == "kill":
            os.kill(int(rest[-1]), signal.SIGKILL)
            return ""
        assert program == "l2kit", words
        return in_process(rest)

    def _run(self, *words: str) -> str:
        ran = subprocess.run(
            [*L2KIT, *words],
            cwd=CHECKOUT, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
        )  # fmt: skip
        return without_progress(ran.stdout)

    def begin(self, words: str, shown: tuple[str, ...]) -> str:
        """What a command has printed that goes on in the background, once it has as many lines as the page shows."""
        log = self.folder / f"background-{len(self.running)}"
        with log.open("w") as out:
            process = subprocess.Popen(
                [*L2KIT, *shlex.split(words)[1:]],
                cwd=CHECKOUT, env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, text=True,
            )  # fmt: skip
        self.running.append((process, log))
        assert eventually(lambda: log.read_text().count("\n") >= len(shown) or process.poll() is not None)
        return log.read_text()

    def end(self) -> None:
        """End what goes on in the background."""
        for process, _ in self.running:
            process.send_signal(signal.SIGINT)
        for process, _ in self.running:
            process.wait(30)
        self.running.clear()


def in_process(words: list[str]) -> str:
    """What ``l2kit`` prints; without a process of its own, which saves it the start."""
    with io.StringIO() as screen, contextlib.redirect_stdout(screen), contextlib.redirect_stderr(screen):
        try:
            cli.main(words, prog_name="l2kit", standalone_mode=False)
        except L2KitError as error:
            screen.write(f"l2kit: {error}\n")
        return without_progress(screen.getvalue())


def without_progress(screen: str) -> str:
    """What is left where it is not said what is going on: that depends on how long it takes."""
    return "".join(line for line in screen.splitlines(keepends=True) if not line.endswith(" ...\n"))


def difference(town: Town, ties: Ties, command: Command) -> str | None:
    """Where a command does not show what the page says."""
    words = ties.typed(command.words)
    if words.endswith(" &"):
        printed = town.begin(words[:-2], command.printed)
        return ties.difference(command.printed, printed.splitlines())
    told: list[str | None] = []

    def as_shown() -> bool:
        told.append(ties.difference(command.printed, town.type(words).splitlines()))
        return told[-1] is None

    looks = any(words.startswith((f"l2kit {name}", "l2kit channel list")) for name in LOOKS)
    return None if (eventually(as_shown, WAIT_SECONDS) if looks else as_shown()) else told[-1]


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", folder)
        town = Town(Path(folder))
        yield town
        town.end()
        if list(Path(folder).glob("l2kit-*")):
            town.type("l2kit down --all")
        assert not list(Path(folder).glob("l2kit-*"))


def test_every_page_with_a_console_is_among_them() -> None:
    assert sorted(PAGES) == sorted(page.stem for page in DOCS.glob("*.md") if commands(page.read_text()))


@pytest.mark.parametrize("name", PAGES)
def test_the_screen_is_as_the_page_shows_it(town: Town, name: str) -> None:
    page, ties = (DOCS / f"{name}.md").read_text(), Ties()
    found = [command for command in commands(page) if not command.words.startswith(ELSEWHERE)]
    assert found
    try:
        for command in found:
            if told := difference(town, ties, command):
                pytest.fail(f"docs/{name}.md, line {command.line}: $ {command.words}\n{told}")
    finally:
        town.end()
