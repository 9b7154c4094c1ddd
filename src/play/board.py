"""The controls of notebook 06. Each calls a function that a cell can call as well; nothing else is done here.

Needs ipywidgets, which comes with Jupyter.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import ipywidgets as widgets
import numpy as np
from PIL import Image

from src.errors import InputError
from src.export.animation import enlarged
from src.export.export import export
from src.export.indexed import visible_colours
from src.export.portraits import read_portraits, sampled_portraits
from src.images import over_background, png_bytes
from src.palettes.files import MOST_COLOURS, read_palette
from src.play.redraw import more_like, pick, recolour, redraw, together
from src.play.regions import box, face
from src.play.steps import steps
from src.sampling import LoadedModel, Sampled, load_model, sample, vary
from src.training.grids import lay_out

ANY = "any"
LARGE, COUNT, STEPS = 6, 8, 8
REDRAWN = {
    "all but the face": lambda size, edges: face(size),
    "the face": lambda size, edges: ~face(size),
    "all but the box": lambda size, edges: box(size, *edges),
    "the box": lambda size, edges: ~box(size, *edges),
}
"""What is redrawn -> the pixels kept, for the side of a portrait and the edges of the box."""
COLOURS, LIKE = "the colours", "more like it, kept at "
WIDE = {"description_width": "initial"}
WRAPPED = {"flex_flow": "row wrap", "align_items": "flex-end"}


def row(sampled: Sampled, columns: int = COUNT) -> Image.Image:
    """Portraits in columns, twice their size on grey, every colour exact."""
    return Image.fromarray(lay_out(sampled.portraits, columns=columns))


def large_and_true(hero: Sampled, kept: np.ndarray | None = None) -> Image.Image:
    """A portrait six times its size, and beside it as it is; pixels that are not kept (bool [S, S]) are dimmed."""
    portrait = over_background(hero.portraits[0])
    shown = portrait if kept is None else np.where(kept[..., None], portrait, portrait // 3)
    large = enlarged(shown, LARGE)
    side = np.full((len(large), len(portrait) + 4, 3), 255, np.uint8)
    side[: len(portrait), 4:] = portrait
    return Image.fromarray(np.concatenate([large, side], axis=1))


def export_favourites(favourites: list[Sampled], out: Path, model: LoadedModel) -> list[str]:
    """Write heroes as `export` does: PNGs, a sheet with its JSON, and their palette where one file can hold it.

    Favourites that lie there already stay: those of another day cannot be drawn again if they were redrawn.

    Returns:
        What was written, a line each.

    Raises:
        InputError: there are none, or those that lie there are of another size.
    """
    portraits, earlier = sampled_portraits(model, together(favourites)), Path(out) / "portraits"
    if any(earlier.glob("*.png")):
        portraits = read_portraits(earlier).joined(portraits)
    palette = ["gpl"] if len(visible_colours(portraits.images)) <= MOST_COLOURS else []
    return export(portraits, out, ["png", "json-hash", *palette])


class Board:
    """Controls for heroes: `display(Board(checkpoint, out, heroes).view)`.

    Args:
        checkpoint: that is sampled.
        out: folder for exported favourites.
        heroes: shown at first; None: none.
    """

    def __init__(self, checkpoint: Path, out: Path, heroes: Sampled | None = None) -> None:
        self.checkpoint, self.out = checkpoint, out
        self.model: LoadedModel = load_model(checkpoint)
        self.earlier: list[tuple[Sampled, int]] = []
        self.candidates, self.number = heroes, 0
        self.favourites: list[Sampled] = []
        self.sampled_again: Callable[[int], Sampled] | None = None
        self.seconds: dict[str, float] = {}
        self.line, self.caption = widgets.Label(), widgets.Label()
        self.candidates_view, self.favourites_view = (widgets.HBox(layout=WRAPPED) for _ in range(2))
        self.hero_image = widgets.Image(format="png", layout={"flex": "none", "object_fit": "none"})
        side = [self.caption, *self._changing_controls(), self.favourites_view]
        changing = widgets.VBox(side, layout={"flex": "1 1 0%", "min_width": "24em"})
        self.hero_view = widgets.HBox([self.hero_image, changing], layout={"flex_flow": "row wrap"})
        self.view = widgets.VBox([*self._sampling_controls(), self.candidates_view, self.line, self.hero_view])
        self._refresh()
        self._show_favourites()

    def _sampling_controls(self) -> list[widgets.Widget]:
        attributes = self.model.labels.attributes.items()
        self.labels = {
            name: widgets.Dropdown(options=[ANY, *classes], description=name, style=WIDE, layout={"width": "auto"})
            for name, classes in attributes
        }
        self.palette_file = widgets.Text(description="palette file", placeholder="colours/my.gpl", style=WIDE)
        first = 0 if self.candidates is None else self.candidates.seeds[0]
        self.seed = widgets.BoundedIntText(
            value=first, max=2**32 - COUNT, description="seed", style=WIDE, layout={"width": "12em"}
        )
        self.configured_guidance = weight = getattr(self.model.family.config, "guidance_weight", None)
        self.guidance = widgets.FloatSlider(
            value=weight or 1.0, min=0, max=4, step=0.25, description="guidance", style=WIDE, disabled=weight is None
        )
        return [
            widgets.HBox([*self.labels.values(), self.palette_file], layout={"flex_flow": "row wrap"}),
            widgets.HBox(
                [
                    self.seed,
                    self.guidance,
                    self._button("Sample", self.sample, "primary"),
                    self._button("Again, next seeds", self.again),
                    self._button("Back", self.back),
                ],
                layout={"flex_flow": "row wrap"},
            ),
        ]

    def _changing_controls(self) -> list[widgets.Widget]:
        size, sides = self.model.family.data.size, self.model.family.kept_sides[:-1]
        options = [*REDRAWN, COLOURS, *(f"{LIKE}{side}" for side in sides)]
        self.what = widgets.Dropdown(options=options, description="redraw", style=WIDE)
        self.columns, self.rows = (
            widgets.IntRangeSlider(value=(size // 4, 3 * size // 4), max=size, description=name, style=WIDE)
            for name in ("columns", "rows")
        )
        for control in (self.what, self.columns, self.rows):
            control.observe(lambda _: self._run("", self.show_kept), names="value")
        self._show_box()
        self.attribute = widgets.Dropdown(options=list(self.model.labels.names), description="change", style=WIDE)
        return [
            widgets.HBox([self.what, self._button("Redraw", self.redraw, "primary")]),
            self.columns,
            self.rows,
            widgets.HBox([self.attribute, self._button("Change", self.change)]),
            widgets.HBox([self._button("Keep", self.keep, "success")]),
            widgets.HBox([self._button("Steps from the last kept", self.steps)]),
        ]

    def _button(self, name: str, action: Callable[[], None], style: str = "") -> widgets.Button:
        button = widgets.Button(description=name, button_style=style, layout={"width": "auto", "flex": "none"})
        button.on_click(lambda _: self._run(name, action))
        return button

    def _run(self, name: str, action: Callable[[], None]) -> None:
        """An action, or the line that says why not; its name and, from the second time on, how long it may take."""
        text = "a fault of the program: Jupyter's log has its traceback"
        if name:
            about = f", about {self.seconds[name]:.0f} s" if self.seconds.get(name, 0) > 1 else ""
            self.line.value = f"{name} ...{about}"
        for button in _buttons(self.view):
            button.disabled = True
        start = time.monotonic()
        try:
            text = action() or ""
            self.seconds[name] = time.monotonic() - start
        except (InputError, OSError) as error:
            text = f"not possible: {error}"
        finally:
            self.line.value = text
            for button in _buttons(self.view):
                button.disabled = False

    @property
    def hero(self) -> Sampled:
        """The portrait that is chosen.

        Raises:
            InputError: none has been sampled yet.
        """
        if self.candidates is None:
            raise InputError("sample some heroes first")
        return pick(self.candidates, self.number)

    def sample(self) -> None:
        """Eight heroes by labels, palette file, seed and guidance."""
        guidance = None if self.guidance.disabled else self.guidance.value
        self.model = load_model(self.checkpoint, guidance)
        requested = {name: control.value for name, control in self.labels.items() if control.value != ANY}
        palette, origin = None, {} if guidance == self.configured_guidance else {"guidance": guidance}
        if self.palette_file.value:
            path = Path(self.palette_file.value)
            palette, origin["palette_file"] = read_palette(path), path.name
        function = partial(sample, self.model, COUNT, requested=requested, palette=palette)
        self._make(lambda seed: replace(function(seed), origins=(origin,) * COUNT))

    def again(self) -> None:
        """What was done last, with the next eight seeds."""
        if self.sampled_again is None:
            raise InputError("sample some heroes first")
        self.seed.value = min(self.seed.value + COUNT, self.seed.max)
        self._make(self.sampled_again)

    def back(self) -> None:
        """The heroes that were shown before."""
        if not self.earlier:
            raise InputError("there is nothing to go back to")
        self.candidates, self.number = self.earlier.pop()
        self._refresh()

    def choose(self, number: int) -> None:
        """Go on with another one of the heroes shown."""
        self.number = number
        self._refresh()

    def kept(self) -> np.ndarray | None:
        """The pixels that **Redraw** keeps, bool [S, S]; None where it is not pixels that are kept."""
        if self.what.value not in REDRAWN:
            return None
        edges = self.columns.value[0], self.rows.value[0], self.columns.value[1], self.rows.value[1]
        return REDRAWN[self.what.value](self.model.family.data.size, edges)

    def show_kept(self) -> None:
        """The chosen hero with what is to be redrawn dimmed."""
        self._show_box()
        self.hero_image.value = png_bytes(large_and_true(self.hero, self.kept()))

    def redraw(self) -> None:
        """The chosen hero with a part of it redrawn, several times; seeds from `seed` on."""
        kept, hero = self.kept(), self.hero
        if kept is not None:
            self._make(partial(redraw, self.model, hero, kept, COUNT))
        elif self.what.value == COLOURS:
            self._make(partial(recolour, self.model, hero, None, COUNT))
        else:
            self._make(partial(more_like, self.model, hero, int(self.what.value.removeprefix(LIKE)), COUNT))

    def change(self) -> None:
        """The chosen hero in every class of an attribute, as far as it is one that `sample` gives."""
        hero = self.hero
        if hero.origins and not hero.origins[0].keys() <= {"guidance"}:
            raise InputError("this hero was redrawn; change the attribute of one sampled by labels, then redraw")
        origin = hero.origins[0] if hero.origins else {}
        self.model = load_model(self.checkpoint, origin.get("guidance"))  # as it was sampled
        varied = vary(self.model, self.attribute.value, 1, hero.seeds[0], hero.labels[0])
        self._show(replace(varied, origins=(origin,) * len(varied.portraits)))

    def keep(self) -> None:
        """Add the chosen hero to the favourites."""
        if any((self.hero.portraits == favourite.portraits).all() for favourite in self.favourites):
            raise InputError("this hero is kept already")
        self.favourites.append(self.hero)
        self._show_favourites()

    def drop(self, number: int) -> None:
        """Remove a favourite."""
        del self.favourites[number]
        self._show_favourites()

    def steps(self) -> None:
        """From the favourite that was kept last to the chosen hero."""
        if not self.favourites:
            raise InputError("keep a hero first; the steps go from it to the one chosen")
        self._make(partial(steps, self.model, self.favourites[-1], self.hero, STEPS))

    def export(self) -> str:
        """Write the favourites, see `export_favourites`."""
        lines = export_favourites(self.favourites, self.out, self.model)
        return f"in {self.out}: {'; '.join(lines)}".replace(f"{self.out}{os.sep}", "")

    def _make(self, function: Callable[..., Sampled]) -> None:
        made = function(seed=self.seed.value)
        self.sampled_again = function
        self._show(made)

    def _show(self, candidates: Sampled) -> None:
        if self.candidates is not None:
            self.earlier.append((self.candidates, self.number))
        self.candidates, self.number = candidates, 0
        self._refresh()

    def _refresh(self) -> None:
        """Show the candidates, each above a button that chooses it, and the chosen one large."""
        for view in (self.candidates_view, self.hero_view):
            view.layout.display = "none" if self.candidates is None else "flex"
        if self.candidates is None:
            return
        self._show_cards(self.candidates_view, self.candidates, self.choose, self.number)
        hero = self.hero
        redrawn = ["redrawn"] * any("redrawn_from" in origin for origin in hero.origins)
        words = [f"hero {self.number}", *redrawn, f"seed {hero.seeds[0]}", *hero.labels[0].values()]
        self.caption.value = " · ".join(words)
        self.hero_image.value = png_bytes(large_and_true(self.hero))

    def _show_favourites(self) -> None:
        if not self.favourites:
            self.favourites_view.children = []
            return
        self._show_cards(self.favourites_view, together(self.favourites), self.drop)
        self.favourites_view.children += (self._button("Export", self.export, "success"),)

    def _show_cards(
        self, view: widgets.HBox, heroes: Sampled, action: Callable[[int], None], chosen: int | None = None
    ) -> None:
        """Heroes next to each other, each above the button of what is done with it."""
        cards = []
        for number in range(len(heroes.portraits)):
            hero = pick(heroes, number)
            name = "Drop" if chosen is None else heroes.labels[number].get(heroes.varied, str(number))
            button = self._button(name, partial(action, number), "info" if number == chosen else "")
            twice = Image.fromarray(enlarged(over_background(hero.portraits[0]), 2))
            image = widgets.Image(value=png_bytes(twice), format="png", layout={"margin": "0"})
            cards.append(widgets.VBox([image, button], layout={"flex": "none", "margin": "0 2px 2px 0"}))
        view.children = cards

    def _show_box(self) -> None:
        """The sliders of the box, where they matter."""
        for slider in (self.columns, self.rows):
            slider.layout.display = "flex" if self.what.value.endswith("the box") else "none"


def _buttons(widget: widgets.Widget) -> Iterator[widgets.Button]:
    if isinstance(widget, widgets.Button):
        yield widget
    for child in getattr(widget, "children", ()):
        yield from _buttons(child)
