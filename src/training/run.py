"""A training run from its arguments: configuration, data and checks; then the `Trainer` does the rest."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from src.config import config_to_dict, former_names_among
from src.data.packed import TRAIN, VALIDATION, PackedPortraits, PortraitBatches, describe, load_portraits
from src.device import pick_device
from src.errors import InputError
from src.families import build_family
from src.family import DataSpecification, Family
from src.palettes.snap import ColourTable, choose_palette, colour_table
from src.schema import TrainingConfig
from src.tables import write_json
from src.training.budget import Budget
from src.training.checkpoint import load_checkpoint
from src.training.configure import Run, attributes_to_condition_on, check_data, configure
from src.training.distributed import Processes, joined_processes
from src.training.estimate import Estimate, check_batch, measure
from src.training.from_weights import Start, configure_from, read_start, take_over
from src.training.log import duration, unread
from src.training.memory import release_memory, saved_on_host
from src.training.quick_evaluation import Evaluator
from src.training.report import Reporter
from src.training.run_folder import RunFolder
from src.training.tracking import import_mlflow, open_trackers
from src.training.trainer import Trainer, TrainingResult, seed_step

COLOUR_PORTRAITS = 20_000
"""From so many training portraits, evenly picked, come the colours for snapping."""

COPIES = 6
"""Minimum number of parameter-sized buffers: weights, their average, and with gradients and Adam's two moments those
that are measured before the run."""


@dataclass(frozen=True)
class Job:
    """A checked run: what to train, on what, from where, for how long, and who takes the lines.

    Args:
        run: family, profile and configuration.
        portraits: the packed data, with the attributes that the family is conditioned on.
        specification: what networks are built for.
        folder: the artifacts folder.
        begin: weights that a fresh run starts from; None: from nothing.
        processes: rank and world size.
        budget: the length.
        evaluator: measures samples during training; None: nothing does.
        log: takes the lines before and after training.
        status: takes training's own lines.
    """

    run: Run
    portraits: PackedPortraits
    specification: DataSpecification
    folder: RunFolder
    begin: Start | None
    processes: Processes
    budget: Budget
    evaluator: Evaluator | None
    log: Callable[[str], None]
    status: Callable[[str], None]


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
    minutes: float | None = None,
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
        log: takes the status lines; where it raises OSError at one of training's, the run saves and ends.
        evaluator: measures samples every `evaluate_kimg`: its metrics go into `metrics.csv`, and the checkpoint with
            the lowest `kid_random` is kept as `checkpoints/best.pt`. What is trained does not depend on it.
        settings: a file of values that replace the profile's, or the checkpoint's when resuming (`settings_in`).
        start: a checkpoint or weights file that a fresh run begins with (`src/training/from_weights.py`); a run that is
            resumed has begun.
        minutes: so long by the clock, from this call to the last step, in place of a number of kimg.

    Raises:
        InputError: anything wrong with the arguments, the data or the checkpoint, a checkpoint that cannot be
            written, or another run in `out` that goes on.
        TrainingDiverged: a loss became infinite or not a number.
        OSError: a report cannot be written; what was learned is saved.
    """
    overrides = dict(overrides or {})
    if (minutes is not None) + ("kimg" in overrides) + bool(overrides.get("epochs")) > 1:
        raise InputError("give the length as minutes, as kimg or as epochs, not both")
    if "kimg" in overrides:
        overrides["epochs"] = 0
    budget = None if minutes is None else Budget.of_minutes(minutes)
    folder = RunFolder(out)
    status, log = log, unread(log)
    with joined_processes() as processes, folder.locked() if processes.leads else contextlib.nullcontext():
        if not processes.leads:
            status = log = _no_log
        for line in former_names_among(overrides):
            log(line)
        checkpoint = load_checkpoint(folder.latest) if resume and folder.latest.exists() else None
        folder.is_ours = checkpoint is not None
        with processes.first_alone():
            portraits = load_portraits(data)
        begin = read_start(start) if start is not None and checkpoint is None else None
        if begin is None:
            run = configure(checkpoint, family, profile, settings, overrides, log)
        else:
            run = configure_from(begin, family, profile, settings, overrides)
        run = replace(run, config=with_epochs_in_kimg(run.config, int((portraits.split == TRAIN).sum())))
        processes.check(run.config.batch_size)
        if run.config.mlflow:
            import_mlflow()  # a missing library shows before anything is done
        portraits = portraits.conditioned_on(attributes_to_condition_on(run, portraits.specification))
        if checkpoint is not None:
            check_data(checkpoint, portraits)
        elif resume:
            log("no checkpoint yet: starting afresh")
        budget = budget or Budget.of_config(run.config)
        job = Job(run, portraits, describe(portraits), folder, begin, processes, budget, evaluator, log, status)
        try:
            return _run(job, checkpoint)
        except torch.OutOfMemoryError:
            if processes.count > 1:
                raise  # one process cannot start again while the others wait for it
        # Not in the `except` block: until it ends, the error holds on to everything that filled the card.
        release_memory()
        log(
            "the card's memory ran out: going on with activations in the computer's memory; the gradients are the "
            "same, steps take longer (a smaller --set batch_size=... avoids it)"
        )
        # Not that of an earlier run, which lies there until the networks are built.
        checkpoint = load_checkpoint(folder.latest) if folder.is_ours and folder.latest.is_file() else None
        try:
            with saved_on_host():
                return _run(job, checkpoint)
        except torch.OutOfMemoryError:
            raise InputError(
                "the card's memory does not suffice; lower --set batch_size=..., or free the card from other programs"
            ) from None


