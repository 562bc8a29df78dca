"""Render the part of Go's text/template that an export's chat template uses, with Go's results.

    {{ value }}   {{ $name := value }}   {{ $name = value }}   and the trim marks {{- and -}}
    {{ if value }} ... {{ else if value }} ... {{ else }} ... {{ end }}
    {{ range value }} ... {{ end }}
    values: "text"   .   .A.B   $   $name.A   eq value value

A dict is a Go map in which a missing key has no value, as Ollama sets it; a NamedTuple is a struct, a list is a slice.
Everything else of the language is refused: a template is rendered as Go does, or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

DEEPEST = 50  # actions inside each other; more would exhaust Python's stack


class NotRendered(ValueError):
    """A template that Go refuses, or that uses what this module does not know."""


class Constant(NamedTuple):
    """A text in quotes."""

    text: str


class Path(NamedTuple):
    """A variable, or dot where `variable` is empty, and the fields taken from it one after the other."""

    variable: str
    fields: tuple[str, ...]


class Equal(NamedTuple):
    """The comparison of two values."""

    left: Constant | Path
    right: Constant | Path


Value = Constant | Path | Equal


class Text(NamedTuple):
    """Text outside of actions."""

    text: str


class Print(NamedTuple):
    """The text of a value."""

    value: Value


class Assign(NamedTuple):
    """A variable that is declared (`:=`) or set (`=`)."""

    variable: str
    declares: bool
    value: Value


class If(NamedTuple):
    """A condition with two branches."""

    value: Value
    then: tuple[Node, ...]
    otherwise: tuple[Node, ...]


class Range(NamedTuple):
    """A loop over a list, with dot set to each element."""

    value: Value
    body: tuple[Node, ...]


Node = Text | Print | Assign | If | Range


def parse(template: str) -> tuple[Node, ...]:
    """Return the nodes of a template.

    Raises:
        NotRendered: Go cannot parse it, or it uses what this module does not know.
    """
    return _Parser(template).parse()


def execute(nodes: Sequence[Node], data: Mapping[str, Any]) -> str:
    """Return the text of a parsed template for `data`.

    Raises:
        NotRendered: a value has another kind than its use needs.
    """
    return "".join(_run(nodes, data, [{"$": data}]))


def fields_of(nodes: Sequence[Node]) -> set[str]:
    """Return the names of all fields that a template uses."""
    found: set[str] = set()
    for node in nodes:
        if not isinstance(node, Text):
            parts = (node.value.left, node.value.right) if isinstance(node.value, Equal) else (node.value,)
            found.update(*(part.fields for part in parts if isinstance(part, Path)))
        if isinstance(node, If):
            found |= fields_of(node.then) | fields_of(node.otherwise)
        elif isinstance(node, Range):
            found |= fields_of(node.body)
    return found


_SPACE = " \t\r\n"  # what separates values, and what trim marks remove
# What comes after a value or a word must not begin another one: Go wants a space there.
_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    |(?P<end>}})
    |(?P<sign>:?=)
    |(?P<value>(?:"(?:[^"\\\n]|\\.)*"|\$\w*(?:\.[^\W\d]\w*)*|(?:\.[^\W\d]\w*)+|\.|[^\W\d]\w*))(?=[\s:=}])""",
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}


class _Parser:
    def __init__(self, template: str) -> None:
        self._pieces = _split(template)
        self._names = ["$"]  # variables in scope
        self._depth = 0

    def parse(self) -> tuple[Node, ...]:
        nodes, end = self._branch()
        if end:
            raise NotRendered(f"{{{{ {' '.join(end)} }}}} without its if or range")
        return nodes

    def _branch(self) -> tuple[tuple[Node, ...], list[str]]:
        """Return the nodes up to an `else` or `end`, and the tokens of that; variables declared there end with it."""
        known, nodes = len(self._names), list[Node]()
        self._depth += 1
        if self._depth > DEEPEST:
            raise NotRendered(f"more than {DEEPEST} actions inside each other")
        end: list[str] = []
        for piece in self._pieces:
            if isinstance(piece, str):
                nodes.append(Text(piece))
            elif piece[:1] in (["else"], ["end"]):
                end = piece
                break
            else:
                nodes.append(self._node(piece))
        del self._names[known:]
        self._depth -= 1
        return tuple(nodes), end

    def _node(self, tokens: list[str]) -> Node:
        if tokens[:1] == ["if"]:
            return self._if(tokens[1:])
        if tokens[:1] == ["range"]:
            value = self._value(tokens[1:])
            body, end = self._branch()
            _require_end(end)
            return Range(value, body)
        if tokens[1:2] in ([":="], ["="]):
            return self._assign(tokens[0], tokens[1] == ":=", self._value(tokens[2:]))
        return Print(self._value(tokens))

    def _assign(self, name: str, declares: bool, value: Value) -> Assign:
        if not name.startswith("$") or name == "$" or "." in name:
            raise NotRendered(f"{name} is not a variable that can be set")
        if declares:
            self._names.append(name)
        elif name not in self._names:
            raise NotRendered(f"undefined variable {name}")
        return Assign(name, declares, value)

    def _if(self, tokens: list[str]) -> If:
        value = self._value(tokens)
        then, end = self._branch()
        if end[:2] == ["else", "if"]:
            self._depth += 1
            chained = self._if(end[2:])
            self._depth -= 1
            return If(value, then, (chained,))
        otherwise: tuple[Node, ...] = ()
        if end == ["else"]:
            otherwise, end = self._branch()
        _require_end(end)
        return If(value, then, otherwise)

    def _value(self, tokens: list[str]) -> Value:
        if tokens[:1] == ["eq"] and len(tokens) == 3:
            return Equal(self._operand(tokens[1]), self._operand(tokens[2]))
        if len(tokens) != 1:
            raise NotRendered(f"{' '.join(tokens)!r} is not one value")
        return self._operand(tokens[0])

    def _operand(self, token: str) -> Constant | Path:
        if token[0] == '"':
            return Constant(_unquoted(token))
        variable, *fields = token.split(".")
        if fields == [""]:
            fields = []  # dot alone
        if variable.startswith("$") and variable not in self._names:
            raise NotRendered(f"undefined variable {variable}")
        if variable and not variable.startswith("$"):
            raise NotRendered(f"{token!r} is not known here")
        return Path(variable, tuple(fields))


