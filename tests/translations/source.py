"""The modules of shelftalk as syntax trees: what is defined, called and imported in them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import shelftalk

PACKAGE = Path(shelftalk.__file__).parent


@dataclass(frozen=True)
class Scope:
    """Where an expression stands."""

    module: Module
    function: ast.FunctionDef | None


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Module:
    """A parsed module: its functions, classes, constants and imports by name."""

    # `inside` has for each node the function around it; `constants` has also what is assigned to an attribute, ".name".
    def __init__(self, path: Path) -> None:
        self.name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        self.imports: dict[str, tuple[str, str]] = {}
        self.functions: dict[str, list[ast.FunctionDef]] = {}
        self.classes: dict[str, ast.ClassDef] = {}
        self.constants: dict[str, list[ast.expr]] = {}
        self.inside: dict[ast.AST, ast.FunctionDef | None] = {}
        self._visit(self.tree, None)

    def _visit(self, node: ast.AST, function: ast.FunctionDef | None) -> None:
        for child in ast.iter_child_nodes(node):
            self.inside[child] = function
            inner = function
            if isinstance(child, FUNCTIONS):
                self.functions.setdefault(child.name, []).append(child)  # type: ignore[arg-type]
                inner = child  # type: ignore[assignment]
            elif isinstance(child, ast.ClassDef):
                self.classes[child.name] = child
            elif isinstance(child, ast.ImportFrom) and (child.module or "").startswith("shelftalk"):
                for one in child.names:
                    source = (child.module or "").removeprefix("shelftalk").lstrip(".")
                    self.imports[one.asname or one.name] = (source, one.name)
            elif isinstance(child, (ast.Assign, ast.AnnAssign)) and function is None and child.value is not None:
                for target in child.targets if isinstance(child, ast.Assign) else [child.target]:
                    for name, value in bindings(target, child.value):
                        self.constants.setdefault(name, []).append(value)
            self._visit(child, inner)


@cache
def modules() -> dict[str, Module]:
    """Return the modules of shelftalk by their names without the package's."""
    found = [Module(path) for path in sorted(PACKAGE.rglob("*.py"))]
    return {one.name.removesuffix(".__init__"): one for one in found}


@cache
def calls() -> dict[str, list[tuple[Scope, ast.Call]]]:
    """Return every call in the package by the last name of what is called."""
    found: dict[str, list[tuple[Scope, ast.Call]]] = {}
    for module in modules().values():
        for node, function in module.inside.items():
            if isinstance(node, ast.Call) and (name := last_name(node.func)):
                found.setdefault(name, []).append((Scope(module, function), node))
    return found


@cache
def fields() -> dict[str, list[tuple[str, int]]]:
    """Return the classes with a field, or a parameter of `__init__`, of each name, and its position."""
    found: dict[str, list[tuple[str, int]]] = {}
    for module in modules().values():
        for name, one in module.classes.items():
            made = next((part for part in one.body if isinstance(part, FUNCTIONS) and part.name == "__init__"), None)
            if made:
                names = [argument.arg for argument in made.args.args[1:]]
            else:
                names = [
                    part.target.id
                    for part in one.body
                    if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
                ]
            for position, field in enumerate(names):
                found.setdefault(field, []).append((name, position))
    return found


def last_name(node: ast.expr) -> str:
    """Return the name of a variable, or of an attribute; '' of another expression."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def bindings(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names that an assignment binds, each with its expression where that is known."""
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Attribute):
        yield f".{target.attr}", value
    elif isinstance(target, (ast.Tuple, ast.List)):
        if isinstance(value, ast.IfExp):
            yield from bindings(target, value.body)
            yield from bindings(target, value.orelse)
        elif isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
            for one, given in zip(target.elts, value.elts, strict=True):
                yield from bindings(one, given)
        else:
            for position, one in enumerate(target.elts):
                yield from bindings(
                    one, ast.copy_location(ast.Subscript(value, ast.Constant(position), ast.Load()), value)
                )


def is_of(name: str, where: Scope, module: Module) -> bool:
    """Return whether a call of this name is of a function of `module`, as far as its imports tell."""
    if where.module is module:
        return True
    return where.module.imports.get(name, ("",))[0] == module.name.removesuffix(".__init__") or (
        name not in where.module.imports
        and name not in where.module.functions
        and not name.startswith("_")
        and any(
            source == module.name or f"{source}.{other}" == module.name
            for source, other in where.module.imports.values()
        )
    )
