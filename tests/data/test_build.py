import json
import os
import shutil

import numpy as np
import pytest

from src.data.build import build_dataset, fingerprint
from src.data.clean import PrepareOptions
from src.data.curate import Curation
from src.data.folder import prepare_folder
from src.data.packed import load_portraits
from src.errors import InputError
from src.images import write_png
from src.labels import LabelSpecification, read_label_mappings
from src.tables import write_table
from tests.data.art import CLOTH, hero, write_heroes
from tests.tables import read_rows


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Twelve silhouettes in five colours, prepared; their labels beside them in `labels.csv`."""
    folder = tmp_path_factory.mktemp("prepared")
    rows = write_heroes(folder / "images", shapes=12)
    write_table(folder / "labels.csv", tuple(rows[0]), rows)
    prepare_folder(folder / "images", folder / "data")
    return folder


@pytest.fixture
def data(prepared, tmp_path):
    """A copy of the prepared heroes, to build from."""
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    return tmp_path / "data"


def packed(data):
    with np.load(data / "portraits.npz") as file:
        return dict(file)


def relabel(data, **columns):
    """Change or add columns of labels.csv: column -> function of the row."""
    path = data.parent / "labels.csv"
    rows = read_rows(path)
    for row in rows:
        row.update({name: make(row) for name, make in columns.items()})
    write_table(path, tuple(rows[0]), rows)
    return path


def test_the_packed_file_holds_what_training_reads(data):
    report = build_dataset(data, data.parent / "labels.csv")
    arrays = packed(data)
    assert (arrays["images"].shape, arrays["images"].dtype) == ((60, 64, 64, 4), np.uint8)
    assert (arrays["labels"].shape, arrays["labels"].dtype) == ((60, 3), np.int64)
    assert arrays["split"].dtype == np.uint8 and arrays["split"].sum() == report.validation
    assert arrays["filenames"].tolist() == sorted(arrays["filenames"].tolist())

    text = str(arrays["label_mappings"])
    assert text == (data / "label_mappings.json").read_text(encoding="utf-8")
    specification = LabelSpecification.from_mapping(json.loads(text))
    assert specification == read_label_mappings(data / "label_mappings.json")
    assert specification.attributes["palette"] == ("cool", "dark", "muted", "neutral", "warm")

    row = arrays["filenames"].tolist().index("heroes/07_warm.png")
    assert np.array_equal(arrays["images"][row], hero(7, CLOTH["warm"]))
    assert specification.decode(arrays["labels"][row]) == {
        "gender": "masculine",
        "hero_class": "knight",
        "palette": "warm",
    }
    assert str(arrays["fingerprint"]) == report.fingerprint
    assert report.fingerprint == fingerprint(arrays["images"], arrays["labels"], arrays["split"], text)
    configuration = json.loads((data / "dataset_config.json").read_text())
    assert configuration["fingerprint"] == report.fingerprint
    # Of twelve figures nobody can say.
    assert configuration["mirror_symmetric"] is None and "mirror" not in str(report)


def test_the_split_cuts_no_group_and_the_tables_say_the_same(data):
    build_dataset(data, data.parent / "labels.csv", val_fraction=0.25)
    arrays = packed(data)
    groups = [set(arrays["group_ids"][arrays["split"] == side]) for side in (0, 1)]
    assert not groups[0] & groups[1] and len(groups[1]) == 3
    final, train, validation = (read_rows(data / f"sprites_{name}.csv") for name in ("final", "train", "val"))
    assert [row["filename"] for row in final] == arrays["filenames"].tolist()
    assert [row["filename"] for row in validation] == arrays["filenames"][arrays["split"] == 1].tolist()
    assert len(train) + len(validation) == len(final)


def test_the_palette_is_worked_out_unless_it_is_given(data):
    path = data.parent / "labels.csv"
    build_dataset(data, path)
    for row in read_rows(data / "sprites_final.csv"):
        assert row["palette"] == row["palette_pixels"] == row["filename"].split("_")[-1].removesuffix(".png")
        assert float(row["palette_lightness"]) < 0.42 or row["palette"] != "dark"

    path = relabel(data, palette=lambda row: "odd" if "cool" in row["filename"] else "")
    report = build_dataset(data, path, new_classes=True)
    assert report.sources["palette"] == {"given": 12, "pixels": 48}
    rows = {row["filename"]: row for row in read_rows(data / "sprites_final.csv")}
    assert (rows["heroes/00_cool.png"]["palette"], rows["heroes/00_cool.png"]["palette_pixels"]) == ("odd", "cool")


def test_the_same_input_gives_the_same_content(data):
    build_dataset(data, data.parent / "labels.csv", seed=3)
    names = ("portraits.npz", "sprites_final.csv", "sprites_val.csv", "dataset_config.json", "group_labels.csv")
    before = [(data / name).read_bytes() for name in names]
    build_dataset(data, data.parent / "labels.csv", seed=3)
    assert [(data / name).read_bytes() for name in names] == before


def test_the_fingerprint_tells_images_labels_and_split(data):
    first = build_dataset(data, data.parent / "labels.csv")
    assert build_dataset(data, data.parent / "labels.csv").fingerprint == first.fingerprint
    assert build_dataset(data, data.parent / "labels.csv", seed=1).fingerprint != first.fingerprint
    path = relabel(data, gender=lambda row: {"feminine": "a", "masculine": "b"}[row["gender"]])
    assert build_dataset(data, path, new_classes=True).fingerprint != first.fingerprint


def test_an_attribute_that_nobody_labelled_is_left_out_with_a_warning(data):
    report = build_dataset(data)
    assert list(report.class_counts) == ["palette"]
    assert sum("left out: nobody" in warning for warning in report.warnings) == 2
    assert packed(data)["labels"].shape == (60, 1)


def test_a_set_without_labels(data):
    report = build_dataset(data, attributes=())
    assert packed(data)["labels"].shape == (60, 0)
    assert report.portraits == 60 and 0 < report.validation < 20
    assert (data / "label_mappings.json").read_text() == "{}\n"


def test_other_attributes_are_data(data):
    report = build_dataset(data, relabel(data, view=lambda row: "front"), attributes=("view", "hero_class"))
    assert read_label_mappings(data / "label_mappings.json").attributes == {
        "view": ("front",),
        "hero_class": ("bard", "knight", "mage"),
    }
    assert any("one class only" in warning for warning in report.warnings)


def test_a_column_that_could_be_an_attribute_is_named_until_it_is_one(data):
    labels = relabel(data, view=lambda row: ("front", "back")[int(row["filename"][7:9]) % 2])
    line = "labels.csv also gives theme, view, not used; --attributes gender,hero_class,palette,theme,view uses all"
    assert line in build_dataset(data, labels).warnings
    named = build_dataset(data, labels, attributes=("gender", "hero_class", "palette", "theme", "view"))
    assert not any("also gives" in warning for warning in named.warnings)


def test_a_person_beats_the_given_labels_for_the_whole_group(data):
    rows = read_rows(data / "group_labels.csv")
    rows[4].update(hero_class="rogue", source="manual")
    write_table(data / "group_labels.csv", tuple(rows[0]), rows)
    report = build_dataset(data, data.parent / "labels.csv")
    found = [row for row in read_rows(data / "sprites_final.csv") if row["hero_class"] == "rogue"]
    assert {row["group_id"] for row in found} == {rows[4]["group_id"]} and len(found) == 5
    assert {row["gender"] for row in found} == {"feminine"}  # the cell left empty is still the given label
    assert report.sources["hero_class"] == {"given": 55, "manual": 5}
    after = read_rows(data / "group_labels.csv")
    assert after[-1] == rows[4]  # what a person wrote is looked through last
    others = {row["group_id"]: row for row in after}
    other = others[rows[5]["group_id"]]
    assert (other["gender"], other["hero_class"], other["source"]) == ("masculine", "mage", "given")


def test_labels_by_group_and_by_other_endings(data):
    groups = read_rows(data / "sprite_groups.csv")
    write_table(
        data.parent / "by_group.csv",
        ("group_id", "gender"),
        [{"group_id": row["group_id"], "gender": "ab"[index % 2]} for index, row in enumerate(groups)],
    )
    assert build_dataset(data, data.parent / "by_group.csv").class_counts["gender"]["a"][0] > 0
    path = relabel(data, filename=lambda row: row["filename"].replace(".png", ".jpg"))
    assert build_dataset(data, path, new_classes=True).sources["hero_class"] == {"given": 60}


def test_portraits_of_a_group_share_its_label_and_those_without_any_are_left_out_and_counted(data):
    # The first silhouette has a label on one file of five, the second on none.
    def keep(row):
        shape, colour = row["filename"].removeprefix("heroes/").split("_")
        return "" if shape == "01" or (shape == "00" and colour != "cool.png") else row["hero_class"]

    report = build_dataset(data, relabel(data, hero_class=keep))
    assert (report.portraits, report.left_out) == (55, 5)
    assert any("5 portraits have no label of 'hero_class'" in warning for warning in report.warnings)
    assert not [row for row in read_rows(data / "sprites_final.csv") if row["filename"].startswith("heroes/01")]


def test_slips_are_warned_of(data):
    path = relabel(
        data,
        filename=lambda row: row["filename"].replace("heroes/11", "lost/11"),
        gender=lambda row: "Feminine" if "00_" in row["filename"] else row["gender"],
        hero_class=lambda row: "mage" if row["filename"] == "heroes/03_warm.png" else row["hero_class"],
        guild=lambda row: "thievse" if "/02_" in row["filename"] else "thieves",
        side=lambda row: "male" if "/02_" in row["filename"] else "female",
    )
    attributes = ("gender", "hero_class", "palette", "guild", "side")
    warnings = "\n".join(build_dataset(data, path, attributes).warnings)
    assert "guild 'thievse' (5) is spelled nearly like 'thieves' (50); if it is a slip, mend the labels" in warnings
    assert warnings.count("is spelled nearly like") == 1
    assert "5 of 60 keys in labels.csv match no accepted portrait, e.g. 'lost/11_cool.png'" in warnings
    assert "upper and lower case: Feminine, feminine" in warnings
    assert "1 groups hold portraits with different given labels" in warnings


def test_a_combination_that_is_held_out_is_never_trained_on(data):
    path = data.parent / "labels.csv"
    build_dataset(data, path, val_fraction=0.3, hold_out=[{"gender": "feminine", "hero_class": "mage"}])
    arrays = packed(data)
    specification = read_label_mappings(data / "label_mappings.json")
    rows = [specification.decode(row) for row in arrays["labels"]]
    wanted = np.array([row["gender"] == "feminine" and row["hero_class"] == "mage" for row in rows])
    assert 0 < wanted.sum() < len(wanted) and arrays["split"][wanted].all()
    # The others are split as ever, and no class is lost.
    assert 0.1 < arrays["split"][~wanted].mean() < 0.5
    train = [row for row, side in zip(rows, arrays["split"], strict=True) if side == 0]
    assert {row["hero_class"] for row in train} == set(specification.attributes["hero_class"])
    configuration = json.loads((data / "dataset_config.json").read_text())
    assert configuration["held_out_combinations"] == [{"gender": "feminine", "hero_class": "mage"}]
    assert "combination occurs is trained on: feminine, mage" in (data / "README.md").read_text(encoding="utf-8")


def test_bad_input_is_one_line_that_says_what_to_do(data, tmp_path):
    labels = data.parent / "labels.csv"
    lost = relabel(data, filename=lambda row: "elsewhere/" + row["filename"]).rename(tmp_path / "lost.csv")
    for arguments, told in [
        ({"data": tmp_path / "nothing"}, "prepare"),
        ({"labels": labels}, "does not exist"),
        ({"labels": lost}, "matches no portrait"),
        ({"val_fraction": 1.0}, "fraction"),
        ({"attributes": ("gender", "gender")}, "twice"),
        ({"attributes": ("filename",)}, "filename"),
        ({"val_fraction": float("nan")}, "fraction"),
        ({"min_confidence": 2}, "must be from 0 to 1"),
        ({"seed": -1}, "the seed must be from 0"),
        ({"seed": 2**64}, "the seed must be from 0"),
        ({"hold_out": [{"colour": "warm"}]}, "the attributes of this set are: palette"),
        ({"hold_out": [{"palette": "red"}]}, "its classes are: cool, dark"),
        ({"hold_out": [{"palette": "warm", "gender": "feminine"}]}, "attributes of this set are"),
        ({"hold_out": [{"palette": "warm"}]}, "every group"),
    ]:
        with pytest.raises(InputError, match=told) as caught:
            build_dataset(**({"data": data} | arguments))
        assert "\n" not in str(caught.value)
    (data / "prepared" / "heroes" / "00_cool.png").unlink()
    with pytest.raises(InputError, match="again"):
        build_dataset(data)


def test_groups_that_nobody_labelled_get_suggestions_of_which_the_sure_ones_are_used(tmp_path):
    rows = write_heroes(tmp_path / "images", shapes=50, palettes=("cool", "warm"))
    for row in rows:
        row["gender"] = "feminine" if int(row["filename"][7:9]) < 25 else "masculine"  # a banner of 12 pixels or more
    labelled = [row for row in rows if int(row["filename"][7:9]) % 3 == 0]
    write_table(tmp_path / "labels.csv", ("filename", "gender"), labelled)
    data = tmp_path / "data"
    prepare_folder(tmp_path / "images", data)

    report = build_dataset(data, tmp_path / "labels.csv", attributes=("gender",), min_confidence=0.0)
    sheet = {row["group_id"]: row for row in read_rows(data / "group_labels.csv")}
    assert report.portraits == 100 and report.sources["gender"]["suggested"] == 66
    assert any("66 portraits have a suggested 'gender'" in warning for warning in report.warnings)
    assert sum(row["source"] == "suggested" for row in sheet.values()) == 33
    assert all(0.5 <= float(row["confidence"]) <= 1 for row in sheet.values())
    truth = {row["filename"]: row["gender"] for row in rows}
    final = read_rows(data / "sprites_final.csv")
    assert sum(truth[row["filename"]] == row["gender"] for row in final) > 85

    least = sorted(float(row["confidence"]) for row in sheet.values())[16]
    fewer = build_dataset(data, tmp_path / "labels.csv", attributes=("gender",), min_confidence=least + 0.01)
    assert 34 <= fewer.portraits < 100 and fewer.left_out == 100 - fewer.portraits


def change_sheet(data, group, **cells):
    """Change a person's row of group_labels.csv; returns its number in a spreadsheet."""
    rows = read_rows(data / "group_labels.csv")
    index = [row["group_id"] for row in rows].index(group)
    rows[index].update(cells, source="manual")
    write_table(data / "group_labels.csv", tuple(rows[0]), rows)
    return index + 2


