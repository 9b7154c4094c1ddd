"""run.py with nothing but the standard library, and the command line where the requirements are missing."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import venv
from pathlib import Path

import pytest

import run
from src.__main__ import make_parser

ROOT = Path(__file__).resolve().parents[1]
# The interpreter beneath the environment that runs the tests: a fresh shell's `python`.
PLAIN = getattr(sys, "_base_executable", sys.executable)
# Stands in for the package: says where and with what it was started, and waits for Ctrl-C if told to.
STAND_IN = """
import json, signal, sys, time
signals = []
signal.signal(signal.SIGINT, lambda *_: signals.append("SIGINT"))
read = sys.stdin.read() if "--read" in sys.argv else ""
print(json.dumps({"prefix": sys.prefix, "arguments": sys.argv[1:], "read": read}), flush=True)
if "--wait" in sys.argv:
    while not signals:
        time.sleep(0.01)
    time.sleep(0.3)  # long enough for a second one
    print(*signals, flush=True)
    sys.exit(130)
sys.exit(7)
"""


def write_project(folder: Path) -> Path:
    """A copy of run.py beside a package that needs nothing."""
    (folder / "src").mkdir(parents=True)
    (folder / "run.py").write_bytes((ROOT / "run.py").read_bytes())
    (folder / "src" / "__init__.py").touch()
    (folder / "src" / "__main__.py").write_text(STAND_IN)
    (folder / "requirements.txt").write_text("# none\n")
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project with spaces")


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The same with its environment, as if made and installed before."""
    project = write_project(tmp_path_factory.mktemp("installed") / "project with spaces")
    venv.create(project / ".venv", symlinks=os.name != "nt")
    stamp = hashlib.sha256((project / "requirements.txt").read_bytes()).hexdigest()
    (project / ".venv" / "hero_portraits_requirements.sha256").write_text(stamp)
    return project


def fresh_shell(**variables: str) -> dict[str, str]:
    """This process's environment without any sign of an active Python environment."""
    gone = ("CONDA_PREFIX", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "__PYVENV_LAUNCHER__")
    return {name: value for name, value in os.environ.items() if name not in gone} | variables


def start(project: Path, *arguments: str, cwd: Path = ROOT, **streams: object) -> subprocess.Popen:
    """run.py from another folder, unless told: by default one that has a `src` of its own."""
    command = [PLAIN, "-S", str(project / "run.py"), *arguments]
    return subprocess.Popen(command, cwd=cwd, env=fresh_shell(), stdout=subprocess.PIPE, text=True, **streams)


@pytest.mark.parametrize("name", run.COMMANDS)
def test_every_command_runs_in_the_environment_with_its_arguments_and_status(installed, tmp_path, name):
    arguments = [name, "--out", "two words", "a=b", "--read", "*", ""]
    with start(installed, *arguments, cwd=tmp_path, stdin=subprocess.PIPE) as process:
        printed, _ = process.communicate("from the keyboard")
    told = json.loads(printed)  # and nothing beside it
    assert Path(told["prefix"]).resolve() == (installed / ".venv").resolve()
    assert told["arguments"] == arguments and told["read"] == "from the keyboard"
    assert process.returncode == 7


def test_the_first_use_makes_the_environment_and_the_second_finds_it(project):
    for made in (True, False):
        with start(project, "sample") as process:
            lines = process.stdout.read().splitlines()
        assert process.returncode == 7
        assert any(line.startswith("making a virtual environment") for line in lines) == made
        assert any(line.startswith("installing the requirements") for line in lines) == made
        assert Path(json.loads(lines[-1])["prefix"]).resolve() == (project / ".venv").resolve()


@pytest.mark.skipif(os.name == "nt", reason="a process cannot be sent Ctrl-C alone there")
def test_ctrl_c_reaches_the_command_once_and_its_status_comes_back(installed):
    with start(installed, "train", "--wait", start_new_session=True) as process:
        assert process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of the group
        assert process.stdout.read().split() == ["SIGINT"]
    assert process.returncode == 130


def test_help_needs_no_environment(project):
    with start(project, "sample", "--help") as process:
        assert json.loads(process.stdout.read())["arguments"] == ["sample", "--help"]
    assert not (project / ".venv").exists()


@pytest.mark.parametrize("arguments", [[], ["draw"]])
def test_what_is_no_command_gets_the_usage_and_status_2(project, arguments):
    with start(project, *arguments, stderr=subprocess.PIPE) as process:
        printed, complaint = process.communicate()
    assert process.returncode == 2 and not printed and complaint.startswith("usage: python run.py")
    assert complaint.endswith("error: no command 'draw'\n") == bool(arguments)
    assert not (project / ".venv").exists()


def test_its_commands_are_those_of_the_package():
    actions = [action for action in make_parser()._actions if action.choices]
    assert {name for action in actions for name in action.choices} == set(run.COMMANDS)


@pytest.mark.parametrize(
    ("missing", "said", "arguments"),
    [
        ("torch", "PyTorch", ["sample", "--out", "out"]),
        ("torch", "PyTorch", ["train", "--data", "data", "--out", "out"]),
        ("numpy", "numpy", ["build", "--data", "data"]),
        ("PIL", "Pillow", ["paint", "--out", "out"]),
    ],
)
def test_a_missing_requirement_is_one_line_that_says_what_to_do(tmp_path, missing, said, arguments):
    """`sitecustomize` is imported at the start of every interpreter: here it hides one package."""
    hides = f"import sys\nclass Hidden:\n    def find_spec(name, *_):\n        if name == {missing!r}:\n"
    hides += "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
    (tmp_path / "sitecustomize.py").write_text(hides + "sys.meta_path.insert(0, Hidden)\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    command = [sys.executable, "-m", "src", *arguments]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr == (
        f"error: {said} is not installed here; run `python run.py {arguments[0]} ...`, "
        "which uses the project's own environment\n"
    )


def test_without_any_requirement_there_is_help_and_one_line():
    """An interpreter without site-packages."""
    for arguments, status in ((["--help"], 0), (["sample", "--help"], 0), (["sample", "--out", "out"], 2)):
        command = [PLAIN, "-S", "-m", "src", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=fresh_shell(), capture_output=True, text=True)
        assert done.returncode == status
        assert done.stderr.count("\n") == (status == 2) and ("usage: " in done.stdout) == (status == 0)
