import os
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viz.cli.main import main
from viz.cli.signals import Ended
from viz.errors import OutputError
from viz.output import require_writable, write_all, write_whole


def broken_replace(source, target):
    """A file system that fails at the last moment."""
    raise OSError(28, "No space left on device")


@given(st.binary(), st.binary())
def test_content_is_replaced(tmp_path_factory, first, second):
    """What is written last is what is read, and nothing else is in the directory."""
    directory = tmp_path_factory.mktemp("files")
    write_whole(directory / "a", first)

    write_whole(directory / "a", second)

    assert (directory / "a").read_bytes() == second
    assert os.listdir(directory) == ["a"]


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    """If the last step fails, the old content stands, nothing is left over, and the error says why."""
    target = tmp_path / "a.svg"
    target.write_text("old", encoding="utf-8")
    monkeypatch.setattr(os, "replace", broken_replace)

    with pytest.raises(OutputError, match="No space left on device"):
        write_whole(target, b"new")

    assert target.read_text(encoding="utf-8") == "old"
    assert os.listdir(tmp_path) == ["a.svg"]


def test_a_directory_that_appears_in_the_meantime(tmp_path, monkeypatch):
    """If another program makes the directory at the last moment, its files are replaced; that is no error."""
    target = tmp_path / "out"
    ordinary = os.replace

    def replace(source, name):
        if name == target:
            write_all(target, {"a": b"theirs", "b": b"theirs"})
        ordinary(source, name)

    monkeypatch.setattr(os, "replace", lambda *names: (monkeypatch.setattr(os, "replace", ordinary), replace(*names)))

    write_all(target, {"a": b"mine"})

    assert (target / "a").read_bytes() == b"mine"
    assert (target / "b").read_bytes() == b"theirs"
    assert os.listdir(tmp_path) == ["out"]


def test_permissions_are_those_of_an_ordinary_file(tmp_path):
    """A new file is as readable as one made by `open`, and a replaced one keeps its mode."""
    (tmp_path / "ordinary").write_bytes(b"")
    write_whole(tmp_path / "new", b"")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "ordinary").stat().st_mode

    (tmp_path / "new").chmod(0o600)
    write_whole(tmp_path / "new", b"x")

    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o600


def test_writing_a_file_leaves_the_umask_of_the_process_alone(tmp_path, monkeypatch):
    """Other threads make files meanwhile, which would be open to everybody for as long as the umask is 0."""

    def refused(mask):
        raise AssertionError(f"umask was set to {mask}")

    monkeypatch.setattr(os, "umask", refused)

    assert write_whole(tmp_path / "new", b"x").read_bytes() == b"x"


def test_a_missing_directory_is_an_os_error(tmp_path):
    """Callers who catch OSError catch ours."""
    with pytest.raises(OSError, match="No such file"):
        write_whole(tmp_path / "nowhere" / "a", b"")


@pytest.mark.parametrize("exists", [False, True])
def test_several_files_appear_together(tmp_path, exists):
    """All files are there afterwards, beside what was there before, and no temporary directory is left."""
    target = tmp_path / "out"
    if exists:
        target.mkdir()
        (target / "mine").write_bytes(b"kept")

    write_all(target, {"a": b"1", "b": b"2"})

    assert (target / "a").read_bytes() + (target / "b").read_bytes() == b"12"
    assert sorted(os.listdir(target)) == (["a", "b", "mine"] if exists else ["a", "b"])
    assert os.listdir(tmp_path) == ["out"]


def test_several_files_or_none(tmp_path, monkeypatch):
    """A failure leaves no new directory and nothing temporary."""
    monkeypatch.setattr(os, "replace", broken_replace)

    with pytest.raises(OutputError, match="choose another directory"):
        write_all(tmp_path / "out", {"a": b"1"})

    assert os.listdir(tmp_path) == []


def test_a_file_is_no_directory(tmp_path):
    """That a result cannot be written is found out before it is computed."""
    (tmp_path / "file").write_bytes(b"")

    for target in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError, match="is not a directory"):
            require_writable(target)
    require_writable(tmp_path / "new" / "deep")
    assert os.listdir(tmp_path) == ["file"]


def test_an_unwritable_place_is_one_clear_error(tmp_path, monkeypatch):
    """A directory that may not be written to is found out before the work, and named."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)

    with pytest.raises(OutputError, match="is not writable; choose another directory"):
        require_writable(tmp_path / "out")


class FullDisk:
    """A file on a disk that is full: what is written does not arrive."""

    def __init__(self, file):
        self.file, self.name = file, file.name

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def write(self, content):
        """Take a part, then fail."""
        self.file.write(content[:1])
        raise OSError(28, "No space left on device")


def test_a_disk_that_fills_while_writing(tmp_path, monkeypatch):
    """If only a part of the content fits, the old file stays whole and the part is removed."""
    (tmp_path / "a.svg").write_text("old", encoding="utf-8")
    monkeypatch.setattr("viz.output.open", lambda *how: FullDisk(open(*how)), raising=False)  # noqa: SIM115

    with pytest.raises(OutputError, match="No space left on device"):
        write_whole(tmp_path / "a.svg", b"new")

    assert (tmp_path / "a.svg").read_text(encoding="utf-8") == "old"
    assert os.listdir(tmp_path) == ["a.svg"]


@pytest.mark.parametrize("name", ["a\0b.svg", "x" * 300 + ".svg"])
def test_names_that_cannot_be(tmp_path, name):
    """A name that no file can have is one clear error, like any other path that cannot be written."""
    with pytest.raises(OutputError, match="cannot write"):
        write_whole(tmp_path / name, b"")
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_after_the_writing_does_not_deny_it(tmp_path, monkeypatch, capsys):
    """Ctrl-C while the browser opens comes when the page is there already."""

    def interrupted(path):
        raise Ended(signal.SIGINT)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("viz.cli.main.report", lambda *given, **options: write_whole(tmp_path / "report.html", b"page"))
    monkeypatch.setattr("viz.cli.main._opened", interrupted)

    assert main(["report", "--open"]) == 130
    assert (tmp_path / "report.html").exists()
    assert capsys.readouterr().err == "minigrad report: interrupted; every file is whole or was not written\n"
