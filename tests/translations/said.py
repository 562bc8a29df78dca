"""Collect from the source every message that shelftalk can say, as templates, by reading the code without running it.

An expression is followed through assignments, constants, parameters, fields, functions and lists to the texts that it
can be. What is not known is a hole in the template; a hole whose own texts are known is said, and those are templates,
too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

from shelftalk import errors
from tests.translations.forms import Hole, Text, is_sentence, merged, spelled
from tests.translations.source import Module, Scope, bindings, calls, fields, is_of, last_name, modules

ERRORS = {name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, Exception)}
DEPTH = 100  # of expressions that are followed; no text is that deep
FIELDS = {"said", "why", "detail", "_fault", "wrong", "unusual"}  # that hold words; others hold data
RAISED = {"settings": {"ValueError"}, "cli.main": {"_print_error"}}  # shown as an error is
PREFIXED = {"catalogue.spreadsheet": {"_refuse"}}  # what comes from a process, and is said of a file
CAUSES = {"retrieval.vectors"}  # whose ValueErrors are put into the messages of others
NOTICES = {"generation.catalogue": {"notice"}, "generation.survey": {"say"}}  # and those of notices on a file


class Reader:
    """Follows one expression; remembers what it is in, so that loops end."""

    def __init__(self) -> None:
        self._within: list[tuple[ast.AST, bool]] = []
        self._known: dict[tuple[ast.AST, bool], list[Text]] = {}

    def texts(self, node: ast.expr, scope: Scope) -> list[Text]:
        """Return the texts that an expression can be; the empty list where nothing is known."""
        return self._followed(node, scope, False)

    def elements(self, node: ast.expr, scope: Scope) -> list[Text]:
        """Return the texts that the elements of an expression can be."""
        return self._followed(node, scope, True)

    def _followed(self, node: ast.expr, scope: Scope, elements: bool) -> list[Text]:
        key = (node, elements)
        if key in self._within or len(self._within) > DEPTH:
            return []
        if key not in self._known:
            self._within.append(key)
            found = self._elements(node, scope) if elements else self._texts(node, scope)
            self._within.pop()
            self._known[key] = list(dict.fromkeys(found))
        return self._known[key]

    def _texts(self, node: ast.expr, scope: Scope) -> list[Text]:
        if isinstance(node, ast.Constant):
            return [Text((node.value,))] if isinstance(node.value, str) else []
        if isinstance(node, ast.Tuple):  # of which an unknown one is taken
            return [text for one in node.elts for text in self.texts(one, scope)]
        if isinstance(node, ast.JoinedStr):
            return self._joined(node.values, scope)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            if not any(
                isinstance(one, (ast.JoinedStr, ast.Constant, ast.Call, ast.IfExp)) for one in (node.left, node.right)
            ):
                return []
            if any(isinstance(one, ast.Constant) and not isinstance(one.value, str) for one in (node.left, node.right)):
                return []  # of numbers
            return self._joined([node.left, node.right], scope)
        if isinstance(node, ast.IfExp):
            return self.texts(node.body, scope) + self.texts(node.orelse, scope)
        if isinstance(node, ast.BoolOp):
            return [text for one in node.values for text in self.texts(one, scope)]
        if isinstance(node, ast.NamedExpr):
            return self.texts(node.value, scope)
        if isinstance(node, ast.Name):
            return self._name(node.id, scope, False)
        if isinstance(node, ast.Attribute):
            return self._attribute(node, scope, False)
        if isinstance(node, ast.Subscript):
            return self._subscript(node, scope)
        if isinstance(node, ast.Call):
            return self._call(node, scope, False)
        return []

    def _joined(self, parts: list[ast.expr], scope: Scope) -> list[Text]:
        """Return the texts of parts in a row: constants in them are filled in, other values are holes."""
        found: list[tuple[str | Hole, ...]] = [()]
        for part in parts:
            if isinstance(part, ast.Constant):
                found = [(*one, str(part.value)) for one in found]
                continue
            value = part.value if isinstance(part, ast.FormattedValue) else part
            spec = ast.unparse(part.format_spec) if isinstance(part, ast.FormattedValue) and part.format_spec else ""
            quoted = isinstance(part, ast.FormattedValue) and part.conversion != -1
            texts = [] if quoted else self.texts(value, scope)
            if isinstance(part, ast.BinOp) and texts:
                found = [(*one, *text.pieces) for one in found for text in texts]
            else:
                hole = Hole(ast.unparse(value), frozenset(texts), "," in spec)
                found = [(*one, hole) for one in found]
        return [Text(merged(one)) for one in found]

    def _name(self, name: str, scope: Scope, elements: bool) -> list[Text]:
        follow = self.elements if elements else self.texts
        function, found, bound = scope.function, [], False
        if function is not None:
            for node in ast.walk(function):
                if isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
                    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                        for bound_name, value in bindings(target, node.value):
                            if bound_name == name:
                                bound = True
                                found += follow(value, scope)
                elif isinstance(node, ast.AugAssign) and last_name(node.target) == name:
                    bound = True
                    found += follow(node.value, scope)
                elif isinstance(node, (ast.For, ast.comprehension)):
                    bound |= self._loop(node, name, scope, found)
                elif elements and isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    found += self._added(node, node.func, name, scope)
            arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
            if name in [one.arg for one in arguments]:
                return found + self._parameter(name, function, scope, elements)
            if bound or found:
                return found
            outer = scope.module.inside.get(function)
            return self._name(name, Scope(scope.module, outer), elements)
        if name in scope.module.constants:
            return [text for value in scope.module.constants[name] for text in follow(value, scope)]
        if name in scope.module.imports:
            source, other = scope.module.imports[name]
            if (module := modules().get(source)) and module is not scope.module:
                return self._name(other, Scope(module, None), elements)
        return []

    def _added(self, node: ast.Call, called: ast.Attribute, name: str, scope: Scope) -> list[Text]:
        """Return what a call adds to the list of that name; nothing where it is another call."""
        if last_name(called.value) != name or called.attr not in ("append", "extend", "insert"):
            return []
        return (self.elements if called.attr == "extend" else self.texts)(node.args[-1], scope)

    def _loop(self, node: ast.For | ast.comprehension, name: str, scope: Scope, found: list[Text]) -> bool:
        bound = name in [one.id for one in ast.walk(node.target) if isinstance(one, ast.Name)]
        found += self.elements(node.iter, scope) if bound else []
        return bound

    def _parameter(self, name: str, function: ast.FunctionDef, scope: Scope, elements: bool) -> list[Text]:
        """Return what is given for a parameter wherever the function is called, and its default."""
        arguments = [*function.args.posonlyargs, *function.args.args]
        names = [one.arg for one in arguments if one.arg not in ("self", "cls")]
        follow = self.elements if elements else self.texts
        found = []
        called = function.name
        if called == "__init__":
            called = next(key for key, one in scope.module.classes.items() if function in one.body)
        for where, call in calls().get(called, []):
            if not is_of(called, where, scope.module):
                continue
            if name in names and names.index(name) < len(call.args):
                found += follow(call.args[names.index(name)], where)
            found += [text for one in call.keywords if one.arg == name for text in follow(one.value, where)]
        return found

    def _attribute(self, node: ast.Attribute, scope: Scope, elements: bool) -> list[Text]:
        """Return what a field is made with wherever its class is made, and what is assigned to it."""
        if node.attr not in FIELDS:
            return []
        follow = self.elements if elements else self.texts
        found = [text for value in scope.module.constants.get(f".{node.attr}", []) for text in follow(value, scope)]
        for function in [one for several in scope.module.functions.values() for one in several]:
            for part in ast.walk(function):
                if isinstance(part, ast.Assign):
                    for target in part.targets:
                        for name, value in bindings(target, part.value):
                            if name == f".{node.attr}":
                                found += follow(value, Scope(scope.module, function))
            if function.name == node.attr and any(last_name(one) == "property" for one in function.decorator_list):
                found += self._returned(function, scope.module, elements)
        for made, position in fields().get(node.attr, []):
            for where, call in calls().get(made, []):
                if position < len(call.args):
                    found += follow(call.args[position], where)
                found += [text for one in call.keywords if one.arg == node.attr for text in follow(one.value, where)]
        return found

    def _subscript(self, node: ast.Subscript, scope: Scope) -> list[Text]:
        """Return what an element of a constant, or of what a function returns, can be."""
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, int):
            value = node.value
            if isinstance(value, ast.Call):
                return [
                    text
                    for returned, where in self._results(value, scope)
                    if isinstance(returned, ast.Tuple) and len(returned.elts) > node.slice.value
                    for text in self.texts(returned.elts[node.slice.value], where)
                ]
            if isinstance(value, ast.Tuple) and node.slice.value < len(value.elts):
                return self.texts(value.elts[node.slice.value], scope)
        if isinstance(node.slice, ast.Slice):  # data, shortened
            return []
        return self.elements(node.value, scope)

    def _call(self, node: ast.Call, scope: Scope, elements: bool) -> list[Text]:
        if isinstance(node.func, ast.Attribute):
            on, method = node.func.value, node.func.attr
            if method == "join" and not elements and node.args and ast.unparse(on) != "'.'":  # as in names of keys
                found = self.elements(node.args[0], scope)
                return [Text((Hole(ast.unparse(node), frozenset(found), False),))] if found else []
            if method in ("strip", "rstrip", "removesuffix", "removeprefix", "capitalize"):
                return self.texts(on, scope)
            if method == "get":
                return self.elements(on, scope) + [text for one in node.args[1:] for text in self.texts(one, scope)]
            if method in ("values", "copy"):
                return self.elements(on, scope)
        if isinstance(node.func, ast.Name) and node.func.id in ("sorted", "list", "tuple", "set", "next", "map", "str"):
            if not node.args:
                return []
            if node.func.id == "str":
                return self.texts(node.args[0], scope)
            return self.elements(node.args[0 if node.func.id == "next" else -1], scope)
        follow = self.elements if elements else self.texts
        return [text for value, where in self._results(node, scope) for text in follow(value, where)]

    def _results(self, node: ast.Call, scope: Scope) -> Iterator[tuple[ast.expr, Scope]]:
        """Yield the expressions that a function of the package returns or yields."""
        name, module = last_name(node.func), scope.module
        if isinstance(node.func, ast.Name) and name in module.imports:
            source, name = module.imports[name]
            module = modules().get(source, module)
        elif isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            source, other = module.imports.get(node.func.value.id, ("", ""))
            module = modules().get(f"{source}.{other}".strip("."), module)
        for function in module.functions.get(name, []):
            for part in ast.walk(function):
                if module.inside.get(part) is function and isinstance(part, (ast.Return, ast.Yield)) and part.value:
                    yield part.value, Scope(module, function)

    def _returned(self, function: ast.FunctionDef, module: Module, elements: bool) -> list[Text]:
        follow = self.elements if elements else self.texts
        returns = [one for one in ast.walk(function) if isinstance(one, ast.Return) and one.value]
        return [text for one in returns for text in follow(one.value, Scope(module, function))]  # type: ignore[arg-type]

    def _elements(self, node: ast.expr, scope: Scope) -> list[Text]:
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            found = []
            for one in node.elts:
                found += self.elements(one.value, scope) if isinstance(one, ast.Starred) else self.texts(one, scope)
            return found
        if isinstance(node, ast.Dict):
            return [
                text
                for key, value in zip(node.keys, node.values, strict=True)
                for text in (self.texts(value, scope) if key else self.elements(value, scope))
            ]
        if isinstance(node, (ast.ListComp, ast.GeneratorExp, ast.SetComp)):
            return self.texts(node.elt, scope)
        if isinstance(node, ast.DictComp):
            return self.texts(node.value, scope)
        if isinstance(node, ast.BinOp):
            return self.elements(node.left, scope) + self.elements(node.right, scope)
        if isinstance(node, ast.IfExp):
            return self.elements(node.body, scope) + self.elements(node.orelse, scope)
        if isinstance(node, ast.Name):
            return self._name(node.id, scope, True)
        if isinstance(node, ast.Attribute):
            return self._attribute(node, scope, True)
        if isinstance(node, ast.Call):
            if last_name(node.func) == "fromkeys" and len(node.args) > 1:
                return self.texts(node.args[1], scope)
            return self._call(node, scope, True)
        if isinstance(node, ast.Subscript):
            return self.elements(node.value, scope)
        return []


def _parts_elsewhere() -> list[Text]:
    """Return what is put into messages from a file, or from an exception that is no error of shelftalk.

    These are what a process says that holds a lock, and why vectors cannot be read.
    """
    purposes = [(scope, call.args[1]) for scope, call in calls()["lock"] if len(call.args) > 1]
    raised = [(scope, call) for scope, call in calls()["ValueError"] if scope.module.name in CAUSES]
    causes = [(scope, call.args[0]) for scope, call in raised if call.args]
    reader = Reader()
    return [text for scope, node in purposes + causes for text in reader.texts(node, scope)]


@cache
def roots() -> dict[Text, str]:
    """Return every text with which an error of shelftalk is made or a notice is said, each with one place."""
    found: dict[Text, str] = {}
    reader = Reader()
    for module in modules().values():
        for call, function, before in _saying(module):
            known = reader.texts(call.args[0], Scope(module, function))
            texts = [Text((*before, *text.pieces)) for text in known]
            for text in texts or [Text((Hole(ast.unparse(call.args[0]), frozenset(), False),))]:
                for one in spelled(text):
                    found.setdefault(one, f"{module.name}:{call.lineno}")
    return found


def _saying(module: Module) -> Iterator[tuple[ast.Call, ast.FunctionDef | None, tuple[str | Hole, ...]]]:
    """Yield the calls whose first argument a user reads, the function around each, and what stands before the text."""
    says = ERRORS | RAISED.get(module.name, set()) | NOTICES.get(module.name, set())
    for node, function in module.inside.items():
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and _is_chosen(node.exc, module):
            if node.exc.args:
                yield node.exc, function, ()
        elif isinstance(node, ast.Call) and node.args:
            name = last_name(node.func)
            if name in PREFIXED.get(module.name, ()):
                yield node, function, (Hole("the file", frozenset(), False), " ")
            elif name in says:
                yield node, function, ()


def _is_chosen(call: ast.Call, module: Module) -> bool:
    """Return whether what is called is an expression or a variable, as where the code chooses the class of an error."""
    name = last_name(call.func)
    return (name[:1].islower() and name not in module.functions and name not in module.imports) or not name


def parts(texts: dict[Text, str]) -> dict[Text, str]:
    """Return the texts with several words that the values in these texts can be, and in those, each with one place."""
    found: dict[Text, str] = {}
    left = list(texts.items())
    for text in _parts_elsewhere():
        found[text] = "a lock, or ValueError"
    while left:
        text, place = left.pop()
        for hole in (one for one in text.pieces if isinstance(one, Hole)):
            for one in (inner for part in hole.texts for inner in spelled(part)):
                if one not in found:
                    found[one] = place
                    left.append((one, place))
    return {text: place for text, place in found.items() if is_sentence(text)}
