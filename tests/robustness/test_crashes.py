"""A run that is killed at any moment and started again ends with the bytes of an uninterrupted one."""

import random
from pathlib import Path

import pytest
from commandline import TINY, Run
from crashes import Grid, unlike

KILLS = 4
LONGEST = 12.0
"""Seconds; a start takes a third of that, so most kills hit a working run."""


@pytest.mark.slow
def test_a_killed_run_ends_with_the_same_bytes(run: Run) -> None:
    command = [*TINY, "--methods", "lord,drnet", "--experiments", "content-transfer,reconstruction"]
    grid = Grid([*command, "--set", "budget.images=6400"], Path.cwd())
    grid.unbroken()
    runs, workers = grid.broken("broken", KILLS, LONGEST, random.Random(0))
    assert runs + workers > 0
    assert unlike(Path("unbroken"), Path("broken")) == []