def a_group(data):
    return read_rows(data / "sprite_groups.csv")[3]["group_id"]


def test_a_class_that_the_earlier_build_lacks_is_an_error_that_names_the_row_of_the_sheet(data):
    labels, group = data.parent / "labels.csv", a_group(data)
    change_sheet(data, group, hero_class="rogue")  # nothing was built yet: any class may come
    build_dataset(data, labels)
    number = change_sheet(data, group, hero_class="knigt")
    before = {path: path.read_bytes() for path in data.glob("*.*")}
    told = rf"group_labels.csv, row {number} \({group}\): unknown hero_class 'knigt' \(did you mean 'knight'\?\)"
    with pytest.raises(InputError, match=told + ".*: bard, knight, mage, rogue;.*--new-classes") as caught:
        build_dataset(data, labels)
    assert "\n" not in str(caught.value)
    assert {path: path.read_bytes() for path in data.glob("*.*")} == before

    build_dataset(data, labels, new_classes=True)
    assert "knigt" in read_label_mappings(data / "label_mappings.json").attributes["hero_class"]
    build_dataset(data, labels)  # known from now on


def test_a_class_that_the_earlier_build_lacks_is_an_error_that_names_the_row_of_the_given_labels(data):
    build_dataset(data, data.parent / "labels.csv")
    path = relabel(data, gender=lambda row: "robot" if "03_warm" in row["filename"] else row["gender"])
    number = [row["filename"] for row in read_rows(path)].index("heroes/03_warm.png") + 2
    with pytest.raises(InputError, match=rf"labels.csv, row {number} \(heroes/03_warm.png\): unknown gender 'robot'; "):
        build_dataset(data, path)
    assert build_dataset(data, path, attributes=("hero_class",)).portraits == 60


