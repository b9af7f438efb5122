"""Run cells on a Ray cluster: an existing one, or one started on this machine for the run.

Workers need not see the run folder: a `Keeper` on this machine then stores the files of their cells.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import tempfile
import threading
import uuid
from collections.abc import Collection, Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from lordbench.results.progress import RunPlan
from lordbench.results.run_folder import Store
from lordbench.runner.executors.base import RetriesConfig, Task, WorkerExecutor, WorkerLostError, run_task
from lordbench.runner.run_cell import WorkerState
from lordbench.utils.errors import UserError, require_extra
from lordbench.utils.files import is_plain_name, replacing, stamps, write_text
from lordbench.utils.integrity import read_verified

SEND_SECONDS = 2.0
"""Between two searches for new files."""
GIB = 1 << 30
MARK = ".mark"
"""File in a run folder with the id of the run that uses it."""


class Config(RetriesConfig):
    """Settings.

    Attributes:
        address: of the cluster, `HOST:PORT` or `auto`; empty for `$RAY_ADDRESS`, else starts one here.
        jobs: cells at a time; None for as many as fit into the cluster.
        gpus_per_cell: a fraction shares a GPU between cells.
        shared: whether all machines see the run folder at its path; None finds out.
    """

    address: str = ""
    jobs: int | None = Field(None, ge=1)
    cpus_per_cell: int = Field(1, ge=1)
    gpus_per_cell: float = Field(0.0, ge=0)
    memory_gb: float | None = Field(None, gt=0)
    shared: bool | None = None


class Keeper:
    """Stores the files of cells in the run folder, for workers that do not see it.

    Only the latest attempt at a cell may change files: a machine that was given up and comes back may not.
    """

    def __init__(self, root: Path) -> None:
        self.store = Store(root)
        self.attempts: dict[str, int] = {}

    def begin(self, cell: str) -> tuple[int, dict[str, bytes]]:
        """Begin an attempt: its number, and the files of earlier attempts.

        Raises:
            FileNotFoundError: the id is no valid file name.
        """
        self.attempts[cell] = self.attempts.get(cell, 0) + 1
        folder = self.store.cell(cell).path
        files = {path.name: path.read_bytes() for path in folder.glob("[!.]*") if path.is_file()}
        return self.attempts[cell], files

    def change(self, cell: str, attempt: int, written: dict[str, bytes], removed: list[str]) -> None:
        """Write and remove a cell's files as an attempt did on its machine.

        Raises:
            ValueError: a name leads out of the folder.
        """
        if attempt != self.attempts.get(cell):
            return
        folder = self.store.cell(cell).path
        for name in (*written, *removed):
            if not is_plain_name(name) or name.startswith("."):
                raise ValueError(f"{name!r}: invalid file name")
        for name, content in written.items():
            with replacing(folder / name) as temporary:
                temporary.write_bytes(content)
        for name in removed:
            (folder / name).unlink(missing_ok=True)


def run_task_remotely(task: Task, keeper: Keeper | RemoteKeeper, every: float = SEND_SECONDS) -> str:
    """Run a task in a temporary folder, and return its `Result` as JSON.

    New files are sent to the keeper every few seconds, in the order in which they were written. So a machine
    that vanishes loses the time since the last checkpoint, and those few seconds.
    """
    with tempfile.TemporaryDirectory(prefix="lordbench-") as root:
        folder = Store(Path(root)).cell(task.cell.id).path
        attempt, files = keeper.begin(task.cell.id)
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        with _sending(folder, task.cell.id, attempt, keeper, every):
            return run_task(task.model_copy(update={"root": Path(root)}).model_dump_json())


@contextlib.contextmanager
def _sending(
    folder: Path, cell: str, attempt: int, keeper: Keeper | RemoteKeeper, every: float
) -> Iterator[None]:
    sent, stop = stamps(folder), threading.Event()

    def send() -> None:
        nonlocal sent
        now = stamps(folder)
        # By the time of writing: measurements, which mark an experiment as finished, after its samples.
        new = sorted((stamp, path) for path, stamp in now.items() if sent.get(path) != stamp)
        removed = [path.name for path in sent if path not in now]
        if new or removed:
            keeper.change(cell, attempt, {path.name: path.read_bytes() for _, path in new}, removed)
        sent = now

    def watch() -> None:
        while not stop.wait(every):
            # If a file has vanished or the network is down, the next search makes up for it.
            with contextlib.suppress(OSError):
                send()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    send()


class RayCluster(WorkerExecutor):
    """Runs cells as Ray tasks. Retries are not Ray's, but those of all executors.

    Raises:
        UserError: Ray is not installed.
    """

    def __init__(self, config: Config) -> None:
        require_extra("ray", "ray", "--executor ray needs Ray", " on every machine")
        import ray

        super().__init__(config.jobs or 1, config.retries, config.cpus_per_cell)
        self.config, self.ray = config, ray

    @property
    def room(self) -> int:
        """One more than fit, so that no machine waits for the next task."""
        return self.config.jobs or self.jobs + 1

    def open(self, state: WorkerState) -> None:
        """Join the cluster, and find out how many cells fit into it."""
        ray = self.ray
        # Telemetry of Ray is the user's decision, not ours.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            ray.init(address=self.config.address or None, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, RuntimeError, ValueError) as error:
            hint = "Start one with `ray start --head`, name it with --ray-address, or omit --ray-address."
            raise UserError(f"cannot join a Ray cluster: {error}", hint) from None
        fit = self._fit(ray.cluster_resources())
        self.jobs = min(fit, self.config.jobs or fit)
        # Only now is it known how many cells run at a time.
        plan = RunPlan.model_validate(read_verified(state.store.plan))
        plan.model_copy(update={"jobs": self.jobs}).write(state.store.plan)
        self.mark, self.keeper = self._mark_and_keeper(state.store.root.resolve())
        memory = self.config.memory_gb and int(self.config.memory_gb * GIB)
        self.remote = ray.remote(_run_on_worker).options(
            num_cpus=self.threads, num_gpus=self.config.gpus_per_cell, memory=memory, max_retries=0
        )

    def send(self, tasks: Sequence[Task]) -> list[Hashable]:
        # A handle is the reference to the future result.
        return [self.remote.remote(task.model_dump_json(), self.mark, self.keeper) for task in tasks]

    def ended(self, running: Collection[Any], seconds: float) -> list[Hashable]:
        ready, _ = self.ray.wait(list(running), num_returns=1, timeout=seconds)
        return list(ready)

    def result(self, handle: Any) -> str:
        # Any error of Ray means that the task or its machine was lost.
        try:
            result: str = self.ray.get(handle)
        except self.ray.exceptions.RayError as error:
            raise WorkerLostError(f"a Ray worker was lost ({type(error).__name__})") from None
        return result

    def close(self) -> None:
        """Leave the cluster, which ends this run's tasks, and a cluster started for the run."""
        self.ray.shutdown()

    def _fit(self, resources: dict[str, float]) -> int:
        """Cells that fit into the cluster at a time, by its total CPUs and GPUs."""
        cpus, gpus = self.config.cpus_per_cell, self.config.gpus_per_cell
        fit = resources.get("CPU", 0.0) / cpus
        if gpus:
            fit = min(fit, resources.get("GPU", 0.0) / gpus)
        if fit < 1:
            message = f"the cluster has no room for a cell with {cpus} CPUs and {gpus:g} GPUs"
            raise UserError(message, "Request less with --cpus-per-cell and --gpus-per-cell.")
        return int(fit)

    def _mark_and_keeper(self, root: Path) -> tuple[str, Any]:
        """A mark that shows workers whether they see the run folder, and a keeper for those that do not."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        ray, mark = self.ray, uuid.uuid4().hex
        write_text(root / MARK, mark)
        one_machine = {node["NodeManagerHostname"] for node in ray.nodes()} == {socket.gethostname()}
        if self.config.shared or (self.config.shared is None and one_machine):
            return mark, None
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        keeper = ray.remote(Keeper).options(num_cpus=0, scheduling_strategy=here).remote(root)
        return "" if self.config.shared is False else mark, keeper


make = RayCluster


class RemoteKeeper:
    """Calls the methods of a keeper that is an actor of the cluster."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor

    def __getattr__(self, name: str) -> Any:
        import ray

        return lambda *values: ray.get(getattr(self.actor, name).remote(*values))


def _run_on_worker(task_json: str, mark: str, keeper: Any) -> str:
    task = Task.model_validate_json(task_json)
    sees_folder = keeper is None
    with contextlib.suppress(OSError):
        # Without its mark, it is another folder at this path.
        sees_folder = sees_folder or (task.root / MARK).read_text() == mark
    return run_task(task_json) if sees_folder else run_task_remotely(task, RemoteKeeper(keeper))
