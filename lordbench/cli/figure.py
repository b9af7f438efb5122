"""`lordbench figure`: figures for papers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from lordbench.cli.console import COUNT, PATH, Command, integers, metric_option, runs_argument, say

out_option = click.option("--out", required=True, type=PATH, help="File to write: .png, .svg or .pdf.")
dataset_option = click.option("--dataset", help="Only this data set.  [default: all]")
WIDTHS = ("column", "page")


def width_option(default: str) -> Callable[[Command], Command]:
    """Make the option `--width`."""
    return click.option("--width", type=click.Choice(WIDTHS), default=default, show_default=True,
                        help="A column (3.25 in) or a page (6.75 in) of a paper.")  # fmt: skip


@click.group()
def figure() -> None:
    """Draw a figure for a paper, as PNG, SVG or PDF by the suffix of --out.

    A method has the same colour and marker in every figure.

    \b
    Examples:
      lordbench figure forest runs --out forest.pdf
      lordbench figure tradeoff runs --width column --out tradeoff.pdf
      lordbench figure grid runs --methods lord,drnet --rows 1,3,5 --out transfers.pdf
      lordbench figure shots one_shot_runs --out shots.pdf
      lordbench figure ranks runs --out ranks.svg
      lordbench figure dose calibration --out dose.pdf
      lordbench figure informativeness runs --out attributes.pdf
      lordbench figure curves runs --out curves.png
    """  # noqa: D301


@figure.command()
@runs_argument()
@metric_option(
    "Draw this metric (repeatable), named as in `lordbench leaderboard`.  [default: the summary's]"
)
@dataset_option
@width_option("page")
@out_option
def forest(runs: tuple[Path, ...], out: Path, **options: Any) -> None:
    """Draw values and intervals of all methods, a panel per metric, with bands of floor and real images.

    Marks at the right are those of the leaderboard: * best, ≈ not significantly different from it, ▽ not
    better than a floor. The floor is the best one.

    \b
    Examples:
      lordbench figure forest runs --out forest.pdf
      lordbench figure forest runs --metric both_agreement --metric lpips --width column --out forest.svg
    """  # noqa: D301
    _draw("forest", runs, out, **options)


@figure.command()
@runs_argument()
@click.option("--metric", show_default="both_agreement, else lpips, else class_agreement",
              help="Metric of transfers.")  # fmt: skip
@dataset_option
@width_option("page")
@out_option
def tradeoff(runs: tuple[Path, ...], out: Path, **options: Any) -> None:
    """Draw class leakage against transfer quality, with intervals and the best floor.

    \b
    Examples:
      lordbench figure tradeoff runs --out tradeoff.svg
      lordbench figure tradeoff runs --metric ssim --width column --out tradeoff.pdf
    """  # noqa: D301
    _draw("tradeoff", runs, out, **options)


@figure.command()
@runs_argument()
@metric_option(
    "Rank by this metric (repeatable), named as in `lordbench leaderboard`."
    "  [default: columns of the leaderboard]"
)
@dataset_option
@width_option("page")
@out_option
def ranks(runs: tuple[Path, ...], out: Path, **options: Any) -> None:
    """Draw a critical-difference diagram: mean ranks of methods over data sets and seeds.

    Bars join methods that Nemenyi's test does not distinguish (5 %). A block is a data set and a seed that
    all methods have; in it, a method's rank is that of its mean rank over the metrics.

    \b
    Examples:
      lordbench figure ranks runs --out ranks.pdf
      lordbench figure ranks cars faces digits --metric both_agreement --out ranks.svg
    """  # noqa: D301
    _draw("ranks", runs, out, **options)


@figure.command()
@runs_argument()
@click.option("--metric", default="l1", show_default=True, help="Metric of one-shot transfers.")
@dataset_option
@width_option("page")
@out_option
def shots(runs: tuple[Path, ...], out: Path, **options: Any) -> None:
    """Draw the error of one-shot transfers against K, the number of images of the new class.

    \b
    Examples:
      lordbench run --preset experiments && lordbench figure shots runs --out shots.pdf
      lordbench figure shots runs --metric both_agreement --width column --out shots.svg
    """  # noqa: D301
    _draw("shots", runs, out, **options)


@figure.command()
@runs_argument()
@click.option("--probe", default="probe_best", show_default=True, help="Probe of the class.")
@width_option("column")
@out_option
def dose(runs: tuple[Path, ...], out: Path, **options: Any) -> None:
    """Draw what a probe reads of controls whose leakage is known, from the folder of `lordbench calibrate`.

    \b
    Examples:
      lordbench calibrate && lordbench figure dose calibration --out dose.pdf
      lordbench figure dose calibration --probe probe_linear --out linear.pdf
    """  # noqa: D301
    _draw("dose", runs, out, **options)


@figure.command()
@runs_argument()
@dataset_option
@width_option("page")
@out_option
def informativeness(runs: tuple[Path, ...], out: Path, **options: Any) -> None:
    """Draw how well each attribute reads off each code of each method, as a heat map.

    \b
    Example:
      lordbench figure informativeness runs --out attributes.pdf
    """  # noqa: D301
    _draw("informativeness", runs, out, **options)


@figure.command()
@runs_argument()
@width_option("page")
@out_option
def curves(runs: tuple[Path, ...], out: Path, **options: Any) -> None:
    """Draw training curves: one panel per method and data set, one line per seed and term of the loss.

    \b
    Example:
      lordbench figure curves runs --out curves.pdf
    """  # noqa: D301
    _draw("curves", runs, out, **options)


@figure.command()
@runs_argument()
@click.option("--picture", default="transfer-encoded", show_default=True,
              help="Which of the cells' pictures: its file name without .png.")  # fmt: skip
@click.option("--dataset", help="Only this data set.  [default: the first]")
@click.option("--seed", type=int, help="Only this seed.  [default: the first]")
@click.option("--methods", help="Columns, in this order, separated by commas.  [default: all]")
@click.option("--pairs", type=COUNT, default=6, show_default=True, help="Rows of the figure, at most.")
@click.option("--rows", help="These rows instead of the first, by their numbers, separated by commas.")
@click.option("--scores/--no-scores", default=True, show_default=True,
              help="Write the L1 to the true image below each output.")  # fmt: skip
@width_option("page")
@out_option
def grid(runs: tuple[Path, ...], methods: str | None, rows: str | None, out: Path, **options: Any) -> None:
    """Draw the outputs of all methods for the same pairs of images, beside the true image.

    \b
    Examples:
      lordbench figure grid runs --out transfers.pdf
      lordbench figure grid runs --methods lord,drnet --rows 1,4,9 --width column --out transfers.pdf
      lordbench figure grid runs --picture clustered-domain --dataset drawings2cars --out domains.png
    """  # noqa: D301
    from lordbench.config.selectors import split_list

    _draw(
        "grid", runs, out, methods=split_list(methods or ""), rows=integers("--rows", rows or ""), **options
    )


def _draw(kind: str, runs: tuple[Path, ...], out: Path, **options: Any) -> None:
    from lordbench.report.figure_kinds import draw
    from lordbench.report.figures import save

    save(draw(kind, runs, **options), out)
    say(f"Wrote {out}")
