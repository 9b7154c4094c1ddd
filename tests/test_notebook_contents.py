"""All six notebooks, executed top to bottom with the smoke profile, and what they promise to show.

They share one kernel: most of a short notebook's time is the start of its own.
"""

import json
from pathlib import Path

import pytest

from src.device import NATIVE_BF16
from src.experiments.study_rows import QUESTIONS
from src.families import FAMILIES
from src.notebooks import MAIN_PATH, read_parameters
from src.painter import paint_set
from tests.play.models import write_tiny
from tests.test_notebooks import NOTEBOOKS, ROOT, outputs

COMPARE, STUDY, PLAY = "04_compare_models", "05_study", "06_play"


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    """A running kernel in fp32, without the settings of whoever runs the tests."""
    from jupyter_client import AsyncKernelManager
    from jupyter_core.utils import run_sync

    manager = AsyncKernelManager(kernel_name="python3")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONWARNINGS", "ignore")
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        patch.setenv(NATIVE_BF16, "0")
        run_sync(manager.start_kernel)()
    yield manager
    run_sync(manager.shutdown_kernel)(now=True)


def run_code(kernel, code):
    from nbclient import NotebookClient
    from nbformat.v4 import new_code_cell, new_notebook

    NotebookClient(new_notebook(cells=[new_code_cell(code)]), km=kernel).execute()


@pytest.fixture
def execute(kernel, tmp_path):
    """Runs a notebook as papermill does; its files go to `tmp_path`. `first`: code before it, with `patch` to use."""
    import papermill

    def run(name, cwd, first="", **parameters):
        result, source = tmp_path / f"{name}.ipynb", ROOT / "notebooks" / f"{name}.ipynb"
        given = {"PROFILE": "smoke", "DATA": tmp_path / "data", "ARTIFACTS": tmp_path / "artifacts", **parameters}
        values = {key: str(value) if isinstance(value, Path) else value for key, value in given.items()}
        start = f"from pytest import MonkeyPatch\npatch = MonkeyPatch()\npatch.syspath_prepend({str(ROOT)!r})\n"
        run_code(kernel, f"{start}patch.chdir({str(cwd)!r})\n{first}")
        try:
            papermill.execute_notebook(source, result, values, km=kernel, progress_bar=False)
        finally:
            run_code(kernel, "patch.undo()\n%reset -f")
        notebook = json.loads(result.read_text(encoding="utf-8"))
        assert not any(output["output_type"] == "error" for output in outputs(notebook))
        return notebook

    before = own_files()
    yield run
    assert own_files() == before, "a notebook wrote elsewhere"


def own_files():
    """What lies in the project's own folders, with the times of the last change."""
    folders = ("data", "artifacts_gan", "train_images", "notebooks")
    return {path: path.stat().st_mtime_ns for name in folders for path in (ROOT / name).rglob("*") if path.is_file()}


def pictures(notebook):
    return [output for output in outputs(notebook) if "image/png" in output.get("data", {})]


def printed(notebook):
    return "".join("".join(output["text"]) for output in outputs(notebook) if output["output_type"] == "stream")


def cells_of(name):
    return json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]


SHORT = """
from tests.conftest import shorten_evaluation, shorten_runs
shorten_runs(patch)
"""
SHORT_COMPARISON = f"""{SHORT}
from src.training.own_process import train_here
shorten_evaluation(patch)
patch.setattr("src.experiments.runs.train_apart", train_here)
patch.setattr("src.experiments.runs.CHUNK", 12)
patch.setattr("src.experiments.compare_pictures.GRID_ROWS", 2)
"""
"""Runs without processes of their own, and networks that hardly learn."""
SHORT_STUDY = f"""{SHORT}
from src.evaluation.evaluator import Evaluator, Metric
from src.training.own_process import train_here
patch.setattr("src.experiments.runs.train_apart", train_here)
patch.setattr("src.experiments.runs.CHUNK", 12)
measure = lambda self, portraits: {{"frechet_random": Metric(float(portraits.portraits.mean()), 0.1)}}
patch.setattr(Evaluator, "metrics", measure)
patch.setattr(Evaluator, "real_metrics", lambda self, count: self.metrics(self.real[:count]))
"""
"""Runs without processes of their own; of the metrics one, which plots have a panel for."""


