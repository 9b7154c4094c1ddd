"""A painted folder: its pictures and its table belong together, and what a person keeps there stays."""

import csv
import os
import shutil

import pytest

from src.errors import InputError
from src.files import check_finished
from src.painter import paint_set, write
from src.painter.spec import heroes


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    folder = tmp_path_factory.mktemp("painted")
    paint_set(folder, 20, seed=0)
    return folder


@pytest.fixture
def again(first, tmp_path):
    return shutil.copytree(first, tmp_path / "again")


def _contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("count", "seed", "recolours"),
    [(10**9, 0, 2), (0, 0, 2), (5, -1, 2), (5, 2**63, 2), (5, 0, 0), (5, 0, 100)],
)
def test_numbers_out_of_range_are_refused_before_anything_is_made(tmp_path, count, seed, recolours):
    with pytest.raises(InputError, match="must be from"):
        paint_set(tmp_path / "out", count, seed, recolours)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("smooth", [False, True])
def test_a_full_disk_is_foreseen(tmp_path, monkeypatch, smooth):
    monkeypatch.setattr(write, "BYTES_A_SMOOTH_PICTURE" if smooth else "BYTES_A_PICTURE", 1 << 60)
    with pytest.raises(InputError, match="no room"):
        paint_set(tmp_path, 20, smooth=smooth)
    assert not _contents(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.csv", "filename,gender,hero_class\na.png,feminine,mage\n"),
        ("labels.csv", ",".join(write.COLUMNS) + "\nmine.png" + "," * (len(write.COLUMNS) - 1) + "\n"),
        ("labels.csv", ""),
        ("hero_0000_00.png", "my own picture"),
        ("hero_9999_00.png", "one that a shorter set would not reach"),
    ],
)
def test_what_is_somebody_elses_stays(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError):
        paint_set(tmp_path, 2)
    assert _contents(tmp_path) == {name: content.encode()}


def test_a_smaller_set_replaces_a_larger_one_and_leaves_other_files(again):
    (again / "mine.png").write_text("mine")
    paint_set(again, 4, seed=1)
    with (again / "labels.csv").open(newline="") as file:
        assert [row["gender"] for row in csv.DictReader(file)] == [spec.gender for spec in heroes(4, seed=1)]
    assert sorted(_contents(again)) == [*(f"hero_000{n}_00.png" for n in range(4)), "labels.csv", "mine.png"]


def test_an_interrupted_run_leaves_the_earlier_set_whole(again, first, monkeypatch):
    def stop(spec):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(write, "colour_table", stop)
        paint_set(again, 30, seed=1)
    assert _contents(again) == _contents(first)


def test_a_run_that_was_killed_while_it_moved_pictures_is_told_and_mended_by_another(again, tmp_path, monkeypatch):
    def move(old, new):
        if new.name == "hero_0007_00.png":
            raise OSError("killed")
        os.rename(old, new)

    with monkeypatch.context() as patch, pytest.raises(OSError):
        patch.setattr("os.replace", move)
        paint_set(again, 30, seed=1)
    with pytest.raises(InputError, match="`paint` was stopped half-way"):
        check_finished(again)
    paint_set(again, 10, seed=1)
    paint_set(tmp_path / "fresh", 10, seed=1)
    assert _contents(again) == _contents(tmp_path / "fresh")
