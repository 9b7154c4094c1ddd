import pandas as pd
import pytest

from src.data.given_labels import (
    GivenLabels,
    labels_from_names,
    labels_of_portraits,
    match_files,
    read_given_labels,
)
from src.errors import InputError
from tests.tables import known as known_cells

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
    assert known_cells(read.by_file) == {"a.png": {"gender": "feminine"}, "b.png": {}}


def test_columns_that_look_like_attributes_are_named(tmp_path):
    rows = [f"{n}.png,feminine,{n % 2},x,remark {n}\n" for n in range(20)]
    read = given(tmp_path, "filename,gender,view,constant,remark\n" + "".join(rows))
    assert read.unused == ("view",)
    assert not given(tmp_path, "filename,gender,view,constant,remark\n" + "".join(rows[:19])).unused


def test_rows_are_keyed_by_file_or_by_group(tmp_path):
    read = given(tmp_path, "filename,group_id,gender\na.png,g1,feminine\n,g2,masculine\n")
    assert known_cells(read.by_file) == {"a.png": {"gender": "feminine"}}
    assert known_cells(read.by_group) == {"g2": {"gender": "masculine"}}


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
    assert known_cells(given(tmp_path, "filename,gender\na.png,x\na.png,x\n").by_file) == {"a.png": {"gender": "x"}}


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
    assert known_cells(labels) == {"a.jpg.png": {"gender": "x"}}


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ('{"labels": [["0/a.png", 3], ["b.png", 0]]}', {"0/a.png": "3", "b.png": "0"}),
        ('{"labels": {"a.png": [0, 0, 1]}}', {"a.png": "2"}),
        ('{"labels": null}', None),
        ('{"labels": [["a.png", [0.5, 0.5]]]}', None),
        ('{"labels": [["a.png"]]}', None),
        ("[1, 2]", None),
        ("{", None),
    ],
)
def test_a_dataset_json_of_stylegans_tools_gives_one_attribute(tmp_path, text, labels):
    path = tmp_path / "dataset.json"
    path.write_text(text)
    with pytest.raises(InputError, match="--attributes NAME"):
        read_given_labels(path, ("gender", "kind"))
    if labels is None:
        with pytest.raises(InputError, match=r"dataset\.json of StyleGAN"):
            read_given_labels(path, ("kind", "palette"))
    else:
        assert read_given_labels(path, ("kind", "palette")).by_file["kind"].to_dict() == labels
        assert read_given_labels(path, ATTRIBUTES).by_file["hero_class"].to_dict() == labels


FOLDERS = ("knight/1.png", "knight/2.png", "mage/1.png", "mage/2.png")


def from_names(pattern=None, attributes=("hero_class", "palette"), known=None, names=FOLDERS):
    table = portraits(*((name, name, []) for name in names))
    given, lines = labels_from_names(GivenLabels(), table, pattern, attributes, known or {})
    return known_cells(labels_of_portraits(given, table.assign(group_id="g"))[0]), lines


def test_labels_come_from_names_by_pattern():
    labels, lines = from_names("{hero_class}/{number}", ("hero_class",))
    assert labels == {name: {"hero_class": name.split("/")[0]} for name in FOLDERS} and lines == []
    labels, lines = from_names("*/{number}", ("number",))
    assert labels["mage/2.png"] == {"number": "2"}
    _, (line,) = from_names("knight/{number}", ("number",))
    assert "2 file names do not match" in line and "mage/1.png" in line
    with pytest.raises(InputError, match="none of hero_class"):
        from_names("{kind}/*")


def test_names_of_duplicates_label_the_portrait_that_was_kept():
    table = portraits(
        ("copy.png", "copy.png", ["knight/1.png"]),
        ("mage/1.png", "mage/1.png", ["other.png", "mage/2.png"]),
        ("mage/3.png", "mage/3.png", ["knight/3.png"]),
    )
    given, lines = labels_from_names(GivenLabels(), table, "{hero_class}/*", ("hero_class",), {})
    assert given.by_name["hero_class"].to_dict() == {"copy.png": "knight", "mage/1.png": "mage", "mage/3.png": "mage"}
    (line,) = lines
    assert "1 portraits lie in several files" in line and "mage/3.png (taken) and knight/3.png" in line


def test_folders_that_look_like_classes_label_the_one_attribute_without_labels():
    by_folder, (line,) = from_names()
    assert by_folder["mage/1.png"] == {"hero_class": "mage"}
    assert "'hero_class' is taken from the folders knight (2)" in line
    labels, (line,) = from_names(attributes=("gender", "hero_class", "palette"))
    assert labels == {} and 'build with --label-pattern "{hero_class}/*" to' in line
    assert from_names(known={"hero_class": {"rogue"}}) == ({}, [])
    # What was labelled by folders stays so, and no other attribute is.
    assert from_names(attributes=("gender", "hero_class"), known={"hero_class": {"mage"}})[0] == by_folder


def test_folders_are_not_named_where_a_table_gives_all(tmp_path):
    table, known = portraits(*((name, name, []) for name in FOLDERS)), {"hero_class": {"knight"}}
    for rows, said in (("knight/1.png,knight\n", True), ("".join(f"{name},knight\n" for name in FOLDERS), False)):
        of_table = given(tmp_path, f"filename,hero_class\n{rows}")
        labels, lines = labels_from_names(of_table, table, None, ("hero_class",), known)
        assert any("is taken from the folders" in line for line in lines) == said
        assert labels.by_name["hero_class"]["mage/1.png"] == "mage"


def test_folders_of_genders_are_no_hero_classes():
    names = [f"{gender}/{kind}/{n}.png" for gender in ("female", "male") for kind in ("knight", "mage") for n in "12"]
    labels, (line,) = from_names(names=names)
    assert labels["male/mage/2.png"] == {"hero_class": "mage"} and "knight (4)" in line
    labels, (line,) = from_names(names=names, attributes=("gender", "hero_class"))
    assert labels == {} and "gender: female (4), male (4) and of hero_class: knight" in line
    assert '--label-pattern "{gender}/{hero_class}/*"' in line
    labels, (line,) = from_names(names=[name.replace("/", "/x/", 1).replace("mage", "knight") for name in names])
    assert labels == {} and '--attributes gender,hero_class,palette --label-pattern "{gender}/*"' in line


def test_names_that_differ_only_in_blanks_are_told_apart_or_refused(tmp_path):
    by_file = given(tmp_path, "filename,gender\n a.png,x\n").by_file
    labels, unmatched = match_files(by_file, portraits((" a.png", " a.png", [])))
    assert labels["gender"].to_dict() == {" a.png": "x"} and not unmatched
    with pytest.raises(InputError, match="differ only in blanks"):
        match_files(by_file, portraits((" a.png", " a.png", []), ("a.png", "a.png", [])))
