"""The comparison's notebook, executed top to bottom with the smoke profile."""

import json

import pytest

from src.families import FAMILIES
from tests.test_notebooks import ROOT, execute, outputs, own_files

NAME = "04_compare_models"
SHORT = """
from pytest import MonkeyPatch
from src.experiments import compare_pictures, runs
from src.training.apart import train_here
from tests.conftest import shorten_evaluation, shorten_runs
shorten_runs(MonkeyPatch())
shorten_evaluation(MonkeyPatch())
runs.train_apart, compare_pictures.GRID_ROWS = train_here, 2
"""
"""Runs without processes of their own, and networks that hardly learn."""


def test_it_runs_and_writes_nowhere_else(data_folder, tmp_path):
    before = own_files()
    notebook = execute(NAME, tmp_path, ROOT / "notebooks", SHORT, FAMILIES="vae,vqvae", KIMG=0.032)
    assert not any(output["output_type"] == "error" for output in outputs(notebook))
    pictures = [output for output in outputs(notebook) if "image/png" in output.get("data", {})]
    # Reals, overview, curves; two grids; the random codes; two reconstructions; two ways between latents.
    assert len(pictures) == 10
    compared = json.loads((tmp_path / "artifacts" / "compare" / "compare.json").read_text())
    assert compared["families"]["vqvae"]["row"]["status"] == "trained"
    assert own_files() == before


@pytest.fixture
def cells():
    return json.loads((ROOT / "notebooks" / f"{NAME}.ipynb").read_text(encoding="utf-8"))["cells"]


def test_every_family_is_explained_with_its_equation_its_source_and_its_faults(cells):
    text = ["".join(cell["source"]) for cell in cells]
    for name in FAMILIES:
        (place,) = (index for index, source in enumerate(text) if source.startswith(f"### `{name}`"))
        assert all(part in text[place] for part in ("$$", "**Look for**", "**How it fails:**")), name
        assert f'show("{name}", ' in text[place + 1] and "show_source(" in text[place + 1]


def test_it_has_the_parameters_and_short_cells(cells):
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    (parameters,) = (cell for cell in code if "parameters" in cell["metadata"].get("tags", []))
    names = {line.split(" = ")[0] for line in "".join(parameters["source"]).splitlines()}
    assert names == {"PROFILE", "IMAGES", "DATA", "ARTIFACTS", "SEED", "MINUTES", "KIMG", "FAMILIES"}
    assert all(len("".join(cell["source"]).splitlines()) <= 25 for cell in code)
