import shutil
import sys
from types import SimpleNamespace

import pytest

from src.data import curate as module
from src.data.curate import HISTORY, Curation, curate, numbered, read_command
from src.data.folder import prepare_folder
from src.errors import InputError
from src.tables import write_table
from tests.data.art import write_heroes
from tests.tables import read_rows

CLASSES = {"gender": ("feminine", "masculine"), "hero_class": ("barbarian", "bard", "knight", "mage")}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Four groups of three recolours; the sheet suggests labels for the first three."""
    folder = tmp_path_factory.mktemp("prepared")
    write_heroes(folder / "images", 4, ("cool", "dark", "warm"))
    prepare_folder(folder / "images", folder / "data")
    rows = read_rows(folder / "data" / "group_labels.csv")
    for row, hero_class in zip(rows, ("mage", "knight", "bard"), strict=False):
        row.update(gender="feminine", hero_class=hero_class, source="suggested", confidence="0.61")
    write_sheet(folder / "data", rows)
    return folder / "data"


@pytest.fixture
def data(prepared, tmp_path):
    return shutil.copytree(prepared, tmp_path / "data")


def sheet(data):
    return read_rows(data / "group_labels.csv")


def write_sheet(data, rows):
    write_table(data / "group_labels.csv", tuple(rows[0]), rows)


def labels(data, number):
    row = sheet(data)[number]
    return row["gender"], row["hero_class"], row["source"]


def test_groups_come_in_the_order_of_the_sheet_and_every_decision_is_saved_at_once(data):
    groups = [row["group_id"] for row in sheet(data)]
    curation = Curation(data)
    assert curation.waiting == groups
    assert curation.suggestion == {"gender": "feminine", "hero_class": "mage"} and curation.confidence == "0.61"
    curation.accept()
    assert labels(data, 0) == ("feminine", "mage", "manual")
    curation.correct({"gender": "masculine"})
    assert labels(data, 1) == ("masculine", "knight", "manual")
    assert curation.current == groups[2]
    assert Curation(data).waiting == groups[2:]  # a crash here loses nothing


def test_a_group_put_off_comes_last(data):
    groups = [row["group_id"] for row in sheet(data)]
    curation = Curation(data)
    curation.next()
    assert curation.waiting == [*groups[1:], groups[0]] and curation.current == groups[1]
    assert sheet(data)[0]["source"] == "suggested"


def test_nothing_suggested_cannot_be_accepted_nor_half_decided(data):
    curation = Curation(data)
    for _ in range(3):
        curation.accept()
    with pytest.raises(InputError, match="no gender"):
        curation.accept()
    with pytest.raises(InputError, match="no hero_class"):
        curation.correct({"gender": "feminine"})
    with pytest.raises(InputError, match="no label"):
        curation.correct({"species": "elf"})
    assert labels(data, 3) == ("", "", "")
    curation.correct({"gender": "feminine", "hero_class": "bard"})
    assert curation.current is None
    with pytest.raises(InputError, match="every group"):
        curation.accept()


def test_undo_goes_back_through_sessions_and_forgets_nothing(data):
    groups = [row["group_id"] for row in sheet(data)]
    before = sheet(data)
    first = Curation(data)
    first.correct({"hero_class": "warrior"})
    first.accept()
    second = Curation(data)
    assert second.undo() == groups[1] == second.current
    assert second.undo() == groups[0] == second.current
    assert sheet(data) == before
    with pytest.raises(InputError, match="no decision"):
        second.undo()
    history = read_rows(data / HISTORY)
    assert [row["action"] for row in history] == ["correct", "accept", "undo", "undo"]
    assert "warrior" in history[0]["after"]


def test_a_crash_between_decisions_leaves_all_decisions_and_a_whole_sheet(data, monkeypatch):
    curation = Curation(data)
    curation.accept()

    def crash(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Curation, "_history", crash)  # the sheet is written, the history is not
    with pytest.raises(KeyboardInterrupt):
        curation.accept()
    monkeypatch.undo()
    assert [row["source"] for row in sheet(data)] == ["manual", "manual", "suggested", ""]
    again = Curation(data)
    assert again.undo() == sheet(data)[0]["group_id"]
    assert labels(data, 1) == ("feminine", "knight", "manual")

    monkeypatch.setattr("src.files.os.replace", crash)
    with pytest.raises(KeyboardInterrupt):
        again.correct({"hero_class": "rogue"})
    monkeypatch.undo()
    assert labels(data, 0) == ("feminine", "mage", "suggested")
    assert not list(data.glob(".*.tmp"))


def test_what_a_person_does_in_a_spreadsheet_meanwhile_is_kept(data):
    curation = Curation(data)
    rows = sheet(data)
    rows[0].update(hero_class="rogue", source="manual")  # the group that is being shown
    rows[2].update(hero_class="cleric", source="manual")
    write_sheet(data, [row | {"note": "see page 2"} for row in rows])
    with pytest.raises(InputError, match="elsewhere"):
        curation.accept()
    curation.accept()
    assert [labels(data, number)[1] for number in range(3)] == ["rogue", "knight", "cleric"]
    assert {row["note"] for row in sheet(data)} == {"see page 2"}

    rows = sheet(data)
    rows[1]["hero_class"] = "ranger"
    write_sheet(data, rows)
    with pytest.raises(InputError, match="changed since"):
        curation.undo()
    assert labels(data, 1)[1] == "ranger"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("m k", {"gender": "masculine", "hero_class": "knight"}),
        ("f m", {"gender": "feminine", "hero_class": "mage"}),
        ("k m", {"gender": "masculine", "hero_class": "knight"}),
        ("mag", {"hero_class": "mage"}),
        ("BARD", {"hero_class": "bard"}),
        ("2 5", {"gender": "masculine", "hero_class": "knight"}),
        ("hero_class=necromancer f", {"gender": "feminine", "hero_class": "necromancer"}),
    ],
)
def test_short_commands(typed, meant):
    assert read_command(typed, CLASSES) == meant


@pytest.mark.parametrize("typed", ["m", "x", "ba", "9", "f k b", "f f"])
def test_unclear_commands_decide_nothing(typed):
    with pytest.raises(InputError):
        read_command(typed, CLASSES)


def test_numbers_run_through_all_attributes():
    assert numbered(CLASSES)[2] == (3, "hero_class", "barbarian")


def test_a_vocabulary_of_ones_own_replaces_the_studys(data):
    rows = sheet(data)
    rows[0].update(hero_class="plumber")
    write_sheet(data, rows)
    assert {"plumber", "mage", "rogue"} <= set(Curation(data).classes["hero_class"])
    write_sheet(data, [row | {"hero_class": "plumber"} for row in rows])
    assert Curation(data).classes["hero_class"] == ("plumber",)


def test_members_begin_with_the_representative(data):
    curation = Curation(data)
    portraits = curation.members(curation.current)
    assert len(portraits) == 3 and portraits[0].shape == (64, 64, 4)
    assert len(curation.members(curation.current, most=2)) == 2


def test_the_widget_is_driven_by_the_keyboard(data, monkeypatch):
    pytest.importorskip("ipywidgets")
    monkeypatch.setattr(module, "_takes_input", lambda: True)
    box = curate(data)
    picture, state, line = box.children[:3]
    assert bytes(picture.value).startswith(b"\x89PNG") and "feminine, mage" in state.value

    def enter(text):
        line.value = text
        line._handle_custom_msg({"event": "submit"}, [])

    enter("")
    assert labels(data, 0) == ("feminine", "mage", "manual")
    enter("m")
    assert "several" in state.value and sheet(data)[1]["source"] == "suggested"
    enter("m k")
    assert labels(data, 1) == ("masculine", "knight", "manual") and line.value == ""
    enter("<")
    assert labels(data, 1) == ("feminine", "knight", "suggested") and "open again" in state.value
    enter(">")
    box.children[4].children[-1].click()  # the last class of hero_class
    box.children[-1].children[0].click()  # Accept
    assert labels(data, 2) == ("feminine", "warrior", "manual")
    enter("<")
    enter("hero_class=plumber")
    assert labels(data, 2)[1] == "plumber" and "plumber" in box.children[4].children[-1].description
    for text in ("", "f plum", ""):
        enter(text)
    assert labels(data, 3) == ("feminine", "plumber", "manual")
    assert "Every group is decided" in state.value


def test_names_are_text_in_the_widget_and_never_html(data, monkeypatch):
    pytest.importorskip("ipywidgets")
    monkeypatch.setattr(module, "_takes_input", lambda: True)
    hostile, word = "<img src=q onerror=alert(1)>", "<script>"
    group = sheet(data)[0]["group_id"]
    for table in ("sprites_raw.csv", "sprite_groups.csv", "group_labels.csv"):
        (data / table).write_text((data / table).read_text().replace(group, hostile).replace("mage", word))
    box = curate(data)
    state, line = box.children[1:3]
    seen = [state.value]
    box.children[4].children[-1].click()
    for text in (">", "<", "", word):
        seen.append(state.value)
        line.value = text
        line._handle_custom_msg({"event": "submit"}, [])
    seen.append(state.value)
    assert any("&lt;img" in text for text in seen)
    assert not any("<img" in text or word in text for text in seen)


def test_a_history_that_holds_no_decision_is_one_line(data):
    curation = Curation(data)
    curation.accept()
    for text in ("[1]", "5", "{", '{"gender": 1}'):
        write_table(data / HISTORY, ("action", "group_id", "before", "after"), [{"before": "{}", "after": text}])
        with pytest.raises(InputError, match="the last decision"):
            curation.undo()


def test_without_widgets_it_shows_a_picture_and_names_the_sheet(data, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    assert curate(data).size[0] > 3 * 64
    assert "group_labels.csv" in capsys.readouterr().out
    write_sheet(data, [row | {"gender": "feminine", "hero_class": "bard", "source": "given"} for row in sheet(data)])
    assert curate(data) is None
    assert "Every group has its labels" in capsys.readouterr().out


@pytest.mark.parametrize("somebody_is_there", [True, False])
def test_a_notebook_run_by_a_program_gets_no_widget(monkeypatch, somebody_is_there):
    ipython = pytest.importorskip("IPython")
    pytest.importorskip("ipywidgets")
    kernel = SimpleNamespace(get_parent=lambda channel: {"content": {"allow_stdin": somebody_is_there}})
    monkeypatch.setattr(ipython, "get_ipython", lambda: SimpleNamespace(kernel=kernel))
    assert module._takes_input() is somebody_is_there
    monkeypatch.setattr(ipython, "get_ipython", lambda: None)
    assert not module._takes_input()
