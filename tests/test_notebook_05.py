"""The study's notebook, executed top to bottom with the smoke profile."""

import json

import pytest

from src.experiments.study_rows import QUESTIONS
from tests.test_notebooks import ROOT, execute, outputs, own_files

NAME = "05_study"
PLANTED = """
from pytest import MonkeyPatch
from src.evaluation.evaluator import Evaluator, Metric
from src.experiments import runs
from src.training.apart import train_here
from tests.conftest import shorten_runs
shorten_runs(MonkeyPatch())
runs.train_apart = train_here
Evaluator.metrics = lambda self, portraits: {"frechet_random": Metric(float(portraits.portraits.mean()), 0.1)}
Evaluator.real_metrics = lambda self, count: self.metrics(self.real[:count])
"""
"""Runs without processes of their own; of the metrics one, which plots have a panel for."""


def test_it_runs_and_writes_nowhere_else(data_folder, tmp_path):
    before = own_files()
    notebook = execute(NAME, tmp_path, ROOT / "notebooks", PLANTED, ROWS="no_ema", SEEDS="0", KIMG=0.032)
    assert not any(output["output_type"] == "error" for output in outputs(notebook))
    # Every question whose base has runs shows them; that of `acgan` has nothing to show.
    pictures = [output for output in outputs(notebook) if "image/png" in output.get("data", {})]
    assert len(pictures) == len(QUESTIONS) - 1
    assert "`no_ema` against `base` (1 against 1 seed, 0.032 kimg): " in json.dumps(notebook)
    assert (tmp_path / "artifacts" / "study" / "study.md").is_file()
    assert own_files() == before


@pytest.fixture
def cells():
    return json.loads((ROOT / "notebooks" / f"{NAME}.ipynb").read_text(encoding="utf-8"))["cells"]


def test_every_question_has_its_explanation_and_is_shown(cells):
    text = ["".join(cell["source"]) for cell in cells]
    for question in QUESTIONS:
        place = text.index(f"## {question.title}\n\n{question.explanation}")
        assert text[place + 1] == f'show("{question.name}")'


def test_it_has_the_parameters_and_short_cells(cells):
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    (parameters,) = (cell for cell in code if "parameters" in cell["metadata"].get("tags", []))
    names = {line.split(" = ")[0] for line in "".join(parameters["source"]).splitlines()}
    assert names == {"PROFILE", "IMAGES", "DATA", "ARTIFACTS", "SEED", "KIMG", "ROWS", "SEEDS"}
    assert all(len("".join(cell["source"]).splitlines()) <= 25 for cell in code)
