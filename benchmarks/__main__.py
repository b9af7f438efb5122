"""`python -m benchmarks`: measures speed side by side, and writes it into docs/performance.md."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from benchmarks import page


@click.group()
def benchmarks() -> None:
    """Measure speed, as ratios of two things in one run.

    Each command prints a table; with --write it also puts it into docs/performance.md.
    """


def written(name: str, text: str, write: bool) -> None:
    click.echo(text)
    if write:
        page.section(name, text)


WRITE = click.option("--write", is_flag=True, help="Put the table into docs/performance.md.")


@benchmarks.command()
@click.option("--images", default=200_000, show_default=True, help="JPEGs of CelebA's size.")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="For 40 kB an image.")
@WRITE
def preparing(images: int, folder: Path | None, write: bool) -> None:
    """Preparing CelebA, against plain Pillow in one process."""
    from benchmarks.preparing import preparing as measure

    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        written("preparing", measure(Path(temporary), images), write)


if __name__ == "__main__":
    benchmarks()
