"""What describes each component, in listings; shipped components are not imported for that."""

import ast
from pathlib import Path
from typing import Any

from lordbench.config import registry
from lordbench.config.component import Kind
from lordbench.utils.errors import BrokenComponentError
from lordbench.utils.files import PACKAGE, plugin_folder

DESCRIPTION = ("summary", "source", "higher_is_better", "unit")
"""Class attributes that describe a component; each kind has some of them."""


def summaries(kind: Kind) -> dict[str, dict[str, Any] | BrokenComponentError]:
    """Return the `DESCRIPTION` of each component of a kind, or why it cannot be loaded.

    Shipped components are read from their source, since importing them takes seconds. Plug-ins are imported,
    so that broken ones are noticed.
    """
    shipped = plugin_folder(registry.FOLDERS[kind]) if kind in registry.FOLDERS else None
    result: dict[str, dict[str, Any] | BrokenComponentError] = {}
    for name, component in registry.available(kind).items():
        path = component.path
        try:
            if (path and path.parent == shipped) or component.module.startswith("lordbench."):
                module = _parse(component.source_files()[0])
                classes = [node.name for node in module.body if isinstance(node, ast.ClassDef)]
                result[name] = max((_attributes(module, defined) for defined in classes), key=len, default={})
            else:
                loaded = component.load()
                result[name] = {key: getattr(loaded, key) for key in DESCRIPTION if hasattr(loaded, key)}
        except BrokenComponentError as error:
            result[name] = error
    return result


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
                    case ast.AnnAssign(target=ast.Name(id=key), value=ast.Constant(value=value)):
                        attributes |= {key: value} if key in DESCRIPTION else {}
            return attributes
        if isinstance(node, ast.ImportFrom) and any(name == alias.name for alias in node.names):
            path = PACKAGE.parent / f"{str(node.module).replace('.', '/')}.py"
            return _attributes(_parse(path), name) if path.is_file() else {}
    return {}


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))
