"""In a terminal the spinner and the story keep apart."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import subprocess
import sys

import pytest


@pytest.mark.node
def test_no_line_of_the_story_is_written_behind_the_spinner() -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "toolkit", "demo", "deposit"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # Linux says so where the last writer has gone
        while read := os.read(ours, 1 << 16):
            seen += read
    os.close(ours)
    assert process.wait(30) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen.decode())
    lines = re.split(r"[\r\n]+", text)
    assert any(line.startswith("  alice deposits 10 ETH") for line in lines)
    assert any(line.rstrip().endswith("deposit ...") for line in lines)
    assert not [line for line in lines if re.search(r"\.\.\. *\S", line)]
