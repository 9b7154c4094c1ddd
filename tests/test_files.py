"""Files that are there whole or not at all, alone and together."""

import os

import pytest

from src.errors import InputError
from src.files import check_finished, check_place, left_unfinished, replacing, replacing_all, unfinished


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_name_as_long_as_file_systems_take_can_be_replaced(tmp_path):
    path = tmp_path / ("é" * 125 + ".csv")
    with replacing(path) as temporary:
        temporary.write_text("whole")
    assert _names(tmp_path) == [path.name]


def test_files_that_belong_together_stay_the_old_ones_where_one_cannot_be_written(tmp_path):
    for name in "ab":
        (tmp_path / name).write_text("old")
    with pytest.raises(OSError), replacing_all(tmp_path, "ab", "build") as (first, _second):
        first.write_text("new")
        raise OSError("disk full")
    assert _names(tmp_path) == ["a", "b"] and (tmp_path / "a").read_text() == "old"
    check_finished(tmp_path)


def test_files_that_were_replaced_in_part_are_refused_until_all_are(tmp_path, monkeypatch):
    def replace(old, new):
        if new.name == "b":
            raise KeyboardInterrupt
        os.rename(old, new)

    def write():
        with replacing_all(tmp_path, "ab", "build") as temporaries:
            for temporary in temporaries:
                temporary.write_text("new")

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("src.files.os.replace", replace)
        write()
    with pytest.raises(InputError, match="`build` was stopped half-way"):
        check_finished(tmp_path)
    check_finished(tmp_path, "build")
    write()
    check_finished(tmp_path)
    assert _names(tmp_path) == ["a", "b"]


def test_a_mark_remembers_what_was_written_and_goes_with_a_finished_run(tmp_path):
    with pytest.raises(KeyboardInterrupt), unfinished(tmp_path, "prepare") as note:
        note("a\nb.png")
        raise KeyboardInterrupt
    with (tmp_path / ".unfinished").open("a") as file:
        file.write('"cut sh')
    assert left_unfinished(tmp_path) == ("prepare", {"a\nb.png"})
    with pytest.raises(InputError), unfinished(tmp_path, "paint"):
        raise InputError("nothing written: the older mark stays")
    assert left_unfinished(tmp_path) == ("prepare", {"a\nb.png"})
    with unfinished(tmp_path, "prepare") as note:
        note("c.png")
        assert left_unfinished(tmp_path) == ("prepare", {"a\nb.png", "c.png"})
    assert left_unfinished(tmp_path) == ("", set())


def test_a_work_within_another_leaves_its_mark(tmp_path):
    with unfinished(tmp_path, "source") as note:
        note("a")
        with unfinished(tmp_path / ".", "prepare") as inner:
            inner("b")
        assert left_unfinished(tmp_path) == ("source", {"a", "b"})
    assert left_unfinished(tmp_path) == ("", set())


def test_a_place_for_a_file_is_checked_before_the_work(tmp_path):
    check_place(tmp_path / "new" / "a.json")
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("")
    for path, message in ((tmp_path, "is a folder"), (tmp_path / "file" / "a.json", "cannot be written")):
        with pytest.raises(InputError, match=message):
            check_place(path)


def test_a_file_that_is_open_elsewhere_is_waited_for(tmp_path, monkeypatch):
    """On Windows, where a file that somebody reads cannot be replaced; nowhere else does waiting help."""
    refused = [PermissionError("open elsewhere")] * 2

    def replace(old, new):
        if refused:
            raise refused.pop()
        os.rename(old, new)

    monkeypatch.setattr("src.files.os.replace", replace)
    monkeypatch.setattr("src.files.PATIENCE", 5.0)
    with replacing(tmp_path / "a") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "a").read_text() == "new" and not refused
    monkeypatch.setattr("src.files.PATIENCE", 0.0)
    refused.append(PermissionError("not allowed"))
    with pytest.raises(PermissionError), replacing(tmp_path / "a") as temporary:
        temporary.write_text("newer")
    assert _names(tmp_path) == ["a"] and (tmp_path / "a").read_text() == "new"