def test_the_same_tables_build_twice_whatever_classes_label_no_portrait(data):
    change_sheet(data, a_group(data), hero_class="rogue", gender="")
    path = relabel(
        data,
        filename=lambda row: row["filename"].replace("heroes/11", "lost/11"),
        hero_class=lambda row: "cavalry" if "lost/11" in row["filename"] else row["hero_class"],
        gender=lambda row: "" if row["filename"].startswith("heroes/03") else row["gender"],
    )
    for _ in range(3):
        build_dataset(data, path)
    assert "cavalry" not in read_label_mappings(data / "label_mappings.json").attributes["hero_class"]


def test_a_palette_of_the_rule_is_no_new_class(data):
    build_dataset(data, relabel(data, palette=lambda row: "warm"))
    assert build_dataset(data, relabel(data, palette=lambda row: "cool")).class_counts["palette"].keys() == {"cool"}


def test_other_images_start_with_no_classes_and_more_images_keep_them(data):
    build_dataset(data, data.parent / "labels.csv")
    others = write_heroes(data.parent / "others", shapes=18)[60:]
    others = [row | {"gender": "robot", "hero_class": f"pilot{index % 2}"} for index, row in enumerate(others)]
    write_table(data.parent / "others.csv", tuple(others[0]), others)
    for row in others:
        (data.parent / "images" / row["filename"]).write_bytes((data.parent / "others" / row["filename"]).read_bytes())
    prepare_folder(data.parent / "images", data)
    with pytest.raises(InputError, match="robot"):
        build_dataset(data, data.parent / "others.csv")

    for row in read_rows(data.parent / "labels.csv"):
        (data.parent / "images" / row["filename"]).unlink()
    prepare_folder(data.parent / "images", data)
    for _ in range(2):  # the sheet still holds the rows of the first set, of other classes
        report = build_dataset(data, data.parent / "others.csv")
    assert report.portraits == 30 and list(report.class_counts["gender"]) == ["robot"]
    assert any(row["gender"] == "feminine" for row in read_rows(data / "group_labels.csv"))
    change_sheet(data, a_group(data), gender="feminine")  # a class of the first set, not of this one
    with pytest.raises(InputError, match="unknown gender 'feminine'"):
        build_dataset(data, data.parent / "others.csv")