def test_the_three_notebooks_run_and_the_third_goes_on(execute, tmp_path):
    paint_set(tmp_path / "images", 60, 0)
    own = write_tiny("palette_pyramid", tmp_path / "own.safetensors")
    gan = write_tiny("resnet_gan", tmp_path / "gan.safetensors")
    third = f"{SHORT}from pathlib import Path\npatch.setattr('src.training.weights.OWN_WEIGHTS', Path({str(own)!r}))\n"
    for name, cwd, given in (
        (MAIN_PATH[0], ROOT / "notebooks", {}),
        (MAIN_PATH[1], ROOT, {}),
        (MAIN_PATH[2], ROOT / "notebooks", {"KIMG": 0.032, "START": gan}),
        (MAIN_PATH[2], ROOT, {"KIMG": 0.048, "START": gan}),
    ):
        notebook = execute(name, cwd, third if name == MAIN_PATH[2] else "", IMAGES=tmp_path / "images", **given)
        assert len(pictures(notebook)) >= 3
        if given.get("KIMG") == 0.032:
            assert "starting from gan.safetensors" in printed(notebook)
    assert "resuming resnet_gan at 0.03 kimg" in printed(notebook)
    (training,) = (cell for cell in notebook["cells"] if "".join(cell["source"]).startswith("live = "))
    # Curves and grid were renewed in place: one of each is left.
    assert ["image/png" in output.get("data", {}) for output in training["outputs"]].count(True) == 2
    assert (tmp_path / "artifacts" / "checkpoints" / "latest.pt").is_file()
    assert len(list((tmp_path / "data" / "prepared").glob("*.png"))) == 60


def test_the_comparison_runs(execute, data_folder, tmp_path):
    notebook = execute(COMPARE, ROOT / "notebooks", SHORT_COMPARISON, FAMILIES="vae,vqvae", KIMG=0.032)
    # Reals, overview, curves; two grids; the random codes; two reconstructions; two ways between latents.
    assert len(pictures(notebook)) == 10
    compared = json.loads((tmp_path / "artifacts" / "compare" / "compare.json").read_text())
    assert compared["families"]["vqvae"]["row"]["status"] == "trained"


def test_the_study_runs(execute, data_folder, tmp_path):
    notebook = execute(STUDY, ROOT / "notebooks", SHORT_STUDY, ROWS="no_ema", SEEDS="0", KIMG=0.032)
    # Every question whose base has runs shows them; that of `acgan` has nothing to show.
    assert len(pictures(notebook)) == len(QUESTIONS) - 1
    assert "`no_ema` against `base` (1 against 1 seed, 0.032 kimg): " in json.dumps(notebook)
    assert (tmp_path / "artifacts" / "study" / "study.md").is_file()


def test_play_runs_without_a_click(execute, tmp_path):
    weights = write_tiny("palette_pyramid", tmp_path / "heroes.safetensors")
    notebook = execute(PLAY, ROOT / "notebooks", CHECKPOINT=str(weights), HERO_CLASS="mage", OTHER=1)
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    counts = {
        cell["id"]: ["image/png" in each.get("data", {}) for each in cell["outputs"]].count(True) for cell in cells
    }
    shown = {"sample": 2, "face": 2, "only-face": 1, "box": 2, "colours": 2, "like": 1, "vary": 2, "steps": 1}
    shown |= {"picture": 2, "favourites": 1}
    assert {name: count for name, count in counts.items() if count} == shown
    assert "name others with GAN" in printed(notebook)
    manifest = json.loads((tmp_path / "artifacts" / "favourites" / "portraits" / "manifest.json").read_text())
    assert len(manifest) == 3 and sorted(map(len, manifest.values()))[-1] > 3


@pytest.mark.parametrize(
    ("name", "own"),
    [
        (COMPARE, {"MINUTES", "KIMG", "FAMILIES"}),
        (STUDY, {"KIMG", "ROWS", "SEEDS"}),
    ],
)
def test_the_parameters_are_these(name, own):
    (path,) = (path for path in NOTEBOOKS if path.stem == name)
    assert read_parameters(path).keys() == {"PROFILE", "IMAGES", "DATA", "ARTIFACTS", "SEED"} | own


def test_every_family_is_explained_with_its_equation_its_source_and_its_faults():
    text = ["".join(cell["source"]) for cell in cells_of(COMPARE)]
    for name in FAMILIES:
        (place,) = (index for index, source in enumerate(text) if source.startswith(f"### `{name}`"))
        assert all(part in text[place] for part in ("$$", "**Look for**", "**How it fails:**")), name
        assert f'show("{name}", ' in text[place + 1] and "show_source(" in text[place + 1]


def test_every_question_has_its_explanation_and_is_shown():
    text = ["".join(cell["source"]) for cell in cells_of(STUDY)]
    for question in QUESTIONS:
        place = text.index(f"## {question.title}\n\n{question.explanation}")
        assert text[place + 1] == f'show("{question.name}")'


def test_every_section_of_play_shows_a_picture():
    """In the outputs that are committed; the GAN's, too, where one was trained."""
    for cell in cells_of(PLAY):
        if cell["cell_type"] == "code" and "display(" in "".join(cell["source"]):
            assert any("image/png" in output.get("data", {}) for output in cell["outputs"]), cell["id"]
