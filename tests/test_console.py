"""What the command line prints: any error as one line, any text on any terminal."""

import io
import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

import src.__main__ as command_line
from src.console import any_terminal, one_line, print_line
from src.errors import InputError, TrainingDiverged
from src.progress import track

ROOT = Path(__file__).resolve().parents[1]


def _fails_with(monkeypatch, error):
    def build(_arguments: Namespace) -> None:
        raise error

    monkeypatch.setattr(command_line, "build", build)
    return command_line.main(["build", "--data", "d"]), command_line.main(["build", "--data", "d", "--debug"])


@pytest.mark.parametrize(
    "error, status, message",
    [
        (InputError("the file\nis bad"), 2, r"error: the file\nis bad"),
        (TrainingDiverged("not finite"), 1, "error: not finite"),
        (ModuleNotFoundError("no torch", name="torch.nn"), 2, "PyTorch is not installed here"),
        (ModuleNotFoundError("no part", name="src.gone"), 1, "a fault of this program"),
        (FileNotFoundError(2, "No such file", "a\x1b.png"), 2, r"No such file: a\x1b.png"),
        (UnicodeEncodeError("ascii", "♥.png", 0, 1, "ordinal"), 2, r"'\u2665.png' has characters"),
        (MemoryError(), 2, "memory does not suffice"),
        (RuntimeError("[enforce fail] can't allocate memory: you tried"), 2, "memory does not suffice"),
        (KeyError("key"), 1, "error: KeyError: 'key'; a fault of this program"),
        (RuntimeError(), 1, "error: RuntimeError; a fault"),
        (ValueError("one\ntwo"), 1, "ValueError: one; a fault"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_every_error_is_one_line_with_its_status(monkeypatch, capsys, error, status, message):
    assert _fails_with(monkeypatch, error) == (status, status)
    plain, debugged = capsys.readouterr().err.split("Traceback", 1)
    assert message in plain and plain.count("\n") == 1
    assert "in build" in debugged and message in debugged.splitlines()[-1]


def test_an_error_begins_a_line_behind_a_bar(monkeypatch, capsys):
    def build(_arguments: Namespace) -> None:
        tracked = track(range(2), "reading")  # a name keeps it open as long as the error's traceback
        for _ in tracked:
            raise InputError("bad")

    monkeypatch.setattr(command_line, "build", build)
    assert command_line.main(["build", "--data", "d"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "error: bad"


def test_arguments_with_line_breaks_are_named_in_one_line(capsys):
    with pytest.raises(SystemExit):
        command_line.main(["paint", "--out", "x", "a\nb"])
    assert capsys.readouterr().err.count("\n") == 1


def test_one_line_leaves_other_characters_as_they_are():
    assert one_line("é♥ a\tb\r\u2028") == "é♥ a\\tb\\r\\u2028"


def test_a_terminal_that_lacks_a_character_gets_an_escape(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="cp1252"))
    with any_terminal():
        print("\U0001f9d9 é \udcff")
    assert written.getvalue() == b"\\U0001f9d9 \xe9 \\udcff\n"


def test_a_reader_that_leaves_ends_nothing(monkeypatch):
    read, write = os.pipe()
    os.close(read)
    with open(write, "w", buffering=1) as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        with any_terminal():
            for _ in range(3):
                print("line")
            with pytest.raises(BrokenPipeError):
                print_line("training, which saves and ends, asks")


@pytest.mark.skipif(sys.platform == "win32", reason="no shell that closes streams")
def test_closed_streams_are_no_files_of_ours(tmp_path):
    """What is printed goes nowhere, not into the next file that is opened."""
    code = f"""
import sys
from src.console import any_terminal
with any_terminal():
    with open(r"{tmp_path / "mine"}", "w") as file:
        print("lost"); print("lost", file=sys.stderr); sys.stderr.flush(); file.write("kept")
"""
    command = 'exec "$0" -c "$1" >&- 2>&-'
    assert subprocess.run(["bash", "-c", command, sys.executable, code], cwd=ROOT).returncode == 0
    assert (tmp_path / "mine").read_text() == "kept"


def test_the_command_line_runs_as_a_file_from_any_folder(tmp_path):
    command = [sys.executable, ROOT / "src" / "__main__.py", "paint"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 2 and result.stderr.startswith("error: ")
