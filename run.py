"""The two commands of a fresh machine: `python run.py notebooks` and `python run.py tests`.

Makes a virtual environment in `.venv` (or uses the one that is active), installs `requirements.txt` once, and runs
there. Needs nothing but Python 3.10 or newer.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
REQUIREMENTS = ROOT / "requirements.txt"
NOTEBOOKS = ("01_prepare_dataset", "02_build_final_dataset", "03_train_cdcgan")
USAGE = """usage: python run.py notebooks [NOTEBOOK ...] [NAME=VALUE ...]
                                                  run notebooks (01, 02 and 03 unless named: `04`); values for their
                                                  parameters cells
       python run.py tests [PYTEST ARGUMENT ...]  lint, then the tests (`tests -m slow` runs the long suites)"""


def environment_python() -> Path:
    """The Python to run with: the active virtual environment's, else that of `.venv`, made where it is missing."""
    if sys.prefix != sys.base_prefix or os.environ.get("CONDA_PREFIX"):
        return Path(sys.executable)
    folder = ROOT / ".venv"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        print(f"making a virtual environment in {folder.name}", flush=True)
        venv.create(folder, with_pip=True)
    return python


def install(python: Path) -> None:
    """Install the requirements, unless this environment has had these very ones."""
    prefix = subprocess.run([python, "-c", "import sys; print(sys.prefix)"], check=True, capture_output=True, text=True)
    stamp = Path(prefix.stdout.strip()) / "hero_portraits_requirements.sha256"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    print("installing the requirements (several GB with CUDA; once)", flush=True)
    subprocess.run([python, "-m", "pip", "install", "--requirement", REQUIREMENTS], check=True)
    stamp.write_text(wanted)


def run_notebooks(python: Path, arguments: list[str]) -> int:
    """Run the notebooks top to bottom; the executed copies go to `artifacts_gan/notebooks`, the sources stay clean."""
    parameters = [argument for argument in arguments if "=" in argument]
    asked = [argument for argument in arguments if "=" not in argument]
    there = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
    names = [name for name in there if any(name.startswith(start) for start in asked)] or list(NOTEBOOKS)
    if any(not any(name.startswith(start) for name in there) for start in asked):
        print(f"{USAGE}\nthe notebooks are: {', '.join(there)}", file=sys.stderr)
        return 2
    results = ROOT / "artifacts_gan" / "notebooks"
    results.mkdir(parents=True, exist_ok=True)
    options: list[str] = []
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        options += ["--parameters", name, value]
    for name in names:
        print(f"\n=== {name}", flush=True)
        source, result = ROOT / "notebooks" / f"{name}.ipynb", results / f"{name}.ipynb"
        command = [python, "-m", "papermill", source, result, "--cwd", source.parent, "--log-output", *options]
        # One line of progress from the notebook itself is worth more than papermill's count of cells.
        status = subprocess.run([*command, "--no-progress-bar"], cwd=ROOT).returncode
        if status:
            return status
    print(f"\nexecuted notebooks: {results}\nsample grids:       {ROOT / 'artifacts_gan' / 'samples'}")
    return 0


def run_tests(python: Path, arguments: list[str]) -> int:
    """Lint and format check first (notebooks too), then pytest, whose last line comes last."""
    for check in (["check"], ["format", "--check"]):
        status = subprocess.run([python, "-m", "ruff", *check, "."], cwd=ROOT).returncode
        if status:
            return status
    return subprocess.run([python, "-m", "pytest", *arguments], cwd=ROOT).returncode


def main() -> int:
    commands = {"notebooks": run_notebooks, "tests": run_tests}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        print(USAGE, file=sys.stderr)
        return 2
    try:
        python = environment_python()
        install(python)
    except subprocess.CalledProcessError as error:
        command = " ".join(str(part) for part in error.cmd)
        print(f"error: this failed, see its message above: {command}", file=sys.stderr)
        return 2
    return commands[sys.argv[1]](python, sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
