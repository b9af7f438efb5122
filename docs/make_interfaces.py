"""Writes interfaces.md, the page of all contracts, from the docstrings: `python docs/make_interfaces.py`.

The sources are read, not imported, so that types stand on the page as they stand in the code.
"""

from __future__ import annotations

import ast
import inspect
import re
from functools import cache
from itertools import pairwise
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE / "interfaces.md"
CONTENTS: dict[str, list[tuple[str, list[str]]]] = {
    "Methods": [("method", ["Method", "MethodConfig", "Codes", "DataSpec"])],
    "Training": [
        ("training", ["Context", "Budget", "Phase", "Update", "Loss", "adam"]),
        ("batches", ["Batch", "ShuffledBatches", "GroupedBatches"]),
        ("nn.encoder", ["Encoder"]),
        ("nn.generator", ["Generator"]),
        ("seeds", ["derive", "numpy_generator"]),
    ],
    "Data sets": [
        ("dataset", ["Dataset", "DatasetConfig", "Track"]),
        ("images", ["ImageSet", "Column", "fingerprint", "number_labels"]),
    ],
    "Metrics": [("metric", ["Metric", "PairMetric", "SetMetric", "Probe", "Reading"])],
    "Experiments": [
        ("experiment", ["Experiment", "Trained", "EvaluationConfig"]),
        ("scoring", ["Place", "Scoring"]),
        ("results.row", ["Measurement"]),
        ("inference", ["encode", "decode"]),
    ],
}
"""What is on the page: headings, modules of lordbench, and classes, functions and types in them."""
HEAD = """# Interfaces

Every contract that a plug-in keeps or is given, with all that is public of it. This page is made from the
docstrings (`python docs/make_interfaces.py`), and a test holds it against them. How to begin is in
[plugins.md](plugins.md).

N images, C channels (1 or 3), S pixels a side. `Tensor` is torch's; `Int64Array` and `UInt8Array` are NumPy
arrays. **Bold** names are what a plug-in has to say or to write; the others are there.
"""
Function = ast.FunctionDef
Row = tuple[str, str, str]
"""Name, with bold marks; type or signature; meaning."""


@cache
def parsed(module: str) -> list[ast.stmt]:
    """The statements of a module of lordbench."""
    return ast.parse((HERE.parent / "lordbench" / f"{module.replace('.', '/')}.py").read_text("utf-8")).body


def described(module: str, name: str) -> str:
    """What is defined under a name, as a part of the page."""
    for node, after in pairwise([*parsed(module), ast.Pass()]):
        if isinstance(node, ast.ClassDef | Function) and node.name == name:
            return entry(module, node)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            said = ast.literal_eval(after.value) if isinstance(after, ast.Expr) else ""
            return f"### {name}\n\n`lordbench.{module}.{ast.unparse(node)}`\n\n{said}\n"
    raise LookupError(f"lordbench.{module} defines no {name}")


def documented(node: ast.ClassDef | Function) -> tuple[str, dict[str, str]]:
    """What a docstring says: in sentences, and of each name in its `Attributes` or `Args`."""
    text, *sections = re.split(r"^(Attributes|Args|Raises):\n", ast.get_docstring(node) or "", flags=re.M)
    names: dict[str, str] = {}
    for title, section in zip(sections[::2], sections[1::2], strict=True):
        if title != "Raises":
            entries = re.split(r"^(\w+): ", inspect.cleandoc(section), flags=re.M)[1:]
            names |= {
                name: " ".join(said.split()) for name, said in zip(entries[::2], entries[1::2], strict=True)
            }
    return " ".join(text.split()), names


def signature(node: Function, name: str) -> str:
    """How a function is called, on one line."""
    arguments = ast.unparse(node.args)
    arguments = re.sub(r"^(self|cls)(, )?", "", arguments)
    returns = f" -> {ast.unparse(node.returns)}" if node.returns and name == node.name else ""
    return f"{name}({arguments}){returns}"


def field(node: ast.AnnAssign, said: dict[str, str]) -> Row:
    """A class's attribute; a contract's class attributes without a value are left to the plug-in."""
    name, kind = ast.unparse(node.target), ast.unparse(node.annotation)
    declared = kind.removeprefix("ClassVar[")
    to_say = declared != kind and node.value is None
    default = f" = {ast.unparse(node.value)}" if node.value is not None else ""
    default = re.sub(r"= field\(.*\)", "= ...", default)
    kind = declared[:-1] if declared != kind else kind
    return (f"**{name}**" if to_say else name, f"{kind}{default}", said.get(name, ""))


def method(node: Function) -> Row:
    """A class's method or property; what is abstract is left to the plug-in."""
    text, _ = documented(node)
    decorators = {ast.unparse(decorator) for decorator in node.decorator_list}
    if decorators & {"property", "cached_property"}:
        return node.name, ast.unparse(node.returns) if node.returns else "", text
    name = f"**{node.name}**" if "abstractmethod" in decorators else node.name
    return name, signature(node, node.name), text


def members(node: ast.ClassDef, said: dict[str, str]) -> list[Row]:
    """The public attributes and methods of a class, after what it is made of."""
    rows: list[Row] = []
    for part in node.body:
        if isinstance(part, ast.AnnAssign) and not ast.unparse(part.target).startswith("_"):
            rows.append(field(part, said))
        elif isinstance(part, Function) and (part.name == "__call__" or not part.name.startswith("_")):
            rows.append(method(part))
    named = {name.strip("*") for name, _, _ in rows}
    given = types(maker(node))
    return [(name, given.get(name, ""), text) for name, text in said.items() if name not in named] + rows


def maker(node: ast.ClassDef) -> Function | None:
    """The `__init__` of a class that writes one."""
    return next((part for part in node.body if isinstance(part, Function) and part.name == "__init__"), None)


def types(node: Function | None) -> dict[str, str]:
    """The types of a function's arguments."""
    arguments = [*node.args.args, *node.args.kwonlyargs] if node else []
    return {one.arg: ast.unparse(one.annotation) for one in arguments if one.annotation}


def entry(module: str, node: ast.ClassDef | Function) -> str:
    """A class or function as a part of the page."""
    text, said = documented(node)
    if isinstance(node, Function):
        call, inherits, rows = signature(node, node.name), "", []
    else:
        made = maker(node)
        call = signature(made, node.name) if made else node.name
        bases = [f"`{base}`" for base in map(ast.unparse, node.bases) if base != "ABC"]
        inherits = f", from {' and '.join(bases)}" if bases else ""
        rows = members(node, said)
    head = f"### {node.name}\n\n`lordbench.{module}.{call}`{inherits}\n\n{text}\n"
    if not rows:
        return head
    table = [
        f"| {name} | {f'`{kind}`' if kind else ''} | {what} |" for name, kind, what in map(escaped, rows)
    ]
    return "\n".join([head, "| name | type or call | what it is |", "| --- | --- | --- |", *table, ""])


def escaped(row: Row) -> Row:
    """A row whose bars do not part the columns of a table."""
    name, kind, what = (text.replace("|", r"\|") for text in row)
    return name, kind, what


def page() -> str:
    """The whole page, as Markdown."""
    parts = [HEAD]
    for heading, modules in CONTENTS.items():
        parts.append(f"## {heading}\n")
        parts += [described(module, name) for module, names in modules for name in names]
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
