"""Labelling groups by the keyboard: `Curation` holds the decisions, `curate` shows them in notebook 02.

Everything lives on the disk. The next group is the first undecided one of `group_labels.csv` as it stands, so a crash,
a second window or a spreadsheet in between loses nothing. Every decision is also a row of `group_labels_history.csv`,
and taking one back adds a row instead of removing any.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from html import escape
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from PIL import Image

from src.data.folder import GROUP_TABLE, PREPARED, RAW_TABLE, accepted_names
from src.data.group_labels import GROUP_LABELS, IDENTITY_ATTRIBUTES, read_group_labels
from src.errors import InputError
from src.images import over_background, png_bytes, read_rgba, tile
from src.tables import parse_json, read_table, write_table

if TYPE_CHECKING:
    from ipywidgets import VBox

HISTORY = "group_labels_history.csv"
_HISTORY_COLUMNS = ("action", "group_id", "before", "after")

_UNDECIDED = ("", "suggested")
"""Sources of rows that wait for a person."""

DEFAULT_CLASSES: Mapping[str, Sequence[str]] = {
    "gender": ("feminine", "masculine"),
    "hero_class": ("barbarian", "bard", "cavalry", "cleric", "knight", "mage", "ranger", "rogue", "warrior"),
}
"""The study's classes, offered while nothing says which there are."""

BACKGROUND = 200


