"""The controls of notebook 06. Each calls a function that a cell can call as well; nothing else is done here.

Needs ipywidgets, which comes with Jupyter.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import ipywidgets as widgets
import numpy as np
from PIL import Image

from src.errors import InputError
from src.images import over_background
from src.palettes.files import read_palette
from src.play.redraw import more_like, pick, recolour, redraw, together
from src.play.regions import box, face
from src.play.steps import steps
from src.sampling import LoadedModel, Sampled, load_model, sample, vary, write_samples
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


def row(sampled: Sampled, columns: int = COUNT) -> Image.Image:
    """Portraits in columns, twice their size on grey, every colour exact."""
    return Image.fromarray(lay_out(sampled.portraits, columns=columns))


def large_and_true(hero: Sampled, kept: np.ndarray | None = None) -> Image.Image:
    """A portrait six times its size, and beside it as it is; pixels that are not kept (bool [S, S]) are dimmed."""
    portrait = over_background(hero.portraits[0])
    shown = portrait if kept is None else np.where(kept[..., None], portrait, portrait // 3)
    large = shown.repeat(LARGE, axis=0).repeat(LARGE, axis=1)
    side = np.full((len(large), len(portrait) + 4, 3), 255, np.uint8)
    side[: len(portrait), 4:] = portrait
    return Image.fromarray(np.concatenate([large, side], axis=1))


class Board:
    """Controls for heroes: `display(Board(checkpoint, out).view)`.

    Args:
        checkpoint: that is sampled.
        out: folder for exported favourites.
    """

    def __init__(self, checkpoint: Path, out: Path) -> None:
        self.checkpoint, self.out = checkpoint, out
        self.model: LoadedModel = load_model(checkpoint)
        self.candidates: Sampled | None = None
        self.favourites: list[Sampled] = []
        self.candidates_image, self.hero_image, self.favourites_image = (widgets.Image(format="png") for _ in range(3))
        self.line = widgets.Label()
        self.view = widgets.VBox(
            [
                widgets.HBox(self._sampling_controls()),
                self.line,
                self.candidates_image,
                self.number,
                self.hero_image,
                widgets.HBox(self._changing_controls()),
                widgets.HBox(self._keeping_controls()),
                self.favourites_image,
            ]
        )

    def _sampling_controls(self) -> list[widgets.Widget]:
        attributes = self.model.labels.attributes.items()
        self.labels = {
            name: widgets.Dropdown(options=[ANY, *classes], description=name) for name, classes in attributes
        }
        self.palette_file = widgets.Text(description="palette file", placeholder="my.gpl")
        self.seed = widgets.BoundedIntText(value=0, max=2**32 - COUNT, description="seed")
        weight = getattr(self.model.family.config, "guidance_weight", None)
        self.guidance = widgets.FloatSlider(value=weight or 1.0, min=0, max=4, step=0.25, description="guidance")
        self.guidance.disabled = weight is None
        self.number = widgets.ToggleButtons(options=range(COUNT), description="hero")
        self.number.observe(lambda change: self._show_hero(), names="value")
        return [*self.labels.values(), self.palette_file, self.seed, self.guidance, self._button("Sample", self.sample)]

    def _changing_controls(self) -> list[widgets.Widget]:
        size, sides = self.model.family.data.size, self.model.family.kept_sides[:-1]
        options = [*REDRAWN, COLOURS, *(f"{LIKE}{side}" for side in sides)]
        self.what = widgets.Dropdown(options=options, description="redraw")
        self.columns, self.rows = (
            widgets.IntRangeSlider(value=(0, size), max=size, description=f"box, {name}")
            for name in ("columns", "rows")
        )
        for control in (self.what, self.columns, self.rows):
            control.observe(lambda _: self._run(self.show_kept), names="value")
        self.attribute = widgets.Dropdown(options=list(self.labels), description="change")
        redraw_button = self._button("Redraw", self.redraw)
        return [self.what, self.columns, self.rows, redraw_button, self.attribute, self._button("Change", self.change)]

    def _keeping_controls(self) -> list[widgets.Widget]:
        buttons = {"Keep": self.keep, "Steps from the last kept": self.steps, "Export": self.export}
        return [self._button(name, action) for name, action in buttons.items()]

    def _button(self, name: str, action: Callable[[], None]) -> widgets.Button:
        button = widgets.Button(description=name, layout=widgets.Layout(width="auto"))
        button.on_click(lambda _: self._run(action))
        return button

    def _run(self, action: Callable[[], None]) -> None:
        """An action, or the line that says why not."""
        self.line.value = "working ..."
        try:
            action()
        except (InputError, OSError) as error:
            self.line.value = f"not possible: {error}"
        else:
            if self.line.value == "working ...":
                self.line.value = ""

    @property
    def hero(self) -> Sampled:
        """The portrait that is chosen.

        Raises:
            InputError: none has been sampled yet.
        """
        if self.candidates is None:
            raise InputError("sample some heroes first")
        return pick(self.candidates, self.number.value)

    def sample(self) -> None:
        """Eight heroes by labels, palette file, seed and guidance."""
        guidance = None if self.guidance.disabled else self.guidance.value
        self.model = load_model(self.checkpoint, guidance)
        requested = {name: control.value for name, control in self.labels.items() if control.value != ANY}
        palette = read_palette(Path(self.palette_file.value)) if self.palette_file.value else None
        self._show(sample(self.model, COUNT, self.seed.value, requested, palette=palette))

    def kept(self) -> np.ndarray | None:
        """The pixels that **Redraw** keeps, bool [S, S]; None where it is not pixels that are kept."""
        if self.what.value not in REDRAWN:
            return None
        edges = self.columns.value[0], self.rows.value[0], self.columns.value[1], self.rows.value[1]
        return REDRAWN[self.what.value](self.model.family.data.size, edges)

    def show_kept(self) -> None:
        """The chosen hero with what is to be redrawn dimmed."""
        self.hero_image.value = _png(large_and_true(self.hero, self.kept()))

    def redraw(self) -> None:
        """The chosen hero with a part of it redrawn, several times; seeds from `seed` on."""
        kept, hero, seed = self.kept(), self.hero, self.seed.value
        if kept is not None:
            self._show(redraw(self.model, hero, kept, COUNT, seed))
        elif self.what.value == COLOURS:
            self._show(recolour(self.model, hero, None, COUNT, seed))
        else:
            self._show(more_like(self.model, hero, int(self.what.value.removeprefix(LIKE)), COUNT, seed))

    def change(self) -> None:
        """The chosen hero in every class of an attribute, as far as it is one that `sample` gives."""
        hero = self.hero
        if hero.origins:
            raise InputError("this hero was redrawn; change the attribute of one that was sampled, then redraw")
        self._show(vary(self.model, self.attribute.value, 1, hero.seeds[0], hero.labels[0]))

    def keep(self) -> None:
        """Add the chosen hero to the favourites."""
        self.favourites.append(self.hero)
        self.favourites_image.value = _png(row(together(self.favourites)))

    def steps(self) -> None:
        """From the favourite that was kept last to the chosen hero."""
        if not self.favourites:
            raise InputError("keep a hero first; the steps go from it to the one chosen")
        self._show(steps(self.model, self.favourites[-1], self.hero, STEPS, self.seed.value))

    def export(self) -> None:
        """Write the favourites as PNG, with a grid and a manifest."""
        grid = write_samples(together(self.favourites), self.out, self.model)
        self.line.value = f"{len(self.favourites)} portraits in {grid.parent}"

    def _show(self, candidates: Sampled) -> None:
        self.candidates = candidates
        self.number.options = range(len(candidates.portraits))
        self.number.value = 0
        self.candidates_image.value = _png(row(candidates))
        self._show_hero()

    def _show_hero(self) -> None:
        if self.candidates is not None:
            self.hero_image.value = _png(large_and_true(self.hero))


def _png(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format="PNG")
    return stream.getvalue()
