"""What TensorBoard and MLflow record of a run."""

import importlib.util
import os
import sys
import time
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from src.errors import InputError, TrainingDiverged
from src.gan.conditional_gan import ConditionalGAN
from src.training.checkpoint import load_checkpoint
from src.training.log import read_metrics
from src.training.run import train
from src.training.tracking import Tracker, Trackers, import_mlflow
from tests.training.test_loop import SMALL, assert_same

GRIDS = {"log_kimg": 0.016, "sample_kimg": 0.032, "checkpoint_kimg": 0.032}


def run(data_folder, out, kimg, resume=False, **values):
    lines = []
    settings = {**SMALL, **GRIDS, "kimg": kimg, **values}
    result = train(data_folder, out, "resnet_gan", "smoke", settings, resume=resume, log=lines.append)
    return result, lines


def break_off_at(monkeypatch, images):
    """Let training die of an error, as of a killed process, when so many images have been seen."""
    original = ConditionalGAN.train_step

    def dying(self, reals, labels, images_seen):
        if images_seen == images:
            raise MemoryError
        return original(self, reals, labels, images_seen)

    monkeypatch.setattr(ConditionalGAN, "train_step", dying)


class TestTensorBoard:
    @pytest.fixture(autouse=True)
    def installed(self):
        pytest.importorskip("tensorboard")

    def events(self, out):
        from tensorboard.backend.event_processing.event_accumulator import IMAGES, SCALARS, EventAccumulator

        return EventAccumulator(str(out / "tensorboard"), size_guidance={SCALARS: 0, IMAGES: 0}).Reload()

    def assert_same_as_table(self, out):
        events, rows = self.events(out), read_metrics(out / "metrics.csv")
        names = {name for row in rows for name in row}
        assert set(events.Tags()["scalars"]) == names
        for name in names:
            tracked = [(event.step, event.value) for event in events.Scalars(name)]
            # Event files hold 32 bits of a number.
            written = [(round(row["kimg"] * 1000), float(np.float32(row[name]))) for row in rows if name in row]
            assert tracked == written, name

    def test_event_files_hold_the_numbers_of_the_table_and_the_grids(self, data_folder, tmp_path):
        run(data_folder, tmp_path, 0.064)
        self.assert_same_as_table(tmp_path)
        assert len(read_metrics(tmp_path / "metrics.csv")) == 4
        events = self.events(tmp_path)
        assert [image.step for image in events.Images("reals")] == [0]
        fakes = events.Images("fakes")
        assert [image.step for image in fakes] == [0, 32, 64]
        with Image.open(tmp_path / "samples" / "fakes_init.png") as grid:
            assert (fakes[0].width, fakes[0].height) == grid.size

    def test_a_run_that_died_and_was_resumed_shows_no_step_twice(self, data_folder, tmp_path, monkeypatch):
        break_off_at(monkeypatch, 56)  # saved at 32, reported at 48
        with pytest.raises(MemoryError):
            run(data_folder, tmp_path, 0.064)
        monkeypatch.undo()
        assert [event.step for event in self.events(tmp_path).Scalars("loss_generator")] == [16, 32, 48]
        time.sleep(1.1)  # event files are read in the order of the second they were begun in
        run(data_folder, tmp_path, 0.096, resume=True)
        self.assert_same_as_table(tmp_path)
        assert [event.step for event in self.events(tmp_path).Scalars("kimg")] == [16, 32, 48, 64, 80, 96]
        assert [image.step for image in self.events(tmp_path).Images("fakes")] == [0, 32, 64, 96]

    def test_what_a_run_without_a_checkpoint_left_is_void(self, data_folder, tmp_path, monkeypatch):
        break_off_at(monkeypatch, 24)
        with pytest.raises(MemoryError):
            run(data_folder, tmp_path, 0.064)
        monkeypatch.undo()
        time.sleep(1.1)
        run(data_folder, tmp_path, 0.032, seed=1)
        self.assert_same_as_table(tmp_path)

    def test_a_fresh_run_moves_the_earlier_ones_events(self, data_folder, tmp_path):
        run(data_folder, tmp_path, 0.016)
        run(data_folder, tmp_path, 0.032, seed=5)
        self.assert_same_as_table(tmp_path)
        self.assert_same_as_table(tmp_path / "earlier_runs" / "001")

    def test_a_broken_installation_is_one_warning(self, data_folder, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
        result, lines = run(data_folder, tmp_path, 0.032)
        assert result.images_seen == 32 and not (tmp_path / "tensorboard").exists()
        assert len([line for line in lines if line.startswith("warning: TensorBoard")]) == 1

    def test_a_folder_that_cannot_be_written_is_one_warning(self, data_folder, tmp_path):
        (tmp_path / "tensorboard").write_text("in the way")
        result, lines = run(data_folder, tmp_path, 0.032)
        assert result.images_seen == 32
        assert len([line for line in lines if line.startswith("warning: TensorBoard")]) == 1

    def test_tracking_changes_no_bit_of_training(self, data_folder, tmp_path, monkeypatch):
        run(data_folder, tmp_path / "tracked", 0.032)
        assert (tmp_path / "tracked" / "tensorboard").is_dir()
        monkeypatch.setitem(sys.modules, "tensorboard", None)
        _, lines = run(data_folder, tmp_path / "untracked", 0.032)
        assert not (tmp_path / "untracked" / "tensorboard").exists()
        assert not any("TensorBoard" in line for line in lines)
        tracked, untracked = (
            load_checkpoint(tmp_path / n / "checkpoints" / "latest.pt") for n in ("tracked", "untracked")
        )
        assert_same(tracked, untracked)


def test_a_tracker_that_fails_is_dropped_and_the_others_go_on():
    class Failing(Tracker):
        name = "Failing"

        def row(self, row, images_seen):
            raise OSError("disk\nfull")

        def picture(self, name, path, images_seen):
            raise AssertionError("dropped before")

        def close(self, failed):
            raise AssertionError("dropped before")

    class Recording(Tracker):
        name = "Recording"
        tracked = ()

        def row(self, row, images_seen):
            self.tracked += (images_seen,)

        def picture(self, name, path, images_seen):
            self.tracked += (name,)

        def close(self, failed):
            self.tracked += (failed,)

    lines, recording = [], Recording()
    with Trackers([Failing(), recording], lines.append) as trackers:
        trackers.row({"kimg": 0.008}, 8)
        trackers.row({"kimg": 0.016}, 16)
        trackers.picture("fakes", "fakes.png", 16)
    assert recording.tracked == (8, 16, "fakes", False)
    assert lines == ["warning: Failing failed (disk full); training goes on without it"]


class FakeMLflow:
    """Runs by id, as a tracking server would hold them; `mlflow.MlflowClient` answers from here."""

    def __init__(self):
        self.experiments, self.runs, self.uris = {}, {}, []

    def module(self):
        module = ModuleType("mlflow")
        module.MlflowClient = self.client
        module.entities = ModuleType("mlflow.entities")
        module.entities.Param = lambda key, value: SimpleNamespace(key=key, value=value)
        module.entities.Metric = lambda key, value, timestamp, step: SimpleNamespace(key=key, value=value, step=step)
        return module

    def client(self, tracking_uri):
        self.uris.append(tracking_uri)
        return self

    def get_experiment_by_name(self, name):
        return self.experiments.get(name)

    def create_experiment(self, name, artifact_location=None):
        self.experiments[name] = SimpleNamespace(experiment_id=f"e{len(self.experiments)}", place=artifact_location)
        return self.experiments[name].experiment_id

    def create_run(self, experiment_id):
        run_id = f"r{len(self.runs)}"
        self.runs[run_id] = SimpleNamespace(
            experiment_id=experiment_id, status="RUNNING", params={}, metrics=[], artifacts=[]
        )
        return SimpleNamespace(info=SimpleNamespace(run_id=run_id))

    def update_run(self, run_id, status):
        self.runs[run_id].status = status

    def set_terminated(self, run_id, status):
        self.runs[run_id].status = status

    def log_batch(self, run_id, metrics=(), params=()):
        for param in params:
            assert isinstance(param.value, str) and param.key not in self.runs[run_id].params
            self.runs[run_id].params[param.key] = param.value
        self.runs[run_id].metrics += [(metric.key, metric.step, metric.value) for metric in metrics]

    def get_metric_history(self, run_id, key):
        return [SimpleNamespace(step=step) for name, step, _ in self.runs[run_id].metrics if name == key]

    def log_artifact(self, run_id, path, folder):
        assert os.path.isfile(path)
        self.runs[run_id].artifacts.append(f"{folder}/{os.path.basename(path)}")


def as_logged(out):
    rows = read_metrics(out / "metrics.csv")
    return [(name, round(row["kimg"] * 1000), value) for row in rows for name, value in row.items()]


class TestMLflow:
    @pytest.fixture
    def server(self, monkeypatch):
        """The fake in place of the library."""
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        server = FakeMLflow()
        self.install(monkeypatch, server)
        return server

    def install(self, monkeypatch, server):
        module = server.module()
        monkeypatch.setitem(sys.modules, "mlflow", module)
        monkeypatch.setitem(sys.modules, "mlflow.entities", module.entities)

    def test_telemetry_is_off_before_the_import(self, tmp_path, monkeypatch, server):
        (tmp_path / "mlflow").mkdir()
        code = "import os\nseen = os.environ['MLFLOW_DISABLE_TELEMETRY'], os.environ['DO_NOT_TRACK']\n"
        (tmp_path / "mlflow" / "__init__.py").write_text(code)
        (tmp_path / "mlflow" / "entities.py").write_text("")
        monkeypatch.syspath_prepend(tmp_path)
        for name in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
            monkeypatch.setenv(name, "false")
        for name in ("mlflow", "mlflow.entities"):
            monkeypatch.delitem(sys.modules, name)
        assert import_mlflow().seen == ("true", "true")

    def test_parameters_metrics_grids_and_the_checkpoint(self, data_folder, tmp_path, server):
        run(data_folder, tmp_path, 0.064, mlflow="heroes")
        assert list(server.runs) == ["r0"]
        logged = server.runs["r0"]
        assert logged.experiment_id == server.experiments["heroes"].experiment_id and logged.status == "FINISHED"
        expected = {"family": "resnet_gan", "profile": "smoke", "data_fingerprint": "planted", "batch_size": "8"}
        assert expected.items() <= logged.params.items() and logged.params["seed"] == "0"
        assert logged.metrics == as_logged(tmp_path)
        assert logged.artifacts == [
            "samples/reals.png",
            "samples/fakes_init.png",
            "samples/fakes_000000_032.png",
            "samples/fakes_000000_064.png",
            "checkpoints/latest.pt",
        ]
        assert server.uris == [f"sqlite:///{(tmp_path / 'mlruns' / 'mlflow.db').as_posix()}"]
        assert server.experiments["heroes"].place == (tmp_path / "mlruns" / "artifacts").as_uri()
        assert (tmp_path / "mlflow_run_id.txt").read_text() == "r0\n"

    def test_a_resumed_run_goes_on_in_the_same_one(self, data_folder, tmp_path, server, monkeypatch):
        break_off_at(monkeypatch, 56)  # saved at 32, reported at 48
        with pytest.raises(MemoryError):
            run(data_folder, tmp_path, 0.064, mlflow="heroes")
        monkeypatch.undo()
        assert server.runs["r0"].status == "FAILED"
        self.install(monkeypatch, server)
        run(data_folder, tmp_path, 0.096, resume=True)  # the setting is the checkpoint's
        assert list(server.runs) == ["r0"] and server.runs["r0"].status == "FINISHED"
        steps = [step for name, step, _ in server.runs["r0"].metrics if name == "images_per_second"]
        assert steps == [16, 32, 48, 64, 80, 96]

    def test_a_fresh_run_is_a_new_one_and_the_id_moves_with_the_earlier(self, data_folder, tmp_path, server):
        run(data_folder, tmp_path, 0.016, mlflow="heroes")
        run(data_folder, tmp_path, 0.016, mlflow="heroes", seed=1)
        assert list(server.runs) == ["r0", "r1"] and len(server.experiments) == 1
        assert (tmp_path / "mlflow_run_id.txt").read_text() == "r1\n"
        assert (tmp_path / "earlier_runs" / "001" / "mlflow_run_id.txt").read_text() == "r0\n"

    def test_the_tracking_server_of_the_environment_is_used(self, data_folder, tmp_path, server, monkeypatch):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking.example")
        run(data_folder, tmp_path, 0.016, mlflow="heroes")
        assert server.uris == ["http://tracking.example"] and server.experiments["heroes"].place is None
        assert not (tmp_path / "mlruns").exists()

    def test_a_server_that_fails_later_does_not_stop_training(self, data_folder, tmp_path, server, monkeypatch):
        monkeypatch.setattr(server, "log_artifact", lambda *arguments: 1 / 0)
        result, lines = run(data_folder, tmp_path, 0.032, mlflow="heroes")
        assert result.images_seen == 32
        assert len([line for line in lines if line.startswith("warning: MLflow failed")]) == 1

    def test_a_server_that_cannot_be_reached_is_one_line(self, data_folder, tmp_path, server, monkeypatch):
        monkeypatch.setattr(server, "create_run", lambda experiment_id: 1 / 0)
        with pytest.raises(InputError, match=r"MLflow cannot be used \(division by zero\).*--set mlflow=") as caught:
            run(data_folder, tmp_path, 0.032, mlflow="heroes")
        assert "\n" not in str(caught.value)

    def test_a_diverged_run_is_marked_as_failed(self, data_folder, tmp_path, server, monkeypatch):
        original = ConditionalGAN.train_step

        def poisoned(self, reals, labels, images_seen):
            scalars = original(self, reals, labels, images_seen)
            return {**scalars, "loss_generator": scalars["loss_generator"] * float("nan")}

        monkeypatch.setattr(ConditionalGAN, "train_step", poisoned)
        with pytest.raises(TrainingDiverged):
            run(data_folder, tmp_path, 0.032, mlflow="heroes")
        assert server.runs["r0"].status == "FAILED"

    def test_a_missing_library_is_said_before_anything_is_moved(self, data_folder, tmp_path, monkeypatch):
        run(data_folder, tmp_path, 0.016)
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
        monkeypatch.setitem(sys.modules, "mlflow", None)
        with pytest.raises(InputError, match=r"pip install -r requirements-mlflow\.txt") as caught:
            run(data_folder, tmp_path, 0.032, mlflow="heroes")
        assert "\n" not in str(caught.value)
        assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}


@pytest.mark.skipif(importlib.util.find_spec("mlflow") is None, reason="pip install -r requirements-mlflow.txt")
def test_the_real_mlflow_keeps_a_run_over_a_resume(data_folder, tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    run(data_folder, tmp_path, 0.032, mlflow="heroes")
    run(data_folder, tmp_path, 0.064, resume=True)
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{(tmp_path / 'mlruns' / 'mlflow.db').as_posix()}")
    experiment = client.get_experiment_by_name("heroes")
    (logged,) = client.search_runs([experiment.experiment_id])
    assert logged.info.status == "FINISHED" and logged.data.params["family"] == "resnet_gan"
    history = client.get_metric_history(logged.info.run_id, "loss_generator")
    rows = read_metrics(tmp_path / "metrics.csv")
    assert sorted((metric.step, metric.value) for metric in history) == [
        (round(row["kimg"] * 1000), row["loss_generator"]) for row in rows
    ]
    kept = {item.path for item in client.list_artifacts(logged.info.run_id, "checkpoints")}
    assert kept == {"checkpoints/latest.pt"}