class Curation:
    """A person's way through the groups that nobody has labelled yet.

    Args:
        data: the data folder that `prepare_folder` wrote.
        attributes: those to label; a decision gives a class to each.
        classes: attribute -> the classes to choose from; by default `DEFAULT_CLASSES` and those on the sheet, or the
            latter alone where they are of another vocabulary.

    Attributes:
        current: the group to decide on; None when all are decided.
        suggestion: what the sheet suggests for it: attribute -> class; empty where it suggests nothing.
        confidence: of the suggestion, as written on the sheet; empty where there is none.

    Raises:
        InputError: nothing prepared, or a bad sheet.
    """

    def __init__(
        self,
        data: Path,
        attributes: Sequence[str] = IDENTITY_ATTRIBUTES,
        classes: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.data = Path(data)
        self.attributes = tuple(attributes)
        self._sheet = self.data / GROUP_LABELS
        groups = read_table(self.data / GROUP_TABLE, ("group_id", "representative"))
        self._representatives = groups.set_index("group_id")["representative"]
        self._later: list[str] = []
        self._taken_back: str | None = None
        rows = read_group_labels(self._sheet).reindex(columns=self.attributes, fill_value="")
        if classes is None:
            on_sheet = {name: sorted(set(rows[name]) - {""}) for name in self.attributes}
            classes = {name: _choices(on_sheet[name], DEFAULT_CLASSES.get(name, ())) for name in self.attributes}
        self.classes = {name: tuple(classes[name]) for name in self.attributes}
        self._show_next()

    def _show_next(self) -> None:
        """Take up the first group that waits, with its suggestion as a person sees it now."""
        self.current = next(iter(self.waiting), None)
        row = read_group_labels(self._sheet).loc[self.current] if self.current else {}
        self.suggestion = {name: row[name] for name in self.attributes if row.get(name)}
        self.confidence = row.get("confidence", "")

    @property
    def waiting(self) -> list[str]:
        """The undecided groups in the order of the sheet; those put off come last, one taken back comes first."""
        rows = read_group_labels(self._sheet)
        there = rows.index.isin(self._representatives.index)
        undecided = rows.index[rows["source"].isin(_UNDECIDED) & there].tolist()
        put_off = [group for group in self._later if group in undecided]
        ordered = [group for group in undecided if group not in put_off] + put_off
        return sorted(ordered, key=lambda group: group != self._taken_back)

    def accept(self) -> None:
        """Decide that the suggestion is right.

        Raises:
            InputError: an attribute has no suggestion.
        """
        self._decide("accept", {})

    def correct(self, labels: Mapping[str, str]) -> None:
        """Decide on these labels; what they leave out stays as suggested. An attribute may get a new class.

        Raises:
            InputError: an attribute that is not asked for, an empty class, or an attribute without any.
        """
        for name, value in labels.items():
            if name not in self.attributes or not value.strip():
                raise InputError(f"{name}={value} is no label; the attributes are: {', '.join(self.attributes)}")
        self._decide("correct", {name: value.strip() for name, value in labels.items()})
        for name, value in labels.items():
            self.classes[name] = tuple(dict.fromkeys([*self.classes[name], value.strip()]))

    def next(self) -> None:
        """Put the current group off: it comes again after the others."""
        group = self._current()
        self._taken_back = None
        self._later = [*(name for name in self._later if name != group), group]
        self._show_next()

    def undo(self) -> str:
        """Take the last decision back, of this or an earlier session, and show its group again.

        Returns:
            The group.

        Raises:
            InputError: nothing to take back, or the row was changed since: that change is somebody's work.
        """
        decisions: list[dict[str, str]] = []
        for row in self._history().to_dict("records"):
            decisions = decisions[:-1] if row["action"] == "undo" else [*decisions, row]
        if not decisions:
            raise InputError("there is no decision to take back")
        last = decisions[-1]
        before, after = (
            parse_json(last[side], dict[str, str], f"the last decision in {HISTORY}", "remove its row")
            for side in ("before", "after")
        )
        group = last["group_id"]
        rows = read_group_labels(self._sheet)
        row = rows.loc[group] if group in rows.index else {}
        if any(row.get(name) != value for name, value in after.items()):
            raise InputError(f"the row of {group} in {GROUP_LABELS} was changed since; change it there")
        self._write("undo", group, before)
        self._taken_back = group
        self._show_next()
        return group

    def members(self, group: str, most: int = 6) -> list[np.ndarray]:
        """A group's portraits, its representative first: uint8 `[size, size, 4]` each."""
        raw = read_table(self.data / RAW_TABLE, ("filename", "status", "group_id"))
        of_group = raw.loc[raw["group_id"] == group, "filename"]
        others = of_group.map(accepted_names(raw)).dropna()
        ordered = dict.fromkeys([self._representatives[group], *others])
        return [read_rgba(self.data / PREPARED / name) for name in list(ordered)[:most]]

    def _current(self) -> str:
        if self.current is None:
            raise InputError("every group is decided")
        return self.current

    def _decide(self, action: str, chosen: Mapping[str, str]) -> None:
        group = self._current()
        labels = self.suggestion | dict(chosen)
        lacking = [name for name in self.attributes if name not in labels]
        if lacking:
            raise InputError(f"{group} has no {lacking[0]} yet; choose one")
        if group not in self.waiting:
            self._show_next()
            raise InputError(f"{group} was labelled elsewhere meanwhile; it stays so")
        self._write(action, group, labels | {"source": "manual", "confidence": ""})
        self._taken_back = None
        self._show_next()

    def _write(self, action: str, group: str, cells: Mapping[str, str]) -> None:
        """Change a group's cells on the sheet as it is on the disk now, then note it in the history."""
        # Not `read_group_labels`: every other row must stay as its author wrote it.
        rows = read_table(self._sheet, ("group_id",))
        columns = list(dict.fromkeys([*rows.columns, *self.attributes, "source", "confidence"]))
        rows = rows.reindex(columns=columns, fill_value="")
        row = rows.index[rows["group_id"].str.strip() == group][0]
        before = rows.loc[row, list(cells)].to_dict()
        rows.loc[row, list(cells)] = list(cells.values())
        write_table(self._sheet, columns, rows)
        noted = {
            "action": action,
            "group_id": group,
            "before": json.dumps(before, ensure_ascii=False),
            "after": json.dumps(dict(cells), ensure_ascii=False),
        }
        write_table(self.data / HISTORY, _HISTORY_COLUMNS, pd.concat([self._history(), pd.DataFrame([noted])]))

    def _history(self) -> pd.DataFrame:
        path = self.data / HISTORY
        return read_table(path, _HISTORY_COLUMNS) if path.exists() else pd.DataFrame()


def _choices(on_sheet: Sequence[str], default: Sequence[str]) -> list[str]:
    """The default classes and those on the sheet; only the latter where they are of another vocabulary."""
    of_another = on_sheet and not set(on_sheet) & set(default)
    return sorted(on_sheet) if of_another else sorted({*on_sheet, *default})


def read_command(text: str, classes: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """What a person typed -> labels.

    Words are the beginnings of classes (`m k`: masculine knight), their numbers as shown (`2 7`), or `attribute=class`
    for a class that is not there yet. One word for each attribute is taken in the attributes' order where that
    makes sense; any order does where only one reading makes sense.

    Args:
        text: what was typed.
        classes: attribute -> its classes, numbered from 1 through all attributes.

    Raises:
        InputError: a word means nothing, or could mean several things.
    """
    words = text.split()
    new = dict(word.split("=", 1) for word in words if "=" in word)
    words = [word for word in words if "=" not in word]
    free = [attribute for attribute in classes if attribute not in new]
    readings = [
        dict(zip(order, found, strict=True))
        for order in permutations(free, len(words))
        if all(found := [_meant(word, attribute, classes) for word, attribute in zip(words, order, strict=True)])
    ]
    # Permutations begin with the attributes' own order: `m k` is a masculine knight, whatever else m may be.
    in_order = readings and list(readings[0]) == free
    if len(readings) == 1 or in_order:
        return {**readings[0], **new}
    if readings:
        raise InputError(f"{' '.join(words)!r} could mean several things; type more letters or a number")
    raise InputError(f"{' '.join(words)!r} means no classes here; type beginnings of classes or their numbers")


def _meant(word: str, attribute: str, classes: Mapping[str, Sequence[str]]) -> str | None:
    """The one class of an attribute that a word means, or None."""
    if word.isdigit():
        return {number: name for number, at, name in numbered(classes) if at == attribute}.get(int(word))
    matches = [name for name in classes[attribute] if name.casefold().startswith(word.casefold())]
    exact = [name for name in matches if name.casefold() == word.casefold()]
    return (exact or matches)[0] if len(exact or matches) == 1 else None


def numbered(classes: Mapping[str, Sequence[str]]) -> list[tuple[int, str, str]]:
    """Number, attribute and name of every class, counted from 1 through all attributes."""
    pairs = [(attribute, name) for attribute, names in classes.items() for name in names]
    return [(number, attribute, name) for number, (attribute, name) in enumerate(pairs, start=1)]


def group_picture(portraits: Sequence[np.ndarray], scale: int = 3) -> Image.Image:
    """A group's portraits, uint8 `[size, size, 4]` each, side by side over grey."""
    return Image.fromarray(
        tile(over_background(np.stack(portraits), BACKGROUND), len(portraits), scale=scale, fill=BACKGROUND)
    )


def curate(
    data: Path,
    attributes: Sequence[str] = IDENTITY_ATTRIBUTES,
    classes: Mapping[str, Sequence[str]] | None = None,
) -> VBox | Image.Image | None:
    """Show the groups that wait for labels, one by one, and take a person's decisions by keyboard or mouse.

    Args:
        data: the data folder that `prepare_folder` wrote.
        attributes: those to label.
        classes: attribute -> the classes to choose from, as `Curation` takes them.

    Returns:
        A widget where a person can type into one; elsewhere (no ipywidgets, a notebook run by a program) the picture of
        the first group that waits, and a line printed on how to label without a widget; None where no group waits.
    """
    curation = Curation(data, attributes, classes)
    waiting = curation.waiting
    if not waiting:
        print(f"Every group has its labels; to change any, edit {GROUP_LABELS} in the data folder.")
        return None
    if _takes_input():
        return _make_widget(curation)
    print(
        f"{len(waiting):,} groups wait for labels. Fill in {GROUP_LABELS} in the data folder with any spreadsheet "
        f"program (the contact sheets show the groups), then run this notebook again. The first, {waiting[0]}:"
    )
    return group_picture(curation.members(waiting[0]))


def _takes_input() -> bool:
    """Whether a person sits before this notebook, with widgets at hand."""
    try:
        import ipywidgets  # noqa: F401
        from IPython import get_ipython
    except ImportError:
        return False
    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is None:
        return False
    # papermill and nbclient ask for cells to be run without anybody to answer a question; Jupyter and VS Code do not.
    return bool(kernel.get_parent("shell").get("content", {}).get("allow_stdin", False))


def _make_widget(curation: Curation) -> VBox:
    """Picture, state, a line to type into, and buttons that do the same."""
    import ipywidgets as widgets

    picture, state = widgets.Image(format="png"), widgets.HTML()
    # continuous_update: the text is here before the message that Enter was pressed.
    line = widgets.Text(
        placeholder="Enter accepts; m k or 2 7 corrects; < goes back; > puts off", continuous_update=True
    )
    line.layout.width = "32em"
    chosen: dict[str, str] = {}
    rows = {name: widgets.HBox(layout=widgets.Layout(flex_flow="row wrap")) for name in curation.attributes}

    def button(description: str, press: Callable[[], None]) -> widgets.Button:
        made = widgets.Button(description=description)
        made.on_click(lambda _: press())
        return made

    def offer_classes() -> None:
        buttons: dict[str, list[widgets.Button]] = {name: [] for name in rows}
        for number, attribute, name in numbered(curation.classes):
            buttons[attribute].append(button(f"{number} {name}", partial(choose, attribute, name)))
        for attribute, row in rows.items():
            row.children = buttons[attribute]

    def show(message: str = "") -> None:
        chosen.clear()
        group = curation.current
        line.value = ""
        if group is None:
            picture.layout.display = "none"
            state.value = f"{escape(message)} Every group is decided; run the notebook on."
            return
        picture.layout.display = ""
        picture.value = png_bytes(group_picture(curation.members(group)))
        suggested = escape(", ".join(curation.suggestion.values())) or "nothing"
        confidence = f" ({escape(curation.confidence)})" if curation.confidence else ""
        to_go = f"{len(curation.waiting):,} to go"
        state.value = f"{escape(message)} <b>{escape(group)}</b>: {suggested} suggested{confidence}; {to_go}"

    def act(text: str) -> None:
        try:
            if text == "<":
                show(f"{curation.undo()} is open again.")
                return
            group = curation.current
            if text == ">":
                curation.next()
                show(f"{group} put off.")
                return
            known = dict(curation.classes)
            labels = chosen | (read_command(text, curation.classes) if text else {})
            if labels:
                curation.correct(labels)
            else:
                curation.accept()
            if curation.classes != known:
                offer_classes()
            show(f"{group} saved.")
        except InputError as error:
            state.value = f"<b>{escape(str(error))}</b>"

    def choose(attribute: str, name: str) -> None:
        chosen[attribute] = name
        state.value = f"{escape(f'{curation.current}: ' + ', '.join(chosen.values()))}; Enter or Accept saves"

    # Not `on_submit`, which newer versions call deprecated, and `observe` says nothing when Enter meets an empty line.
    line.on_msg(lambda _, content, __: act(line.value.strip()) if content.get("event") == "submit" else None)
    actions = [button(name, partial(act, text)) for name, text in (("Accept", ""), ("Back", "<"), ("Later", ">"))]
    offer_classes()
    show()
    return widgets.VBox([picture, state, line, *rows.values(), widgets.HBox(actions)])
