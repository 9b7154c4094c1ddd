"""The notebooks' parameters, and running notebooks from a terminal: `python -m src.notebooks 01 02 KIMG=5`.

The cell tagged `parameters` is the only list of names and types. A type is that of the default; where that is None, the
one in the comment, as papermill has it: `KIMG = None  # type: float  length of the run`. The cell is only read here:
a misspelt name or a wrong type is refused before any notebook starts. Until a notebook runs, nothing but the standard
library is needed.
"""

from __future__ import annotations

import ast
import json
import os
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from src.console import any_terminal, report_error
from src.errors import InputError

ROOT = Path(__file__).resolve().parents[1]
MAIN_PATH = ("01_prepare_dataset", "02_build_final_dataset", "03_train_cdcgan")
"""What runs where no notebook is named."""

TYPES = {
    "None": (type(None),),
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "Path": (str, Path),
    "list": (list,),
    "dict": (dict,),
}
WORDS = {"true": True, "false": False, "null": None}
SAVING_SECONDS = 60
"""How long an interrupted notebook may take to save."""


@dataclass(frozen=True)
class NotebookRun:
    """A notebook to run and the values of its parameters that were given."""

    notebook: Path
    values: Mapping[str, object]


def read_parameters(notebook: Path) -> dict[str, tuple[str, ...]]:
    """The parameters of a notebook and the names of their types: `{"KIMG": ("float", "None"), "SEED": ("int",), ...}`.

    Args:
        notebook: an `.ipynb` with one cell tagged `parameters`.
    """
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    (source,) = ("".join(cell["source"]) for cell in cells if "parameters" in cell["metadata"].get("tags", ()))
    lines = source.splitlines()
    parameters = {}
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Assign):
            comment = re.search(r"#\s*type:\s*(\S+)", lines[statement.end_lineno - 1])
            default = type(ast.literal_eval(statement.value)).__name__
            parameters[statement.targets[0].id] = (*comment[1].split("|"), "None") if comment else (default,)
    return parameters


def read_value(name: str, text: str, types: Sequence[str]) -> object:
    """The value of a parameter from the command line's text.

    A text stays a text where the parameter takes one: the folder `2024` is no number. A relative path is one of the
    folder in which the command was given. Numbers, lists and dictionaries are written as in Python.

    Raises:
        InputError: the text is no value of these types.
    """
    try:
        value = WORDS[text.lower()] if text.lower() in WORDS else ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        value = text
    if isinstance(value, str) or not _fits(value, types):
        value = text
    if isinstance(value, str) and "Path" in types and value:
        # Of `os.path`: a home that is nobody's stays as it is, where pathlib raises.
        value = str(Path(os.path.expanduser(value)).absolute())
    _check_value(name, value, types)
    return value


def check_parameters(notebook: Path, names: Mapping[str, object], before: Collection[str]) -> None:
    """Refuse what papermill or a person put into a running notebook under a wrong name or with a wrong type.

    Args:
        notebook: the notebook's own file.
        names: the running notebook's `globals()`.
        before: the names that were there before the parameters.

    Raises:
        InputError: one line with the names there are, or the types that the parameter takes.
    """
    parameters = read_parameters(notebook)
    for name in names.keys() - set(before):
        if name not in parameters and not name.startswith("_"):
            raise InputError(_unknown(name, [notebook], parameters))
    for name, types in parameters.items():
        _check_value(name, names[name], types)


