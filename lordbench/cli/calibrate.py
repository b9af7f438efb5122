"""`lordbench calibrate`: try the instruments on controls, whose truth is known."""

import sys
from pathlib import Path

import click

from lordbench.cli.console import COUNT, ERR, EXIT_FAILED, OUT, PATH, say


@click.command()
@click.option("--dataset", default="toycars", show_default=True, help="Data set with labelled contents.")
@click.option("--preset", default="quick", show_default=True, help="Preset of the sizes.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of splits, pairs and probes.")
@click.option("--out", type=PATH, default=Path("calibration"), show_default=True, help="Run folder.")
@click.option("-j", "--jobs", type=COUNT, show_default="as many as there are CPU cores for; 1 on a GPU",
              help="Controls at a time.")  # fmt: skip
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
def calibrate(dataset: str, preset: str, seed: int, out: Path, jobs: int | None, device: str) -> None:
    """Run the instruments on controls, whose truth is known, and compare what they read with it.

    Writes calibration.csv and calibration.png beside the results. The exit status is 1 if a reading misses
    its truth by more than its tolerance. An interrupted calibration resumes.

    \b
    Examples:
      lordbench calibrate
      lordbench calibrate --dataset cars3d --preset paper --out calibration-cars3d
    """  # noqa: D301
    from lordbench.checks import calibration
    from lordbench.config.controls import LEAKS
    from lordbench.report import calibration as report
    from lordbench.report import figures
    from lordbench.report.tables import csv
    from lordbench.report.terminal import TerminalTable
    from lordbench.runner import executors
    from lordbench.runner.session import RunOptions
    from lordbench.utils.files import write_text

    options = RunOptions(executors.make("local", {"jobs": jobs}), device)
    result = calibration.calibrate(out, dataset, preset, seed, options, ERR)
    write_text(out / "calibration.csv", csv(result.readings))
    figures.save(figures.dose(result.rows, calibration.PROBES[0]), out / "calibration.png")
    tables = (report.dose_table(result.rows, LEAKS, calibration.PROBES), report.truth_table(result.readings))
    OUT.print(*map(TerminalTable, tables), sep="\n")
    say(f"Wrote {out / 'calibration.csv'} and .png")
    if len(result.misses):
        say(f"{len(result.misses)} of {len(result.readings)} readings miss their truth.")
        sys.exit(EXIT_FAILED)
    say(f"All {len(result.readings)} readings agree with their truth.")
