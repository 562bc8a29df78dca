"""The public names of `shelftalk` with their signatures, from `shelftalk.__all__` and the docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import shelftalk

NOT_SHOWN = {"__version__"}
NAMED = re.compile(r"^(\w+(?:, \w+)*):")  # an item of a section
SECTION = re.compile(r"(Args|Returns|Raises|Examples?|Yields):")


def python_page() -> str:
    """Return an entry for each public name: its signature, its docstring, and for a class its public members."""
    names = [name for name in getattr(shelftalk, "__all__", []) if name not in NOT_SHOWN]
    if not names:
        return "This version has no public names yet: use the [commands](commands.md)."
    return "\n\n".join(_entry(name, getattr(shelftalk, name)) for name in names)


def _entry(name: str, value: Any) -> str:
    if inspect.ismodule(value):
        classes = [one for one in vars(value).values() if inspect.isclass(one) and one.__module__ == value.__name__]
        parts = [f"## {name}", f"```text\n{inspect.getdoc(value) or ''}\n```"]
        return "\n\n".join(parts + [_entry(f"{name}.{one.__name__}", one) for one in classes])
    if inspect.isclass(value):
        is_error = issubclass(value, BaseException)
        members = [] if is_error else [_member(member, one) for member, one in _members(value)]
        body = "\n\n".join([markdown(inspect.getdoc(value) or ""), *members])
        return _directive("exception" if is_error else "class", name + ("" if is_error else _signature(value)), body, 6)
    if inspect.isroutine(value):
        return _directive("function", name + _signature(value), markdown(inspect.getdoc(value) or ""), 6)
    return _directive("data", name, "", 6)


def _members(cls: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties that shelftalk wrote, in the order of the source."""
    owners = [owner for owner in reversed(cls.__mro__) if owner.__module__.partition(".")[0] == "shelftalk"]
    for name in dict.fromkeys(name for owner in owners for name in vars(owner)):
        value = inspect.getattr_static(cls, name)
        decorated = isinstance(value, (classmethod, staticmethod, property))
        if not name.startswith("_") and (decorated or inspect.isfunction(value)):
            yield name, value


def _member(name: str, value: Any) -> str:
    body = markdown(inspect.getdoc(value) or "")
    if isinstance(value, property):
        kind = inspect.signature(value.fget).return_annotation if value.fget else inspect.Signature.empty
        return _directive("property", name, body if kind is inspect.Signature.empty else f":type: {kind}\n\n{body}", 5)
    kind = {classmethod: "classmethod", staticmethod: "staticmethod"}.get(type(value), "method")
    function = getattr(value, "__func__", value)
    return _directive(kind, name + _signature(function, bound=kind != "staticmethod"), body, 5)


class _Written(str):
    """An annotation or a default as the source has it: without quotes, and without an address in memory."""

    def __repr__(self) -> str:
        return str(self)


def _signature(value: Any, bound: bool = False) -> str:
    """Return the signature as written; a bound one without its first parameter, a class's without a result."""
    signature = inspect.signature(value)
    parameters = list(signature.parameters.values())[1 if bound else 0 :]
    written = [one.replace(annotation=_annotation(one.annotation), default=_default(one.default)) for one in parameters]
    result = inspect.Signature.empty if inspect.isclass(value) else _annotation(signature.return_annotation)
    return str(signature.replace(parameters=written, return_annotation=result))


def _annotation(value: Any) -> Any:
    return _Written(value) if isinstance(value, str) else value


def _default(value: Any) -> Any:
    return _Written(value.__name__) if inspect.isfunction(value) else value


def _directive(kind: str, head: str, body: str, ticks: int) -> str:
    fence = "`" * ticks
    return f"{fence}{{py:{kind}}} {head}\n{body}\n{fence}"


def markdown(docstring: str) -> str:
    """Return a docstring as Markdown: its sections as lists under a bold word, its examples as blocks of code."""
    lines: list[str] = []
    for block in docstring.split("\n\n"):
        head, _, rest = block.partition("\n")
        if SECTION.fullmatch(head.strip()):
            lines += [f"**{head.strip().removesuffix(':')}**", *_section(inspect.cleandoc(f"\n{rest}"))]
        else:
            lines.append(_block(inspect.cleandoc(block)))
    return "\n\n".join(lines)


def _block(block: str) -> str:
    return f"```pycon\n{block}\n```" if block.startswith(">>>") else block


def _section(body: str) -> list[str]:
    if not body or body.startswith(">>>"):
        return [_block(body)] if body else []
    items = (" ".join(item.split()) for item in re.split(r"\n(?=\S)", body))
    return ["\n".join("- " + NAMED.sub(_coded, item) for item in items)]


def _coded(names: re.Match[str]) -> str:
    return ", ".join(f"`{name}`" for name in names[1].split(", ")) + ":"
