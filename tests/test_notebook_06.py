"""The notebook for play, executed top to bottom on a tiny model."""

import json

import pytest

from tests.play.models import write_tiny
from tests.test_notebooks import ROOT, execute, outputs, own_files, printed

NAME = "06_play"


def test_it_runs_without_a_click_and_writes_nowhere_else(tmp_path):
    before = own_files()
    weights = write_tiny("palette_pyramid", tmp_path / "heroes.safetensors")
    notebook = execute(NAME, tmp_path, ROOT / "notebooks", CHECKPOINT=str(weights), HERO_CLASS="mage", OTHER=1)
    assert not any(output["output_type"] == "error" for output in outputs(notebook))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    pictures = {
        cell["id"]: ["image/png" in each.get("data", {}) for each in cell["outputs"]].count(True) for cell in cells
    }
    shown = {"sample": 2, "face": 2, "only-face": 1, "box": 2, "colours": 2, "like": 1, "vary": 2, "steps": 1}
    shown |= {"picture": 2, "favourites": 1}
    assert {name: count for name, count in pictures.items() if count} == shown
    assert "run notebook 03 first" in printed(notebook)
    manifest = json.loads((tmp_path / "artifacts" / "favourites" / "manifest.json").read_text())
    assert len(manifest) == 3 and sorted(map(len, manifest.values()))[-1] > 3
    assert own_files() == before


@pytest.fixture
def cells():
    return json.loads((ROOT / "notebooks" / f"{NAME}.ipynb").read_text(encoding="utf-8"))["cells"]


def test_every_section_shows_a_picture(cells):
    """In the outputs that are committed; the GAN's, too, where one was trained."""
    for cell in cells:
        if cell["cell_type"] == "code" and "display(" in "".join(cell["source"]):
            assert any("image/png" in output.get("data", {}) for output in cell["outputs"]), cell["id"]
