"""The shell completes names of components, also behind a comma."""

import click
import pytest

from lordbench.cli.completion import completes
from lordbench.cli.main import cli


def completed(kind: str, typed: str) -> list[str]:
    context = click.Context(cli)
    return [item.value for item in completes(kind)(context, click.Option(["--any"]), typed)]


@pytest.mark.parametrize(
    ("kind", "typed", "expected"),
    [
        ("methods", "lo", ["lord"]),
        ("methods", "lord,dr", ["lord,drnet"]),
        ("presets", "qui", ["quick"]),
        ("datasets", "toyc", ["toycars"]),
        ("experiments", "leakage,content", ["leakage,content-transfer"]),
    ],
)
def test_it_completes_the_last_name(kind: str, typed: str, expected: list[str]) -> None:
    assert completed(kind, typed) == expected


def test_a_name_is_offered_once() -> None:
    assert "lord,lord" not in completed("methods", "lord,lo")
