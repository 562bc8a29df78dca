"""What the calls of the public face share: where messages go, and the checks of their arguments."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from shelftalk.errors import InvalidSettings, UserError

LOGGER = logging.getLogger("shelftalk")
LOGGER.addHandler(logging.NullHandler())  # a library prints nothing that the program has not asked for

StrPath: TypeAlias = "str | os.PathLike[str]"


def say(line: str) -> None:
    """Log a message on slow or unexpected steps; it is a warning, since some of these change what one gets."""
    LOGGER.warning("%s", line)


def say_once() -> Callable[[str], None]:
    """Return a function that logs each message once: what is said of one product may hold for all."""
    said: set[str] = set()

    def tell(line: str) -> None:
        if line not in said:
            said.add(line)
            say(line)

    return tell


def require_text(value: object, what: str) -> str:
    """Return `value`, which `what` names, if it is a text with other than white space.

    Raises:
        UserError: it is not.
    """
    if not isinstance(value, str) or not value.strip():
        raise UserError(f"{what} must be a text that is not empty, got {value!r}.")
    return value


def require_texts(attributes: Mapping[str, str] | None) -> list[tuple[str, str]]:
    """Return names and values of attributes, if all are texts; those without a value may be ''.

    Raises:
        UserError: they are no mapping, or one is not a text.
    """
    if not isinstance(attributes, Mapping | None):
        raise UserError(f"attributes must map names to values, got {attributes!r}.")
    pairs = list((attributes or {}).items())
    for name, value in pairs:
        if not (isinstance(name, str) and isinstance(value, str)):
            raise UserError(f"An attribute's name and value must be texts, got {name!r}: {value!r}.")
    return pairs


def require_product(product: object) -> tuple[Any, Any]:
    """Return a product, a title or a pair of title and attributes, as a pair; its parts are not checked.

    Raises:
        UserError: it is neither.
    """
    if isinstance(product, str):
        return product, None
    if isinstance(product, tuple | list) and len(product) == 2:
        return product[0], product[1]
    raise UserError(f"A product must be a title, or a pair of title and attributes, got {product!r}.")


def require_settings(settings: Mapping[str, object] | None) -> Mapping[str, object]:
    """Return the given settings, none where there are none.

    Raises:
        UserError: they are no mapping.
    """
    if not isinstance(settings, Mapping | None):
        raise UserError(f"settings must map names to values, got {settings!r}.")
    return settings or {}


def require_several(values: object, name: str) -> None:
    """Check that an argument which takes several texts is not one text, which would be read letter by letter.

    Raises:
        UserError: it is.
    """
    if isinstance(values, str):
        raise UserError(f"{name} must be several texts, such as [{values!r}], got the text {values!r}.")


def require_count(count: int, name: str) -> None:
    """Check a number of products.

    Raises:
        InvalidSettings: it is less than 1.
    """
    if count < 1:
        raise InvalidSettings(f"{name} must be at least 1, got {count}.")
