"""The notebooks' parameters, and their runner."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import run
from src import notebooks
from src.errors import InputError
from src.notebooks import MAIN_PATH, TYPES, check_parameters, plan, read_parameters, read_value

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def outputs(notebook):
    return [output for cell in notebook["cells"] for output in cell.get("outputs", [])]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_as_they_should_be(path):
    """Parameters that are checked, real and orderly outputs, no error, small, no path of a machine."""
    text = path.read_text(encoding="utf-8")
    notebook = json.loads(text)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    sources = ["".join(cell["source"]) for cell in code]
    assert "parameters" in code[1]["metadata"]["tags"]
    assert sources[2] == f'check_parameters(ROOT / "notebooks" / "{path.name}", globals(), before)'
    parameters = read_parameters(path)
    assert {"PROFILE", "IMAGES", "DATA", "ARTIFACTS", "SEED"} <= parameters.keys()
    assert all(name in TYPES for types in parameters.values() for name in types)
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert not any(output["output_type"] == "error" for output in outputs(notebook))
    assert path.stat().st_size < 2 * 2**20
    for prefix in ("/home/", "/Users/", "/root/", "/tmp/", "/work/", "C:\\\\"):
        assert prefix not in text, prefix
    assert all(len(source.splitlines()) <= 25 for source in sources)


@pytest.mark.parametrize(
    ("text", "types", "value"),
    [
        ("smoke", ("str", "None"), "smoke"),
        ("2024", ("str", "None"), "2024"),
        ("None", ("str", "None"), None),
        ("{'kimg': 1, 'augment': ''}", ("dict",), {"kimg": 1, "augment": ""}),
        ("[1, 'a']", ("list",), [1, "a"]),
        ("10", ("float", "None"), 10),
        ("0.16", ("float",), 0.16),
        ("false", ("bool",), False),
        ("0", ("int", "str"), 0),
        ("0,1", ("int", "str"), "0,1"),
        ("2024", ("Path", "None"), str(Path("2024").absolute())),
        ("a {b} c", ("Path",), str(Path("a {b} c").absolute())),
        ("~nobody_by_this_name/a", ("Path",), str(Path("~nobody_by_this_name/a").absolute())),
    ],
)
def test_a_text_is_read_as_its_parameters_type(text, types, value):
    assert read_value("NAME", text, types) == value


@pytest.mark.parametrize(
    ("text", "types", "message"),
    [
        ("much", ("int",), "NAME takes int, not 'much'"),
        ("1.5", ("int",), "NAME takes int, not '1.5'"),
        ("True", ("float", "None"), "NAME takes float or None, not 'True'"),
        ("1", ("bool",), "NAME takes bool, not '1'"),
        ("{'kimg': 1", ("dict",), "NAME takes dict, not \"{'kimg': 1\""),
        ("{[1]: 2}", ("dict",), "NAME takes dict, not '{[1]: 2}'"),
        ("", ("Path", "None"), "NAME is empty; leave it out for its default"),
    ],
)
def test_a_text_that_is_no_value_is_one_line(text, types, message):
    with pytest.raises(InputError) as error:
        read_value("NAME", text, types)
    assert str(error.value) == message


def test_each_notebook_gets_the_parameters_that_it_has():
    assert [each.notebook.stem for each in plan([])] == list(MAIN_PATH)
    first, third = plan(["03", "01", "PROFILE=smoke", "KIMG=5"])
    assert first.notebook.stem == MAIN_PATH[0] and first.values == {"PROFILE": "smoke"}
    assert third.notebook.stem == MAIN_PATH[2] and third.values == {"PROFILE": "smoke", "KIMG": 5}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["KMIG=5"], "no parameter 'KMIG' in 01_prepare_dataset, 02_build_final_dataset, 03_train_cdcgan; the param"),
        (["01", "KIMG=5"], "no parameter 'KIMG' in 01_prepare_dataset; the parameters are: ARTIFACTS, CLEANING, DATA"),
        (["03", "SEED=x"], "SEED takes int, not 'x'"),
        (["07"], "no notebook '07'; there are 01_prepare_dataset, "),
    ],
)
def test_the_runner_refuses_wrong_arguments_before_anything_runs(arguments, complaint, monkeypatch, capsys):
    monkeypatch.setattr(run, "environment_python", lambda: pytest.fail("an environment was looked for"))
    assert run.main(["notebooks", *arguments]) == 2
    shown = capsys.readouterr()
    assert not shown.out and shown.err.startswith(f"error: {complaint}") and shown.err.count("\n") == 1


def test_a_running_notebook_refuses_unknown_names_and_wrong_types():
    notebook = ROOT / "notebooks" / f"{MAIN_PATH[2]}.ipynb"
    given = dict.fromkeys(read_parameters(notebook)) | {"SEED": 1, "FAMILY": "cdcgan", "RESUME": True, "SETTINGS": {}}
    names = {"sys": sys, "before": None, "_i1": "", **given}
    check_parameters(notebook, names, before=("sys", "before"))
    for wrong, message in (
        ({"KMIG": 5}, "no parameter 'KMIG' in 03_train_cdcgan; the parameters are: ARTIFACTS, DATA, FAMILY"),
        ({"DATA": 2024}, "DATA takes Path or None, not 2024; papermill keeps a text as it is with --parameters_raw"),
        ({"SEED": True}, "SEED takes int, not True"),
    ):
        with pytest.raises(InputError) as error:
            check_parameters(notebook, names | wrong, before=("sys", "before"))
        assert str(error.value).startswith(message)


IMPORT = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from src.errors import InputError"


def write_notebook(folder, *cells):
    """A project with a notebook of these cells, in a folder with braces and spaces in its name."""
    project = folder / "a {b} c"
    (project / "notebooks").mkdir(parents=True)
    tags = [["parameters"], *([] for _ in cells)]
    sources = ["ARTIFACTS = None  # type: Path", *cells]
    content = [
        {"cell_type": "code", "execution_count": None, "metadata": {"tags": tag}, "outputs": [], "source": source}
        for tag, source in zip(tags, sources, strict=True)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = {"cells": content, "metadata": kernel, "nbformat": 4, "nbformat_minor": 4}
    (project / "notebooks" / "01_try.ipynb").write_text(json.dumps(notebook))
    return project


@pytest.mark.parametrize(
    ("cell", "status", "line"),
    [
        ("print(ARTIFACTS)", 0, ""),
        (f"{IMPORT}; raise InputError('no folder')", 2, "error: no folder\n"),
        ("1 / 0", 1, "error: 01_try, cell 3: ZeroDivisionError: division by zero; the whole of it is in "),
    ],
)
def test_a_failing_notebook_is_one_line(tmp_path, cell, status, line, monkeypatch, capsys):
    monkeypatch.setattr(notebooks, "ROOT", write_notebook(tmp_path, cell))
    assert notebooks.main(["01", f"ARTIFACTS={tmp_path / '{out}'}"]) == status
    shown, complaint = capsys.readouterr()
    assert complaint.startswith(line) and complaint.count("\n") == bool(line)
    assert "=== 01_try" in shown and (tmp_path / "{out}" / "notebooks" / "01_try.ipynb").is_file()


def test_a_notebook_prints_to_any_file(tmp_path):
    """A code page without the character, as for a redirected output on Windows."""
    project = write_notebook(tmp_path, "print('\\u017ar\\u00f3d\\u0142o.png')")
    code = "import sys, src.notebooks as it; from pathlib import Path; "
    code += "it.ROOT = Path(sys.argv[1]); sys.exit(it.main(['01', 'ARTIFACTS=' + sys.argv[2]]))"
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    command = [sys.executable, "-c", code, project]
    done = subprocess.run([*command, tmp_path / "out"], cwd=ROOT, env=environment, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"") and "\\u017ar\u00f3d\\u0142o.png".encode("cp1252") in done.stdout
    (tmp_path / "file").touch()
    done = subprocess.run([*command, tmp_path / "file"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="a process cannot be sent Ctrl-C alone there")
def test_an_interrupted_notebook_saves_and_is_one_line(tmp_path):
    stops = "import signal, time\nstopped = []\nsignal.signal(signal.SIGINT, lambda *_: stopped.append(1))\n"
    waits = "print('training', flush=True)\nwhile not stopped: time.sleep(0.05)\n"
    saves = f"time.sleep(1)\nopen({str(tmp_path / 'saved')!r}, 'w').close()"
    project = write_notebook(tmp_path, stops + waits + saves, f"open({str(tmp_path / 'next')!r}, 'w').close()")
    code = "import signal, sys, src.notebooks as it; from pathlib import Path; "
    # What a shell starts in the background ignores Ctrl-C, and so do its children.
    code += "signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += "it.ROOT = Path(sys.argv[1]); sys.exit(it.main(['01', 'ARTIFACTS=' + sys.argv[2]]))"
    command, pipe = [sys.executable, "-c", code, project, tmp_path / "out"], subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True) as process:
        while "training" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate()
    assert process.returncode == 130 and complaint == "interrupted\n"
    assert (tmp_path / "saved").is_file() and not (tmp_path / "next").exists()
