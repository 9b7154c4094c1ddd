import pytest

from src.data.labelling import Portrait, check_classes, join_labels, labels_by_group, match_files, read_given_labels
from src.errors import InputError

ATTRIBUTES = ("gender", "hero_class")


def given(tmp_path, text, attributes=ATTRIBUTES):
    (tmp_path / "labels.csv").write_text(text, encoding="utf-8")
    return read_given_labels(tmp_path / "labels.csv", attributes)


def test_columns_not_asked_for_are_ignored(tmp_path):
    read = given(tmp_path, "filename,gender,theme\na.png,feminine,cool\nb.png,,warm\n")
    assert read.columns == ("gender",)
    assert read.by_file == {"a.png": {"gender": "feminine"}, "b.png": {}}


def test_rows_are_keyed_by_file_or_by_group(tmp_path):
    read = given(tmp_path, "filename,group_id,gender\na.png,g1,feminine\n,g2,masculine\n")
    assert read.by_file == {"a.png": {"gender": "feminine"}}
    assert read.by_group == {"g2": {"gender": "masculine"}}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty"),
        ("filename,gender\n", "no rows"),
        ("name,gender\na.png,x\n", "neither"),
        ("filename,gender\n,x\n", "row 2"),
        ("filename,gender\na.png,x\n./a.png,y\n", "two different"),
    ],
)
def test_a_bad_csv_says_what_to_do(tmp_path, text, told):
    with pytest.raises(InputError, match=told):
        given(tmp_path, text)


def test_the_same_row_twice_is_no_error(tmp_path):
    assert given(tmp_path, "filename,gender\na.png,x\na.png,x\n").by_file == {"a.png": {"gender": "x"}}


def test_names_match_by_file_then_prepared_name_then_without_ending(tmp_path):
    portraits = [
        Portrait("sub/a.png", "sub/a.jpg", "g1"),
        Portrait("b.jpg.png", "b.jpg", "g2"),
        Portrait("c.png", "c.gif", "g3"),
        Portrait("d.png", "d.png", "g4", duplicates=("old/d.png",)),
        Portrait("e.png", "e.png", "g5"),
    ]
    text = "filename,gender\nsub\\a.jpg,1\nb.jpg.png,2\nc.webp,3\nold/d.png,4\nlost.png,5\n"
    labels, unmatched = match_files(given(tmp_path, text), portraits)
    assert {name: row["gender"] for name, row in labels.items()} == {
        "sub/a.png": "1",
        "b.jpg.png": "2",
        "c.png": "3",
        "d.png": "4",
    }
    assert unmatched == ["lost.png"]


def test_a_name_that_is_a_files_own_is_not_lent_to_another(tmp_path):
    portraits = [Portrait("a.png", "a.png", "g1"), Portrait("a.jpg.png", "a.jpg", "g2")]
    labels, _ = match_files(given(tmp_path, "filename,gender\na.jpg,x\n"), portraits)
    assert labels == {"a.jpg.png": {"gender": "x"}}


def test_manual_beats_given_beats_suggested_beats_pixels():
    portraits = [Portrait(f"{name}.png", f"{name}.png", name) for name in ("m", "f", "g", "o", "s", "p", "n")]
    sheet = {
        "m": {"group_id": "m", "gender": "manual", "hero_class": "", "source": "manual"},
        "f": {"group_id": "f", "gender": "suggested", "source": "suggested"},
        "g": {"group_id": "g", "gender": "suggested", "source": "suggested"},
        "o": {"group_id": "o", "gender": "earlier", "source": "given"},
        "s": {"group_id": "s", "gender": "suggested", "source": "suggested"},
    }
    by_file = {"m.png": {"gender": "file", "hero_class": "file"}, "f.png": {"gender": "file"}}
    by_group = {"f": {"gender": "group"}, "g": {"gender": "group"}}
    suggested = {name: {"gender": "suggested"} for name in "mfgos"}
    pixels = {f"{name}.png": {"gender": "pixels"} for name in "mfgosp"}
    joined = join_labels(portraits, ATTRIBUTES, by_file, by_group, sheet, suggested, pixels)
    assert {name[0]: labels.get("gender") for name, labels in joined.labels.items()} == {
        "m": "manual", "f": "file", "g": "group", "o": "earlier", "s": "suggested", "p": "pixels", "n": None,
    }  # fmt: skip
    assert joined.labels["m.png"]["hero_class"] == "file"  # the person left that cell empty
    assert joined.sources["gender"] == {"manual": 1, "given": 3, "suggested": 1, "pixels": 1}
    assert joined.sources["hero_class"] == {"given": 1}


def test_a_group_is_labelled_by_most_of_its_members():
    portraits = [Portrait(f"{index}.png", f"{index}.png", "g") for index in range(4)]
    by_file = {f"{index}.png": {"gender": name} for index, name in enumerate(["x", "y", "x"])}
    assert labels_by_group(portraits, ATTRIBUTES, by_file, {}) == {"g": ({"gender": "x"}, 2 / 3)}


def test_a_class_that_the_vocabulary_lacks_is_an_error_that_names_the_row(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("group_id,gender,note\ng1,feminine,x\ng2,,y\ng3,feminin,z\n")
    known = {"gender": ("feminine", "masculine")}
    assert check_classes(path, ATTRIBUTES, {"hero_class": ("mage",)}) == {
        "gender": {"feminine", "feminin"},
        "hero_class": set(),
    }
    assert check_classes(path, ("note",), known) == {"note": {"x", "y", "z"}}
    assert check_classes(path, ATTRIBUTES, known, groups={"g1", "g2"})["gender"] == {"feminine"}
    told = (
        r"row 4 \(g3\): unknown gender 'feminin' \(did you mean 'feminine'\?\); .*: feminine, masculine.*--new-classes"
    )
    with pytest.raises(InputError, match=told):
        check_classes(path, ATTRIBUTES, known)
