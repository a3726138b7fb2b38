"""A socket is the owner's alone, also where its path is longer than the system takes."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from toolkit.devnet.sockets import bound, connected


@pytest.mark.parametrize("name", ["near", "far" * 60])
def test_whoever_listens_is_found_there_however_long_the_path_is(tmp_path: Path, name: str) -> None:
    place = tmp_path / name
    place.mkdir()
    path = place / "control.sock"
    path.write_text("left by somebody who was killed")
    with bound(path) as door:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        door.listen()
        with connected(path, 5.0) as line, door.accept()[0] as other:
            line.sendall(b"hello")
            assert other.recv(5) == b"hello"
    with pytest.raises(ConnectionRefusedError):
        connected(path, 5.0)
    assert not list(Path("/tmp").glob("l2s-*/d"))
