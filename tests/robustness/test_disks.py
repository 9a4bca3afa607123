"""Disks that are full, directories that are read-only, and two programs that write to one place."""

import os
import shlex
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import viz
from cells.analysis.findings import findings
from viz.cli.main import main
from viz.errors import OutputError
from viz.output import write_all, write_whole

#: The environment of a command that runs elsewhere and finds this source.
SOURCE = {**os.environ, "PYTHONPATH": str(Path(viz.__file__).parents[1])}
#: The quickest report there is.
SMALL = ["--cell", "rnn", "--steps", "2", "--hidden", "1", "--updates", "0"]


def _mounts() -> list[str]:
    """The command that gives a shell mounts of its own, or nothing if that is not permitted."""
    for options in (["-m"], ["-rm"]):
        try:
            done = subprocess.run(["unshare", *options, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True)
        except OSError:
            return []
        if done.returncode == 0:
            return ["unshare", *options, "sh", "-c"]
    return []


MOUNTS = _mounts()
needs_mounts = pytest.mark.skipif(not MOUNTS, reason="needs permission to mount a small disk (unshare and mount)")


def minigrad(*arguments: Any) -> str:
    """A command as a shell takes it."""
    return shlex.join([sys.executable, "-m", "viz", *map(str, arguments)])


def shell(script: str) -> tuple[int, str, str]:
    """Run a script among mounts of its own: exit code, stdout, stderr."""
    done = subprocess.run([*MOUNTS, script], capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout, done.stderr


@needs_mounts
@pytest.mark.parametrize(
    "command", ["draw", *(pytest.param(name, marks=pytest.mark.nightly) for name in ("flow", "report"))]
)
def test_a_full_disk(tmp_path: Path, command: str) -> None:
    """On a disk of 8 kB draw, flow and report end with exit code 2 and one line; nothing is left on the disk."""
    out = tmp_path / ("out" if command == "report" else "out.svg")
    script = f"mount -t tmpfs -o size=8k none {shlex.quote(str(tmp_path))} && cd / && "
    script += f"{minigrad(command, *SMALL, '--out', out)}; echo $?; ls -A {shlex.quote(str(tmp_path))}"

    _, said, errors = shell(script)

    assert said == "2\n"
    assert errors.count("\n") == 1
    assert "No space left on device" in errors


@needs_mounts
def test_an_old_picture_on_a_full_disk(tmp_path: Path) -> None:
    """If there is no room for the new picture the old one stays as it was."""
    place = shlex.quote(str(tmp_path))
    script = f"mount -t tmpfs -o size=8k none {place} && cd / && echo old > {place}/g.svg && "
    script += f"{minigrad('draw', *SMALL, '--out', tmp_path / 'g.svg')}; echo $?; ls -A {place}; cat {place}/g.svg"

    assert shell(script)[1] == "2\ng.svg\nold\n"


@needs_mounts
@pytest.mark.parametrize("command", ["draw", "flow", "report"])
def test_a_read_only_directory(tmp_path: Path, command: str) -> None:
    """A read-only directory is refused before anything is computed, also to a superuser."""
    place = shlex.quote(str(tmp_path))
    script = f"mount --bind {place} {place} && mount -o remount,ro,bind {place} && cd / && "
    out = tmp_path / ("out" if command == "report" else "out.svg")
    script += f"{minigrad(command, '--updates', 10**7, '--out', out)}; echo $?; ls -A {place}"

    _, said, errors = shell(script)

    assert said == "2\n"
    assert errors.count("\n") == 1
    assert "is not writable; choose another directory" in errors


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("command", [["derive", "rnn"], ["diagnose", *SMALL]])
def test_a_full_stdout(command: list[str]) -> None:
    """Printing to a full disk is an error in one line with exit code 2, not a traceback."""
    script = f"{minigrad(*command)} > /dev/full"

    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "No space left on device" in done.stderr


def test_a_reader_who_has_had_enough() -> None:
    """If the reader of a pipe leaves, as `head` does, nothing is said on stderr."""
    reader, writer = os.pipe()
    os.close(reader)

    done = subprocess.run(
        [sys.executable, "-m", "viz", "derive", "lstm"], stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)

    assert done.returncode == 2
    assert done.stderr == b""


def _at_once(works: list[Any]) -> list[BaseException]:
    """Run some functions at the same time, and collect what they raise."""
    start, raised = threading.Barrier(len(works)), []

    def run(work: Any) -> None:
        start.wait()
        try:
            work()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_many_writers_of_one_directory(tmp_path: Path) -> None:
    """Four writers of one new directory at once all succeed; each file is whole and somebody's; nothing else stays."""
    contents = [{name: f"{writer}{name}".encode() * 20_000 for name in "ab"} for writer in range(4)]
    for round_ in range(20):
        target = tmp_path / f"out{round_}"

        raised = _at_once([lambda own=own, to=target: write_all(to, own) for own in contents])

        assert raised == []
        assert all((target / name).read_bytes() in [own[name] for own in contents] for name in "ab")
        assert sorted(os.listdir(target)) == ["a", "b"]
    assert len(os.listdir(tmp_path)) == 20


def test_many_writers_of_one_file(tmp_path: Path) -> None:
    """Four writers of one file, twenty times: a reader never sees a part of a file, or a mixture."""
    contents = [bytes([65 + writer]) * 200_000 for writer in range(4)]
    seen: list[bytes] = []

    def read() -> None:
        for _ in range(200):
            if (tmp_path / "g.svg").exists():
                seen.append((tmp_path / "g.svg").read_bytes())

    def write(own: bytes) -> None:
        for _ in range(20):
            write_whole(tmp_path / "g.svg", own)

    assert _at_once([read, *(lambda own=own: write(own) for own in contents)]) == []
    assert set(seen) <= set(contents)
    assert os.listdir(tmp_path) == ["g.svg"]


@pytest.mark.nightly
def test_two_reports_at_once(tmp_path: Path) -> None:
    """Two processes that write one report both succeed, and the page is the one that either would have written."""
    (tmp_path / "alone").mkdir()
    pages = set()
    for seed in ("1", "2"):
        alone = [sys.executable, "-m", "viz", "report", *SMALL, "--seed", seed, "--out", str(tmp_path / "alone")]
        subprocess.run(alone, check=True, capture_output=True)
        pages.add((tmp_path / "alone" / "report.html").read_bytes())
    together = [
        subprocess.Popen(
            [sys.executable, "-m", "viz", "report", *SMALL, "--seed", seed, "--out", str(tmp_path / "out")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for seed in ("1", "2")
    ]

    errors = [process.communicate(timeout=300)[1] for process in together]

    assert [process.returncode for process in together] == [0, 0]
    assert errors == [b"", b""]
    assert (tmp_path / "out" / "report.html").read_bytes() in pages
    assert sorted(os.listdir(tmp_path / "out")) == sorted(os.listdir(tmp_path / "alone"))
    assert sorted(os.listdir(tmp_path)) == ["alone", "out"]


def test_a_directory_that_is_a_file(tmp_path: Path) -> None:
    """A file where a directory should be is left as it was, and nothing temporary stays beside it."""
    (tmp_path / "out").write_text("mine", encoding="utf-8")

    with pytest.raises(OutputError):
        write_all(tmp_path / "out", {"a": b"1"})

    assert (tmp_path / "out").read_text(encoding="utf-8") == "mine"
    assert os.listdir(tmp_path) == ["out"]


def test_a_symbolic_link_stays_and_its_target_is_written(tmp_path: Path) -> None:
    """A link as target, also one that points nowhere yet, leads to the file behind it; so does one in a report."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link.svg").symlink_to(tmp_path / "real" / "g.svg")
    (tmp_path / "out").symlink_to(tmp_path / "real" / "out")

    write_whole(tmp_path / "link.svg", b"new")
    for content in (b"1", b"2"):
        write_all(tmp_path / "out", {"a": content, "link": content})
        if not (tmp_path / "out" / "link").is_symlink():
            (tmp_path / "out" / "link").unlink()
            (tmp_path / "out" / "link").symlink_to(tmp_path / "real" / "behind")

    assert (tmp_path / "link.svg").is_symlink()
    assert (tmp_path / "real" / "g.svg").read_bytes() == b"new"
    assert (tmp_path / "out").is_symlink()
    assert (tmp_path / "out" / "link").is_symlink()
    assert {path.name for path in (tmp_path / "real").iterdir()} == {"g.svg", "out", "behind"}
    assert (tmp_path / "real" / "behind").read_bytes() == b"2"


@pytest.mark.parametrize("kind", ["loop", "directory", "pipe", "device"])
def test_what_is_no_regular_file_is_neither_written_nor_read(tmp_path: Path, capsys: Any, kind: str) -> None:
    """A pipe, a device, a directory or a loop of links as target or as input is one clear error, at once."""
    path = tmp_path / "a.svg"
    if kind == "loop":
        path.symlink_to(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    before = os.lstat(path)

    with pytest.raises(OutputError, match="cannot write"):
        write_whole(path, b"new")
    assert main(["draw", "--out", str(path)]) == 2
    assert main(["check", "rnn", str(path)]) == 2
    assert main(["diagnose", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 3
    assert os.lstat(path).st_mode == before.st_mode
    assert os.listdir(tmp_path) == ["a.svg"]


def test_a_directory_that_vanishes_while_the_net_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """If the directory of the output, or the current one, is gone at the end, that is one line and exit code 2."""
    place = tmp_path / "gone"
    place.mkdir()
    monkeypatch.setattr("viz.cli.main.findings", lambda *args: place.rmdir() or findings(*args))

    assert main(["draw", *SMALL, "--out", str(place / "g.svg")]) == 2
    assert "cannot write" in capsys.readouterr().err

    place.mkdir()
    monkeypatch.chdir(place)
    place.rmdir()
    assert main(["draw", *SMALL, "--out", "g.svg"]) == 2
    assert "cannot write" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        ("derive rnn >&-", 2, "standard output is closed"),
        ("--version >&-", 2, "standard output is closed"),
        ("check rnn - <&-", 2, "standard input is closed"),
        ("derive rnn 2>&-", 0, ""),
        ("derive ltsm 2>&-", 2, ""),
        ("derive rnn <&- >&- 2>&-", 2, ""),
        (f"draw {shlex.join(SMALL)} --out g.svg <&- >&- 2>&-", 0, ""),
        ("check rnn - < /dev/zero", 2, "standard input has more than 5,000,000 bytes"),
    ],
)
def test_closed_streams_and_endless_ones(tmp_path: Path, command: str, code: int, words: str) -> None:
    """Closed standard streams lose no result in silence and end in no traceback; endless input has an end."""
    script = f"{minigrad()} {command}"

    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path, env=SOURCE)

    assert done.returncode == code
    assert done.stderr.count("\n") == bool(words)
    assert words in done.stderr
    assert os.listdir(tmp_path) == (["g.svg"] if "g.svg" in command else [])
