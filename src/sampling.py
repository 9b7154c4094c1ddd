"""From a checkpoint to portraits: the same seed and labels give the same portrait, for ever."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from src.config import config_from_checkpoint
from src.errors import InputError
from src.families import build_family, find_family
from src.family import DataSpecification, Family
from src.files import check_place, distinct, safe_part
from src.images import write_png
from src.labels import LabelSpecification
from src.limits import check_memory
from src.manifest import MANIFEST
from src.palettes.category import measure, palette_category
from src.palettes.files import MOST_COLOURS, write_palette
from src.palettes.snap import ColourTable, choose_palette, snap
from src.progress import track
from src.tables import read_json, write_json
from src.training.checkpoint import file_hash
from src.training.grids import COLUMNS, lay_out, small_picture, to_rgba
from src.training.weights import averaged_weights, load_weights

# Portraits are sampled in batches of exactly this many: another batch size may take another convolution algorithm,
# whose last bit differs; with 50, a colour value moved by one in a fifth of the portraits. Nor would a larger one be
# faster on a CPU.
BATCH = 8
SECONDS_WITHOUT_BAR = 2.0


FEW_COLOURS = 16
"""A palette of fewer gives worse heroes than snapping to it: those of the project's set have 17 to 32 colours."""


@dataclass(frozen=True)
class LoadedModel:
    """A trained model ready to sample.

    Args:
        family_name: its name among the families.
        family: the family, for its `sample`.
        sampler: the averaged network, in evaluation mode, on the CPU.
        labels: the attributes that condition it.
        checkpoint_hash: SHA-256 of the checkpoint's file.
        data_fingerprint: of the data set that it was trained on.
        colours: those of its training set; None in a checkpoint of an older version.
    """

    family_name: str
    family: Family
    sampler: nn.Module
    labels: LabelSpecification
    checkpoint_hash: str
    data_fingerprint: str
    colours: ColourTable | None


@dataclass(frozen=True)
class Sampled:
    """Portraits and how they came about.

    Args:
        portraits: uint8 [N, H, W, 4], binary alpha.
        seeds: one a portrait; the seed alone, with the labels, gives the portrait again.
        labels: class names by attribute, one dictionary a portrait.
        varied: the attribute in which heroes were varied, a row of the grid for each; None: every portrait is a hero.
        heroes: of varied ones, the labels of the hero that each portrait is a variation of.
        origins: what else the manifest says of each, where seed and labels alone do not give it again.
    """

    portraits: np.ndarray
    seeds: tuple[int, ...]
    labels: tuple[dict[str, str], ...]
    varied: str | None = None
    heroes: tuple[dict[str, str], ...] = ()
    origins: tuple[dict[str, object], ...] = ()

    @property
    def columns(self) -> int:
        """Portraits in a row of the grid."""
        return self.seeds.count(self.seeds[0]) if self.varied else COLUMNS


def load_model(checkpoint: Path, guidance: float | None = None, keep: float | None = None) -> LoadedModel:
    """Read a checkpoint, or a weights file, for sampling.

    Sampling runs on the CPU in fp32: bit for bit the same with and without a GPU.

    Args:
        checkpoint: file.
        guidance: how much labels are exaggerated, 1 not at all, for families that can; None: as configured.
        keep: how much of a hero stays when it is varied, for families that can; None: as configured.

    Raises:
        InputError: a missing, damaged or foreign checkpoint; guidance or keep of a family without it, or below 0.
    """
    content = load_weights(checkpoint)
    labels = LabelSpecification.from_mapping(content["label_mappings"])
    family_class = find_family(content["family"])
    changes: dict[str, object] = {"precision": "fp32"}
    for option, name, value in (("guidance", "guidance_weight", guidance), ("keep", "keep", keep)):
        if value is None:
            continue
        if name not in family_class.config_class.model_fields:
            raise InputError(f"{content['family']} samples without {option}; leave --{option} out")
        changes[name] = value
    config = config_from_checkpoint(content["family"], content["config"], changes)
    data = DataSpecification(content["size"], content["channels"], labels, content["intra_class_distance"])
    family = build_family(content["family"], config, data, torch.device("cpu"))
    try:
        family.sampler.load_state_dict(averaged_weights(content))
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(
            f"{checkpoint} has weights of other networks than it says ({reason}); use another file"
        ) from None
    sampler = family.sampler.eval()
    table = content.get("training_colours")
    colours = ColourTable(table["colours"].numpy(), table["counts"].numpy()) if table else None
    digest, fingerprint = file_hash(checkpoint), str(content["data_fingerprint"])
    return LoadedModel(content["family"], family, sampler, labels, digest, fingerprint, colours)


