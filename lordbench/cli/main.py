"""The command line: the group of all commands, and what becomes of errors."""

import functools
import sys
import warnings
from collections.abc import Callable
from typing import Any

import click
from rich.markup import escape

from lordbench.cli.calibrate import calibrate
from lordbench.cli.console import ERR, EXIT_BAD_INPUT, EXIT_INTERRUPTED
from lordbench.cli.data import data
from lordbench.cli.figure import figure
from lordbench.cli.listing import doctor, list_, weights
from lordbench.cli.plugins import check, new
from lordbench.cli.reference import reference
from lordbench.cli.report import report, status
from lordbench.cli.results import claims, compare, differences, leaderboard, summary
from lordbench.cli.run import run
from lordbench.cli.search import search
from lordbench.utils.errors import Notice, UserError
from lordbench.utils.names import shown
from lordbench.utils.terminal import spell_missing_characters
from lordbench.utils.version import __version__

SECTIONS: dict[str, dict[click.Command, str]] = {
    "Run": {
        run: "Train methods, run the experiments, compare.",
        status: "Progress of runs, and the time left.",
        search: "Tune methods with equal effort.",
        calibrate: "Try the instruments on known truths.",
    },
    "Results": {
        summary: "Who is best, in a few lines.",
        leaderboard: "Tables of runs, merged.",
        differences: "Any two methods on the same samples.",
        compare: "What differs between two cells or runs.",
        claims: "Claims of papers: confirmed or refuted?",
        report: "One page with everything, for a browser.",
        figure: "Figures for papers.",
        reference: "Results that ship with lordbench.",
    },
    "Plug-ins": {
        new: "Write a plug-in from a template.",
        check: "Does a plug-in keep its contract?",
    },
    "What there is": {
        list_: "Methods, data sets, metrics, experiments, presets.",
        data: "Data sets: list, fetch, prepare, show.",
        weights: "Weights of networks: where they are, fetch them.",
        doctor: "Device, versions, weights, data sets here.",
    },
}
"""Commands by what they are for, in a few words: one line each on the narrowest terminal."""
RESUMABLE = ("run", "search", "calibrate")
RESUME = "Run the same command again to resume."
RESUME_FORCED = "Run the same command without --force to resume: with it, what has finished is trained again."


def main() -> None:
    """Run the command line. Errors that a user can fix become a message and exit status 2."""
    spell_missing_characters()
    try:
        with warnings.catch_warnings():
            warnings.showwarning = functools.partial(_show_warning, warnings.showwarning, set())
            cli(standalone_mode=False)
    except UserError as error:
        ERR.print(f"[bold red]Error:[/] {escape(error.message)}", soft_wrap=True)
        if error.hint:
            ERR.print(escape(error.hint), soft_wrap=True)
        sys.exit(EXIT_BAD_INPUT)
    except OSError as error:
        ERR.print(f"[bold red]Error:[/] {escape(shown(str(error)))}", soft_wrap=True)
        resumes = any(name in sys.argv[1:2] for name in RESUMABLE)
        kept = f"Nothing that was finished is lost. {_resume()}"
        ERR.print(kept if resumes else "Choose another place, as with --out, or make room.")
        sys.exit(EXIT_BAD_INPUT)
    except click.ClickException as error:
        error.show()
        sys.exit(EXIT_BAD_INPUT)
    except (KeyboardInterrupt, click.Abort):
        ERR.print(f"\nInterrupted. {_resume()}")
        sys.exit(EXIT_INTERRUPTED)


def _resume() -> str:
    return RESUME_FORCED if "--force" in sys.argv else RESUME


class Grouped(click.Group):
    """A group whose help lists the commands by what they are for."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each of `SECTIONS`."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(str(command.name), text) for command, text in commands.items()])


@click.group(cls=Grouped, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lordbench")
def cli() -> None:
    """Benchmark methods that split an image into its class and its content.

    \b
    Examples:
      lordbench run                                        three methods on the embedded toy cars
      lordbench run --methods lord,drnet --dataset folder:my_images
      lordbench run --methods "lord,lord[regularizer=kl],./my_method.py" --seeds 0,1,2
      lordbench status runs --watch                        progress and time left (in another terminal)
      lordbench leaderboard runs --format latex
      lordbench differences runs --metric lpips
      lordbench report runs
      lordbench new method my_method.py && lordbench check my_method.py
    """  # noqa: D301


for command in (command for commands in SECTIONS.values() for command in commands):
    cli.add_command(command)


def _show_warning(
    default: Callable[..., None],
    notices: set[str],
    message: Warning | str,
    category: type[Warning],
    *where: Any,
    **more: Any,
) -> None:
    """Show a notice once, without its place in the code."""
    if not issubclass(category, Notice):
        default(message, category, *where, **more)
    elif (text := shown(str(message))) not in notices:
        # Python's own rule forgets what was shown whenever any filter changes.
        notices.add(text)
        ERR.print(f"[yellow]{category.label}:[/] {escape(text)}", soft_wrap=True)
