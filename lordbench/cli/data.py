"""`lordbench data`: list, fetch, prepare and show data sets."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lordbench.cli.console import COUNT, ERR, OUT, PATH, PATTERN_HELP, HomePath, say, settings_option
from lordbench.utils.errors import UserError

if TYPE_CHECKING:
    from lordbench.datasets.published.dataset import PublishedDataset
    from lordbench.datasets.published.source import Source


@click.group()
def data() -> None:
    """Fetch and prepare published data sets, list them, look at them.

    \b
    Examples:
      lordbench data list
      lordbench data fetch smallnorb --prepare
      lordbench data prepare cars3d --from nips2015-analogy-data.tar.gz
      lordbench data show cars3d
    """  # noqa: D301


@data.command("list")
def list_() -> None:
    """Show which data sets are ready, which are missing, and how to get those.

    \b
    Example:
      lordbench data list
    """  # noqa: D301
    from lordbench.report.listing import data_table

    table, hints = data_table()
    OUT.print(table)
    for hint in hints:
        OUT.print(f"\n{hint}", soft_wrap=True, markup=False, highlight=False)


@data.command()
@click.argument("name")
@click.option("--to", "folder", type=HomePath(file_okay=False, path_type=Path),
              help="Folder to fetch to.  [default: downloads/NAME under LORDBENCH_HOME]")  # fmt: skip
@click.option("--file", "only", multiple=True, metavar="NAME",
              help="Fetch only this official file (repeatable).")  # fmt: skip
@click.option("--prepare", "and_prepare", is_flag=True,
              help="Then prepare the data set, with its default settings.")  # fmt: skip
def fetch(name: str, folder: Path | None, only: tuple[str, ...], and_prepare: bool) -> None:
    """Fetch the official files of a data set, if its owners offer them to everyone.

    Files that already exist are kept, and an interrupted download resumes. Known checksums are checked. The
    files may be deleted once the data set is prepared.

    \b
    Examples:
      lordbench data fetch cars3d
      lordbench data fetch smallnorb --to ~/downloads --prepare
      lordbench data fetch kth --file 00sequences.txt --file handwaving.zip
    """  # noqa: D301
    from lordbench.datasets.published.fetch import default_folder, fetch
    from lordbench.datasets.published.source import Source
    from lordbench.report.progress import tracker
    from lordbench.utils import hardware

    dataset = _published(name, (), "download")
    folder = folder or default_folder(dataset)
    for message in fetch(dataset, folder, tracker(ERR), only):
        say(message)
    if and_prepare:
        _prepare(dataset, Source(folder, track=tracker(ERR), workers=hardware.cores()))
    else:
        say(f"Next: lordbench data prepare {name} --from {shlex.quote(str(folder))}")


@data.command()
@click.argument("name")
@click.option("--from", "path", required=True, type=PATH,
              help="The official file, or the folder that holds it or its unpacked content.")  # fmt: skip
@settings_option
@click.option("--no-verify", is_flag=True,
              help="Accept files with other checksums or counts than the official ones; results count as"
              " those of another data set.")  # fmt: skip
@click.option("--workers", type=COUNT, help="Processes that decode images.  [default: cores]")
def prepare(name: str, path: Path, settings: tuple[str, ...], no_verify: bool, workers: int | None) -> None:
    """Prepare a published data set from its official files, once for all later runs.

    An earlier version stays until the new one is complete; nothing at --from is changed.

    \b
    Examples:
      lordbench data prepare cars3d --from ~/downloads/nips2015-analogy-data.tar.gz
      lordbench data prepare smallnorb --from ~/downloads --set resolution=96
    """  # noqa: D301
    from lordbench.datasets.published.source import Source
    from lordbench.report.progress import tracker
    from lordbench.utils import hardware

    dataset = _published(name, settings, "preparation")
    for key, value in _assignments(settings).items():
        if key not in dataset.stored_settings:
            message = f"--set {key}: all of the set is prepared, and this is chosen when it is used"
            raise UserError(message, f"Name it there: --dataset '{name}[{key}={value}]'")
    _prepare(dataset, Source(path, not no_verify, tracker(ERR), workers or hardware.cores()))


@data.command()
@click.argument("name")
@click.option("--out", type=PATH, help="File to write.  [default: NAME.png]")
@click.option("--size", type=click.IntRange(8, 256), default=64, show_default=True,
              help="Pixels per image side.")  # fmt: skip
@click.option("--pattern", help=PATTERN_HELP)
@settings_option
def show(name: str, out: Path | None, size: int, pattern: str | None, settings: tuple[str, ...]) -> None:
    """Write a contact sheet of a data set: one row per class, one column per content.

    \b
    Examples:
      lordbench data show toycars
      lordbench data show "smallnorb[class_label=object]" --out norb.png
      lordbench data show folder:faces --pattern "{class}/{content}.png"
    """  # noqa: D301
    from lordbench.config import selectors
    from lordbench.config.registry import load_images, make_dataset
    from lordbench.report.contact_sheet import contact_sheet
    from lordbench.report.progress import tracker
    from lordbench.utils.settings import distinct

    if out is not None and out.suffix.lower() not in ("", ".png"):
        raise UserError(f"--out {out}: a contact sheet is a PNG", "Give a name that ends in .png.")
    selector = selectors.parse(name)
    given = _assignments(settings) | ({} if pattern is None else {"pattern": pattern})
    given = distinct([*selector.settings.items(), *given.items()], f"data set {selector.name}")
    images = load_images(make_dataset(selector.name, given), size, tracker(ERR))
    path = out or Path(re.sub(r"[^\w.-]+", "-", images.name) + ".png")
    contact_sheet(images, path)
    say(f"Wrote {path}")


def _published(name: str, settings: Iterable[str], need: str) -> PublishedDataset:
    """The published data set of a name; an error for those that need no `need`."""
    from lordbench.config.registry import make_dataset
    from lordbench.datasets.published.dataset import PublishedDataset

    dataset = make_dataset(name, _assignments(settings))
    if not isinstance(dataset, PublishedDataset):
        raise UserError(
            f"data set {name!r} needs no {need}", dataset.missing() or "`lordbench run` can use it as it is."
        )
    return dataset


def _assignments(settings: Iterable[str]) -> dict[str, Any]:
    from lordbench.config import selectors
    from lordbench.utils.settings import distinct

    return distinct(map(selectors.assignment, settings), "--set")


def _prepare(dataset: PublishedDataset, source: Source) -> None:
    store = dataset.prepare(source)
    n, channels, size, _ = store.images.shape
    say(f"Prepared {dataset.name}: {n:,} images of {size} x {size} pixels, {channels} channels")
    say(f"in {store.folder}")
