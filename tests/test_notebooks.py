"""The three notebooks, executed top to bottom with the smoke profile, twice."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("01_prepare_dataset", "02_build_final_dataset", "03_train_cdcgan")


def execute(name, folder, cwd, **parameters):
    result = folder / f"{name}.ipynb"
    options = []
    for key, value in {"PROFILE": "smoke", "IMAGES": folder / "images", "DATA": folder / "data", **parameters}.items():
        options += ["--parameters", key, str(value)]
    options += ["--parameters", "ARTIFACTS", str(folder / "artifacts")]
    command = [
        sys.executable,
        "-m",
        "papermill",
        ROOT / "notebooks" / f"{name}.ipynb",
        result,
        *options,
        "--no-progress-bar",
    ]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(result.read_text(encoding="utf-8"))


def outputs(notebook):
    return [output for cell in notebook["cells"] for output in cell.get("outputs", [])]


def own_files():
    """What lies in the project's own folders, with the times of the last change."""
    folders = ("data", "artifacts_gan", "train_images", "notebooks")
    return {path: path.stat().st_mtime_ns for name in folders for path in (ROOT / name).rglob("*") if path.is_file()}


def printed(notebook):
    return "".join("".join(output["text"]) for output in outputs(notebook) if output["output_type"] == "stream")


def test_the_three_notebooks_run_twice_and_write_nowhere_else(tmp_path):
    before = own_files()
    for round_number, cwd in enumerate((ROOT / "notebooks", ROOT)):
        for name in NAMES:
            notebook = execute(name, tmp_path, cwd, **({"KIMG": 0.16} if name == NAMES[2] and round_number else {}))
            pictures = [output for output in outputs(notebook) if "image/png" in output.get("data", {})]
            assert len(pictures) >= 3
            assert not any(output["output_type"] == "error" for output in outputs(notebook))
    assert "resuming resnet_gan at 0.13 kimg" in printed(notebook)
    assert (tmp_path / "artifacts" / "checkpoints" / "latest.pt").is_file()
    assert len(list((tmp_path / "data" / "prepared").glob("*.png"))) == 190
    assert own_files() == before


@pytest.mark.parametrize("name", [*NAMES, "04_compare_models"])
def test_notebooks_are_as_they_should_be(name):
    """One parameters cell, real and orderly outputs, no error, small, no path of a machine."""
    path = ROOT / "notebooks" / f"{name}.ipynb"
    text = path.read_text(encoding="utf-8")
    notebook = json.loads(text)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert sum("parameters" in cell["metadata"].get("tags", []) for cell in code) == 1
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert not any(output["output_type"] == "error" for output in outputs(notebook))
    assert path.stat().st_size < 2 * 2**20
    for prefix in ("/home/", "/Users/", "/root/", "/tmp/", "/work/", "C:\\\\"):
        assert prefix not in text, prefix
    assert all(len("".join(cell["source"]).splitlines()) <= 25 for cell in code)