def sample(
    model: LoadedModel,
    count: int,
    seed: int = 0,
    requested: Mapping[str, str] | None = None,
    truncation: float = 1.0,
    palette: np.ndarray | None = None,
) -> Sampled:
    """Sample portraits.

    Portrait i has the seed `seed + i`, from which come its latent and those labels that were not asked for. It does
    not depend on how many others are sampled with it.

    Args:
        model: from `load_model`.
        count: how many, at least 1.
        seed: the first portrait's seed, 0 to 2**32 - 1.
        requested: class names by attribute; an attribute left out is drawn at random.
        truncation: above 0 to 1; less is less diversity and fewer failures.
        palette: sRGB uint8 [K, 3]; no other colours are used, for families that can. The category of the palette is
            then worked out from its colours.

    Raises:
        InputError: an unknown attribute or class, a bad count, seed or truncation; a palette of a family that cannot
            sample in given colours.
    """
    latents, labels = requested_labels(model, count, seed, requested or {}, truncation)
    sample_batch, of_palette = model.family.sample, {}
    if palette is not None:
        of_palette = _palette_label(model, palette, requested or {})
        colours = torch.from_numpy(palette.astype(np.int64))

        def sample_batch(sampler: nn.Module, some: torch.Tensor, of_labels: torch.Tensor) -> torch.Tensor:
            return model.family.sample_in_palette(sampler, some, of_labels, colours)

    return Sampled(
        in_batches(sample_batch, model.sampler, latents, labels),
        tuple(range(seed, seed + count)),
        tuple({**model.labels.decode(row), **of_palette} for row in labels.tolist()),
    )


def _palette_label(model: LoadedModel, palette: np.ndarray, requested: Mapping[str, str]) -> dict[str, str]:
    """The label of portraits painted with these colours, worked out from them; nothing for a model without palettes."""
    if "palette" in requested:
        raise InputError("--palette names a category and --palette-file the colours themselves; give one of them")
    if "palette" not in model.labels.names:
        return {}
    return {"palette": palette_category(measure(np.insert(palette, 3, 255, axis=1)[None]))}


def vary(
    model: LoadedModel,
    attribute: str,
    count: int,
    seed: int = 0,
    requested: Mapping[str, str] | None = None,
    truncation: float = 1.0,
) -> Sampled:
    """The heroes that `sample` would give, each once for every class of one attribute, as similar as the family can.

    In its own class a hero is what `sample` gives.

    Args:
        model: from `load_model`.
        attribute: in which they vary.
        count: how many heroes.
        seed, requested, truncation: as for `sample`.

    Raises:
        InputError: as `sample`; an attribute that the model is not conditioned on.
    """
    _refuse_without_labels(model, f"vary by {attribute}")
    latents, labels = requested_labels(model, count, seed, requested or {}, truncation)
    column = model.labels.column(attribute)
    classes = model.labels.sizes[column]
    latents, labels = latents.repeat_interleave(classes, dim=0), labels.repeat_interleave(classes, dim=0)
    changed = labels.clone()
    changed[:, column] = torch.arange(classes).repeat(count)
    return Sampled(
        in_batches(model.family.vary, model.sampler, latents, labels, changed),
        tuple(each for each in range(seed, seed + count) for _ in range(classes)),
        tuple(model.labels.decode(row) for row in changed.tolist()),
        attribute,
        tuple(model.labels.decode(row) for row in labels.tolist()),
    )


