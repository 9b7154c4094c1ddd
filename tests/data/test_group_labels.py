import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.data import group_labels
from src.data.group_labels import extend_group_labels, read_group_labels
from src.errors import InputError
from src.tables import write_table
from tests.tables import labels_table, read_rows


def fill_in_given(path, attributes, given):
    """Group -> its labels, and the share of its portraits that they are right for."""
    _fill_in(group_labels.fill_in_given, path, attributes, given)


def fill_in_suggested(path, attributes, suggested):
    """Group -> its labels, and the least confidence in one of them."""
    _fill_in(group_labels.fill_in_suggested, path, attributes, suggested)


def _fill_in(fill_in, path, attributes, rows):
    labels = labels_table({group: labels for group, (labels, _) in rows.items()}).reindex(columns=attributes)
    fill_in(path, labels, pd.Series({group: share for group, (_, share) in rows.items()}, dtype=float))


@pytest.fixture
def sheet(tmp_path):
    path = tmp_path / "group_labels.csv"
    extend_group_labels(path, ["g1", "g2", "g3"])
    return path


def edit(path, group, **cells):
    """What a person does in a spreadsheet."""
    rows = read_rows(path)
    for row in rows:
        if row["group_id"] == group:
            row.update(cells)
    write_table(path, list(dict.fromkeys([*rows[0], *cells])), rows)


def cells(path, group):
    return next(row for row in read_rows(path) if row["group_id"] == group)


def test_a_fresh_sheet_has_an_empty_row_for_every_group(sheet):
    assert read_rows(sheet)[1] == {"group_id": "g2", "gender": "", "hero_class": "", "source": "", "confidence": ""}


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
    assert [row["source"] for row in after] == ["manual", "manual", "suggested"]  # a suggestion from elsewhere
    assert cells(sheet, "g4") | {"note": ""} == {
        "group_id": "g4", "gender": "x", "hero_class": "", "note": "", "source": "given", "confidence": "0.50",
    }  # fmt: skip


def test_empty_rows_of_groups_that_are_gone_go_too(sheet):
    extend_group_labels(sheet, ["g3"])
    assert [row["group_id"] for row in read_rows(sheet)] == ["g3"]


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


def test_suggestions_are_refreshed_and_taken_back_but_never_replace_what_anyone_gave(sheet):
    edit(sheet, "g2", gender="feminine")
    fill_in_given(sheet, ["gender"], {"g3": ({"gender": "masculine"}, 1.0)})
    guesses = {group: ({"gender": "masculine"}, 0.7) for group in ("g1", "g2", "g3")}
    fill_in_suggested(sheet, ["gender"], guesses)
    assert (cells(sheet, "g1")["source"], cells(sheet, "g1")["confidence"]) == ("suggested", "0.70")
    assert (cells(sheet, "g2")["gender"], cells(sheet, "g3")["source"]) == ("feminine", "given")
    fill_in_suggested(sheet, ["gender"], {"g1": ({"gender": "feminine"}, 0.9)})
    assert (cells(sheet, "g1")["gender"], cells(sheet, "g1")["confidence"]) == ("feminine", "0.90")
    fill_in_suggested(sheet, ["gender"], {})
    assert (cells(sheet, "g1")["gender"], cells(sheet, "g1")["source"]) == ("", "")
    fill_in_suggested(sheet, ["gender"], guesses)
    fill_in_given(sheet, ["gender"], {"g1": ({"gender": "feminine"}, 1.0)})
    assert (cells(sheet, "g1")["gender"], cells(sheet, "g1")["source"]) == ("feminine", "given")


def test_a_suggestion_that_a_person_corrected_or_accepted_is_theirs(sheet):
    fill_in_suggested(sheet, ["gender"], {group: ({"gender": "masculine"}, 0.7) for group in ("g1", "g2")})
    edit(sheet, "g1", gender="feminine")  # the source still says `suggested`
    edit(sheet, "g2", source="manual")
    fill_in_suggested(sheet, ["gender"], {group: ({"gender": "masculine"}, 0.8) for group in ("g1", "g2", "g3")})
    assert [cells(sheet, group)["gender"] for group in ("g1", "g2")] == ["feminine", "masculine"]
    assert [cells(sheet, group)["source"] for group in ("g1", "g2", "g3")] == ["manual", "manual", "suggested"]


