"""A training run from its arguments: configuration, data and checks; then the `Trainer` does the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from src.config import config_to_dict, settings_in
from src.data.packed import TRAIN, VALIDATION, PackedPortraits, PortraitBatches, describe, load_portraits
from src.device import default_profile, pick_device
from src.errors import InputError
from src.families import find_family
from src.family import DataSpecification, Family
from src.palettes.snap import choose_palette, colour_table
from src.schema import TrainingConfig
from src.tables import write_json
from src.training.checkpoint import load_checkpoint
from src.training.configure import Run, attributes_to_condition_on, check_data, configure
from src.training.distributed import Processes, joined_processes
from src.training.estimate import Estimate, measure
from src.training.log import duration
from src.training.memory import release_memory, saved_on_host
from src.training.quick_evaluation import Evaluator
from src.training.report import Reporter
from src.training.start import Start, configure_from, read_start, take_over
from src.training.tracking import RUN_ID_FILE, import_mlflow, open_trackers
from src.training.trainer import Trainer, TrainingResult, images_in_total, seed_step

COLOUR_PORTRAITS = 20_000
"""From so many training portraits, evenly picked, come the colours for snapping."""


def train(
    data: Path,
    out: Path,
    family: str | None = None,
    profile: str | None = None,
    overrides: Mapping[str, object] | None = None,
    resume: bool = False,
    log: Callable[[str], None] = print,
    evaluator: Evaluator | None = None,
    settings: Path | None = None,
    start: Path | None = None,
) -> TrainingResult:
    """Train a family on the packed portraits of a data folder.

    Args:
        data: folder with `portraits.npz`.
        out: artifacts folder; gets `samples/`, `checkpoints/`, `metrics.csv`, `config.json`, and `tensorboard/` where
            TensorBoard is installed.
        family: a name of `FAMILIES`; None is the checkpoint's when resuming, else the one that `settings` names, else
            the default one.
        profile: `smoke`, `cpu` or `rtx2070`; None likewise, and at last by the hardware.
        overrides: values by name that replace all others (`kimg`, `seed`, ...); texts are read as the field's type.
        resume: go on from `checkpoints/latest.pt` where there is one. Otherwise a run that lies in `out` is moved to
            `out/earlier_runs/` and a fresh one starts.
        log: takes the status lines.
        evaluator: measures samples every `evaluate_kimg`: its metrics go into `metrics.csv`, and the checkpoint with
            the lowest `kid_random` is kept as `checkpoints/best.pt`. What is trained does not depend on it.
        settings: a file of values that replace the profile's, or the checkpoint's when resuming (`settings_in`).
        start: a checkpoint or weights file that a fresh run begins with (`src/training/start.py`); a run that is
            resumed has begun.

    Raises:
        InputError: anything wrong with the arguments, the data or the checkpoint.
        TrainingDiverged: a loss became infinite or not a number.
    """
    out = Path(out)
    overrides = dict(overrides or {})
    if "kimg" in overrides and "epochs" in overrides:
        raise InputError("kimg and epochs both say how long; give one of them")
    if "kimg" in overrides:
        overrides["epochs"] = 0
    latest = out / "checkpoints" / "latest.pt"
    with joined_processes() as processes:
        if not processes.leads:
            log = _no_log
        checkpoint = load_checkpoint(latest) if resume and latest.is_file() else None
        with processes.first_alone():
            portraits = load_portraits(data)
        begin = read_start(start) if start is not None and checkpoint is None else None
        if begin is None:
            run = configure(checkpoint, family, profile, settings, overrides, log)
        else:
            profile = profile or default_profile(pick_device())
            of_file = settings_in(settings, begin.content["family"], profile) if settings else {}
            run = configure_from(begin, family, profile, {**of_file, **overrides})
        run = replace(run, config=with_epochs_in_kimg(run.config, int((portraits.split == TRAIN).sum())))
        processes.check(run.config.batch_size)
        if run.config.mlflow:
            import_mlflow()  # a missing library shows before anything is done
        portraits = portraits.conditioned_on(attributes_to_condition_on(run, portraits.specification))
        if checkpoint is not None:
            check_data(checkpoint, portraits)
        elif resume:
            log("no checkpoint yet: starting afresh")
        try:
            return _run(run, portraits, out, checkpoint, begin, log, evaluator, processes)
        except torch.OutOfMemoryError:
            if processes.count > 1:
                raise  # one process cannot start again while the others wait for it
        # Not in the `except` block: until it ends, the error holds on to everything that filled the card.
        release_memory()
        log(
            "the card's memory ran out: going on with activations in the computer's memory; the gradients are the "
            "same, steps take longer (a smaller --set batch_size=... avoids it)"
        )
        checkpoint = load_checkpoint(latest) if latest.is_file() else None
        try:
            with saved_on_host():
                return _run(run, portraits, out, checkpoint, begin, log, evaluator, processes)
        except torch.OutOfMemoryError:
            raise InputError(
                "the card's memory does not suffice; lower --set batch_size=..., or free the card from other programs"
            ) from None


def _run(
    run: Run,
    portraits: PackedPortraits,
    out: Path,
    checkpoint: Mapping[str, object] | None,
    begin: Start | None,
    log: Callable[[str], None],
    evaluator: Evaluator | None,
    processes: Processes,
) -> TrainingResult:
    """Build everything, start or resume, train."""
    config, device = run.config, pick_device()
    torch.backends.cudnn.benchmark = True
    specification = describe(portraits)
    train_indices = np.flatnonzero(portraits.split == TRAIN)
    colours = colour_table(portraits.images[train_indices[:: -(-len(train_indices) // COLOUR_PORTRAITS)]])
    palette = choose_palette(config.palette_snap, colours) if config.palette_snap else None
    family = build_family(run, specification, device)
    if begin is not None and checkpoint is None:
        # The moving average, made from the family's sampler below, begins with these weights too.
        take_over(begin, family, log)
    if checkpoint is None and processes.leads:
        # Only now: with settings that are refused, the earlier run stays where it is.
        move_earlier_run(out, log)

    images, note = family.prepare_images(portraits.images)
    if note:
        log(note)
    prepared = replace(portraits, images=images)
    train_set, validation_set = (PortraitBatches(prepared, split, device) for split in (TRAIN, VALIDATION))
    if train_set.images is not None:
        family.inspect_training_set(train_set.images, train_set.labels)

    description = {
        "family": run.family,
        "profile": run.profile,
        "config": config_to_dict(config),
        "label_mappings": portraits.specification.to_mapping(),
        "data_fingerprint": portraits.fingerprint,
        "size": specification.size,
        "channels": specification.channels,
        "intra_class_distance": specification.intra_class_distance,
    }
    # So that samples can be snapped to the set's colours where the set itself is not at hand.
    training_colours = {
        "colours": torch.from_numpy(colours.colours),
        "counts": torch.from_numpy(colours.counts),
    }
    trainer = Trainer(
        family,
        config,
        train_set,
        validation_set,
        out / "checkpoints",
        {**description, "training_colours": training_colours},
        processes,
    )
    if checkpoint is not None:
        trainer.load(checkpoint)
        log(f"resuming {run.family} at {trainer.images_seen / 1000:.2f} kimg of {config.kimg:g}")
    elif processes.count == 1:
        announce(run, measure(type(family), config, specification, train_set), train_set, validation_set, log)
    else:
        log(f"{run.family}, profile {run.profile}, on {processes.count} processes")
    if not processes.leads:
        return trainer.train(None)

    if trainer.images_seen >= images_in_total(config):
        log(f"already trained to {trainer.images_seen / 1000:g} kimg; raise kimg to train on")
    write_json(out / "config.json", description)
    with open_trackers(out, description, trainer.images_seen, log) as trackers:
        seen, kimg_total = trainer.images_seen, images_in_total(config) / 1000
        sets = {"train": train_set, "validation": validation_set}
        reporter = Reporter(out, family, config, portraits, sets, seen, kimg_total, palette, evaluator, trackers, log)
        if trainer.images_seen == 0:
            reporter.start(trainer.average.network)
        result = trainer.train(reporter)
        trackers.checkpoint(out / "checkpoints" / "latest.pt")
    if family.finished:
        log(f"{run.family} stopped by itself at {result.images_seen / 1000:.2f} kimg (early stopping)")
    if result.interrupted:
        log(f"interrupted at {result.images_seen / 1000:.2f} kimg; saved to {result.checkpoint}; resume to go on")
    return result


def with_epochs_in_kimg(config: TrainingConfig, portraits: int) -> TrainingConfig:
    """The configuration with its `epochs`, where there are any, as `kimg` of so many training portraits."""
    return config.model_copy(update={"kimg": config.epochs * portraits / 1000}) if config.epochs else config


def build_family(run: Run, data: DataSpecification, device: torch.device) -> Family:
    """The family, untrained: its weights follow from the seed.

    Raises:
        InputError: settings and data make no network, or one that the card cannot hold.
    """
    seed_step(run.config.seed, 0)
    try:
        family = find_family(run.family)(run.config, data, device)
        family.build_optimizers()
        return family
    except ValueError as error:
        raise InputError(f"these settings and data make no network: {error}") from None
    except torch.OutOfMemoryError:
        raise InputError("the card's memory cannot hold the networks; make them smaller, or free the card") from None


def move_earlier_run(out: Path, log: Callable[[str], None]) -> None:
    """Nothing of an earlier run is overwritten: a fresh run moves it out of the way."""
    if not any((out / "checkpoints").glob("*.pt")):
        return
    number = 1
    while (target := out / "earlier_runs" / f"{number:03d}").exists():
        number += 1
    for pattern in ("checkpoints/*.pt", "samples/*.png", "tensorboard/*", "metrics.csv", "config.json", RUN_ID_FILE):
        for path in out.glob(pattern):
            moved = target / path.relative_to(out)
            moved.parent.mkdir(parents=True, exist_ok=True)
            path.replace(moved)
    log(f"an earlier run was here: moved to {target.relative_to(out)}")


def announce(
    run: Run,
    estimate: Estimate,
    train_set: PortraitBatches,
    validation_set: PortraitBatches,
    log: Callable[[str], None],
) -> None:
    """Log what is about to be trained, and what it will cost."""
    log(
        f"{run.family}, profile {run.profile}, on {train_set.device.type}: {len(train_set)} portraits to "
        f"train on, {len(validation_set)} for validation"
    )
    kimg = run.config.kimg
    time = duration(kimg * 1000 / estimate.images_per_second)
    memory = f", about {estimate.memory_bytes / 2**30:.1f} GB of memory" if estimate.memory_bytes else ""
    log(f"{kimg:g} kimg at about {estimate.images_per_second:.0f} images a second: about {time}{memory}")


def _no_log(_line: str) -> None:
    """Takes the lines of all processes but the first."""