def requested_labels(
    model: LoadedModel, count: int, seed: int, requested: Mapping[str, str], truncation: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents [N, latent_dim] and labels int64 [N, A] of the portraits that `sample` is asked for, or InputError."""
    if count < 1:
        raise InputError(f"the number of portraits must be at least 1, not {count}")
    # The portraits, and the grid of all of them at twice the size.
    check_memory(count * 4 * model.family.data.size**2 * 4, f"{count:,} portraits", "sample fewer at a time")
    if not 0 <= seed <= 2**32 - count:
        raise InputError(f"the seed must lie between 0 and {2**32 - count}, not {seed}")
    if not 0 < truncation <= 1:
        raise InputError(f"truncation must be above 0 and at most 1, not {truncation}")
    if model.family.cannot_sample:
        raise InputError(model.family.cannot_sample)
    if requested:
        _refuse_without_labels(model, f"be asked for {', '.join(requested.values())}")
    fixed = {attribute: model.labels.index(attribute, name) for attribute, name in requested.items()}
    latents, labels = [], []
    for portrait_seed in range(seed, seed + count):
        # RandomState's stream is frozen for good (NEP 19), unlike torch's and numpy's newer generators. Labels come
        # first and are always drawn, so that asking for one attribute changes neither the others nor the latent.
        random = np.random.RandomState(portrait_seed)
        sampled = [random.randint(size) for size in model.labels.sizes]
        labels.append([fixed.get(name, index) for name, index in zip(model.labels.names, sampled, strict=True)])
        latents.append(random.standard_normal(model.family.latent_dim))
    all_latents = torch.from_numpy(np.float32(latents))
    if truncation != 1:
        all_latents = model.family.truncated(all_latents, truncation)
    return all_latents, torch.tensor(labels, dtype=torch.int64).reshape(count, -1)


def _refuse_without_labels(model: LoadedModel, request: str) -> None:
    if not model.family.conditional:
        raise InputError(
            f"{model.family_name} samples without labels and cannot {request}; leave the labels out, or train a "
            "conditional family"
        )


def in_batches(function: Callable[..., torch.Tensor], sampler: nn.Module, *rows: torch.Tensor) -> np.ndarray:
    """What a family's function makes of rows (latents, labels, ...), uint8 [N, H, W, 4]; the last batch is filled up.
    Several batches show a bar where they take more than two seconds."""
    count = len(rows[0])
    filled = [torch.cat([each, each[:1].expand(-count % BATCH, *each.shape[1:])]) for each in rows]
    pixels = _on_every_core(lambda *batch: to_rgba(function(sampler, *batch)), *(each.split(BATCH) for each in filled))
    return np.concatenate(pixels)[:count]


def _on_every_core(function: Callable[..., np.ndarray], *arguments: Sequence[torch.Tensor]) -> list[np.ndarray]:
    """What `map` gives, with a core for every call: torch splits a convolution among the threads it has, and how many
    there are shows in its last bit. One thread a batch gives the same portraits on any number of cores."""
    threads = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(os.cpu_count(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
            batches, calls = len(arguments[0]), pool.map(function, *arguments)
            return list(track(calls, "sampling", batches, SECONDS_WITHOUT_BAR) if batches > 1 else calls)
    finally:
        torch.set_num_threads(threads)


def check_own_colours(count: int) -> None:
    """Raises:
    InputError: no number of colours that a portrait can be snapped to.
    """
    if not 1 <= count <= MOST_COLOURS:
        raise InputError(f"a portrait is snapped to 1 to {MOST_COLOURS} colours, not {count}")


def snapped_to_own_colours(sampled: Sampled, count: int) -> Sampled:
    """The same portraits, each with at most `count` colours of its own.

    Raises:
        InputError: no such number of colours.
    """
    check_own_colours(count)
    from src.palettes.own import snap_to_own_colours  # imports scipy, which sampling alone does without

    return replace(sampled, portraits=snap_to_own_colours(sampled.portraits, count))


def picture(rows: Sequence[Sampled]) -> Image.Image:
    """Rows of portraits, one `Sampled` or one varied hero a row, twice their size on grey; few colours, to be
    small in a notebook."""
    columns = rows[0].columns if rows[0].varied else len(rows[0].portraits)
    return small_picture(np.concatenate([sampled.portraits for sampled in rows]), columns)


def described(
    sampled: Sampled, model: LoadedModel, options: Mapping[str, object] | None = None
) -> dict[str, dict[str, object]]:
    """File name -> entry of the manifest, one a portrait: seed, labels, checkpoint hash, `options`.

    A varied portrait's name and entry also say which hero it is a variation of.
    """
    names, entries = [], []
    heroes, origins = sampled.heroes or sampled.labels, sampled.origins or ({},) * len(sampled.seeds)
    for seed, labels, hero, origin in zip(sampled.seeds, sampled.labels, heroes, origins, strict=True):
        variation, varied_from = [], {}
        if labels != hero:
            variation, varied_from = ["was", hero[sampled.varied]], {"varied_from": hero}
        # Class names are anybody's: a weights file of somebody else must not write outside of the folder.
        names.append("_".join(["hero", *map(safe_part, [*labels.values(), f"{seed:06d}", *variation])]))
        entry = {"seed": seed, "labels": labels, "checkpoint": model.checkpoint_hash}
        entries.append({**entry, **varied_from, **origin, **(options or {})})
    return {f"{name}.png": entry for name, entry in zip(distinct(names), entries, strict=True)}


def write_samples(
    sampled: Sampled,
    out: Path,
    model: LoadedModel,
    palette_snap: str = "",
    options: Mapping[str, object] | None = None,
) -> Path:
    """Write one PNG a portrait, `grid.png` and `manifest.json` (see `described`).

    Samples that lie in the folder already stay in the manifest.

    Args:
        sampled: from `sample` or `vary`.
        out: folder for the files.
        model: that they are of.
        options: what else `sample` was given that makes them what they are, by the option's name, for the manifest.
        palette_snap: a number of colours or a palette file: the portraits are snapped to that palette, the manifest
            says so, the grid shows the raw ones and the snapped ones beside them, and the palette is written as
            `palette.hex` and `palette.gpl`. Empty: portraits as sampled.

    Returns:
        The grid's path.

    Raises:
        InputError: no such palette, the checkpoint has no colours to work one out from, or another file where the
            manifest is to be.
    """
    out = Path(out)
    portraits, palette, options = sampled.portraits, None, dict(options or {})
    earlier = earlier_manifest(out)
    if palette_snap:
        palette = choose_palette(palette_snap, model.colours)
        portraits, options["palette_snap"] = snap(portraits, palette), Path(palette_snap).name
        for name in ("palette.hex", "palette.gpl"):
            write_palette(out / name, palette)
    manifest = described(sampled, model, options)
    for name, portrait in track(zip(manifest, portraits, strict=True), "writing", len(portraits), SECONDS_WITHOUT_BAR):
        write_png(out / name, portrait)
    grid = out / "grid.png"
    write_png(grid, lay_out(sampled.portraits, palette, sampled.columns))
    write_json(out / MANIFEST, {**earlier, **manifest})
    return grid


def earlier_manifest(folder: Path) -> dict[str, object]:
    """The entries of samples that lie in the folder already; those that are gone are left out.

    Raises:
        InputError: a file `manifest.json` that is not one, or a folder that takes no files.
    """
    path = folder / MANIFEST
    check_place(path)
    if not path.is_file():
        return {}
    try:
        entries = read_json(path, dict[str, dict[str, Any]], "")
    except InputError:
        entries = {"": {}}
    if not all("labels" in entry for entry in entries.values()):
        raise InputError(f"{path} is not a manifest of `sample`, and would be overwritten; choose another --out")
    return {name: entry for name, entry in entries.items() if (path.parent / name).is_file()}
