"""`lordbench data`: fetch and prepare published data sets, list them, look at them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lordbench.cli.console import ERR, OUT
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

    table, ways = data_table()
    OUT.print(table)
    for way in ways:
        OUT.print(f"\n{way}", soft_wrap=True, markup=False, highlight=False)


@data.command()
@click.argument("name")
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to fetch to.  [default: downloads/NAME under LORDBENCH_HOME]",
)
@click.option(
    "--file", "only", multiple=True, metavar="NAME", help="Fetch this official file only; repeatable."
)
@click.option(
    "--prepare", "and_prepare", is_flag=True, help="Prepare the set at once, with its usual settings."
)
def fetch(name: str, folder: Path | None, only: tuple[str, ...], and_prepare: bool) -> None:
    """Fetch the official files of a data set, where its owners offer them to everyone.

    Files that are there already are kept, and an interrupted download goes on where it stopped. Checksums
    are compared where they are known. The files may be deleted once the set is prepared.

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

    dataset = _published(name, {}, "download")
    folder = folder.expanduser() if folder else default_folder(dataset)
    for done in fetch(dataset, folder, tracker(ERR), only):
        ERR.print(done, soft_wrap=True, markup=False, highlight=False)
    if and_prepare:
        _prepare(dataset, Source(folder, track=tracker(ERR), workers=hardware.cores()))
    else:
        command = f"lordbench data prepare {name} --from {shlex.quote(str(folder))}"
        ERR.print(f"Next: {command}", soft_wrap=True, markup=False, highlight=False)


@data.command()
@click.argument("name")
@click.option(
    "--from",
    "path",
    required=True,
    type=click.Path(path_type=Path),
    help="The official file, or the folder that holds it or what was unpacked from it.",
)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of the data set.")
@click.option(
    "--no-verify",
    is_flag=True,
    help="Take files whose checksums or number are not the official ones; results on them count as results"
    " on another data set.",
)
@click.option("--workers", type=click.IntRange(min=1), help="Processes that decode images.  [default: cores]")
def prepare(name: str, path: Path, settings: tuple[str, ...], no_verify: bool, workers: int | None) -> None:
    """Prepare a published data set from its official files, once, for all later runs.

    What was prepared before stays until the new one is complete; nothing at --from is changed.

    \b
    Examples:
      lordbench data prepare cars3d --from ~/downloads/nips2015-analogy-data.tar.gz
      lordbench data prepare smallnorb --from ~/downloads --set resolution=96
    """  # noqa: D301
    from lordbench.config import selectors
    from lordbench.datasets.published.source import Source
    from lordbench.report.progress import tracker
    from lordbench.utils import hardware

    dataset = _published(name, dict(selectors.assignment(text) for text in settings), "preparation")
    _prepare(dataset, Source(path.expanduser(), not no_verify, tracker(ERR), workers or hardware.cores()))


@data.command()
@click.argument("name")
@click.option("--out", type=click.Path(path_type=Path), help="File to write.  [default: NAME.png]")
@click.option(
    "--size", type=click.IntRange(8, 256), default=64, show_default=True, help="Pixels of an image."
)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of the data set.")
def show(name: str, out: Path | None, size: int, settings: tuple[str, ...]) -> None:
    """Write a contact sheet of a data set: classes down, contents across.

    \b
    Examples:
      lordbench data show toycars
      lordbench data show "smallnorb[class_label=object]" --out norb.png
      lordbench data show folder:faces
    """  # noqa: D301
    from lordbench.config import selectors
    from lordbench.config.registry import load_dataset
    from lordbench.report.contact_sheet import contact_sheet
    from lordbench.report.progress import tracker

    chosen = selectors.parse(name)
    given = dict(selectors.assignment(text) for text in settings)
    images = load_dataset(chosen.name, chosen.settings | given).load(size, tracker(ERR))
    path = out or Path(re.sub(r"[^\w.-]+", "-", images.name) + ".png")
    contact_sheet(images, path)
    ERR.print(f"Wrote {path}", markup=False, highlight=False)


def _published(name: str, settings: dict[str, Any], need: str) -> PublishedDataset:
    """The published data set of a name; an error for those that need no `need`."""
    from lordbench.config.registry import load_dataset
    from lordbench.datasets.published.dataset import PublishedDataset

    dataset = load_dataset(name, settings)
    if not isinstance(dataset, PublishedDataset):
        raise UserError(
            f"data set {name!r} needs no {need}", dataset.missing() or "`lordbench run` takes it as it is."
        )
    return dataset


def _prepare(dataset: PublishedDataset, source: Source) -> None:
    store = dataset.prepare(source)
    n, channels, size, _ = store.images.shape
    ERR.print(f"Prepared {dataset.name}: {n:,} images of {size} x {size} pixels, {channels} channels")
    ERR.print(f"in {store.folder}", soft_wrap=True, markup=False, highlight=False)
