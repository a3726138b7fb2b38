"""The pytest plugin as its users meet it: in a project of their own, whose tests run in processes of their own."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
PROJECT = Path(__file__).parent / "project"
SHOP = ROOT / "examples" / "shop"
PAGE = ROOT / "docs" / "pytest.md"
EXAMPLES = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PYTEST = [sys.executable, "-m", "pytest"]
PLUGIN = ["-p", "toolkit.pytest_plugin"]

FAILS = "test_fails_on_purpose"
REFUSED = "test_somebody_elses_fixture_is_refused_as_ever"
TOLD = {
    "test_the_node_is_killed": "the devnet is lost, and the next test gets another: anvil has ended (killed by",
    "test_there_is_no_such_node": "there is no node 'geth'; there are anvil and hardhat",
    "test_there_is_no_such_hardfork": "anvil runs prague, osaka, not 'frontier'",
    "test_the_marker_names_nothing": 'the marker l2kit_node takes one name, as in l2kit_node("hardhat")',
}
"""The tests that end with an error, and what of it they are told."""

pytest_plugins = ("pytester",)


def run(*words: str, cwd: Path, seconds: float = 300, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run pytest as from a terminal; ``path`` comes first where Python looks for packages."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment["PYTHONPATH"] = os.pathsep.join([*([str(path)] if path else []), str(ROOT)])
    return subprocess.run(
        [*PYTEST, *words], cwd=cwd, env=environment, capture_output=True, text=True, timeout=seconds, check=False
    )


@dataclass(frozen=True)
class Outcome:
    """What became of the tests: of each of them what went wrong, "" where nothing did; and all that was printed."""

    tests: dict[str, str]
    printed: str

    def section(self, test: str) -> str:
        """What was printed of the failure of a test."""
        found = re.split(r"^_{3,} (?:ERROR at \w+ of )?(\w+) _{3,}$", self.printed, flags=re.MULTILINE)
        return dict(zip(found[1::2], found[2::2], strict=True))[test]


def outcome(folder: Path) -> Outcome:
    """Of the project's tests, and of the examples of the page about the plugin, on two workers of pytest-xdist."""
    file, fresh = folder / "outcome.xml", folder / "fresh_and_page.py"
    blocks = [each for each in EXAMPLES.findall(PAGE.read_text()) if "..." not in each]
    fresh.write_text("\n".join([(PROJECT / "fresh.py").read_text(), *blocks]))  # one file, one worker, one devnet
    words = ["-c", "pytest.ini", "--rootdir", ".", "-n", "2", "--dist", "loadfile", "--junitxml", str(file)]
    done = run(*PLUGIN, *words, str(fresh), "marked.py", cwd=PROJECT)
    assert file.exists(), done.stdout + done.stderr
    cases = ElementTree.parse(file).getroot().iter("testcase")
    return Outcome(
        {str(case.get("name")): "\n".join(str(each.get("message")) for each in case) for case in cases},
        done.stdout,
    )


@pytest.mark.node
def test_every_test_has_a_fresh_world_and_what_is_wrong_is_told(tmp_path: Path) -> None:
    """One test, so that the project's tests are run once, however many workers share ours."""
    found = outcome(tmp_path)
    well = [name for name, trouble in found.tests.items() if not trouble]
    assert well == [name for name in found.tests if name not in {*TOLD, FAILS, REFUSED}], found.printed
    assert {"test_nothing_of_it_is_left", "test_the_same_devnet_serves_the_next", "test_what_is_paid_arrives"} < {*well}

    for name, why in TOLD.items():
        told = found.section(name).partition("l2kit services")[0]
        (sentence,) = (line for line in told.splitlines() if line.startswith("l2kit: "))
        assert why in sentence
        assert "Traceback" not in told and "Error" not in told

    failed = found.section(FAILS)
    logged = failed[failed.index("l2kit services") :]
    assert re.search(r"^sequencer +\S+ \S+ INFO sealed batch 2", logged, re.MULTILINE)
    assert "derived from L1" not in logged, "that was before"
    assert "uses a function-scoped fixture 'dave'" in found.tests[REFUSED]


