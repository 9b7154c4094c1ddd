import pytest

from src.errors import InputError
from src.prepare.group_labels import extend_group_labels, fill_in_given, read_group_labels
from src.tables import read_table, write_table


@pytest.fixture
def sheet(tmp_path):
    path = tmp_path / "group_labels.csv"
    extend_group_labels(path, ["g1", "g2", "g3"])
    return path


def edit(path, group, **cells):
    """What a person does in a spreadsheet."""
    rows = read_table(path)
    for row in rows:
        if row["group_id"] == group:
            row.update(cells)
    write_table(path, list(dict.fromkeys([*rows[0], *cells])), rows)


def cells(path, group):
    return next(row for row in read_table(path) if row["group_id"] == group)


def test_a_fresh_sheet_has_an_empty_row_for_every_group(sheet):
    assert read_table(sheet)[1] == {"group_id": "g2", "gender": "", "hero_class": "", "source": "", "confidence": ""}


def test_what_a_person_wrote_survives_prepare_and_build(sheet):
    edit(sheet, "g1", gender="feminine", source="manual", note="look again")
    edit(sheet, "g2", hero_class="mage")  # forgot the source
    edit(sheet, "g3", hero_class="bard", source="suggested")
    before = [cells(sheet, group) for group in ("g1", "g2", "g3")]
    extend_group_labels(sheet, ["g4", "g3"])  # g1 and g2 are gone from the images
    fill_in_given(sheet, ["gender", "hero_class"], {"g1": ({"gender": "masculine"}, 1.0), "g4": ({"gender": "x"}, 0.5)})
    after = [cells(sheet, group) for group in ("g1", "g2", "g3")]
    for old, new in zip(before, after, strict=True):
        assert {name: value for name, value in new.items() if name != "source"} == {
            name: value for name, value in old.items() if name != "source"
        }
    assert [row["source"] for row in after] == ["manual", "manual", "suggested"]
    assert cells(sheet, "g4") | {"note": ""} == {
        "group_id": "g4", "gender": "x", "hero_class": "", "note": "", "source": "given", "confidence": "0.50",
    }  # fmt: skip


def test_empty_rows_of_groups_that_are_gone_go_too(sheet):
    extend_group_labels(sheet, ["g3"])
    assert [row["group_id"] for row in read_table(sheet)] == ["g3"]


def test_given_rows_follow_the_given_labels(sheet):
    fill_in_given(sheet, ["gender"], {"g1": ({"gender": "feminine"}, 1.0)})
    fill_in_given(sheet, ["gender"], {"g1": ({"gender": "masculine"}, 1.0)})
    assert cells(sheet, "g1")["gender"] == "masculine"


def test_a_given_row_that_a_person_corrected_is_theirs_from_then_on(sheet):
    fill_in_given(sheet, ["gender"], {"g1": ({"gender": "feminine"}, 1.0), "g2": ({"gender": "feminine"}, 1.0)})
    edit(sheet, "g1", gender="masculine")  # the source still says `given`
    fill_in_given(sheet, ["gender"], {"g1": ({"gender": "feminine"}, 1.0), "g2": ({"gender": "masculine"}, 1.0)})
    assert (cells(sheet, "g1")["gender"], cells(sheet, "g1")["source"]) == ("masculine", "manual")
    assert (cells(sheet, "g2")["gender"], cells(sheet, "g2")["source"]) == ("masculine", "given")


def test_other_attributes_get_columns_of_their_own(sheet):
    fill_in_given(sheet, ["view"], {"g1": ({"view": "front"}, 1.0)})
    assert list(cells(sheet, "g1")) == ["group_id", "view", "gender", "hero_class", "source", "confidence"]


def test_two_rows_for_a_group_are_an_error(sheet):
    with sheet.open("a") as file:
        file.write("g1,feminine,,manual,\n")
    with pytest.raises(InputError, match="g1"):
        read_group_labels(sheet)
