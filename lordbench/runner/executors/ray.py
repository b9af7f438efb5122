"""Cells on a Ray cluster: an existing one, or one that is started on this machine for the run."""

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
from typing import Any, Protocol

from pydantic import Field

from lordbench.results.run_folder import Store
from lordbench.runner.executors.base import RetriesConfig, Task, WorkerExecutor, WorkerLostError, run_task
from lordbench.runner.run_cell import WorkerState
from lordbench.utils.errors import UserError, require_package
from lordbench.utils.files import is_regular_file, replacing, stamps, write_text

EVERY_SECONDS = 2.0
"""Between two looks for what is new."""


class Keeper:
    """Keeps the cells' files where the run folder is, for workers that do not see it.

    Only the latest attempt at a cell is listened to: a machine that was given up, and comes back, changes
    nothing any more.

    Args:
        root: run folder.
    """

    def __init__(self, root: Path) -> None:
        self.store = Store(root)
        self.attempts: dict[str, int] = {}

    def begin(self, cell: str) -> tuple[int, dict[str, bytes]]:
        """Begin an attempt: its number, and the files of those before.

        Raises:
            FileNotFoundError: no cell can have that id.
        """
        self.attempts[cell] = self.attempts.get(cell, 0) + 1
        folder = self.store.cell(cell).path
        found = {path.name: path.read_bytes() for path in folder.glob("[!.]*") if path.is_file()}
        return self.attempts[cell], found

    def change(self, cell: str, attempt: int, written: dict[str, bytes], removed: list[str]) -> None:
        """Do to a cell's files what an attempt did to its own.

        Raises:
            ValueError: a name is not that of a file in the folder.
        """
        if attempt != self.attempts.get(cell):
            return
        folder = self.store.cell(cell).path
        for name in (*written, *removed):
            if not is_regular_file(name) or name.startswith("."):
                raise ValueError(f"{name!r} is no name of a cell's file")
        for name, content in written.items():
            with replacing(folder / name) as temporary:
                temporary.write_bytes(content)
        for name in removed:
            (folder / name).unlink(missing_ok=True)


class KeeperClient(Protocol):
    """How a worker reaches the keeper."""

    def begin(self, cell: str) -> tuple[int, dict[str, bytes]]:
        """As `Keeper.begin`."""

    def change(self, cell: str, attempt: int, written: dict[str, bytes], removed: list[str]) -> None:
        """As `Keeper.change`."""


def run_task_remotely(task: Task, keeper: KeeperClient, every: float = EVERY_SECONDS) -> str:
    """Carry out a task in a folder of its own, and return its `Result` as JSON.

    What the cell writes is sent to the keeper every few seconds, in the order in which it was written; so a
    machine that vanishes loses what came since the last checkpoint, and those few seconds.

    Args:
        task: as in `run_task`.
        keeper: has the cell's files so far, and is sent what is new.
        every: seconds between two looks.
    """
    with tempfile.TemporaryDirectory(prefix="lordbench-") as root:
        mine = task.model_copy(update={"root": Path(root)})
        folder = Store(mine.root).cell(task.cell.id).path
        attempt, files = keeper.begin(task.cell.id)
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        with _sending(folder, task.cell.id, attempt, keeper, every):
            return run_task(mine.model_dump_json())


@contextlib.contextmanager
def _sending(folder: Path, cell: str, attempt: int, keeper: KeeperClient, every: float) -> Iterator[None]:
    known, over = stamps(folder), threading.Event()

    def send() -> None:
        now = stamps(folder)
        # By the time of writing: measurements, which say that an experiment is done, after its samples.
        new = sorted((stamp, path) for path, stamp in now.items() if known.get(path) != stamp)
        removed = [path.name for path in known if path not in now]
        if new or removed:
            keeper.change(cell, attempt, {path.name: path.read_bytes() for _, path in new}, removed)
        known.clear()
        known.update(now)

    def watch() -> None:
        while not over.wait(every):
            # A file that vanishes between two looks, or a line that is down: the next look makes up for it.
            with contextlib.suppress(OSError):
                send()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    send()


GIB = 1 << 30
MARK = ".mark"
"""File in a run folder that says which run is at work there."""


class Config(RetriesConfig):
    """Settings.

    Attributes:
        address: of the cluster, `HOST:PORT` or `auto`; empty for `$RAY_ADDRESS`, else one is started here.
        jobs: cells at a time; None for as many as the cluster has room for.
        cpus_per_cell: CPU cores of each cell.
        gpus_per_cell: GPUs of each cell; cells with less than one share it.
        memory_gb: memory that each cell needs; None does not ask.
        shared: whether all machines see the run folder at its path; None finds out.
    """

    address: str = ""
    jobs: int | None = Field(None, ge=1)
    cpus_per_cell: int = Field(1, ge=1)
    gpus_per_cell: float = Field(0.0, ge=0)
    memory_gb: float | None = Field(None, gt=0)
    shared: bool | None = None


