"""What the consoles of the pages let pass, and what not."""

from __future__ import annotations

import pytest
from console import Command, Ties, commands, masked

PAGE = """
text

```console
$ l2kit first
one
two
$ l2kit second
```

```sh
$ not this
```
"""


def test_commands_are_found_with_what_they_print() -> None:
    assert commands(PAGE) == [Command("l2kit first", ("one", "two"), 5), Command("l2kit second", (), 8)]


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("it took 33,458 gas", "it took 33,470 gas"),
        (
            "batch 2, posted 2026-11-22 14:27:35 UTC (now), holds",
            "batch 2, posted 2030-01-01 00:00:00 UTC (3 s ago), holds",
        ),
        ("over; 7 d left", "over; 6 d 23 h left"),
        ("alice  9,997.499962291001739546", "alice  9,997.4999622910017"),
        ("L1  http://127.0.0.1:45137  chain 31337, block 16", "L1  http://127.0.0.1:1  chain 31337, block 1,234"),
        ("paid (0.08 s, no gas)", "paid (11.5 s, no gas)"),
        ("  sequencer   running  23744    0 s", "  sequencer   running  9    12 min 3 s"),
    ],
)
def test_what_is_different_each_time_is_no_difference(shown: str, printed: str) -> None:
    assert Ties().difference([shown], [printed, ""]) is None


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("it took 33,458 gas", "it took 35,000 gas"),
        ("alice owns 2.5 ETH", "alice owns 2 ETH"),
        ("credited", "claimed"),
        ("batch 2 has brought it to L1", "batch 2 has not brought it to L1"),
        ("withdrawal 0", "withdrawal 1"),
        ("7 d on", "8 d on"),
    ],
)
def test_what_is_not_what_the_page_shows_is_a_difference(shown: str, printed: str) -> None:
    told = Ties().difference([shown], [printed])
    assert told is not None and shown in told and printed in told


def test_lines_may_be_left_out_only_where_the_page_says_so() -> None:
    ties = Ties()
    assert ties.difference(["a", "...", "d"], ["a", "b", "c", "d"]) is None
    assert ties.difference(["...", "d"], ["a", "d", "e"]) is not None
    assert ties.difference(["a"], ["a", "b"]) is not None
    assert ties.difference(["a", "b"], ["a"]) is not None
    assert ties.difference(["a", "..."], ["a", "b"]) is None


def test_one_stage_may_have_been_passed_between_two_looks() -> None:
    stages = ["posted:  it is there", "asserted:  so it is", "claimed"]
    assert Ties().difference(stages, stages[1:]) is None
    assert Ties().difference(stages, [stages[0], stages[2]]) is None
    assert Ties().difference(stages, stages[2:]) is not None
    assert Ties().difference(stages, stages[:2]) is not None


def test_the_rest_of_a_line_may_be_left_out() -> None:
    assert (
        Ties().difference(["  sequencer  running  23744  0 s  1 ..."], ["  sequencer  running  9  3 s  1  http://"])
        is None
    )
    assert Ties().difference(["  sequencer  running  23744  0 s  1 ..."], ["  sequencer  running  9  3 s  2  http://"])
    assert Ties().difference(["a b ..."], ["a"])


def test_a_hash_is_the_same_one_wherever_the_page_names_it() -> None:
    ties = Ties()
    assert ties.difference(["sent (0x5d0e...c1)"], [f"sent (0x{'ab' * 32})"]) is None
    assert ties.typed("l2kit status 0x5d0e...c1") == f"l2kit status 0x{'ab' * 32}"
    assert ties.difference(["again 0x5d0e...c1"], [f"again 0x{'ab' * 32}"]) is None
    assert ties.difference(["again 0x5d0e...c1"], [f"again 0x{'cd' * 32}"]) is not None


def test_a_process_that_is_named_is_that_of_the_run() -> None:
    ties = Ties()
    assert ties.difference(["  sequencer  running  4711  3 s"], ["  sequencer  running  99  4 s"]) is None
    assert ties.typed("kill -9 4711") == "kill -9 99"
    assert masked("process 4711") == masked("process 99")
