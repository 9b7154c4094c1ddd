import hashlib
import json
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from src.data.build import build_dataset
from src.data.data_card import FILE_TABLE, write_data_card
from src.data.default_set import images_or_painted, labels_table
from src.data.folder import prepare_folder
from src.errors import InputError
from src.tables import write_table
from tests.data.art import write_heroes
from tests.tables import read_rows

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Twelve silhouettes in five colours, a copy and a broken file; half of the groups are labelled with gender."""
    folder = tmp_path_factory.mktemp("built")
    images = folder / "images"
    rows = write_heroes(images, shapes=12)
    (images / "broken.png").write_bytes(b"nothing of an image")
    (images / "copy.png").write_bytes((images / rows[0]["filename"]).read_bytes())
    prepare_folder(images, folder / "data")
    write_table(folder / "labels.csv", ("filename", "gender"), rows[:30])
    build_dataset(folder / "data", folder / "labels.csv")
    return folder


@pytest.fixture
def data(built, tmp_path):
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    return tmp_path / "data"


def card(data):
    return (data / "README.md").read_text(encoding="utf-8")


def cells(data, heading):
    """The rows of the table below a heading: first cell -> the other cells."""
    section = re.split(rf"^#+ {re.escape(heading)}$", card(data), flags=re.M)[1].split("\n#", 1)[0]
    lines = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return {line[0]: line[1:] for line in lines}


def test_its_counts_are_those_of_the_tables(data):
    raw, final, train, validation = (
        read_rows(data / f"sprites_{name}.csv") for name in ("raw", "final", "train", "val")
    )
    counts = cells(data, "Counts")
    assert counts["raw files (tiles of a sheet count singly)"] == [str(len(raw))] == ["62"]
    assert counts["accepted portraits"] == ["60"]
    assert counts["portraits in the set"] == [str(len(final))] == ["30"]
    assert counts["accepted, but left out for want of a label"] == ["30"]
    assert counts["groups of accepted portraits"] == [str(len(read_rows(data / "sprite_groups.csv")))]

    parts = [Counter(row["gender"] for row in rows) for rows in (train, validation)]
    for name in ("feminine", "masculine"):
        assert cells(data, "gender")[name][:2] == [str(part[name]) for part in parts]
    assert cells(data, "Split")["validation"] == [str(len(validation)), str(len({r["group_id"] for r in validation}))]
    pixels = Counter(row["palette_pixels"] for row in final)
    assert {name: int(cells(data, "Palette space")[name][0]) for name in pixels} == pixels

    refused = [row for row in raw if row["status"] != "accepted"]
    section = card(data).split("## What was not taken")[1].split("\n## ")[0]
    for row in refused:
        assert f"| {row['status']} | {row['reason']} | 1 |" in section
    assert len(refused) == 2 and "hero_class' is left out" in card(data)


def test_it_names_the_fingerprints_and_no_machine(data):
    fingerprints = cells(data, "Fingerprints")
    configuration = json.loads((data / "dataset_config.json").read_text())
    assert fingerprints["the set"] == [configuration["fingerprint"]]
    for name in ("sprites_raw.csv", "sprites_final.csv", "label_mappings.json"):
        assert fingerprints[f"`{name}`"] == [hashlib.sha256((data / name).read_bytes()).hexdigest()]
    assert str(data.parent) not in card(data) and str(Path.home()) not in card(data)


def test_names_are_text_and_never_html(tmp_path, data):
    rows = read_rows(tmp_path / "labels.csv")
    hostile = "<img src=q onerror=alert(1)>|x"
    rows = [row | {"gender": row["gender"].replace("feminine", hostile)} for row in rows]
    write_table(tmp_path / "labels.csv", ("filename", "gender"), rows)
    build_dataset(data, tmp_path / "labels.csv", new_classes=True)
    assert "<img" not in card(data) and "&lt;img src=q onerror=alert(1)&gt;\\|x" in card(data)


def test_the_same_input_gives_the_same_bytes(data):
    before = card(data)
    build_dataset(data, data.parent / "labels.csv")
    assert card(data) == before
    build_dataset(data, data.parent / "labels.csv", seed=1)
    assert card(data) != before


def test_an_unknown_source_is_called_so_until_somebody_says(data):
    assert "unknown: say where your images are from" in card(data)
    (data / "source.json").write_text('{"name": "mine", "where": "my | desk", "licence": "CC0 1.0"}')
    write_data_card(data)
    assert "unknown" not in card(data) and "| where | my \\| desk |" in card(data)


def test_the_default_heroes_are_the_projects_own(tmp_path):
    folder = images_or_painted(None, tmp_path / "data", count=20, own=tmp_path / "empty")
    prepare_folder(folder, tmp_path / "data")
    build_dataset(tmp_path / "data", labels_table(folder))
    assert cells(tmp_path / "data", "Source and licence")["collection"] == ["the default heroes"]


def test_a_page_that_a_person_wrote_stays(data):
    (data / "README.md").write_text("# My heroes\n")
    path = write_data_card(data)
    assert path.name == "DATA_CARD.md" and card(data) == "# My heroes\n"
    (data / "DATA_CARD.md").write_text("Mine, too\n")
    assert write_data_card(data).name == "DATA_CARD_2.md" and (data / "DATA_CARD.md").read_text() == "Mine, too\n"
    (data / "README.md").write_text((ROOT / "data" / "README.md").read_text(encoding="utf-8"), encoding="utf-8")
    assert write_data_card(data).name == "README.md" and card(data).startswith("# Data card")


def test_an_unlabelled_set_has_a_card_too(tmp_path):
    write_heroes(tmp_path / "images", shapes=2)
    prepare_folder(tmp_path / "images", tmp_path / "data")
    build_dataset(tmp_path / "data", attributes=())
    assert "the set is unlabelled" in card(tmp_path / "data")
    with pytest.raises(InputError):
        write_data_card(tmp_path)


def test_the_page_of_an_empty_data_folder_explains_the_same_files():
    assert FILE_TABLE in (ROOT / "data" / "README.md").read_text(encoding="utf-8")