def test_a_class_chosen_by_keyboard_is_meant_until_it_is_taken_back(data):
    write_table(
        data.parent / "few.csv", ("filename", "gender", "hero_class"), read_rows(data.parent / "labels.csv")[:50]
    )
    build_dataset(data, data.parent / "few.csv")
    curation = Curation(data)
    curation.correct({"gender": "feminine", "hero_class": "necromancer"})
    build_dataset(data, data.parent / "few.csv")
    assert "necromancer" in read_label_mappings(data / "label_mappings.json").attributes["hero_class"]

    curation.correct({"gender": "feminine", "hero_class": "necromanser"})
    group = curation.undo()
    change_sheet(data, group, gender="feminine", hero_class="necromanser")
    with pytest.raises(InputError, match=r"unknown hero_class 'necromanser' \(did you mean 'necromancer'"):
        build_dataset(data, data.parent / "few.csv")


def test_an_unfinished_earlier_build_is_none(data):
    build_dataset(data, data.parent / "labels.csv")
    (data / "label_mappings.json").write_text("{", encoding="utf-8")
    change_sheet(data, a_group(data), hero_class="rogue")
    assert "rogue" in build_dataset(data, data.parent / "labels.csv").class_counts["hero_class"]
    (data / "dataset_config.json").write_text("[]", encoding="utf-8")
    change_sheet(data, a_group(data), hero_class="monk")
    assert "monk" in build_dataset(data, data.parent / "labels.csv").class_counts["hero_class"]


