"""One `lordbench search`: rounds of trials, until every method has had its tries or its time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from lordbench.config import registry, selectors
from lordbench.config.presets import load_grid
from lordbench.data import splits
from lordbench.evaluation import Measurement, PairMetric, SetMetric
from lordbench.report.progress import tracker
from lordbench.results.run_folder import CellFolder, Store
from lordbench.runner.cell import Cell
from lordbench.runner.plan import Plan, Request, make_plan, require_named
from lordbench.runner.run_cell import WorkerState
from lordbench.runner.run_folder import forget_progress, open_run_folder, repair
from lordbench.runner.run_log import RunLog, run_log
from lordbench.runner.session import RunOptions, execute, fetch_weights
from lordbench.search.criterion import CRITERIA, DIVERGED_SCORE, Criterion, by_name, has_collapsed, valued
from lordbench.search.journal import Journal
from lordbench.search.method import SearchedMethod, with_fields
from lordbench.search.outcome import Outcome, rich_outcome, write_outcome
from lordbench.search.sampling import proposals, random_settings
from lordbench.search.trials import SHARES, Trial, best, processor_seconds, survivors
from lordbench.utils import seeds
from lordbench.utils.errors import TrainingDivergedError, UserError
from lordbench.utils.files import component_name
from lordbench.utils.hardware import resolve_device
from lordbench.utils.progress import duration

REFERENCE = "control[output=copy-b]"
"""Shows image B unchanged. It needs no training and no labels, so it shows which quantities a data set can
have before anything is trained, and is the floor of the search."""
JOURNAL = "journal.log"
ROUND = 4
"""Trials of a method that the sampler proposes at once, and that are halved together."""


@dataclass(frozen=True)
class SearchRequest:
    """What the user requests.

    Attributes:
        run: methods, data, preset and one seed, which draws the validation images and the trials.
        tries: of each method; None if only the time ends the search.
        seconds: processor time of each method, after which no round begins; None for no limit.
        random: tries before the sampler takes over, the start among them.
        reserved: seeds whose test images the search does not see.
    """

    run: Request
    criterion: Criterion
    tries: int | None = 20
    seconds: float | None = None
    random: int = 8
    reserved: tuple[int, ...] = (0, 1, 2)


@dataclass
class Session:
    """A search in progress: its methods and their finished trials, by name."""

    request: SearchRequest
    plan: Plan
    methods: dict[str, SearchedMethod]
    journal: Journal
    state: WorkerState
    options: RunOptions
    log: RunLog
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        return self.state.store

    def run(self) -> None:
        """Run rounds until every method has had its tries or its time, or has failed."""
        while rounds := {name: wanted for name in self.methods if (wanted := self._round(name))}:
            trials = {name: self._proposed(name, wanted) for name, wanted in rounds.items()}
            for rung in range(len(SHARES)):
                trials = self._train(trials, rung)
            for name, own in trials.items():
                if name not in self.failures:
                    self.journal.add(name, own, self.methods[name].ranges)
                    self.log.print(escape(self._standing(name)), soft_wrap=True)
                # Trainings that diverge take no time, so no limit of time would end them.
                if self.request.seconds is not None and all(trial.error for trial in own):
                    self.failures.setdefault(name, f"every try of a round failed: {own[0].error}")

    def _standing(self, name: str) -> str:
        """How far the search of a method has come."""
        trials, column = self.journal.trials(name), self.request.criterion.first
        chosen, cost = best(trials), duration(processor_seconds(trials))
        value = f"best {column.title} {chosen.values[column.full_name]:.4g}" if chosen else "none succeeded"
        return f"{name}: {len(trials)} tries, {cost} of training; {value}"

    def _round(self, name: str) -> range:
        """The numbers of a method's next round that are still to be finished; empty if it has none.

        The bounds of rounds depend on nothing but the number of random tries, so a search with more tries
        begins like one with fewer, and one that was killed while a round was written has its bounds.
        """
        done, request = self.journal.trials(name), self.request
        if name in self.failures or (request.tries is not None and len(done) >= request.tries):
            return range(0)
        if request.seconds is not None and processor_seconds(done) >= request.seconds:
            return range(0)
        end = _end_of_round(len(done), request.random)
        return range(len(done), end if request.tries is None else min(end, request.tries))

    def _proposed(self, name: str, numbers: range) -> list[Trial]:
        method, request = self.methods[name], self.request
        seed, ranges = request.run.seeds[0], method.ranges
        if numbers.start < request.random:
            settings = {i: random_settings(ranges, seed, i) for i in numbers} | {0: dict(method.start)}
            return [Trial(number=i, source="random" if i else "start", settings=settings[i]) for i in numbers]
        # The whole round is proposed again if a part of it was written, from the trials before it.
        begin = _start_of_round(numbers.start, request.random)
        earlier, of_round = self.journal.trials(name)[:begin], seeds.derive(seed, "search", name, begin)
        proposed = proposals(ranges, earlier, ROUND, of_round)
        return [Trial(number=i, source="sampler", settings=proposed[i - begin]) for i in numbers]

    def _train(self, trials: Mapping[str, Sequence[Trial]], rung: int) -> dict[str, list[Trial]]:
        """Train those trials that go on to a budget, all methods together; return all trials."""
        cells, unused = dict[tuple[str, int], Cell](), self._unused(rung)
        for name, own in trials.items():
            going_on = {trial.number for trial in own}
            if rung:
                going_on &= survivors([*self.journal.trials(name), *own], rung - 1)
            for trial in own:
                if trial.number in going_on and name not in self.failures:
                    try:
                        cells[name, trial.number] = self.methods[name].cell(trial.settings, rung, unused)
                    except UserError as error:
                        # A combination that the method refuses: its ranges are wrong, and others go on.
                        self.failures[name] = f"{selectors.describe(trial.settings)}: {error.message}"
        cells = {key: cell for key, cell in cells.items() if key[0] not in self.failures}
        errors = self._execute(list(cells.values()))
        return {
            name: [
                self._judged(trial, cells[name, trial.number], errors)
                if (name, trial.number) in cells
                else trial
                for trial in own
            ]
            for name, own in trials.items()
        }

    def _unused(self, rung: int) -> list[str]:
        """Metrics of images that no decision after this budget needs: they take longer than its training."""
        criteria = CRITERIA.values() if rung == len(SHARES) - 1 else ()
        needed = [column.metric for each in (self.request.criterion, *criteria) for column in each.columns]
        return [
            name
            for name, kind in registry.load_all("metrics").items()
            # `lpips_cost` is made of `lpips`.
            if issubclass(kind, PairMetric | SetMetric)
            and not any(metric.startswith(name) for metric in needed)
        ]

    def _execute(self, cells: Sequence[Cell]) -> dict[str, str]:
        """Train and evaluate cells, as far as they are not; return the errors of those that failed, by id."""
        plan = Plan(list({cell.id: cell for cell in cells}.values()), self.plan.images, self.plan.weights)
        if not plan.cells:
            return {}
        repair(plan.cells, self.store, lambda text: self.log.warn("Damaged", text))
        executor = self.options.executor.sized(plan, len(plan.cells), resolve_device(self.options.device))
        plan.begun(executor.jobs).write(self.store.plan)
        outcomes = execute(plan, self.state, executor, self.log)
        return {outcome.cell.id: outcome.error for outcome in outcomes if outcome.status == "failed"}

    def _judged(self, trial: Trial, cell: Cell, errors: Mapping[str, str]) -> Trial:
        """The trial with its score after a training."""
        folder, cells = self.store.cell(cell.id), (*trial.cells, cell.id)
        if error := errors.get(cell.id):
            if not error.startswith(TrainingDivergedError.__name__):
                # A full disk, or an error in the method: no property of the settings.
                self.failures.setdefault(cell.method_name, f"{cell.label}: {error}")
                return trial
            # How long it took is not known, and it ended early.
            scores, seconds = (*trial.scores, DIVERGED_SCORE), (*trial.seconds, 0.0)
            return trial.with_result(
                scores=scores, seconds=seconds, values={}, collapsed=False, error=error, cells=cells
            )
        measured, provenance = measured_in(folder, cell), folder.provenance()
        try:
            score = self.request.criterion.score(measured)
        except UserError as unscored:
            self.failures.setdefault(cell.method_name, f"{cell.label}: {unscored.message}")
            return trial
        return trial.with_result(
            scores=(*trial.scores, score),
            seconds=(*trial.seconds, round(provenance.train_seconds * provenance.threads, 3)),
            values=valued(measured),
            collapsed=has_collapsed(measured),
            cells=cells,
        )

    def evaluated(self, reference: Cell) -> dict[str, Measurement]:
        """Evaluate the reference, and return its measurements by the names of their quantities.

        Raises:
            UserError: the data set cannot have a quantity of the criterion, or an experiment fails.
        """
        if errors := self._execute([reference]):
            raise UserError(f"{reference.title}: {errors[reference.id]}", "See its traceback in the folder.")
        measured = measured_in(self.store.cell(reference.id), reference)
        left_out = {name: why for reasons in self.plan.left_out.values() for name, why in reasons.items()}
        self.request.criterion.require(measured, reference.dataset, left_out)
        return measured


def run_search(
    request: SearchRequest, out: Path, options: RunOptions, console: Console, messages: Console
) -> list[str]:
    """Search, in the folder `out`; results go to `console`, everything else to `messages`.

    Returns:
        For each method that failed, its name and the reason.

    Raises:
        UserError: the request cannot be searched; nothing has been trained then.
    """
    if len(load_grid(request.run.preset).grid) > 1:
        message = f"preset {request.run.preset} is a grid of several runs"
        raise UserError(message, "Search with a preset of sizes, such as quick, on one data set.")
    require_named("--methods lord,drnet", request.run.methods or ())
    plan = make_plan(_with_reference(request), tracker(messages))
    *cells, reference = plan.cells
    if not cells:
        raise next(iter(plan.broken.values()))
    if len({cell.data for cell in cells}) > 1:
        raise UserError("--dataset: a search is on one data set", "Search on each in a folder of its own.")
    methods: dict[str, SearchedMethod] = {}
    for cell in cells:
        if cell.method_name in methods:
            message = f"--methods: {cell.method_name} is listed twice"
            raise UserError(message, "Search its variants in two folders: a preset has one of each method.")
        methods[cell.method_name] = SearchedMethod.of(cell, request.reserved)
    images = plan.images[reference.data]
    splits.validation(images, reference.split, request.reserved, reference.seed)
    with open_run_folder(out) as store, run_log(messages, store.log) as log:
        forget_progress(store)
        journal = Journal(out / JOURNAL)
        if others := journal.studies.keys() - methods.keys():
            # What it ends with is one preset and one table of all that it has searched.
            message = f"{journal.path}: it also has the search of {', '.join(sorted(others))}"
            raise UserError(message, "Name them in --methods, too, or choose another folder with --out.")
        sampling = {"criterion": str(request.criterion), "random tries": request.random}
        for name, method in methods.items():
            journal.begin(name, sampling | method.setup())
        fetch_weights(plan.weights, log)
        state = WorkerState(store, options.device, options.trackers, options.checkpoint_seconds)
        session = Session(request, plan, methods, journal, state, options, log)
        floor = session.evaluated(with_fields(reference, {"reserved": request.reserved}))
        session.run()
        store.write_results()
        trials = {name: journal.trials(name) for name in methods}
        outcome = Outcome(request.criterion, methods, trials, floor, images.name)
        write_outcome(outcome, out)
        for part in rich_outcome(outcome):
            console.print(part, soft_wrap=True)
        failures = [f"{name}: {error}" for name, error in session.failures.items()]
        failures += [f"{method}: {error}" for method, error in plan.broken.items()]
        for failure in failures:
            log.fail(failure)
        log.print(f"settings: {escape(str(out))}/best.yaml; tries: tries.csv", soft_wrap=True)
    return failures


def measured_in(folder: CellFolder, cell: Cell) -> dict[str, Measurement]:
    """Measurements of a finished cell, by the names of their quantities."""
    results = [folder.measurements(component_name(name)) or [] for name in cell.experiments]
    return by_name(measurement for result in results for measurement in result)


def _with_reference(request: SearchRequest) -> Request:
    """The run of the start of every method, and last of the reference, with the criterion's experiments."""
    run = request.run
    methods = [*(run.methods or ()), REFERENCE]
    return Request(
        methods=methods,
        dataset=run.dataset,
        preset=run.preset,
        experiments=request.criterion.experiments,
        seeds=run.seeds,
        split=run.split,
        data_settings=run.data_settings,
        overrides=run.overrides,
    )


def _start_of_round(number: int, random: int) -> int:
    """The first number of the round that a number is in."""
    return 0 if number < random else random + (number - random) // ROUND * ROUND


def _end_of_round(number: int, random: int) -> int:
    """One more than the last number of the round that a number is in."""
    return random if number < random else _start_of_round(number, random) + ROUND
