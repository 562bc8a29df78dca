"""Teach a small open language model a catalogue's own voice, and show what that changed.

For programs, see docs/library.md:

    import shelftalk

    workspace = shelftalk.Workspace("workspace")
    workspace.prepare("products.csv", name="mine")
    with workspace.train("mine", name="first", preset="quick-test") as run:
        print(run.describe("Moka Pot", attributes={"material": "aluminium"}).text)

The names of `__all__`, with their documented members, are stable; everything else may change in any version. A name's
module is imported when the name is first used, and no such module loads a heavy library before its work begins.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"
__all__ = [
    "Catalogue",
    "Comparison",
    "DescribedFile",
    "Description",
    "Evaluation",
    "Evidence",
    "Product",
    "Reference",
    "Run",
    "ShelftalkError",
    "Workspace",
    "errors",
]

if TYPE_CHECKING:
    from shelftalk import errors
    from shelftalk.errors import ShelftalkError
    from shelftalk.library.catalogue import Catalogue
    from shelftalk.library.results import DescribedFile, Evaluation, Evidence
    from shelftalk.library.run import Run
    from shelftalk.library.workspace import Workspace
    from shelftalk.records import Comparison, Description, Product, Reference
else:  # a type checker that saw this would take every other name, too
    _MODULES = {
        "errors": ("ShelftalkError",),
        "library.catalogue": ("Catalogue",),
        "library.results": ("DescribedFile", "Evaluation", "Evidence"),
        "library.run": ("Run",),
        "library.workspace": ("Workspace",),
        "records": ("Comparison", "Description", "Product", "Reference"),
    }

    def __getattr__(name: str) -> Any:
        if name == "errors":
            return import_module("shelftalk.errors")
        for module, names in _MODULES.items():
            if name in names:
                globals()[name] = value = getattr(import_module(f"shelftalk.{module}"), name)
                return value
        raise AttributeError(f"module 'shelftalk' has no attribute {name!r}")

    def __dir__() -> list[str]:
        return [*__all__, "__version__"]
