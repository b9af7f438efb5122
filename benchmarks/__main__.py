"""`python -m benchmarks`: compare speeds, and write the tables into docs/performance.md."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
import torch

from benchmarks import page


@click.group()
def benchmarks() -> None:
    """Compare the speed of alternatives in one run.

    Each command prints a table, and with --write puts it into docs/performance.md.
    """


def written(name: str, text: str, write: bool) -> None:
    click.echo(text)
    if write:
        page.section(name, text)


WRITE = click.option("--write", is_flag=True, help="Put the table into docs/performance.md.")


@benchmarks.command()
@click.option("--images", default=200_000, show_default=True, help="JPEGs of CelebA's size.")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="Needs 40 kB per image.")
@WRITE
def preparing(images: int, folder: Path | None, write: bool) -> None:
    """Preparing CelebA, compared with plain Pillow in one process."""
    from benchmarks.preparing import preparing as measure

    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        written("preparing", measure(Path(temporary), images), write)


@benchmarks.command()
@click.option("--images", default=10_000, show_default=True, help="Pairs, real images and codes per method.")
@WRITE
def evaluation(images: int, write: bool) -> None:
    """Evaluating three methods, compared with calling the packages directly."""
    from benchmarks.evaluation import evaluation as measure

    written("evaluation", measure(images), write)


@benchmarks.command()
@click.option(
    "--dataset", "datasets", multiple=True, default=["toycars", "toyfaces", "digits"], show_default=True
)
@click.option("--size", default=64, show_default=True, help="Of the images, in pixels.")
@WRITE
def weights(datasets: tuple[str, ...], size: int, write: bool) -> None:
    """Weights of loss terms beside another reconstruction loss than the published one."""
    from benchmarks.weights import weights as measure

    written("weights", measure(datasets, size), write)


@benchmarks.command()
@click.option("--cells", default=1000, show_default=True)
@WRITE
def scheduling(cells: int, write: bool) -> None:
    """The overhead of a cell beside its training, on each executor."""
    from benchmarks.scheduling import scheduling as measure

    with tempfile.TemporaryDirectory() as temporary:
        written("scheduling", measure(Path(temporary), cells), write)


ROUNDS = click.option("--rounds", default=3, show_default=True, help="Repetitions of all measurements.")
STEPS = click.option(
    "--steps", "n_steps", default=3, show_default=True, help="Training steps per repetition."
)


@benchmarks.command()
@click.option("--preset", "presets", multiple=True, default=["paper", "quick"], show_default=True)
@ROUNDS
@STEPS
@WRITE
def steps(presets: tuple[str, ...], rounds: int, n_steps: int, write: bool) -> None:
    """A training step of each method, compared with the published code's style."""
    from benchmarks.steps import steps as measure

    written("steps", measure(list(presets), rounds, n_steps), write)


@benchmarks.command()
@ROUNDS
@click.option("--steps", "n_steps", default=30, show_default=True, help="Steps per repetition.")
@WRITE
def rows(rounds: int, n_steps: int, write: bool) -> None:
    """A step of LORD against the number of training images, 1,000 to 1,000,000."""
    from benchmarks.rows import rows as measure

    written("rows", measure(rounds, n_steps), write)


@benchmarks.command("held-out")
@WRITE
def held_out(write: bool) -> None:
    """The experiments of a cell against the number of test images, 1,000 to 100,000: a quarter of an hour."""
    from benchmarks.held_out import held_out as measure

    written("held-out", measure(), write)


@benchmarks.command("first-table", context_settings={"ignore_unknown_options": True})
@click.option("--against", required=True, metavar="COMMIT", help="The other commit.")
@click.option("--rounds", default=1, show_default=True)
@click.argument("arguments", nargs=-1)
@WRITE
def first_table(against: str, rounds: int, arguments: tuple[str, ...], write: bool) -> None:
    """The whole `lordbench run`, compared with another commit; ARGUMENTS are those of the run.

    \b
    Example:
      python -m benchmarks first-table --against 3f7a055 -- --methods lord
    """  # noqa: D301
    from benchmarks.first_table import first_table as measure

    written("first-table", measure(against, rounds, arguments), write)


@benchmarks.command()
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("docs/gpu.md"), show_default=True
)
@click.option("--images", default=10_000, show_default=True, help="Images that are evaluated.")
@click.option("--steps", "n_steps", default=10, show_default=True, help="Steps that are measured.")
@click.option("--anyway", is_flag=True, help="Also without a GPU, to try this command.")
def gpu(out: Path, images: int, n_steps: int, anyway: bool) -> None:
    """Check a machine with a GPU in at most eight minutes: tests, steps, evaluation, values."""
    from benchmarks.gpu import gpu as measure

    if not (anyway or torch.cuda.is_available()):
        raise click.ClickException("there is no GPU here")
    click.echo(measure(out, images, n_steps))


@benchmarks.command()
@click.option("--trials", default=4000, show_default=True)
def intervals(trials: int) -> None:
    """False positives and power of the marks over seeds (for docs/protocol.md)."""
    from benchmarks.intervals import intervals as simulate

    click.echo(simulate(trials))


if __name__ == "__main__":
    benchmarks()
