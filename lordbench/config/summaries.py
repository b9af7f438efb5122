"""What describes each component, in listings; shipped components are not imported for that."""

import ast
from pathlib import Path
from typing import Any

from lordbench.config import registry
from lordbench.config.component import Component, Kind
from lordbench.evaluation.headlines import Headline
from lordbench.utils.errors import BrokenComponentError
from lordbench.utils.files import PACKAGE, plugin_folder

DESCRIPTION = ("summary", "source", "higher_is_better", "unit", "title", "headlines")
"""Class attributes that describe a component; each kind has some of them."""


def summaries(kind: Kind) -> dict[str, dict[str, Any] | BrokenComponentError]:
    """Return the `DESCRIPTION` of each component of a kind, or why it cannot be loaded.

    Shipped components are read from their source, since importing them takes seconds. Plug-ins are imported,
    so that broken ones are noticed.
    """
    result: dict[str, dict[str, Any] | BrokenComponentError] = {}
    for name, component in registry.available(kind).items():
        try:
            if is_shipped(component):
                result[name] = _described(component)
            else:
                loaded = component.load()
                result[name] = {key: getattr(loaded, key) for key in DESCRIPTION if hasattr(loaded, key)}
        except BrokenComponentError as error:
            result[name] = error
    return result


def shipped(kind: Kind) -> dict[str, dict[str, Any]]:
    """Return the `DESCRIPTION` of the components of a kind that ship with lordbench, by name."""
    return {name: _described(each) for name, each in registry.available(kind).items() if is_shipped(each)}


def is_shipped(component: Component) -> bool:
    """Whether a component ships with lordbench."""
    folder = plugin_folder(registry.FOLDERS[component.kind]) if component.kind in registry.FOLDERS else None
    path = component.path
    return (path is not None and path.parent == folder) or component.module.startswith("lordbench.")


def _described(component: Component) -> dict[str, Any]:
    module = _parse(component.source_files()[0])
    classes = [node.name for node in module.body if isinstance(node, ast.ClassDef)]
    return max((_attributes(module, defined) for defined in classes), key=len, default={})


def _attributes(module: ast.Module, name: str) -> dict[str, Any]:
    """Attributes of a class that a module defines or imports, with what it inherits within lordbench."""
    for node in module.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            attributes: dict[str, Any] = {}
            for base in node.bases:
                if isinstance(base, ast.Name):
                    attributes |= _attributes(module, base.id)
            for line in node.body:
                match line:
                    case ast.AnnAssign(target=ast.Name(id=key), value=ast.expr() as value):
                        attributes |= {key: _value(value, module)} if key in DESCRIPTION else {}
            return attributes
        if isinstance(node, ast.ImportFrom) and any(name == alias.name for alias in node.names):
            path = PACKAGE.parent / f"{str(node.module).replace('.', '/')}.py"
            return _attributes(_parse(path), name) if path.is_file() else {}
    return {}


def _value(node: ast.expr, module: ast.Module) -> Any:
    """The value of plain data: constants, also by name, in tuples, mappings and headlines."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Tuple(elts=parts):
            return tuple(_value(part, module) for part in parts)
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return {_value(key, module): _value(value, module) for key, value in pairs if key}
        case ast.Call(func=ast.Name(id="Headline"), args=args, keywords=keywords):
            named = {str(keyword.arg): _value(keyword.value, module) for keyword in keywords}
            return Headline(*(_value(arg, module) for arg in args), **named)
        case ast.Name(id=name):
            return _constant(name, module)
    raise ValueError(f"not plain data: {ast.unparse(node)}")


def _constant(name: str, module: ast.Module) -> Any:
    """The value of a constant that a module defines, or imports from another module of lordbench."""
    for line in module.body:
        match line:
            case ast.Assign(targets=[ast.Name(id=found)], value=value) if found == name:
                return _value(value, module)
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
                for target, value in zip(targets, values, strict=True):
                    if isinstance(target, ast.Name) and target.id == name:
                        return _value(value, module)
            case ast.ImportFrom(module=str(source), names=names) if any(
                alias.name == name for alias in names
            ):
                return _constant(name, _parse(PACKAGE.parent / f"{source.replace('.', '/')}.py"))
    raise ValueError(f"not a constant: {name}")


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))