def name_list(text: str | None) -> list[str] | None:
    """`"vae, vqvae"` -> `["vae", "vqvae"]`; None stays None."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def plan(arguments: Sequence[str]) -> list[NotebookRun]:
    """Which notebooks to run, each with the given parameters that it has.

    Args:
        arguments: beginnings of notebooks' names (`04`) and `NAME=VALUE`.

    Raises:
        InputError: no such notebook, a name that none of them knows, or a value of a wrong type.
    """
    there = sorted((ROOT / "notebooks").glob("*.ipynb"))
    asked = [argument for argument in arguments if "=" not in argument] or MAIN_PATH
    for start in asked:
        if not any(path.stem.startswith(start) for path in there):
            raise InputError(f"no notebook {start!r}; there are {', '.join(path.stem for path in there)}")
    notebooks = [path for path in there if path.stem.startswith(tuple(asked))]
    parameters = {path: read_parameters(path) for path in notebooks}
    values: dict[Path, dict[str, object]] = {path: {} for path in notebooks}
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if not equals:
            continue
        known = [path for path in notebooks if name in parameters[path]]
        if not known:
            raise InputError(_unknown(name, notebooks, {key for each in parameters.values() for key in each}))
        for path in known:
            values[path][name] = read_value(name, text, parameters[path][name])
    return [NotebookRun(path, values[path]) for path in notebooks]


def execute(run: NotebookRun) -> int:
    """Run a notebook top to bottom with what it prints on the terminal; its exit status.

    The executed copy goes to `notebooks/` in the artifacts folder; the notebook itself stays as it is. What goes wrong
    in a cell is one line here; the copy has the whole of it.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError
    from traitlets.config import Config

    result = executed_copy(run)
    result.parent.mkdir(parents=True, exist_ok=True)
    try:
        papermill.execute_notebook(
            _literal(run.notebook),
            _literal(result),
            dict(run.values),
            cwd=str(run.notebook.parent),
            progress_bar=False,
            stdout_file=sys.stdout,
            stderr_file=sys.stderr,
            extra_arguments=["--log-level=CRITICAL"],  # the kernel's own lines, not those of the notebook
            config=Config({"KernelManager": {"shutdown_wait_time": SAVING_SECONDS}}),
        )
    except papermill.PapermillExecutionError as error:
        if error.ename == "KeyboardInterrupt":
            raise KeyboardInterrupt from None
        if error.ename == InputError.__name__:
            print(f"error: {error.evalue}", file=sys.stderr)
            return 2
        cell = f"{run.notebook.stem}, cell {error.exec_count}"
        print(f"error: {cell}: {error.ename}: {error.evalue}; the whole of it is in {result}", file=sys.stderr)
        return 1
    except DeadKernelError:
        print(f"error: {run.notebook.stem}: the notebook's process ended, perhaps for want of memory", file=sys.stderr)
        return 1
    return 0


def executed_copy(run: NotebookRun) -> Path:
    """Where the executed copy of a notebook lies."""
    return Path(run.values.get("ARTIFACTS") or ROOT / "artifacts_gan") / "notebooks" / run.notebook.name


def _literal(path: Path) -> str:
    """A path for papermill, which would fill in braces with parameters."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _fits(value: object, types: Sequence[str]) -> bool:
    kinds = tuple(kind for name in types for kind in TYPES[name])
    return isinstance(value, kinds) and ("bool" in types or not isinstance(value, bool))


def _check_value(name: str, value: object, types: Sequence[str]) -> None:
    if value == "":
        raise InputError(f"{name} is empty; leave it out for its default")
    if not _fits(value, types):
        number = isinstance(value, int | float) and {"str", "Path"} & set(types)
        hint = "; papermill keeps a text as it is with --parameters_raw" if number else ""
        raise InputError(f"{name} takes {' or '.join(types)}, not {value!r}{hint}")


def _unknown(name: str, notebooks: Sequence[Path], names: Collection[str]) -> str:
    where = ", ".join(path.stem for path in notebooks)
    return f"no parameter {name!r} in {where}; the parameters are: {', '.join(sorted(names))}"


def main(arguments: Sequence[str]) -> int:
    """Run notebooks one after the other, up to the first that fails: 0 done, 1 failed, 2 bad input, 130 interrupted."""
    with any_terminal():
        try:
            for run in plan(arguments):
                print(f"\n=== {run.notebook.stem}", flush=True)
                status = execute(run)
                if status:
                    return status
                print(f"\nexecuted copy: {executed_copy(run)}")
        except (InputError, OSError, KeyboardInterrupt) as error:
            return report_error(error, "notebooks")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
