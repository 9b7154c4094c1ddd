import json

import numpy as np
import pandas as pd
import pytest

from src.data.score import main, purity, score_palette, together
from src.tables import write_table
from tests.data.art import CLOTH, hero, write_heroes


def test_purity_counts_portraits_that_are_of_their_groups_majority_in_every_attribute():
    labels = pd.DataFrame({"gender": list("fffmm"), "hero_class": ["mage", "mage", "bard", "bard", "bard"]})
    assert purity([1, 1, 1, 2, 2], labels) == 4 / 5
    assert purity([1, 1, 1, 1, 1], labels) == 1 / 5  # most are f, most are bards


def test_together_counts_portraits_in_the_group_that_holds_most_of_their_hero():
    assert together([1, 1, 1, 2, 2, 2], ["a", "a", "a", "a", "b", "b"]) == 5 / 6
    assert together([1, 1, 1], ["a", "b", "c"]) == 1


def test_the_confusion_has_the_themes_down():
    images = np.stack([hero(0, CLOTH["dark"]), hero(0, CLOTH["warm"]), hero(1, CLOTH["dark"])])
    scored = score_palette(images, ["warm", "warm", "cool"])
    assert (scored["given"], scored["found"]) == (["cool", "warm"], ["dark", "warm"])
    assert scored["confusion"] == [[1, 0], [1, 1]]
    assert scored["agreement"] == pytest.approx(1 / 3, abs=1e-4)


def test_the_script_scores_a_folder(tmp_path, capsys):
    rows = write_heroes(tmp_path, shapes=44, palettes=("cool", "warm"))
    truth = [
        {"filename": row["filename"], "character": row["filename"][7:9], "gender": row["gender"],
         "palette_theme": row["theme"]} for row in rows
    ]  # fmt: skip
    write_table(tmp_path / "truth.csv", tuple(truth[0]), truth)
    arguments = ["--images", str(tmp_path), "--truth", str(tmp_path / "truth.csv"), "--quarters", "2"]
    assert main([*arguments, "--json", str(tmp_path / "score.json")]) == 0
    scored = json.loads((tmp_path / "score.json").read_text())
    assert scored["grouping"]["ladder"] == {"groups": 44, "purity": 1.0, "together": 1.0}
    assert (
        0 <= scored["suggestions"]["gender"]["right"]["least"] <= scored["suggestions"]["gender"]["right"]["mean"] <= 1
    )
    assert scored["palette"]["agreement"] == 1 and scored["palette"]["commonest_theme"] == pytest.approx(0.5)
    assert np.trace(scored["palette"]["confusion"]) == 88
    assert "ladder" in capsys.readouterr().out

    few = [*arguments[:-1], "1", "--json", str(tmp_path / "draw.json"), "--seed"]
    draws = []
    for seed in ("0", "1", "2", "3"):
        assert main([*few, seed]) == 0
        draws.append(json.loads((tmp_path / "draw.json").read_text())["suggestions"]["gender"]["right"]["mean"])
    assert len(set(draws)) > 1  # other groups are labelled
    assert np.mean(draws[:2]) == pytest.approx(scored["suggestions"]["gender"]["right"]["mean"], abs=1e-4)
    capsys.readouterr()

    (tmp_path / rows[0]["filename"]).unlink()
    assert main(arguments) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")
