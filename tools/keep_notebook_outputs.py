"""Take the outputs of `python run.py notebooks` over into `notebooks/`, fit to be committed.

    python run.py notebooks
    python tools/keep_notebook_outputs.py

The runner's own metadata (paths, times) go; a progress bar is kept in its last state, as a screen shows it. A notebook
whose sources have changed since it was run is refused: its outputs would not be those of the code beside them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXECUTED = ROOT / "artifacts_gan" / "notebooks"


def last_state(text: str) -> str:
    """What a terminal shows of a text in which carriage returns overwrite lines."""
    return "\n".join(line.split("\r")[-1] for line in text.split("\n"))


def tidy_outputs(outputs: list[dict]) -> list[dict]:
    """Neighbouring pieces of one stream joined, each line in its last state."""
    tidied: list[dict] = []
    for output in outputs:
        if output["output_type"] == "stream" and tidied and tidied[-1].get("name") == output["name"]:
            tidied[-1]["text"] += "".join(output["text"])
        elif output["output_type"] == "stream":
            tidied.append({**output, "text": "".join(output["text"])})
        else:
            tidied.append(output)
    for output in tidied:
        if output["output_type"] == "stream":
            output["text"] = last_state(output["text"]).splitlines(keepends=True)
    return tidied


def keep(committed: Path, executed: Path) -> None:
    """Write the executed notebook's outputs into the committed one.

    Raises:
        SystemExit: the sources differ, or a machine's path is among the outputs.
    """
    notebook = json.loads(committed.read_text(encoding="utf-8"))
    run = json.loads(executed.read_text(encoding="utf-8"))
    # With parameters given on the command line the runner adds a cell of its own.
    cells = [cell for cell in run["cells"] if "injected-parameters" not in cell["metadata"].get("tags", [])]
    if [cell["source"] for cell in notebook["cells"]] != [cell["source"] for cell in cells]:
        raise SystemExit(f"{committed.name} has changed since it was run; run it again")
    count = 0
    for cell, executed_cell in zip(notebook["cells"], cells, strict=True):
        if cell["cell_type"] == "code":
            count += 1
            cell["execution_count"] = count
            cell["outputs"] = tidy_outputs(executed_cell["outputs"])
            for output in cell["outputs"]:
                if "execution_count" in output:
                    output["execution_count"] = count
    text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    for path in (str(ROOT), str(Path.home()) + "/"):
        if path in text:
            raise SystemExit(f"{committed.name} shows a path of this machine ({path}); print relative paths")
    committed.write_text(text, encoding="utf-8")
    print(f"{committed.name}: {count} cells, {len(text) // 1024} kB")


if __name__ == "__main__":
    found = sorted(EXECUTED.glob("*.ipynb"))
    if not found:
        sys.exit("nothing executed yet: `python run.py notebooks` first")
    for path in found:
        keep(ROOT / "notebooks" / path.name, path)
