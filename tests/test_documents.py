"""The pages keep their word: commands parse, files exist, links resolve, numbers agree, words are the field's."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from PIL import Image

import run
from src.__main__ import main, make_parser
from src.config import load_config, parse_assignments
from src.evaluation.verdict import FLAGS
from src.experiments.study_rows import ROWS
from src.families import DEFAULT_FAMILY, FAMILIES
from src.notebooks import plan

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "data" / "README.md",
        *(ROOT / "docs").rglob("*.md"),
    ]
}
LEARN = sorted(name for name in PAGES if name.startswith("docs/learn/") and not name.endswith("README.md"))

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
PATH = re.compile(r"\b(?:src|tests|docs|tools|notebooks|benchmarks|configs)/[\w./-]*\w")
# A name in capitals stands for any name.
PLACEHOLDER = re.compile(r"\b[A-Z]{4,}\b")

# What to say instead: the glossary in plain words.
FORBIDDEN = {
    r"foret(?:ell\w*|old)": "predict",
    r"unsaid": "null label",
    r"wish(?:es|ed)?": "requested labels",
    r"obe(?:dience|y\w*)": "label accuracy",
    r"by heart": "memorises",
    r"likeness(?:es)?": "similarity",
}
FORBIDDEN_IN_PAGES = FORBIDDEN | {
    r"artists?": "model",
    r"told": "conditioned on; log",
    r"judg(?:e\w*|ing)": "metric, evaluator",
    r"held[ -]out(?! combination)": "validation",
    r"variety|sameness": "diversity",
    r"within_label_distance": "intra_class_distance",
}


def commands(text: str) -> list[str]:
    """Every command line of this project in a page."""
    lines = [line for _, block in FENCE.findall(text) for line in block.splitlines()]
    lines += INLINE.findall(FENCE.sub("", text))
    return [line for line in lines if re.match(r"python (run\.py|-m (src|tools|benchmarks))\b|torchrun ", line)]


COMMANDS = sorted({command for text in PAGES.values() for command in commands(text) if not PLACEHOLDER.search(command)})


def arguments_of(command: str) -> list[str] | None:
    """What a command gives to `python -m src`; None for what is not of its parser."""
    words = shlex.split(command)
    if words[:2] == ["python", "run.py"]:
        return None if words[2] in ("notebooks", "tests") else words[2:]
    if "src" in words and words[words.index("src") - 1] == "-m":
        return words[words.index("src") + 1 :]
    return None


def slugs(text: str) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text)}


def found(patterns: dict[str, str], text: str) -> list[str]:
    words = (re.finditer(rf"\b(?:{pattern})\b", text, re.IGNORECASE) for pattern in patterns)
    return sorted({match.group(0) for matches in words for match in matches})


def code_lines(code: str) -> list[str]:
    """Lines without indentation, empty ones left out."""
    return [line.strip() for line in code.splitlines() if line.strip()]


def rows(text: str, heading: str) -> dict[str, list[str]]:
    """The first table below a heading: first cell -> the others."""
    section = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines[2:]}


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_parse(command):
    arguments = arguments_of(command)
    words = shlex.split(command)
    if arguments is not None and len(arguments) == 1:
        assert arguments[0] in ("--help", *run.COMMANDS)
    elif arguments is not None:
        parsed = make_parser().parse_args([argument for argument in arguments if argument != "--help"])
        if arguments[0] == "train":
            load_config(parsed.family or DEFAULT_FAMILY, parsed.profile or "cpu", None, parse_assignments(parsed.set))
        if arguments[0] == "study":
            assert set((parsed.rows or "base").split(",")) <= {row.name for row in ROWS}
    elif words[1] == "-m":
        assert importlib.util.find_spec(words[2]), f"there is no module {words[2]}"
    elif words[2] == "notebooks":
        assert plan(words[3:])
    else:
        assert words[2] == "tests"
        assert all((ROOT / word).exists() for word in words[3:] if "/" in word)


def test_there_are_commands():
    assert len(COMMANDS) > 30


QUICK = [
    command
    for command in COMMANDS
    if (arguments_of(command) or [""])[0] in ("sample", "paint", "export")
    and "--out" in command
    and not re.search(r"latest\.pt|--images|--training", command)
]


@pytest.mark.slow
@pytest.mark.parametrize("command", QUICK)
def test_quick_commands_run(command, tmp_path, monkeypatch):
    (tmp_path / "my.gpl").write_text("GIMP Palette\n20 12 28\n48 98 48\n139 172 15\n224 248 208\n")
    shutil.copytree(ROOT / "docs" / "images", tmp_path / "docs" / "images")
    monkeypatch.chdir(tmp_path)
    assert main([*arguments_of(command), "-n", "2"]) == 0
    assert [path for path in tmp_path.rglob("*.png") if "docs" not in path.parts]


@pytest.mark.parametrize("page", PAGES)
def test_files_and_links_exist(page):
    text = PAGES[page]
    missing = {path for path in PATH.findall(text) if not PLACEHOLDER.search(path) and not (ROOT / path).exists()}
    # Without a folder: a file of the package.
    names = {name for name in INLINE.findall(text) if re.fullmatch(r"\w+\.py", name)}
    missing |= {name for name in names if name != "run.py" and not any((ROOT / "src").rglob(name))}
    for target in LINK.findall(FENCE.sub("", text)):
        if re.match(r"https?:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (ROOT / page).parent / path if path else ROOT / page
        if not linked.exists() or (anchor and anchor not in slugs(linked.read_text(encoding="utf-8"))):
            missing.add(target)
    assert not missing


def test_every_page_is_linked():
    targets = {
        ((ROOT / page).parent / target.partition("#")[0]).resolve()
        for page, text in PAGES.items()
        for target in LINK.findall(text)
    }
    assert not [page for page in PAGES if page.startswith("docs/") and (ROOT / page) not in targets]


def test_readme_is_short():
    assert 500 <= len(PAGES["README.md"].split()) <= 700


def test_readme_and_model_card_agree():
    short = rows(PAGES["README.md"], "Results")
    card = rows(PAGES["docs/model_card.md"], "What it measures")
    assert len(short) == 5
    assert short == {name: card.get(name) for name in short}


@pytest.mark.parametrize("page", ["docs/model_card.md", "docs/model_card_resnet_gan.md"])
def test_no_row_of_figures_stands_twice_on_a_model_card(page):
    """Tables of two sets once held the same figures, when one was filled in for the other."""
    rows = [line for line in PAGES[page].splitlines() if line.startswith("|") and line.count("±") > 1]
    measured = [row for row in rows if not row.startswith("| copies")]  # none in either set
    assert len(measured) > 10 and len({*measured}) == len(measured)


def test_families_page_has_every_family():
    assert set(FAMILIES) == set(re.findall(r"^## (\w+)$", PAGES["docs/families.md"], re.MULTILINE))


def test_evaluation_page_has_every_flag():
    section = PAGES["docs/evaluation.md"].split("## Flags")[1].split("\n## ")[0]
    assert set(FLAGS) == set(INLINE.findall(section)) - {"evaluate"}


@pytest.mark.parametrize("page", PAGES)
def test_words_of_pages(page):
    assert not found(FORBIDDEN_IN_PAGES, PAGES[page])


@pytest.mark.parametrize("notebook", sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb")))
def test_words_of_notebooks(notebook):
    cells = json.loads((ROOT / "notebooks" / notebook).read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    assert not found(FORBIDDEN_IN_PAGES, text)


def test_words_of_strings():
    wrong = {}
    for path in sorted((ROOT / "src").rglob("*.py")):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        text = "\n".join(node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
        if words := found(FORBIDDEN, text):
            wrong[str(path.relative_to(ROOT))] = words
    assert not wrong


def test_the_words_are_found():
    assert found(
        FORBIDDEN_IN_PAGES, "It learns them by heart, as told; held-out portraits, held-out combinations."
    ) == [
        "by heart",
        "held-out",
        "told",
    ]


@pytest.mark.parametrize("page", LEARN)
def test_learn_page(page):
    """Its code stands in the file named last before it, and it has a small picture."""
    text = PAGES[page]
    blocks = [match for match in FENCE.finditer(text) if match.group(1) == "python"]
    assert blocks
    for block in blocks:
        named = [target for target in LINK.findall(text[: block.start()]) if target.startswith("../../src/")]
        source = ((ROOT / page).parent / named[-1]).read_text(encoding="utf-8")
        quoted = code_lines(block.group(2))
        assert len(quoted) <= 10
        assert "\n".join(quoted) in "\n".join(code_lines(source)), f"{named[-1]} does not hold:\n{block.group(2)}"
    picture = ROOT / "docs" / "learn" / "images" / f"{Path(page).stem}.png"
    assert f"images/{picture.name}" in text
    assert picture.stat().st_size < 40_000
    assert Image.open(picture).width == 600
