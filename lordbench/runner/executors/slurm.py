"""Run cells as Slurm jobs, through submitit. All machines must share the file system of the run folder."""

import time
import uuid
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from lordbench.runner.executors.base import RetriesConfig, Task, WorkerExecutor, WorkerLostError, run_task
from lordbench.runner.run_cell import WorkerState
from lordbench.utils.errors import UserError, require_extra
from lordbench.utils.files import home, write_text

LATE_SECONDS = 10.0
"""How late a network file system may show a file that another machine has written."""
POLL_SECONDS = 0.2
MOST_QUEUED = 500
"""Clusters limit the length of a job array, by default to 1,000."""


class Config(RetriesConfig):
    """Settings: at most `jobs` jobs at a time, and what each gets.

    Attributes:
        partition: where to submit; empty for the cluster's default.
        minutes: time limit of a job. One that needs longer is requeued, and resumes from its checkpoint.
        cluster: `slurm`; or `local`, which runs jobs on this machine without Slurm, for tests.
    """

    jobs: int = Field(16, ge=1)
    partition: str = ""
    minutes: int = Field(240, ge=1)
    memory_gb: float = Field(8.0, gt=0)
    cpus_per_cell: int = Field(1, ge=1)
    gpus_per_cell: int = Field(0, ge=0)
    cluster: Literal["slurm", "local"] = "slurm"


class SlurmJobs(WorkerExecutor):
    """Runs each cell as a job; the handle of a task is its result file.

    Raises:
        UserError: submitit is not installed.
    """

    def __init__(self, config: Config) -> None:
        require_extra("submitit", "slurm", "--executor slurm needs submitit")
        super().__init__(config.jobs, config.retries, config.cpus_per_cell)
        self.config = config
        self.submitted: dict[Path, Any] = {}

    @property
    def room(self) -> int:
        """Jobs that may be queued; Slurm itself runs no more than `jobs` at a time."""
        return self.jobs if self.config.cluster == "local" else MOST_QUEUED

    def open(self, state: WorkerState) -> None:
        """Make a folder for submitit's files."""
        import submitit

        # These are pickles, so they lie in the user's own cache, which nobody else may enter, and never in a
        # run folder, which may be shared. Results are read from JSON.
        self.folder = home() / "slurm" / uuid.uuid4().hex
        self.folder.mkdir(parents=True, mode=0o700)
        try:
            self.executor = submitit.AutoExecutor(self.folder, cluster=self.config.cluster)
        except RuntimeError as error:
            hint = "Run it on a machine that has sbatch, or use --slurm-cluster local."
            raise UserError(f"no Slurm here: {error}", hint) from None
        self.executor.update_parameters(
            name="lordbench",
            timeout_min=self.config.minutes,
            mem_gb=self.config.memory_gb,
            cpus_per_task=self.config.cpus_per_cell,
            gpus_per_node=self.config.gpus_per_cell,
            slurm_array_parallelism=self.config.jobs,
            **({"slurm_partition": self.config.partition} if self.config.partition else {}),
        )

    def send(self, tasks: Sequence[Task]) -> list[Path]:
        paths = [self.folder / f"{uuid.uuid4().hex}.json" for _ in tasks]
        with self.executor.batch():
            for path, task in zip(paths, tasks, strict=True):
                self.submitted[path] = self.executor.submit(Job(task.model_dump_json(), path))
        return paths

    def ended(self, running: Collection[Path], seconds: float) -> list[Path]:
        deadline = time.monotonic() + seconds
        while True:
            ended = [path for path in running if path.exists() or self.submitted[path].done()]
            if ended or time.monotonic() > deadline:
                return ended
            time.sleep(POLL_SECONDS)

    def result(self, handle: Path) -> str:
        job = self.submitted.pop(handle)
        deadline = time.monotonic() + LATE_SECONDS
        while not handle.exists():
            if time.monotonic() > deadline:
                reason = f"({job.state}; {job.paths.stderr})"
                raise WorkerLostError(f"job {job.job_id} ended without a result {reason}")
            time.sleep(POLL_SECONDS)
        return handle.read_text(encoding="utf-8")

    def close(self) -> None:
        for job in self.submitted.values():
            job.cancel(check=False)


make = SlurmJobs


class Job:
    """What submitit runs: text in, text out."""

    def __init__(self, task: str, result: Path) -> None:
        self.task, self.result = task, result

    def __call__(self) -> None:
        write_text(self.result, run_task(self.task))

    def checkpoint(self) -> Any:
        """Resubmit the job when it is preempted or its time is over; it resumes from its checkpoint."""
        import submitit

        return submitit.helpers.DelayedSubmission(self)
