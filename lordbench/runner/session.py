"""One `lordbench run`: plan, fetch weights, execute, write and print the tables."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.markup import escape

from lordbench.config import registry
from lordbench.nn import weights
from lordbench.report.boards import with_entries
from lordbench.report.leaderboard import all_tables, with_others, write_tables
from lordbench.report.progress import ProgressLines, RunProgress, tracker
from lordbench.report.summary import TerminalSummary, first_values, summarise
from lordbench.report.terminal import TerminalTable
from lordbench.results.differences import Differences
from lordbench.results.leaderboard import aggregate, collect
from lordbench.results.loading import SampleFiles
from lordbench.results.marks import marked
from lordbench.results.progress import CellProgress, read_progress
from lordbench.results.rows import Provenance
from lordbench.results.run_folder import Store
from lordbench.results.status import read_status
from lordbench.results.time_left import Estimate, TimeLeft
from lordbench.runner.announce import NOTHING_TO_DO, print_plan, to_do
from lordbench.runner.cell import Cell, titles
from lordbench.runner.executors.base import Executor, Watch
from lordbench.runner.plan import Plan, Request, make_plan
from lordbench.runner.run_cell import Outcome, WorkerState
from lordbench.runner.run_folder import forget_progress, open_run_folder, repair
from lordbench.runner.run_log import RunLog, run_log
from lordbench.runner.trackers import require_trackers
from lordbench.training.checkpoints import CHECKPOINT_SECONDS
from lordbench.training.precision import Precision
from lordbench.utils.errors import UserError
from lordbench.utils.files import write_text
from lordbench.utils.hardware import device_name, resolve_device
from lordbench.utils.progress import duration
from lordbench.utils.version import PROTOCOL_VERSION

FETCHED = ("alexnet", "vgg16")
"""Weights that a run fetches by itself; Inception's are used if they are found."""
SHOWN_VALUES = 2
"""Values of a cell that are shown as soon as it is done."""


