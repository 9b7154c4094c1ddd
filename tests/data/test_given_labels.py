import pandas as pd
import pytest

from src.data.given_labels import match_files, read_given_labels
from src.errors import InputError
from tests.tables import known

ATTRIBUTES = ("gender", "hero_class")


def given(tmp_path, text, attributes=ATTRIBUTES):
    (tmp_path / "labels.csv").write_text(text, encoding="utf-8")
    return read_given_labels(tmp_path / "labels.csv", attributes)


def portraits(*rows):
    """Prepared name, file name, and the duplicates of each."""
    names, filenames, duplicates = zip(*rows, strict=True)
    return pd.DataFrame({"filename": filenames, "duplicates": duplicates}, index=names)


def test_columns_not_asked_for_are_ignored(tmp_path):
    read = given(tmp_path, "filename,gender,theme\na.png,feminine,cool\nb.png,,warm\n")
    assert read.by_file.columns.tolist() == ["gender"]
    assert known(read.by_file) == {"a.png": {"gender": "feminine"}, "b.png": {}}


def test_rows_are_keyed_by_file_or_by_group(tmp_path):
    read = given(tmp_path, "filename,group_id,gender\na.png,g1,feminine\n,g2,masculine\n")
    assert known(read.by_file) == {"a.png": {"gender": "feminine"}}
    assert known(read.by_group) == {"g2": {"gender": "masculine"}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("filename,gender\n", "no rows"),
        ("name,gender\na.png,x\n", "neither"),
        ("filename,gender\n,x\n", "row 2"),
        ("filename,gender\na.png,x\n./a.png,y\n", r"two different labels \(row 3\)"),
        ("group_id,gender\ng1,x\ng1,x\ng1,\n", r"g1 two different labels \(row 4\)"),
    ],
)
def test_a_bad_csv_says_what_to_do(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        given(tmp_path, text)


def test_the_same_row_twice_is_no_error(tmp_path):
    assert known(given(tmp_path, "filename,gender\na.png,x\na.png,x\n").by_file) == {"a.png": {"gender": "x"}}


def test_names_match_by_file_then_prepared_name_then_without_ending(tmp_path):
    table = portraits(
        ("sub/a.png", "sub/a.jpg", []),
        ("b.jpg.png", "b.jpg", []),
        ("c.png", "c.gif", []),
        ("d.png", "d.png", ["old/d.png"]),
        ("e.png", "e.png", []),
    )
    text = "filename,gender\nsub\\a.jpg,1\nb.jpg.png,2\nc.webp,3\nold/d.png,4\nlost.png,5\n"
    labels, unmatched = match_files(given(tmp_path, text).by_file, table)
    assert labels["gender"].to_dict() == {"sub/a.png": "1", "b.jpg.png": "2", "c.png": "3", "d.png": "4"}
    assert unmatched == ["lost.png"]


def test_a_name_that_is_a_files_own_is_not_lent_to_another(tmp_path):
    table = portraits(("a.png", "a.png", []), ("a.jpg.png", "a.jpg", []))
    labels, _ = match_files(given(tmp_path, "filename,gender\na.jpg,x\n").by_file, table)
    assert known(labels) == {"a.jpg.png": {"gender": "x"}}


def test_names_that_differ_only_in_blanks_are_told_apart_or_refused(tmp_path):
    by_file = given(tmp_path, "filename,gender\n a.png,x\n").by_file
    labels, unmatched = match_files(by_file, portraits((" a.png", " a.png", [])))
    assert labels["gender"].to_dict() == {" a.png": "x"} and not unmatched
    with pytest.raises(InputError, match="differ only in blanks"):
        match_files(by_file, portraits((" a.png", " a.png", []), ("a.png", "a.png", [])))
