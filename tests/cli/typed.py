"""A command as somebody types it, in this process: that saves it the start."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from toolkit.cli import signals
from toolkit.cli.main import run

Result = subprocess.CompletedProcess[str]


def typed(*words: str, cwd: Path | None = None) -> Result:
    """``l2kit``, whole, but for the signals, which are the tests'."""
    here = Path.cwd()
    out, error = io.StringIO(), io.StringIO()
    try:
        os.chdir(cwd or here)
        with (
            mock.patch.object(sys, "argv", ["l2kit", *words]),
            mock.patch.object(signals, "ignore", lambda: None),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(error),
            pytest.raises(SystemExit) as end,
        ):
            run()
    finally:
        os.chdir(here)
    return Result(["l2kit", *words], int(str(end.value.code)), out.getvalue(), error.getvalue())