@dataclass(frozen=True)
class RunOptions:
    """How a request is run; results do not depend on it.

    Attributes:
        force: run finished cells again.
        only_evaluate: run the missing experiments of trained cells; others count as failed.
        trackers: names of experiment trackers.
        columns: metrics of the summary, by names for `quantities.choose`; empty for the headline metrics.
        against: run folders whose results stand beside those of the run, where they can be compared.
        verbose: print all tables, not the summary alone.
        on_error: called in this process with the error that ends a cell, such as a debugger.
        run_file: content of `run.yaml`, which repeats the run; empty for none.
    """

    executor: Executor
    device: str = "auto"
    force: bool = False
    only_evaluate: bool = False
    trackers: tuple[str, ...] = ()
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    columns: tuple[str, ...] = ()
    against: tuple[Path, ...] = ()
    verbose: bool = False
    on_error: Callable[[BaseException], None] | None = None
    run_file: str = ""


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    Attributes:
        rows: of the requested cells, with `results.rows.COLUMNS`.
        failures: for each failed cell, each broken method, and each cell that was to be evaluated only and is
            not trained, its name and the reason.
    """

    rows: pd.DataFrame
    failures: list[str]


def run_session(
    request: Request, out: Path, options: RunOptions, console: Console, messages: Console
) -> RunResult:
    """Run a request in the folder `out`. Tables go to `console`, everything else to `messages`.

    Raises:
        UserError: the request cannot be run; nothing has been trained then.
    """
    require_trackers(options.trackers)
    if options.force and options.only_evaluate:
        raise UserError("--force trains again, and --only-evaluate trains nothing", "Give one of them.")
    if options.against:
        collect(options.against)  # What cannot be read is better known before the training.
    device = resolve_device(options.device)
    plan = make_plan(request, tracker(messages))
    if options.only_evaluate:
        only_trained(plan, Store(out))  # Where nothing is trained, no run folder is left behind.
    with open_run_folder(out) as store, run_log(messages, store.log) as log:
        # All that can be refused is refused before anything is written.
        require_comparable(plan, store)
        fetch_weights(frozenset() if options.only_evaluate else plan.weights, log)
        repair(plan.cells, store, lambda text: log.warn("Damaged", text))
        forget_progress(store)
        untrained: list[Cell] = []
        if options.only_evaluate:
            plan, untrained = only_trained(plan, store)
        tasks = {cell.id: to_do(cell, store, options.force) for cell in plan.cells}
        unfinished = sum(text != NOTHING_TO_DO for text in tasks.values())
        executor = options.executor.sized(plan, unfinished, device)
        plan.begun(executor.jobs).write(store.plan)
        if options.run_file:
            write_text(store.run_file, options.run_file)
        precision = Precision.resolve(plan.cells[0].preset.precision, device).name
        print_plan(plan, tasks, f"{device_name(device)}, {precision}", log)
        if unfinished:
            # Rows of components that cannot be loaded will be missing.
            for error in [*registry.broken("metrics").values(), *registry.broken("experiments").values()]:
                log.warn("Left out", error)
        state = WorkerState(store, options.device, options.trackers, options.checkpoint_seconds)
        outcomes = execute(plan, state, executor, log, options.on_error, anew=options.force)
        rows = store.write_results()
        if len(rows):
            rows = _write_and_print_tables(out, plan, options, console, log)
            _print_next(out, log)
        failures = []
        for outcome in (outcome for outcome in outcomes if outcome.status == "failed"):
            trace = store.cell(outcome.cell.id).failure
            where = f"\n  traceback: {trace}" if trace.exists() else ""
            failures.append(f"{outcome.cell.title}: {outcome.error}{where}")
        failures += [f"{method}: {error}" for method, error in plan.broken.items()]
        failures += [f"{cell.title}: not trained" for cell in untrained]
        for failure in failures:
            log.fail(failure)
    return RunResult(rows.reset_index(drop=True), failures)


def require_comparable(plan: Plan, store: Store) -> None:
    """Raise UserError if the tables of a run folder could not have both its results and those of a plan."""
    hint = "Choose another folder with --out."
    planned: dict[tuple[str, str, str], str] = {}
    for cell in plan.cells:
        name, fingerprint = plan.images[cell.data].name, cell.data_fingerprint
        if planned.setdefault((name, cell.data_variant, cell.preset_name), fingerprint) != fingerprint:
            message = f"two data sets of the run are called {name}, and tables could not tell them apart"
            raise UserError(message, "Rename one, or run each with an --out of its own.")
    for own in _evaluated(store):
        if own.protocol_version != PROTOCOL_VERSION:
            old, new = own.protocol_version, PROTOCOL_VERSION
            message = f"{store.root}: its results are of protocol {old}, those of this version of {new}"
            raise UserError(message, hint)
        place = own.dataset, own.data_settings, own.preset
        if planned.get(place, own.data_fingerprint) != own.data_fingerprint:
            message = f"{store.root}: its results of {own.dataset} were made on other images or labels"
            raise UserError(message, hint)


def _evaluated(store: Store) -> Iterator[Provenance]:
    """The provenance of all cells with results; all their rows would take fifty times as long to read."""
    for folder in store.cells():
        if folder.experiments():
            # Without a readable one a cell has no rows.
            with contextlib.suppress(UserError):
                yield folder.provenance()


def only_trained(plan: Plan, store: Store) -> tuple[Plan, list[Cell]]:
    """Divide a plan into that of its trained cells, and the others; UserError if none is trained."""
    trained: list[Cell] = []
    untrained: list[Cell] = []
    for cell in plan.cells:
        (trained if store.cell(cell.id).is_trained() else untrained).append(cell)
    if not trained:
        message = f"{store.root}: none of the {len(plan.cells)} requested cells is trained"
        raise UserError(message, "Leave out --only-evaluate to train them.")
    return replace(plan, cells=trained, weights=frozenset()), untrained


def fetch_weights(needed: frozenset[str], log: RunLog) -> None:
    """Fetch the weights of training and metrics; only those of training are required."""
    for name in sorted(needed.union(FETCHED)):
        try:
            weights.ensure(name, tracker(log.console))
        except UserError as error:
            if name in needed:
                raise
            log.warn(f"Without {name} weights", error)


def execute(
    plan: Plan,
    state: WorkerState,
    executor: Executor,
    log: RunLog,
    on_error: Callable[[BaseException], None] | None = None,
    anew: bool = False,
) -> list[Outcome]:
    """Run the cells of a plan with progress bars, and return how each ended; writes `results.csv`.

    Cells that are run `anew` are deleted as soon as they can run, and no sooner.
    """
    outcomes, not_before = list[Outcome](), 0.0
    full, short = titles(plan.cells), titles(plan.cells, short=True)

    lines = ProgressLines(log.progress, lambda: read_status(state.store.root), full)
    with RunProgress(log.console, len(plan.cells), lambda: _time_left(state.store), lines.look) as progress:
        state.reporter, state.log = progress, progress.note
        if on_error is not None:
            state.on_error = lambda error: progress.pause(partial(on_error, error))
        watch = Watch(
            ready=partial(_delete, plan.cells if anew else (), state.store),
            started=lambda cell: progress.begin(short[cell.id]),
            look=lambda: progress.show(_running(short, state.store)),
            note=lambda text: log.warn("Lost", text),
        )
        for outcome in executor.run(plan, state, watch):
            progress.end()
            outcomes.append(outcome)
            began = time.monotonic()
            if outcome.status != "kept" and began >= not_before:
                # Whatever happens next, finished cells can be read. Writing reads all cells, so it gets a
                # tenth of the time: after each of a thousand cells it would take hours. A full disk is an
                # error only at the end: until then there may be room again.
                with contextlib.suppress(OSError):
                    state.store.write_results()
                ended = time.monotonic()
                not_before = ended + 9 * (ended - began)
            if outcome.status == "done":
                took = _ended(outcome.cell, state.store)
                log.print(f"[green]✓[/] {escape(f'{full[outcome.cell.id]}: {took}')}", soft_wrap=True)
    return outcomes


def _delete(cells: Iterable[Cell], store: Store) -> None:
    for cell in cells:
        store.cell(cell.id).clear()


def _ended(cell: Cell, store: Store) -> str:
    """How long a finished cell took, and its first values of the summary."""
    folder = store.cell(cell.id)
    training = duration(folder.provenance().train_seconds)
    experiments = duration(sum(timing.seconds for timing in folder.timings().values()))
    found = first_values(folder.rows(), SHOWN_VALUES)
    values = f": {', '.join(found)}" if found else ""
    return f"trained in {training}, evaluated in {experiments}{values}"


def _time_left(store: Store) -> TimeLeft:
    """Estimate of the time left, as `lordbench status` gives it."""
    return Estimate(read_status(store.root), datetime.now(UTC)).run()


def _running(titles: Mapping[str, str], store: Store) -> dict[str, tuple[str, CellProgress]]:
    """Title and progress of the running cells, by id."""
    running = {}
    for cell, title in titles.items():
        # A file that cannot be read at this moment is read again in a second.
        with contextlib.suppress(OSError, ValueError):
            if progress := read_progress(store.cell(cell).progress):
                running[cell] = (title, progress)
    return running


def _write_and_print_tables(
    out: Path, plan: Plan, options: RunOptions, console: Console, log: RunLog
) -> pd.DataFrame:
    """Write the tables of the whole run folder, print the plan's summary, and return the plan's rows."""
    rows = collect([out])
    compared = Differences(rows, SampleFiles([out]))
    write_tables(out, rows, compared)
    planned = rows[rows["cell"].isin([cell.id for cell in plan.cells])]
    if len(planned):
        shown, remarks = planned, list[str]()
        try:
            shown, remarks = with_others(planned, [out], options.against)
        except UserError as error:
            remarks.append(str(error))
        if len(planned) < len(rows) or options.against:
            compared = Differences(shown, SampleFiles([out, *options.against]))
        means = with_entries(marked(aggregate(shown), compared))
        if options.verbose:
            console.print(*map(TerminalTable, all_tables(shown, compared, means=means)), sep="\n")
        methods = list(dict.fromkeys(cell.label for cell in plan.cells))
        try:
            found = summarise(means, options.columns, methods)
        except UserError as error:
            log.warn("--columns", error)
            found = summarise(means, (), methods)
        shown_last = TerminalSummary(found)
        console.print(shown_last)
        log.keep(shown_last)
        for remark in remarks:
            log.warn("Not compared", remark)
    return planned


def _print_next(out: Path, log: RunLog) -> None:
    """Say where everything else is."""
    log.print(
        f"pictures and curves: lordbench report {escape(str(out))}\n"
        f"all tables: lordbench leaderboard {escape(str(out))}; every value: {escape(str(out))}/results.csv",
        soft_wrap=True,
    )
