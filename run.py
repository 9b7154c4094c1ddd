"""Every command of a fresh machine: `python run.py notebooks`, `tests`, `sample`, `train` and the rest.

Makes a virtual environment in `.venv` (or uses the one that is active), installs `requirements.txt` once, and runs
there. Needs nothing but Python 3.10 or newer.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
REQUIREMENTS = ROOT / "requirements.txt"
# The commands of `python -m src`.
COMMANDS = (
    *("paint", "prepare", "source", "build", "train", "compare", "study", "sample", "weights", "web", "evaluate"),
    *("export", "gallery"),
)
USAGE = f"""usage: python run.py notebooks [NOTEBOOK ...] [NAME=VALUE ...]
                                                  run notebooks (01, 02 and 03 unless named: `04`); values for their
                                                  parameters cells
       python run.py tests [PYTEST ARGUMENT ...]  lint, then the tests (`tests -m slow` runs the long suites)
       python run.py COMMAND [ARGUMENT ...]       {", ".join(COMMANDS[:5])},
                                                  {", ".join(COMMANDS[5:])};
                                                  `python run.py COMMAND --help` says what it takes"""


def environment_python() -> Path:
    """The Python to run with: the active virtual environment's, else that of `.venv`, made where it is missing."""
    if sys.prefix != sys.base_prefix or os.environ.get("CONDA_PREFIX"):
        return Path(sys.executable)
    folder = ROOT / ".venv"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        print(f"making a virtual environment in {folder.name}", flush=True)
        try:
            venv.create(folder, with_pip=True)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)  # half of one would be taken for a whole one next time
            raise
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


def run_tests(python: Path, arguments: list[str]) -> int:
    """Lint and format check first (notebooks too), then pytest, whose last line comes last."""
    for check in (["check"], ["format", "--check"]):
        status = subprocess.run([python, "-m", "ruff", *check, "."], cwd=ROOT).returncode
        if status:
            return status
    # All of them: a process a core, of one thread each; a file is one process's, which makes its fixtures once.
    arguments = arguments or ["-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder"]
    environment = {"OMP_NUM_THREADS": "1", **os.environ}
    return subprocess.run([python, "-m", "pytest", *arguments], cwd=ROOT, env=environment).returncode


def run_module(python: Path, module: str, arguments: list[str]) -> int:
    """`python -m MODULE` in that environment and in the caller's folder, with its arguments, streams, exit status."""
    # As `python -m` in ROOT, from any folder: there may be another `src` in the caller's.
    start = f"import runpy, sys; sys.path.insert(0, {str(ROOT)!r}); "
    start += f"runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    command = [str(python), "-c", start, *arguments]
    sys.stdout.flush()
    if os.name != "nt":
        # The command takes this process's place: signals reach it once, and its exit status is the only one.
        os.execv(command[0], command)
    # There is no such thing on Windows. Ctrl-C reaches both processes there, and this one waits for the other.
    signal.signal(signal.SIGINT, lambda *_: None)
    return subprocess.run(command).returncode


def check_notebooks(arguments: list[str]) -> str:
    """What is wrong with the arguments of `notebooks`, in one line; empty where nothing is."""
    from src.notebooks import InputError, plan

    try:
        plan(arguments)
    except InputError as error:
        return str(error)
    return ""


def main(arguments: list[str]) -> int:
    """Run one command; its exit status, 2 for bad arguments and 130 where it was interrupted."""
    name = arguments[0] if arguments else ""
    if name in ("-h", "--help") or (name == "notebooks" and {"-h", "--help"} & set(arguments)):
        print(USAGE)
        return 0
    if name not in ("notebooks", "tests", *COMMANDS):
        print(USAGE, file=sys.stderr)
        if name:
            print(f"error: no command {name!r}", file=sys.stderr)
        return 2
    try:
        if name in COMMANDS and {"-h", "--help"} & set(arguments):
            return run_module(Path(sys.executable), "src", arguments)  # help needs no environment
        if name == "notebooks" and (fault := check_notebooks(arguments[1:])):
            print(f"error: {fault}", file=sys.stderr)
            return 2
        python = environment_python()
        install(python)
        if name == "notebooks":
            return run_module(python, "src.notebooks", arguments[1:])
        return run_tests(python, arguments[1:]) if name == "tests" else run_module(python, "src", arguments)
    except subprocess.CalledProcessError as error:
        command = " ".join(str(part) for part in error.cmd)
        print(f"error: this failed, see its message above: {command}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