def test_what_most_needs_a_look_comes_first(sheet):
    extend_group_labels(sheet, ["g1", "g2", "g3", "g4", "g5"])
    edit(sheet, "g1", gender="feminine")
    fill_in_given(sheet, ["gender"], {"g2": ({"gender": "feminine"}, 1.0)})
    fill_in_suggested(sheet, ["gender"], {"g3": ({"gender": "masculine"}, 0.9), "g4": ({"gender": "masculine"}, 0.6)})
    assert [row["group_id"] for row in read_rows(sheet)] == ["g5", "g4", "g3", "g2", "g1"]


WORDS = st.sampled_from(["", "feminine", "masculine", "odd"])
STEPS = st.lists(
    st.tuples(st.sampled_from(["person", "given", "suggested", "prepare"]), st.sampled_from(["g1", "g2", "g3"]), WORDS),
    max_size=12,
)


@pytest.mark.parametrize("examples", [5, pytest.param(100, marks=pytest.mark.slow)])
def test_whatever_happens_no_row_that_a_person_wrote_is_lost(tmp_path, examples):
    check = given(folder=st.just(tmp_path), steps=STEPS)(keeps_what_a_person_wrote)
    settings(max_examples=examples, deadline=None)(check)()


def keeps_what_a_person_wrote(folder, steps):
    path = folder / "group_labels.csv"
    path.unlink(missing_ok=True)
    (folder / ".group_labels_filled_in.csv").unlink(missing_ok=True)
    extend_group_labels(path, ["g1", "g2", "g3"])
    wrote = {}
    for who, group, word in steps:
        filled = {group: ({"gender": word}, 0.5)} if word else {}
        if who == "person" and any(row["group_id"] == group for row in read_rows(path)):
            edit(path, group, gender=word, source="manual" if word else "")
            wrote[group] = word
        elif who == "given":
            fill_in_given(path, ["gender"], filled)
        elif who == "suggested":
            fill_in_suggested(path, ["gender"], filled)
        else:
            extend_group_labels(path, [group])
        for known, its_word in wrote.items():
            assert not its_word or cells(path, known)["gender"] == its_word


@pytest.mark.parametrize("writes", [0, 1, 2])
@pytest.mark.parametrize("lost", [True, False])
def test_given_rows_stay_given_wherever_a_build_was_killed(sheet, monkeypatch, writes, lost):
    """`lost`: the write that it was killed at came to nothing; otherwise it was done, and nothing after it."""
    first = {f"g{n}": ({"gender": "feminine", "hero_class": "mage"}, 1.0) for n in (1, 2, 3)}
    second = {f"g{n}": ({"gender": "masculine", "hero_class": "mage"}, 1.0) for n in (1, 2, 3)}
    fill_in_given(sheet, ["gender", "hero_class"], first)
    edit(sheet, "g3", gender="other")
    paths = []

    def write(path, *table):
        if len(paths) == writes and lost:
            raise OSError("disk full")
        write_table(path, *table)
        if len(paths) == writes:
            raise KeyboardInterrupt
        paths.append(path)

    with monkeypatch.context() as patch, pytest.raises((OSError, KeyboardInterrupt)):
        patch.setattr(group_labels, "write_table", write)
        fill_in_given(sheet, ["gender", "hero_class"], second)
    assert read_group_labels(sheet)["source"].to_dict() == {"g1": "given", "g2": "given", "g3": "manual"}
    fill_in_given(sheet, ["gender", "hero_class"], first)
    assert read_group_labels(sheet)["gender"].to_dict() == {"g1": "feminine", "g2": "feminine", "g3": "other"}
