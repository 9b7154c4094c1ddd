"""What a run shows of itself: rows of `metrics.csv`, status lines, grids of samples, and whatever trackers keep."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from src.data.packed import TRAIN, PackedPortraits, PortraitBatches, to_signed
from src.family import Family
from src.schema import TrainingConfig
from src.training.budget import Budget
from src.training.grids import COLUMNS, diversity, grid_labels, grid_latents, row_names, to_rgba, write_grid
from src.training.log import MetricsTable, status_line
from src.training.quick_evaluation import Evaluator, QuickEvaluation, is_best
from src.training.tracking import Trackers

LIKELIHOOD_BATCH = 16


class Reporter:
    """Writes the reports of one run. Nothing here draws from torch's generators or changes what is trained.

    Args:
        out: artifacts folder; gets `metrics.csv` and `samples/`.
        family: the model, for its `sample`, `reconstruct` and `likelihood`.
        config: the run's configuration.
        portraits: the packed data, with the attributes that the family is conditioned on.
        sets: what the family learns from and what it is validated on, as `train` and `validation`.
        images_seen: where training goes on; 0 for a fresh run.
        budget: the whole run's, for the status lines.
        palette: uint8 [K, 3], to which grids show the samples snapped; None for none.
        evaluator: measures samples every `evaluate_kimg`; None for never.
        trackers: get what is written too.
        log: takes the status lines.
    """

    def __init__(
        self,
        out: Path,
        family: Family,
        config: TrainingConfig,
        portraits: PackedPortraits,
        sets: Mapping[str, PortraitBatches],
        images_seen: int,
        budget: Budget,
        palette: np.ndarray | None,
        evaluator: Evaluator | None,
        trackers: Trackers,
        log: Callable[[str], None],
    ) -> None:
        self.samples, self.family, self.config, self.sets = out / "samples", family, config, sets
        self.budget, self.palette, self.trackers, self.log = budget, palette, trackers, log
        self.samples.mkdir(parents=True, exist_ok=True)
        self.table = MetricsTable(out / "metrics.csv", images_seen / 1000)
        self.reported_at, self.clock = images_seen, time.perf_counter()
        device = sets["train"].device
        self.quick_evaluation = None
        if evaluator is not None and config.evaluate_kimg > 0:
            self.quick_evaluation = QuickEvaluation(
                evaluator, portraits, config.evaluate_count, family.latent_dim, config.seed, device
            )
        cells = grid_labels(portraits.labels[portraits.split == TRAIN])
        self.captions = row_names(cells, portraits.specification)
        self.labels = torch.from_numpy(np.repeat(cells, COLUMNS, axis=0)).to(device)
        self.latents = grid_latents(len(cells), family.latent_dim, config.seed).to(device)
        self.reals = pick_reals(portraits, cells, config.seed)

    @property
    def evaluates(self) -> bool:
        """Whether samples are measured every `evaluate_kimg`."""
        return self.quick_evaluation is not None

    def start(self, sampler: nn.Module) -> None:
        """The grids of a fresh run: reals, and what the untrained model samples."""
        path = self.samples / "reals.png"
        write_grid(path, self.reals, self.captions)
        self.trackers.picture("reals", path, 0)
        self.write_grids(sampler, "init", 0)
        self.clock = time.perf_counter()

    def report(
        self, sampler: nn.Module, means: Mapping[str, float], images_seen: int, grids: bool, evaluate: bool
    ) -> bool:
        """Add a row to `metrics.csv` and log it.

        Args:
            sampler: the moving average, in evaluation mode.
            means: of the training step's scalars since the last report.
            images_seen: real images the model has seen.
            grids: write grids and measure the likelihood.
            evaluate: measure samples.

        Returns:
            Whether the samples are the best so far.
        """
        speed = (images_seen - self.reported_at) / (time.perf_counter() - self.clock)
        row = {"kimg": images_seen / 1000, **means, "images_per_second": speed}
        if grids:
            row |= self.write_grids(sampler, grid_name(images_seen, self.config.batch_size), images_seen)
            row |= self.measure_likelihood(sampler)
        best = False
        if evaluate:
            metrics = self.quick_evaluation.metrics(self.family, sampler)
            best = is_best(metrics, self.table.rows)
            row |= metrics
        try:
            self.table.add(row)
        except PermissionError as error:  # on Windows, while another program has the file open
            self.log(f"warning: {error.filename or self.table.path} cannot be written now; the next report writes all")
        self.trackers.row(row, images_seen)
        self.log(status_line(row, self.budget))
        self.reported_at, self.clock = images_seen, time.perf_counter()
        return best

    def write_grids(self, sampler: nn.Module, name: str, images_seen: int) -> dict[str, float]:
        """Write samples, and reconstructions where the family encodes portraits.

        Returns:
            `diversity`: the samples' spread within rows as a share of the reals'; nothing where there are no samples.
        """
        reals = to_signed(torch.from_numpy(self.reals).to(self.labels.device))
        reconstructed = self.family.reconstruct(sampler, reals, self.labels)
        if reconstructed is not None:
            self._write_and_track("reconstructions", name, reconstructed, images_seen)
        restored = self.family.restore(sampler, reals)
        if restored is not None:
            rows = [part.unflatten(0, (-1, COLUMNS)) for part in (*restored, reals)]
            pictures = torch.stack(rows, dim=1).flatten(0, 2)
            captions = ["noisy", "restored", "original"] * (len(reals) // COLUMNS)
            self._write_and_track("restored", name, pictures, images_seen, captions=captions)
        if self.family.cannot_sample:
            return {}
        fakes = self.family.sample(sampler, self.latents, self.labels)
        self._write_and_track("fakes", name, fakes, images_seen, self.palette)
        share = diversity(fakes, reals)
        return {} if math.isnan(share) else {"diversity": share}

    def _write_and_track(
        self,
        kind: str,
        name: str,
        images: Tensor,
        images_seen: int,
        palette: np.ndarray | None = None,
        captions: list[str] | None = None,
    ) -> None:
        """Images [R * 8, C, H, W] in [-1, 1] as `samples/KIND_NAME.png`, and to the trackers."""
        path = self.samples / f"{kind}_{name}.png"
        write_grid(path, to_rgba(images), captions or self.captions, palette)
        self.trackers.picture(kind, path, images_seen)

    def measure_likelihood(self, sampler: nn.Module) -> dict[str, float]:
        """Mean exact bits of some training and some validation portraits, the same ones every time; nothing for a
        family without a likelihood."""
        bits = {}
        for name, portraits in self.sets.items():
            count = min(len(portraits), self.config.bits_count)
            if not count:
                continue
            chosen = np.linspace(0, len(portraits) - 1, count).astype(np.int64)
            batches = [
                self.family.likelihood(sampler, *portraits.batch(indices))
                for indices in np.array_split(chosen, -(-count // LIKELIHOOD_BATCH))
            ]
            for part in batches[0]:
                bits[f"{part}_{name}"] = float(torch.cat([batch[part] for batch in batches]).mean())
        return bits


def grid_name(images_seen: int, batch_size: int) -> str:
    """`000012` for the first step from 12 kimg on, else `000012_640` with the images beyond; no two steps share one."""
    whole, beyond = divmod(images_seen, 1000)
    return f"{whole:06d}" if beyond < batch_size else f"{whole:06d}_{beyond:03d}"


def pick_reals(portraits: PackedPortraits, cells: np.ndarray, seed: int) -> np.ndarray:
    """Training portraits of the grid's labels, uint8 [R * 8, H, W, 4]; repeated where a cell has fewer than 8.

    Args:
        portraits: the packed data.
        cells: the labels of the rows, int64 [R, A].
        seed: of the choice.
    """
    train = np.flatnonzero(portraits.split == TRAIN)
    random = np.random.RandomState(seed)
    picked = []
    for cell in cells:
        members = random.permutation(train[(portraits.labels[train] == cell).all(axis=1)])
        picked.append(np.resize(members, COLUMNS))
    return portraits.images[np.concatenate(picked)]
