"""The examples run, each of them in ten lines, and the tutorials show what they print.

They share one devnet: where they would start one of their own they get this one, and what they do to it is undone. One
of them is run as it is.
"""

from __future__ import annotations

import ast
import contextlib
import io
import re
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from console import Command, Ties, commands

import toolkit
from toolkit import Devnet, Options
from toolkit.reference.made import CHECKOUT, DOCS

pytestmark = pytest.mark.node

EXAMPLES = sorted((CHECKOUT / "examples").glob("*.py"))
BY_ITSELF = "pay"
"""The example that is run as its users run it, with a devnet of its own."""
SHOWN = [
    (page.name, command)
    for page in sorted(DOCS.glob("*.md"))
    for command in commands(page.read_text())
    if command.words.startswith("python examples/")
]
PROGRAMS = [
    (page.name, program)
    for page in sorted(DOCS.glob("*.md"))
    for program in re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    if "print(" in program
]
"""Those on the pages that show something; what is a test there, its own page's tests run."""


@pytest.fixture(scope="module")
def shared() -> Iterator[Devnet]:
    with Devnet(Options(watchtower=True)) as devnet:
        yield devnet


@pytest.fixture
def run(shared: Devnet, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], str]:
    """Runs a program with the shared devnet in the place of its own; what it prints."""

    @contextlib.contextmanager
    def lent() -> Iterator[Devnet]:
        with shared.session.anchor():
            yield shared

    def started(program: Callable[[], object]) -> str:
        monkeypatch.setattr(toolkit, "Devnet", lent, raising=False)
        with contextlib.redirect_stdout(io.StringIO()) as out:
            program()
        return out.getvalue()

    return started


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_an_example_has_ten_lines(file: Path) -> None:
    tree = ast.parse(file.read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.With)]
    assert len(file.read_text().splitlines()[block.lineno : block.end_lineno]) <= 11
    assert f"python examples/{file.name}" in (ast.get_docstring(tree) or "")
    assert f"python examples/{file.name}" in {command.words for _, command in SHOWN}


@pytest.mark.parametrize(("page", "command"), SHOWN, ids=lambda each: getattr(each, "words", each))
def test_an_example_prints_what_the_page_shows(
    run: Callable[[Callable[[], object]], str], page: str, command: Command
) -> None:
    file = CHECKOUT / command.words.split()[1]
    if file.stem == BY_ITSELF:
        ran = subprocess.run([sys.executable, file], capture_output=True, text=True, timeout=120, check=False)
        assert (ran.returncode, ran.stderr) == (0, "")
        printed = ran.stdout
    else:
        printed = run(lambda: runpy.run_path(str(file), run_name="__main__"))
    told = Ties().difference(command.printed, printed.splitlines())
    assert told is None, f"docs/{page}, line {command.line}: $ {command.words}\n{told}"


@pytest.mark.parametrize(("page", "program"), PROGRAMS, ids=lambda each: each if each.endswith(".md") else "")
def test_a_program_of_a_page_runs(
    run: Callable[[Callable[[], object]], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, page: str, program: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(lambda: exec(compile(program, page, "exec"), {})).strip()
