"""Training in a process of its own: its peak memory can be measured, and if it crashes, its caller does not."""

from __future__ import annotations

import _thread
import functools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from src.device import pick_device
from src.errors import InputError, TrainingDiverged
from src.training.estimate import peak_memory
from src.training.run import TrainingResult, train

ROOT = Path(__file__).resolve().parents[2]

TRAINED, EARLY, INTERRUPTED = "trained", "stopped by itself", "interrupted"
DIVERGED, FAILED = "diverged", "failed"

REPORT = "report of the run: "
"""The last line of the process that trains: this, and the outcome as a JSON object."""


def train_apart(job: Mapping[str, object], log: Callable[[str], None]) -> dict[str, object]:
    """Train in a process of its own and pass its lines on.

    An interrupt here has the process finish its step and save; it is in a group of its own, so that the terminal's
    Ctrl-C does not reach it a second time.

    Args:
        job: the arguments of `train`, ready for JSON: `data`, `out`, `family`, `profile`, `overrides`. A run that lies
            in `out` is resumed.
        log: takes the lines of the run.

    Returns:
        `status` (one of the words above), `note` (why, in a line) and `peak_memory_bytes`, 0 where it is unknown.
    """
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUTF8": "1"}
    windows = sys.platform == "win32"
    group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP} if windows else {"start_new_session": True}
    process = subprocess.Popen(
        [sys.executable, "-m", "src.training.own_process", json.dumps(job)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        encoding="utf-8",
        errors="replace",
        **group,
    )
    outcome = {"status": FAILED, "note": "its process ended without a report", "peak_memory_bytes": 0}

    def listen() -> None:
        for line in process.stdout:
            if line.startswith(REPORT):
                outcome.update(json.loads(line.removeprefix(REPORT)))
            else:
                log(line.rstrip("\n"))

    with process:
        try:
            listen()
        except KeyboardInterrupt:
            process.stdin.close()  # which the other side takes for an interrupt
            listen()
            outcome["status"] = INTERRUPTED
        except BaseException:  # such as a log that nobody reads any more
            process.stdin.close()
            for _ in process.stdout:
                pass  # until it has saved and ended
            raise
    return outcome


def train_here(job: Mapping[str, object], log: Callable[[str], None]) -> dict[str, object]:
    """The other side of `train_apart`: train, and return the outcome."""
    try:
        result = train(
            Path(job["data"]), Path(job["out"]), job["family"], job["profile"], job["overrides"], resume=True, log=log
        )
        status, note = _status(result, job), ""
    except TrainingDiverged as error:
        status, note = DIVERGED, str(error)
    except (InputError, OSError) as error:
        status, note = FAILED, str(error)
    except KeyboardInterrupt:  # before the first step
        status, note = INTERRUPTED, ""
    except Exception as error:  # whatever one family does, the others are to have their turn
        status, note = FAILED, f"{type(error).__name__}: {error}".splitlines()[0]
    return {"status": status, "note": note, "peak_memory_bytes": peak_memory(pick_device()) or 0}


def _status(result: TrainingResult, job: Mapping[str, object]) -> str:
    if result.interrupted:
        return INTERRUPTED
    return TRAINED if result.images_seen >= job["overrides"]["kimg"] * 1000 else EARLY


def _interrupt_at_end_of_input() -> None:
    """Wait until the waiting process closes the pipe or is gone, then do what Ctrl-C does."""
    while os.read(0, 1):  # not sys.stdin, whose lock a thread must not hold when the interpreter ends
        pass
    _thread.interrupt_main()


if __name__ == "__main__":
    threading.Thread(target=_interrupt_at_end_of_input, daemon=True).start()
    outcome = train_here(json.loads(sys.argv[1]), functools.partial(print, flush=True))
    print(REPORT + json.dumps(outcome), flush=True)
