"""Trackers: where else the reports of a run go. `metrics.csv` is always written, by `src.training.log`.

TensorBoard is written wherever it is installed, MLflow where the setting `mlflow` names an experiment. Steps are images
seen, which are whole numbers: 1,000 of them are the 1 in `metrics.csv`'s column `kimg`.
"""

from __future__ import annotations

import importlib.util
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import numpy as np
from PIL import Image

from src.errors import InputError

RUN_ID_FILE = "mlflow_run_id.txt"
"""Beside `metrics.csv`: which MLflow run a resumed training goes on with."""


class Tracker(ABC):
    """Something that takes down what a run reports."""

    name: ClassVar[str]

    @abstractmethod
    def row(self, row: Mapping[str, float], images_seen: int) -> None:
        """A row of `metrics.csv`, `kimg` among it."""

    @abstractmethod
    def picture(self, name: str, path: Path, images_seen: int) -> None:
        """A grid that was written to `path` as PNG; `name` is the same for all grids of a kind."""

    def checkpoint(self, path: Path) -> None:
        """The run's last checkpoint; only for a tracker that keeps files."""
        return

    @abstractmethod
    def close(self, failed: bool) -> None:
        """No more will come; `failed`: an error ended the run."""


class TensorBoardTracker(Tracker):
    """Event files for `tensorboard --logdir`.

    Args:
        folder: gets one event file more. What earlier ones hold beyond `images_seen` is declared void there, so a run
            that was killed and resumed shows no step twice.
        images_seen: where training goes on; 0 for a fresh run.
    """

    name = "TensorBoard"

    def __init__(self, folder: Path, images_seen: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        # Steps from this one on are void; the row and the grid at `images_seen` itself stay.
        first_to_come = images_seen + 1 if images_seen else 0
        self.writer = SummaryWriter(str(folder), purge_step=first_to_come)

    def row(self, row: Mapping[str, float], images_seen: int) -> None:
        for name, value in row.items():
            self.writer.add_scalar(name, value, images_seen)
        self.writer.flush()

    def picture(self, name: str, path: Path, images_seen: int) -> None:
        with Image.open(path) as grid:
            self.writer.add_image(name, np.array(grid.convert("RGB")), images_seen, dataformats="HWC")

    def close(self, failed: bool) -> None:
        self.writer.close()


class MLflowTracker(Tracker):
    """A run in MLflow: parameters, metrics, the grids and the last checkpoint as artifacts.

    Goes to the server or folder that the environment variable MLFLOW_TRACKING_URI names, else to `out/mlruns`.
    Parameters are those the run began with: MLflow refuses to change them. Nor can values be taken back, so of a run
    that was killed and resumed, the steps that MLflow has already are not sent again.

    Args:
        out: artifacts folder; `mlflow_run_id.txt` in it says which run to go on with.
        experiment: its name; made where there is none.
        parameters: settings by name.
        images_seen: where training goes on; 0 for a fresh run.
    """

    name = "MLflow"

    def __init__(self, out: Path, experiment: str, parameters: Mapping[str, object], images_seen: int) -> None:
        mlflow = import_mlflow()
        self.entities = mlflow.entities
        if "MLFLOW_TRACKING_URI" in os.environ:
            uri, artifacts = os.environ["MLFLOW_TRACKING_URI"], None
        else:
            # A database, not plain files: newer versions of MLflow refuse those.
            store = (out / "mlruns").resolve()
            store.mkdir(parents=True, exist_ok=True)
            uri, artifacts = f"sqlite:///{(store / 'mlflow.db').as_posix()}", (store / "artifacts").as_uri()
        self.client = mlflow.MlflowClient(tracking_uri=uri)
        self.known_until = -1
        run_id_file = out / RUN_ID_FILE
        if images_seen and run_id_file.is_file():
            self.run_id = run_id_file.read_text(encoding="utf-8").strip()
            self.client.update_run(self.run_id, status="RUNNING")
            # Every row has a speed.
            history = self.client.get_metric_history(self.run_id, "images_per_second")
            self.known_until = max((metric.step for metric in history), default=-1)
            return
        found = self.client.get_experiment_by_name(experiment)
        experiment_id = found.experiment_id if found else self.client.create_experiment(experiment, artifacts)
        self.run_id = self.client.create_run(experiment_id).info.run_id
        # A setting with an empty text is one that is off.
        texts = {name: str(value) for name, value in parameters.items() if str(value)}
        self.client.log_batch(self.run_id, params=[self.entities.Param(*item) for item in texts.items()])
        run_id_file.write_text(self.run_id + "\n", encoding="utf-8")

    def row(self, row: Mapping[str, float], images_seen: int) -> None:
        if images_seen > self.known_until:
            now = int(time.time() * 1000)
            metrics = [self.entities.Metric(name, value, now, images_seen) for name, value in row.items()]
            self.client.log_batch(self.run_id, metrics=metrics)

    def picture(self, name: str, path: Path, images_seen: int) -> None:
        self.client.log_artifact(self.run_id, str(path), "samples")

    def checkpoint(self, path: Path) -> None:
        self.client.log_artifact(self.run_id, str(path), "checkpoints")

    def close(self, failed: bool) -> None:
        self.client.set_terminated(self.run_id, "FAILED" if failed else "FINISHED")


class Trackers:
    """All trackers of a run, as a context: leaving it closes them. One that fails is dropped with a warning.

    Training is worth more than the record of it: `metrics.csv`, the grids and the checkpoints are on the disk anyway.
    """

    def __init__(self, trackers: Sequence[Tracker], log: Callable[[str], None]) -> None:
        self.trackers, self.log = list(trackers), log

    def __enter__(self) -> Trackers:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._each(lambda tracker: tracker.close(failed=kind is not None))

    def row(self, row: Mapping[str, float], images_seen: int) -> None:
        self._each(lambda tracker: tracker.row(row, images_seen))

    def picture(self, name: str, path: Path, images_seen: int) -> None:
        self._each(lambda tracker: tracker.picture(name, path, images_seen))

    def checkpoint(self, path: Path) -> None:
        self._each(lambda tracker: tracker.checkpoint(path))

    def _each(self, call: Callable[[Tracker], None]) -> None:
        for tracker in list(self.trackers):
            try:
                call(tracker)
            except Exception as error:
                self.trackers.remove(tracker)
                self.log(f"warning: {tracker.name} failed ({_reason(error)}); training goes on without it")


def open_trackers(
    out: Path, description: Mapping[str, object], images_seen: int, log: Callable[[str], None]
) -> Trackers:
    """The trackers of a run: TensorBoard where it is installed, MLflow where the configuration asks for it.

    Args:
        out: artifacts folder.
        description: what `config.json` holds: `family`, `profile`, `config`, `data_fingerprint`.
        images_seen: where training goes on; 0 for a fresh run.
        log: takes the warnings.

    Raises:
        InputError: MLflow is asked for and missing, or its server or folder cannot be used.
    """
    trackers: list[Tracker] = []
    config = description["config"]
    if config["mlflow"]:
        described = {name: description[name] for name in ("family", "profile", "data_fingerprint")}
        try:
            trackers.append(MLflowTracker(out, config["mlflow"], {**described, **config}, images_seen))
        except InputError:
            raise
        except Exception as error:
            raise InputError(
                f"MLflow cannot be used ({_reason(error)}); look at MLFLOW_TRACKING_URI and {out / RUN_ID_FILE}, or "
                "train without it (--set mlflow=)"
            ) from None
    if importlib.util.find_spec("tensorboard") is not None:
        try:
            trackers.append(TensorBoardTracker(out / "tensorboard", images_seen))
        except Exception as error:
            log(f"warning: TensorBoard is installed but fails ({_reason(error)}); training goes on without it")
    return Trackers(trackers, log)


def import_mlflow() -> ModuleType:
    """MLflow, with its telemetry switched off before the import.

    Raises:
        InputError: it is not installed.
    """
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["DO_NOT_TRACK"] = "true"
    try:
        import mlflow
        import mlflow.entities
    except ImportError as error:
        raise InputError(
            f"MLflow is asked for but cannot be imported ({_reason(error)}); run "
            "`pip install -r requirements-mlflow.txt`, or train without it (--set mlflow=)"
        ) from None
    return mlflow


def _reason(error: Exception) -> str:
    """An exception as the part of one line."""
    return " ".join(str(error).split())[:120] or type(error).__name__