def _require_end(tokens: list[str]) -> None:
    if tokens != ["end"]:
        raise NotRendered("an action without its {{ end }}" if not tokens else f"unexpected {' '.join(tokens)!r}")


def _split(template: str) -> Iterator[str | list[str]]:
    """Yield texts, and the tokens of each action."""
    position, trim = 0, False
    while (start := template.find("{{", position)) >= 0:
        trims_before = template[start + 2 : start + 3] == "-" and template[start + 3 : start + 4] in tuple(_SPACE)
        text = template[position:start]
        text = text.lstrip(_SPACE) if trim else text
        if text := text.rstrip(_SPACE) if trims_before else text:
            yield text
        tokens, position, trim = _tokens(template, start + (3 if trims_before else 2))
        yield tokens
    if rest := template[position:].lstrip(_SPACE) if trim else template[position:]:
        yield rest


def _tokens(template: str, position: int) -> tuple[list[str], int, bool]:
    """Return the tokens of the action at `position`, where the text after it begins, and whether it is trimmed."""
    tokens: list[str] = []
    while found := _TOKEN.match(template, position):
        position = found.end()
        if found.lastgroup == "end":
            return tokens, position, False
        if found.lastgroup != "space":
            tokens.append(found[0])
        elif template.startswith("-}}", position):
            return tokens, position + 3, True
    raise NotRendered(f"an action with {template[position : position + 20]!r}, which is not known here")


def _unquoted(token: str) -> str:
    def unescape(found: re.Match[str]) -> str:
        if found[1] not in _ESCAPES:
            raise NotRendered(f"the escape \\{found[1]} is not known here")
        return _ESCAPES[found[1]]

    return re.sub(r"\\(.)", unescape, token[1:-1])


_Scopes = list[dict[str, Any]]  # the variables of each block, the innermost last


def _run(nodes: Sequence[Node], dot: Any, scopes: _Scopes) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, Text):
            yield node.text
            continue
        value = _evaluate(node.value, dot, scopes)
        if isinstance(node, Print):
            yield _printed(value)
        elif isinstance(node, Assign):
            (scopes[-1] if node.declares else _holder(node.variable, scopes))[node.variable] = value
        elif isinstance(node, If):
            yield from _run(node.then if _is_true(value) else node.otherwise, dot, [*scopes, {}])
        elif value is not None and not isinstance(value, list):
            raise NotRendered(f"range needs a list, not {value!r}")
        else:
            for item in value or []:
                yield from _run(node.body, item, [*scopes, {}])


def _evaluate(value: Value, dot: Any, scopes: _Scopes) -> Any:
    if isinstance(value, Constant):
        return value.text
    if isinstance(value, Equal):
        left, right = _evaluate(value.left, dot, scopes), _evaluate(value.right, dot, scopes)
        if not (isinstance(left, str) and isinstance(right, str)):
            raise NotRendered(f"eq needs two texts, not {left!r} and {right!r}")
        return left == right
    found = _holder(value.variable, scopes)[value.variable] if value.variable else dot
    for name in value.fields:
        found = _field(found, name)
    return found


def _holder(variable: str, scopes: _Scopes) -> dict[str, Any]:
    """Return the innermost block with this variable."""
    return next(one for one in reversed(scopes) if variable in one)


def _field(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(name)
    if name not in getattr(value, "_fields", ()):
        raise NotRendered(f"{value!r} has no field {name}")
    return getattr(value, name)


def _printed(value: Any) -> str:
    if value is None:
        return "<no value>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        raise NotRendered(f"the text of {value!r} is not known here")
    return value


def _is_true(value: Any) -> bool:
    return bool(value) or hasattr(value, "_fields")  # a struct is always true
