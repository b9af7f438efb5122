"""Imports run downwards through the layers of docs/architecture.md, which name every module once."""

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

CHECKOUT = Path(__file__).resolve().parents[1]
FOLDERS = ("lordbench", "baselines", "metrics")
ROW = re.compile(r"^\| (?P<layer>\w+) \| (?P<parts>`[^|]+`) \|", re.MULTILINE)


@cache
def layers() -> dict[str, list[str]]:
    """The parts of each layer, from the top downwards, as the page has them."""
    page = (CHECKOUT / "docs/architecture.md").read_text()
    table = page[page.index("## Layers") : page.index("## One file, one component")]
    return {row["layer"]: re.findall(r"`([^`]+)`", row["parts"]) for row in ROW.finditer(table)}


@cache
def modules() -> dict[str, ast.Module]:
    """All modules by their dotted names without `lordbench.`; packages by that of their folder."""
    found = {}
    for folder in FOLDERS:
        for path in (CHECKOUT / folder).rglob("*.py"):
            parts = path.relative_to(CHECKOUT).with_suffix("").parts
            name = ".".join(part for part in parts if part != "__init__")
            found[name.removeprefix("lordbench.")] = ast.parse(path.read_text())
    del found["lordbench"]  # the package itself, which imports nothing until it is asked for a name
    return found


def at_import(node: ast.AST) -> Iterator[ast.AST]:
    """The statements that are carried out when a module is imported."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from at_import(child)


def imported(statements: Iterator[ast.AST]) -> set[str]:
    """The modules of lordbench that import statements name, as `modules` calls them."""
    names = set()
    for node in statements:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    inside = {name.removeprefix("lordbench.") for name in names if name.startswith("lordbench.")}
    # `from lordbench.seeds import derive` names a module and something in it.
    return {name if name in modules() else name.rpartition(".")[0] for name in inside} - {""}


@cache
def layer_of(module: str) -> str:
    """The layer whose part says most of a module's name: `results.row` before `results`."""
    fitting = [
        (len(part), layer)
        for layer, parts in layers().items()
        for part in parts
        if fnmatch(module, part) or module.startswith(f"{part}.")
    ]
    assert fitting, f"docs/architecture.md has no layer for {module}"
    return max(fitting)[1]


def test_no_module_imports_from_a_layer_above_its_own() -> None:
    height = {layer: -depth for depth, layer in enumerate(layers())}
    upwards = [
        f"{module} ({layer_of(module)}) imports {other} ({layer_of(other)})"
        for module, code in modules().items()
        for other in imported(at_import(code))
        if height[layer_of(other)] > height[layer_of(module)]
    ]
    assert not upwards, "\n".join(upwards)


def test_components_are_imported_by_components_alone() -> None:
    """By the others not even in a function: they find them by their names."""
    importing = [
        f"{module} imports {other}"
        for module, code in modules().items()
        for other in imported(ast.walk(code))
        if layer_of(other) == "components" and layer_of(module) != "components"
    ]
    assert not importing, "\n".join(importing)


def test_every_part_that_the_page_names_is_there_once() -> None:
    parts = [part for some in layers().values() for part in some]
    assert len(parts) == len(set(parts)) > 40
    for part in parts:
        assert any(fnmatch(module, part) for module in {*modules(), *FOLDERS}), part


def test_the_picture_shows_the_layers_and_parts_of_the_page_in_order() -> None:
    picture = ElementTree.parse(CHECKOUT / "docs/pictures/layers.svg")
    texts = [element.text or "" for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert [text for text in texts if text in layers()] == list(layers())
    for layer, shown in pairwise(texts):
        if layer in layers():
            known = {part.rstrip("*") for part in layers()[layer]}
            assert set(shown.split(", ")) <= known, layer