def _run(job: Job, checkpoint: Mapping[str, object] | None) -> TrainingResult:
    """Build everything, start or resume, train."""
    colours = training_colours(job.portraits)
    palette_snap = job.run.config.palette_snap
    palette = choose_palette(palette_snap, colours) if palette_snap else None
    description = describe_run(job)
    trainer = build_trainer(job, checkpoint is None, description, colours)
    if checkpoint is not None:
        resume_run(trainer, job, checkpoint)
    elif job.processes.count == 1:
        estimate = measure(type(trainer.family), job.run.config, job.specification, trainer.train_set)
        announce(job, estimate, trainer)
    else:
        job.log(f"{job.run.family}, profile {job.run.profile}, on {job.processes.count} processes")
    if not job.processes.leads:
        return trainer.train(None)
    return _train_and_report(trainer, job, description, palette)


def training_colours(portraits: PackedPortraits) -> ColourTable:
    """The colours of the training portraits, from `COLOUR_PORTRAITS` of them at most."""
    indices = np.flatnonzero(portraits.split == TRAIN)
    return colour_table(portraits.images[indices[:: -(-len(indices) // COLOUR_PORTRAITS)]])


def describe_run(job: Job) -> dict[str, object]:
    """What `config.json` and every checkpoint say of the run."""
    return {
        "family": job.run.family,
        "profile": job.run.profile,
        "config": config_to_dict(job.run.config),
        "label_mappings": job.portraits.specification.to_mapping(),
        "data_fingerprint": job.portraits.fingerprint,
        "size": job.specification.size,
        "channels": job.specification.channels,
        "intra_class_distance": job.specification.intra_class_distance,
    }


def build_trainer(job: Job, fresh: bool, description: Mapping[str, object], colours: ColourTable) -> Trainer:
    """Networks, optimizers and batches; a fresh run takes over the weights that it begins with."""
    config, portraits, device = job.run.config, job.portraits, pick_device()
    torch.backends.cudnn.benchmark = True
    seed_step(config.seed, 0)  # the weights follow from the seed
    family = build_family(job.run.family, config, job.specification, device, COPIES if device.type == "cpu" else 1)
    family.build_optimizers()
    if job.begin is not None and fresh:
        take_over(job.begin, family, job.log)
    images, note = family.prepare_images(portraits.images)
    if note:
        job.log(note)
    prepared = replace(portraits, images=images)
    train_set, validation_set = (PortraitBatches(prepared, split, device) for split in (TRAIN, VALIDATION))
    if train_set.images is not None:
        family.inspect_training_set(train_set.images, train_set.labels)
    elif type(family).inspect_training_set is not Family.inspect_training_set:
        job.log("the set is read from disk, so recolours of one hero are not looked for: recolouring is not learned")
    # So that samples can be snapped to the set's colours where the set itself is not at hand.
    tensors = {"colours": torch.from_numpy(colours.colours), "counts": torch.from_numpy(colours.counts)}
    metadata = {**description, "training_colours": tensors}
    checkpoints = job.folder.checkpoints
    return Trainer(family, config, train_set, validation_set, checkpoints, metadata, job.processes, job.budget)


def resume_run(trainer: Trainer, job: Job, checkpoint: Mapping[str, object]) -> None:
    """Put the trainer where the checkpoint was saved.

    Raises:
        InputError: the checkpoint does not fit, or a larger batch than its own does not fit into memory.
    """
    trainer.load(checkpoint)
    config = job.run.config
    if checkpoint["config"].get("batch_size") != config.batch_size:
        family = type(trainer.family)(config, job.specification, trainer.train_set.device)
        family.build_optimizers()
        check_batch(family, trainer.train_set)
    job.log(f"resuming {job.run.family} at {trainer.images_seen / 1000:.2f} kimg{length_of(job.budget)}")


def _train_and_report(
    trainer: Trainer, job: Job, description: Mapping[str, object], palette: np.ndarray | None
) -> TrainingResult:
    """Train with reports; then say how it ended."""
    folder, log, status = job.folder, job.log, job.status
    out = folder.path
    # Only now: with settings that are refused, the earlier run stays where it is.
    folder.clear(log)
    begun_at = trainer.images_seen
    if trainer.finished and not trainer.family.finished:
        log(f"already trained to {trainer.images_seen / 1000:g} kimg; raise kimg to train on")
    write_json(out / "config.json", description)
    with open_trackers(out, description, trainer.images_seen, log) as trackers:
        sets = {"train": trainer.train_set, "validation": trainer.validation_set}
        reporter = Reporter(
            out,
            trainer.family,
            job.run.config,
            job.portraits,
            sets,
            trainer.images_seen,
            job.budget,
            palette,
            job.evaluator,
            trackers,
            status,
        )
        if trainer.images_seen == 0:
            reporter.start(trainer.average.network)
        result = trainer.train(reporter)
        trackers.checkpoint(folder.latest)
    kimg = f"{result.images_seen / 1000:.2f} kimg"
    if trainer.time_is_up:
        # Of the same length without a clock.
        run_again = {**description["config"], "kimg": result.images_seen / 1000, "epochs": 0.0}
        write_json(out / "config.json", {**description, "config": run_again})
        log(f"the time is up at {kimg}; saved to {result.checkpoint}; resume to go on")
    if trainer.family.finished:
        log(f"{job.run.family} stopped by itself at {kimg} (early stopping)")
    if result.interrupted:
        log(f"interrupted at {kimg}; saved to {result.checkpoint}; resume to go on")
    elif not trainer.time_is_up and result.images_seen > begun_at:
        log(f"saved to {result.checkpoint}; the grids are in {out / 'samples'}")
    return result


def with_epochs_in_kimg(config: TrainingConfig, portraits: int) -> TrainingConfig:
    """The configuration with its `epochs`, where there are any, as `kimg` of so many training portraits."""
    return config.model_copy(update={"kimg": config.epochs * portraits / 1000}) if config.epochs else config


def announce(job: Job, estimate: Estimate, trainer: Trainer) -> None:
    """Log what is about to be trained, and what it will cost."""
    run, budget, train_set = job.run, job.budget, trainer.train_set
    job.log(
        f"{run.family}, profile {run.profile}, on {train_set.device.type}: {len(train_set)} portraits to "
        f"train on, {len(trainer.validation_set)} for validation"
    )
    speed = estimate.images_per_second
    seconds = budget.seconds_left(0, speed)
    kimg = run.config.kimg if budget.images < math.inf else float(f"{seconds * speed / 1000:.3g}")
    memory = f", about {estimate.memory_bytes / 2**30:.1f} GB of memory" if estimate.memory_bytes else ""
    pace = f"{speed:.0f}" if speed >= 10 else f"{speed:.2g}"
    job.log(f"{kimg:g} kimg at about {pace} images a second: about {duration(seconds)}{memory}")


def length_of(budget: Budget) -> str:
    """What a resumed run will have seen, or how long it goes on."""
    return f" of {budget.images / 1000:g}" if budget.images < math.inf else f", {duration(budget.seconds)} to go"


def _no_log(_line: str) -> None:
    """Takes the lines of all processes but the first."""