def test_a_column_of_the_labels_keeps_heroes_on_one_side(data):
    relabel(data, hero=lambda row: str(int(row["filename"][7:9]) // 3))
    with pytest.raises(InputError, match="column of --labels"):
        build_dataset(data, data.parent / "labels.csv", group_by="heroine")
    report = build_dataset(data, data.parent / "labels.csv", val_fraction=0.1, group_by="hero")
    sides = {}
    for row in read_rows(data / "sprites_val.csv"):
        sides.setdefault(int(row["filename"][7:9]) // 3, set()).add(row["filename"])
    assert all(len(names) == 15 for names in sides.values())
    assert len(set(packed(data)["group_ids"])) == 4
    assert any("held out" in line and "4 groups, the largest of 15" in line for line in report.warnings)


def test_heroes_may_be_named_by_group(data):
    rows = {row["group_id"]: row for row in read_rows(data / "group_labels.csv")}
    lines = [f"{group},feminine,bard,{number // 3}" for number, group in enumerate(sorted(rows))]
    (data / "groups.csv").write_text("\n".join(["group_id,gender,hero_class,hero", *lines]))
    build_dataset(data, data / "groups.csv", val_fraction=0.1, group_by="hero")
    assert len(set(packed(data)["group_ids"])) == -(-len(rows) // 3)


def test_labels_come_from_file_names(data):
    report = build_dataset(data, attributes=("hero_class", "theme"), label_pattern="*/{hero_class}_{theme}")
    assert set(report.class_counts["theme"]) == set(CLOTH) and report.sources["theme"] == {"given": 60}
    assert set(report.class_counts["hero_class"]) == {f"{shape:02d}" for shape in range(12)}


def test_folders_that_look_like_classes_are_the_classes(tmp_path):
    for shape in range(8):
        write_png(tmp_path / "images" / ("knight", "mage")[shape % 2] / f"{shape}.png", hero(shape, CLOTH["warm"]))
    prepare_folder(tmp_path / "images", tmp_path / "data")
    first = build_dataset(tmp_path / "data", attributes=("hero_class",))
    report = build_dataset(tmp_path / "data", attributes=("hero_class",))
    assert report.fingerprint == first.fingerprint
    assert report.class_counts["hero_class"].keys() == {"knight", "mage"}
    assert any("taken from the folders knight (4), mage (4)" in line for line in report.warnings)


@pytest.fixture
def few(tmp_path):
    """Four silhouettes in two colours, prepared and built."""
    rows = write_heroes(tmp_path / "images", 4, ("cool", "warm"))
    write_table(tmp_path / "labels.csv", tuple(rows[0]), rows)
    prepare_folder(tmp_path / "images", tmp_path / "data")
    build_dataset(tmp_path / "data", tmp_path / "labels.csv")
    return tmp_path / "data"


def test_a_build_that_is_killed_between_two_files_is_told_and_mended_by_another(few, monkeypatch):
    before = {path.name: path.read_bytes() for path in few.glob("*") if path.is_file()}
    for last in ("sprites_final.csv", "portraits.npz"):

        def move(old, new, last=last):
            if new.name == last:
                raise KeyboardInterrupt
            os.rename(old, new)

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr("src.files.os.replace", move)
            build_dataset(few, few.parent / "labels.csv", val_fraction=0.5)
        with pytest.raises(InputError, match="`build` was stopped half-way"):
            load_portraits(few)
    build_dataset(few, few.parent / "labels.csv")
    assert {path.name: path.read_bytes() for path in few.glob("*") if path.is_file()} == before


def test_a_set_that_was_prepared_in_part_is_refused_until_it_is_prepared_again(few, monkeypatch):
    labels, images = few.parent / "labels.csv", few.parent / "images"
    before = (few / "portraits.npz").read_bytes()
    written = []

    def write(path, portrait):
        if len(written) == 5:
            raise KeyboardInterrupt
        written.append(path)
        write_png(path, portrait)

    write_png(images / "heroes" / "00_another.png", hero(9, CLOTH["muted"]))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("src.data.folder.write_png", write)
        prepare_folder(images, few, options=PrepareOptions(colours=2))
    with pytest.raises(InputError, match="`prepare` was stopped half-way"):
        build_dataset(few, labels)
    (images / "heroes" / "00_another.png").unlink()
    prepare_folder(images, few)
    build_dataset(few, labels)
    assert (few / "portraits.npz").read_bytes() == before
    assert not (few / "prepared" / "heroes" / "00_another.png").exists()


def test_a_history_that_holds_no_decision_is_one_line(few):
    for row in ("correct,[1]", "correct,5", "correct,{", 'correct,"{""gender"": 1}"'):
        (few / "group_labels_history.csv").write_text(f"action,after\n{row}\n")
        with pytest.raises(InputError, match=r"group_labels_history.csv, row 2 is not what it should be"):
            build_dataset(few, few.parent / "labels.csv")


def test_memory_that_does_not_suffice_is_foreseen(few, monkeypatch):
    monkeypatch.setattr("src.limits.available_memory", lambda: 8 * 64 * 64 * 4)
    with pytest.raises(InputError, match="8 portraits need"):
        build_dataset(few)