def make(config: Config) -> RayCluster:
    """The executor.

    Raises:
        UserError: Ray is not installed.
    """
    require_package(
        "ray", "--executor ray needs Ray", "Install it: pip install 'lordbench[ray]', on every machine."
    )
    return RayCluster(config)


class RayCluster(WorkerExecutor):
    """Runs cells as Ray tasks. Ray itself retries none: the run does, as with any executor."""

    def __init__(self, config: Config) -> None:
        super().__init__(config.jobs or 1, config.retries, config.cpus_per_cell)
        self.config = config

    @property
    def room(self) -> int:
        """One more than fit, so that no machine waits for us."""
        return self.config.jobs or self.jobs + 1

    def open(self, state: WorkerState) -> None:
        """Join the cluster, and find out how many cells it has room for."""
        import ray

        # Whether a run is reported to Ray's makers is the user's decision, not ours.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            ray.init(address=self.config.address or None, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise UserError(
                f"no Ray cluster can be joined: {error}",
                "Start one with `ray start --head`, name it with --ray-address, or leave both out.",
            ) from None
        fit = self._fit(ray.cluster_resources())
        self.jobs = min(fit, self.config.jobs or fit)
        self.mark, self.keeper = self._where_results_go(state.store.root.resolve())
        memory = None if self.config.memory_gb is None else int(self.config.memory_gb * GIB)
        self.remote = ray.remote(_carry_out_there).options(
            num_cpus=self.config.cpus_per_cell,
            num_gpus=self.config.gpus_per_cell,
            memory=memory,
            max_retries=0,
        )

    def send(self, tasks: Sequence[Task]) -> list[Hashable]:
        """Send tasks to the cluster; their handles are references to what they will return."""
        return [self.remote.remote(task.model_dump_json(), self.mark, self.keeper) for task in tasks]

    def ended(self, running: Collection[Any], seconds: float) -> list[Hashable]:
        """Those that have returned, or are gone."""
        import ray

        ready, _ = ray.wait(list(running), num_returns=1, timeout=seconds)
        return list(ready)

    def result(self, handle: Any) -> str:
        """What the task returned; any error of Ray's means that it, or its machine, is gone."""
        import ray

        try:
            found: str = ray.get(handle)
        except ray.exceptions.RayError as error:
            raise WorkerLostError(f"a Ray worker was lost ({type(error).__name__})") from None
        return found

    def close(self) -> None:
        """Leave the cluster, which ends this run's tasks; one that was started for the run ends, too."""
        import ray

        ray.shutdown()

    def _fit(self, resources: dict[str, float]) -> int:
        """Cells that fit into the cluster at a time, by its CPUs and GPUs together."""
        fit = resources.get("CPU", 0.0) / self.config.cpus_per_cell
        if self.config.gpus_per_cell:
            fit = min(fit, resources.get("GPU", 0.0) / self.config.gpus_per_cell)
        if fit < 1:
            raise UserError(
                f"the cluster has no room for a cell of {self.config.cpus_per_cell} CPUs and "
                f"{self.config.gpus_per_cell:g} GPUs",
                "Ask for less with --cpus-per-cell and --gpus-per-cell.",
            )
        return int(fit)

    def _where_results_go(self, root: Path) -> tuple[str, Any]:
        """A mark that tells workers whether they see the run folder, and a keeper for those that do not."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        mark = uuid.uuid4().hex
        write_text(root / MARK, mark)
        nodes = ray.nodes()
        alone = {node["NodeManagerHostname"] for node in nodes} == {socket.gethostname()}
        if self.config.shared or (self.config.shared is None and alone):
            return mark, None
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        keeper = ray.remote(Keeper).options(num_cpus=0, scheduling_strategy=here).remote(root)
        return "" if self.config.shared is False else mark, keeper


class RayKeeperClient:
    """Calls the keeper, an actor of the cluster."""

    def __init__(self, keeper: Any) -> None:
        self.keeper = keeper

    def begin(self, cell: str) -> tuple[int, dict[str, bytes]]:
        """As `Keeper.begin`."""
        import ray

        found: tuple[int, dict[str, bytes]] = ray.get(self.keeper.begin.remote(cell))
        return found

    def change(self, cell: str, attempt: int, written: dict[str, bytes], removed: list[str]) -> None:
        """As `Keeper.change`."""
        import ray

        ray.get(self.keeper.change.remote(cell, attempt, written, removed))


def _carry_out_there(task_json: str, mark: str, keeper: Any) -> str:
    task = Task.model_validate_json(task_json)
    if keeper is None or _sees(task.root, mark):
        return run_task(task_json)
    return run_task_remotely(task, RayKeeperClient(keeper))


def _sees(root: Path, mark: str) -> bool:
    """Whether this machine has the run's folder at its path, and not another one of that name."""
    try:
        return (root / MARK).read_text() == mark
    except OSError:
        return False