def test_a_missing_tool_is_told_to_every_test_and_looked_for_once(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    from toolkit.errors import ToolchainError
    from toolkit.pytest_plugin import worlds
    from toolkit.world import Options

    asked = list[Options]()

    def missing(options: Options) -> None:
        asked.append(options)
        raise ToolchainError("anvil is missing; 'make demo' installs it")

    monkeypatch.setattr(worlds, "Devnet", missing)
    pytester.makepyfile("def test_one(devnet): pass\ndef test_two(l1, accounts): pass\ndef test_without(): pass")
    found = pytester.runpytest_inprocess(
        *PLUGIN, "-p", "no:ape_test", "--l2kit-node=hardhat", "--l2kit-hardfork=prague"
    )
    found.assert_outcomes(passed=1, errors=2)
    told = [line for line in found.outlines if "anvil is missing" in line and not line.startswith("ERROR")]
    assert told == ["l2kit: anvil is missing; 'make demo' installs it"] * 2
    (options,) = asked
    assert (options.node, options.hardfork, options.watchtower) == ("hardhat", "prague", True)


def test_an_example_that_is_awaited_is_undone_once_it_is_over() -> None:
    from toolkit.pytest_plugin.examples import isolating

    seen = list[str]()

    @contextmanager
    def anchor() -> Iterator[None]:
        seen.append("before")
        yield
        seen.append("after")

    @given(number=st.just(7))
    async def test(number: int) -> None:
        await asyncio.sleep(0)
        seen.append(f"example {number}")

    item: Any = SimpleNamespace(_fixtureinfo=SimpleNamespace(name2fixturedefs={}))
    devnet: Any = SimpleNamespace(anchor=anchor)
    with isolating(item, test, devnet):
        held: Any = test
        asyncio.run(held.hypothesis.inner_test(number=7))  # as pytest-asyncio has it
    assert seen == ["before", "example 7", "after"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the entry points of `pyproject.toml`, as an installed package has them."""
    group = re.search(
        r"^\[project\.entry-points\.pytest11\]\n(.*?)\n\n", (ROOT / "pyproject.toml").read_text(), re.M | re.S
    )
    assert group is not None
    folder = tmp_path_factory.mktemp("installed")
    about = folder / "l2kit_plugin-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: l2kit-plugin\nVersion: 1\n")
    (about / "entry_points.txt").write_text(f"[pytest11]\n{group[1].replace(chr(34), '')}\n")
    return folder


@pytest.mark.parametrize(
    ("words", "there"),
    [([], True), (PLUGIN, True), (["-p", "l2kit"], True), (["-p", "no:l2kit"], False)],
    ids=["by itself", "also by its module", "also by its name", "not wanted"],
)
def test_the_entry_point_brings_it_once(installed: Path, tmp_path: Path, words: list[str], there: bool) -> None:
    done = run("-p", "no:ape_test", *words, "--markers", cwd=tmp_path, path=installed)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("@pytest.mark.l2kit_node(name):") == there


def test_it_brings_nothing_heavy() -> None:
    script = (
        "import sys, toolkit.pytest_plugin.entry, toolkit.pytest_plugin.fixtures\n"
        "print([name for name in ('web3', 'requests', 'toolkit.world', 'hypothesis') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_projects_own_fixtures_come_first() -> None:
    words = [
        "--fixtures-per-test",
        "tests/session/test_attached.py",
        "-k",
        "exact_on_each_layer",
        "-p",
        "no:cacheprovider",
    ]
    done = run(*PLUGIN, *words, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^devnet -- tests/conftest\.py", done.stdout, re.MULTILINE)
    assert "pytest_plugin" not in done.stdout


@pytest.mark.node
def test_the_example_project_passes() -> None:
    done = run(*PLUGIN, "-p", "no:cacheprovider", cwd=SHOP)
    assert re.search(r"= (\d+) passed in ", done.stdout), done.stdout + done.stderr
