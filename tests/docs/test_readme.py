"""The README's commands and examples do what it says."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from console import commands
from waiting import eventually

from toolkit.gas import snapshot
from toolkit.gas.cell import SIZES, TECHNIQUES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
TUTORIALS = {page.name: page.read_text() for page in sorted((ROOT / "docs").glob("*.md"))}
PAGES = README + "".join((ROOT / name).read_text() for name in ("CONTRIBUTING.md", "SECURITY.md"))
PAGES += "".join(TUTORIALS.values())
DEMOS = ("$ l2kit demo channel", "$ l2kit demo fraud")
"""Whose screens the tutorials show: sections of what ``make demo`` prints."""
GAS_LINE = re.compile(r"^  (\S.*?)\s{2,}([\d,]+)(?: gas)?$", re.MULTILINE)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def figures(text: str) -> dict[tuple[str, str], int]:
    """The gas that a demonstration tells of, by section and step."""
    found, section = dict[tuple[str, str], int](), ""
    for line in text.splitlines():
        told = GAS_LINE.match(line)
        if told is not None:
            found[section, told[1]] = int(told[2].replace(",", ""))
        elif line and not line.startswith(" "):
            section = line
    return found


def demos() -> list[str]:
    """The screens of ``l2kit demo`` in the tutorials."""
    shown = [
        "\n".join(command.printed)
        for page in TUTORIALS.values()
        for command in commands(page)
        if f"$ {command.words}" in DEMOS
    ]
    assert len(shown) == len(DEMOS)
    return shown


def missing(shown: str, printed: str, lines: str) -> list[str]:
    """The lines of a certain kind that are shown, and were not printed; how many batches there were does not matter."""
    told, expected = (re.sub(r"\d+ assertions|batch \d+", "N", text) for text in (printed, shown))
    return [line for line in re.findall(lines, expected, re.MULTILINE) if line not in told]


@pytest.mark.slow
def test_make_demo_prints_what_the_readme_and_the_tutorials_show() -> None:
    assert "make demo\n" in blocks("sh")
    ran = subprocess.run(["make", "demo"], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr
    assert not missing(blocks("text")[0], ran.stdout, r"^(?:  ok|[A-Z0-9]).*$")
    for shown in demos():
        assert not missing(
            re.sub(r"; the last .*|  +[\d,]+ gas$", "", shown, flags=re.MULTILINE), ran.stdout, r"^.*[^.\n].*$"
        )
    # Two for the margin or six for the mark, then 78 or 74 at most; with its gas a step has 80 columns.
    story = [line for line in ran.stdout[: ran.stdout.index("\nGas\n")].splitlines() if line.startswith("  ")]
    assert not [line for line in story if len(line) > 80]
    printed = figures(ran.stdout)
    for text in (blocks("text")[0], *demos()):
        for what, gas in figures(text).items():
            if what in printed:
                assert printed[what] == pytest.approx(gas, rel=0.01), what


def test_make_test_is_what_it_says() -> None:
    assert "make test\n" in blocks("sh")
    plan = subprocess.run(
        ["make", "-n", "test"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    ).stdout
    for tool in ("ruff check", "mypy", "fmt --check", "lint", "-m pytest"):
        assert tool in plan


@pytest.mark.node
def test_up_prints_one_screen_and_ends_on_ctrl_c(tmp_path: Path) -> None:
    assert ".venv/bin/l2kit up\n" in blocks("sh")
    screen = tmp_path / "screen"
    with screen.open("w") as out:
        running = subprocess.Popen(
            [sys.executable, "-m", "toolkit", "up", "--session", "readme"], stdout=out, stderr=subprocess.DEVNULL
        )
    assert eventually(lambda: "Ctrl-C" in screen.read_text() or running.poll() is not None, 60)
    running.send_signal(signal.SIGINT)
    assert running.wait(30) == 130
    for part in ("L1 ", "L2 ", "Accounts", "Contracts", "Logs", "JSON"):
        assert part in screen.read_text()


@pytest.mark.node
def test_python_example_runs() -> None:
    example = blocks("python")[1]
    ran = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"deposited with [\d,]+ gas; bob owns 250000000000000000 wei on L2", ran.stdout)


@pytest.mark.node
def test_pytest_example_passes(tmp_path: Path) -> None:
    (tmp_path / "test_example.py").write_text(blocks("python")[2])
    plugins = ["-p", "toolkit.pytest_plugin", "-p", "no:ape_test", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *plugins, str(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    ran = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert "2 passed" in ran.stdout, ran.stdout


def test_the_commands_of_channels_bridge_benchmarks_and_models_are_there() -> None:
    tutorials = "".join(TUTORIALS.values())
    typed = "\n".join([*blocks("sh"), *re.findall(r"^```sh\n(.*?)^```", tutorials, re.MULTILINE | re.DOTALL)])
    lines = re.findall(r"^(?:\.venv/bin/)?l2kit (.*)$", typed, re.MULTILINE)
    assert len(lines) > 22
    for line in lines:
        words = line.split(" -- ")[0].split()
        ran = subprocess.run(
            [sys.executable, "-m", "toolkit", *words, "--help"], capture_output=True, text=True, timeout=60, check=False
        )
        assert ran.returncode == 0, line


def test_the_table_of_the_gas_lab_is_what_was_measured() -> None:
    rows = {row[0]: row[1:] for row in (line.strip("| ").split(" | ") for line in README.splitlines()) if len(row) == 6}
    cells = {(each.technique, each.payments): each for each in snapshot.committed().cells}
    for technique, title in TECHNIQUES.items():
        measured = [f"{cells[technique, size].total.gas / size:,.0f}" for size in SIZES]
        assert rows[title] == measured, title


def test_the_single_transactions_of_the_gas_page_are_what_was_measured() -> None:
    shown = re.findall(r"^\| (\w+: .*?) \| ([\d,]+) \|$", TUTORIALS["gas.md"], re.MULTILINE)
    assert len(shown) > 5
    receipts = snapshot.committed().receipts
    assert {what: int(gas.replace(",", "")) for what, gas in shown} == {what: receipts[what] for what, _ in shown}


def named() -> list[str]:
    """The paths that the pages speak of."""
    return sorted(set(re.findall(r"`((?:toolkit|contracts|scripts|tests|docs|examples)/(?!NAME)[\w/.]+)`", PAGES)))


@pytest.mark.parametrize("path", named())
def test_what_the_pages_name_is_there(path: str) -> None:
    assert (ROOT / path).exists()
