"""A grid on a Ray cluster of two nodes on this machine, one of which is killed during the run.

    python tests/support/nodes.py

`tests/runner/test_cluster_executors.py` does this with a tiny grid; the numbers in
docs/reliability.md are from 24 smoke cells.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
from crashes import unlike

from lordbench.results.rows import read_csv


def two_nodes() -> Any:
    """A cluster of two raylets with one CPU each; its attribute `second` is the second one."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.second = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    return cluster


@click.command()
@click.option("--methods", default="lord,drnet,mlvae,gvae,adagvae,cyclevae", show_default=True)
@click.option("--seeds", default="0,1,2,3", show_default=True)
@click.option("--experiments", default="content-transfer,reconstruction", show_default=True)
@click.option("--compare", is_flag=True, help="Also run it without a cluster, and compare.")
def main(methods: str, seeds: str, experiments: str, compare: bool) -> None:
    """Kill a node when a third of the cells is trained, and count the cells that finish."""
    command = [sys.executable, "-m", "lordbench", "run", "--preset", "smoke", "--methods", methods]
    command += ["--seeds", seeds, "--experiments", experiments, "--checkpoint-every", "2"]
    cells = len(methods.split(",")) * len(seeds.split(","))
    with tempfile.TemporaryDirectory() as folder:
        cluster, out = two_nodes(), Path(folder) / "ray"
        began = time.monotonic()
        run = subprocess.Popen(
            [*command, "--out", str(out), "--executor", "ray", "--ray-address", cluster.address]
        )
        while run.poll() is None and len(list(out.glob("cells/*/model.safetensors"))) < cells // 3:
            time.sleep(0.2)
        click.echo(f"node killed after {time.monotonic() - began:.0f} s")
        cluster.remove_node(cluster.second, allow_graceful=False)
        code = run.wait()
        seconds = time.monotonic() - began
        cluster.shutdown()
        rows = read_csv(out / "results.csv")
        doubled = rows.duplicated(["cell", "experiment", "subject", "codes", "metric"]).sum()
        click.echo(f"exit {code} after {seconds:.0f} s: {rows['cell'].nunique()} of {cells} cells, "
                   f"{len(rows)} rows, {doubled} of them doubled")  # fmt: skip
        if compare:
            there = Path(folder) / "here"
            subprocess.run([*command, "--out", str(there), "-j", "2"], check=True)
            click.echo(", ".join(unlike(there, out)) or "the same as without a cluster")


if __name__ == "__main__":
    main()
