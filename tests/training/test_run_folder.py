"""The artifacts folder: nothing of an earlier run is overwritten, whatever is left of it."""

import hashlib
import os
import subprocess
import sys
import threading

import pytest

from src.errors import InputError
from src.training.run import train
from src.training.run_folder import RunFolder

WHOLE = ("checkpoints/000001.pt", "checkpoints/latest.pt", "metrics.csv", "config.json", "samples/reals.png")


def put(folder, names, text="earlier"):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "left",
    [WHOLE, ("metrics.csv",), ("samples/reals.png", "samples/fakes_init.png"), ("mlflow_run_id.txt",), WHOLE[2:]],
    ids=["whole", "no checkpoint yet", "pictures alone", "a tracker", "its checkpoints are moved already"],
)
def test_what_is_left_of_a_run_is_moved_and_the_rest_stays(tmp_path, left):
    others = ("notes.txt", "samples/mine.txt", "earlier_runs/001/metrics.csv")
    put(tmp_path, left)
    put(tmp_path, others, "theirs")
    lines = []
    RunFolder(tmp_path).clear(lines.append)
    moved = {f"earlier_runs/002/{name}": "earlier" for name in left}
    assert files(tmp_path) == {**dict.fromkeys(others, "theirs"), **moved}
    assert len(lines) == 1


def test_a_run_moves_the_earlier_one_once_and_never_itself(tmp_path):
    put(tmp_path, WHOLE)
    folder = RunFolder(tmp_path)
    folder.clear(lambda line: None)
    put(tmp_path, WHOLE, "present")
    folder.clear(lambda line: None)
    assert files(tmp_path)["metrics.csv"] == "present" and not (tmp_path / "earlier_runs" / "002").exists()


def test_an_empty_or_missing_folder_needs_no_move(tmp_path):
    RunFolder(tmp_path / "new").clear(pytest.fail)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["checkpoints/latest.pt", "metrics.csv", "config.json", "samples/fakes_000001.png"])
def test_a_folder_where_a_file_is_to_be_is_refused(tmp_path, name):
    (tmp_path / name).mkdir(parents=True)
    with pytest.raises(InputError, match="is a folder where a run has a file"):
        RunFolder(tmp_path)


@pytest.mark.parametrize("name", ["checkpoints", "samples", ""])
def test_a_file_where_a_folder_is_to_be_is_refused(tmp_path, name):
    out = tmp_path / "out"
    put(out.parent if not name else out, [name or "out"])
    with pytest.raises(InputError, match="is a file where a run has a folder"):
        RunFolder(out)


HOLD = """
import sys
from pathlib import Path
from src.training.run_folder import RunFolder
with RunFolder(Path(sys.argv[1])).locked():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other_run(tmp_path):
    """A process that holds the lock of `run`, until its input ends or it is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process


def test_a_second_run_in_a_folder_is_refused_and_writes_nothing(tmp_path, other_run):
    same = tmp_path / "elsewhere" / ".." / "run"
    with pytest.raises(InputError, match="another run is training in"), RunFolder(same).locked(wait_seconds=0.1):
        pytest.fail("both run")
    assert not (tmp_path / "run").exists()
    with RunFolder(tmp_path / "next").locked(wait_seconds=0.1):
        pass


def test_a_killed_run_leaves_its_folder_free(tmp_path, other_run):
    other_run.kill()
    with RunFolder(tmp_path / "run").locked():
        pass


def test_a_second_run_waits_for_the_first_to_end(tmp_path, other_run):
    other_run.stdin.close()
    with RunFolder(tmp_path / "run").locked():
        pass


def test_a_run_goes_on_where_there_are_no_locks(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    name = hashlib.sha256(os.fsencode(tmp_path)).hexdigest()[:16]
    (tmp_path / "missing" / f"hero_portraits_{name}.lock").mkdir(parents=True)
    with RunFolder(tmp_path).locked(wait_seconds=0.1):
        pass


def test_training_holds_the_lock(data_folder, tmp_path):
    out, refused = tmp_path / "run", []

    def second_run():
        with pytest.raises(InputError, match="another run is training in"), RunFolder(out).locked(wait_seconds=0.1):
            pytest.fail("both run")
        refused.append(True)

    def log(_line):
        thread = threading.Thread(target=second_run)
        thread.start()
        thread.join()

    train(data_folder, out, "resnet_gan", "smoke", {"batch_size": 8, "base_channels": 4, "kimg": 0.016}, log=log)
    assert refused
    with RunFolder(out).locked(wait_seconds=0.1):
        pass
