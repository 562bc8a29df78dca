"""The import order of docs/design.md holds, also for deferred and type-checking imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "src" / "shelftalk"

# From top to bottom; a layer imports only layers below it, and its own package.
LAYERS = [
    {"cli"},
    {"api", "library", "studio"},
    {"dossier"},
    {"proof"},
    {"pipeline"},
    {"evaluation", "export", "publishing", "review"},
    {"generation", "evidence"},
    {"training", "retrieval"},
    {"runs"},
    {"rules"},
    {"catalogue", "claims", "models", "cluster"},
    {"lines"},
    {"prompts", "sentences", "translations", "workspace", "commands"},
    {"locks", "lfs", "moved", "format_numbers", "mounts", "disk_errors"},
    {"presets", "settings"},
    {"records", "hosts", "extras"},
    {"errors"},
]
LEVEL = {package: level for level, packages in enumerate(LAYERS) for package in packages}

# What each package imports from training. Below pipeline: only the loss, and for influence the optimiser's state. A
# finished run is opened, described and read with `runs`.
OF_TRAINING = {
    "cli": {"estimate", "jobs", "lengths", "preset_estimates", "rehearsal"},
    "studio": {"jobs"},
    "pipeline": {"jobs", "on_cluster", "processes"},
    "evaluation": {"batches", "loss"},
    "evidence": {"attention", "batches", "checkpoints", "loss"},
}

# The packages that may import each heavy library; generation, evidence and evaluation run the models that models loads.
IMPORTERS = {
    "torch": {"models", "training", "generation", "evidence", "evaluation"},
    "transformers": {"models", "training", "generation"},
    "peft": {"models"},
    "accelerate": {"training"},
    "huggingface_hub": {"models", "cli"},
    "chromadb": {"retrieval"},
    "loky": {"cluster"},
    "sacrebleu": {"evaluation"},
    "gguf": {"models"},
    "xllamacpp": {"generation"},
    "pydivsufsort": {"evidence"},
    "tokenizers": {"models"},
    "sentence_transformers": set(),
    "gdown": {"catalogue"},
    "requests": {"catalogue"},
    "python_calamine": {"catalogue"},
    "rich": {"cli"},
    "typer": {"cli"},
    "streamlit": {"studio"},
    "altair": {"studio"},
    "pandas": {"studio"},
    "fastapi": {"api"},
    "starlette": {"api", "studio"},
    "uvicorn": {"api"},
    "prometheus_client": {"api"},
    "pydantic": {"api"},
    "pydantic_core": {"api"},
    "anyio": {"api"},
    "ray": {"cluster"},
    "pickle": set(),
}


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def package_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


@cache
def import_statements(path: Path) -> list[ast.Import | ast.ImportFrom]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [node for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom))]


def imports(path: Path) -> Iterator[str]:
    for node in import_statements(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        else:
            assert node.level == 0, f"{path}: write imports out in full"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_a_module_imports_only_lower_layers() -> None:
    wrong = []
    for path in modules():
        own = package_of(path)
        for name in imports(path) if own in LEVEL else ():
            first, _, rest = name.partition(".")
            other = rest.split(".")[0]
            if first == "shelftalk" and other in LEVEL and other != own and LEVEL[other] <= LEVEL[own]:
                wrong.append(f"{path.relative_to(SOURCE)} may not import {other}")
    assert wrong == []


def test_a_finished_run_is_read_without_training() -> None:
    found: dict[str, set[str]] = {}
    for path in modules():
        for name in imports(path):
            parts = name.split(".")
            if parts[:2] == ["shelftalk", "training"] and len(parts) > 2 and package_of(path) != "training":
                found.setdefault(package_of(path), set()).add(parts[2])
    assert found == OF_TRAINING


def test_heavy_libraries_are_imported_only_where_allowed() -> None:
    wrong = []
    for path in modules():
        for name in imports(path):
            library = name.split(".")[0]
            if library in IMPORTERS and package_of(path) not in IMPORTERS[library]:
                wrong.append(f"{path.relative_to(SOURCE)} may not import {library}")
    assert wrong == []


def test_a_name_is_imported_from_where_it_is_defined() -> None:
    for path in modules():
        for node in import_statements(path):
            if isinstance(node, ast.ImportFrom):
                exported = [alias.name for alias in node.names if alias.asname == alias.name]
                assert exported == [], f"{path.name} re-exports {exported}: let callers import them from {node.module}"


def test_every_package_has_its_layer() -> None:
    assert {package_of(path) for path in modules()} - {"__init__", "__main__"} == set(LEVEL)


def test_modules_form_no_cycle() -> None:
    names = {".".join(("shelftalk", *path.relative_to(SOURCE).with_suffix("").parts)): path for path in modules()}
    edges = {name: {one for one in imports(path) if one in names} for name, path in names.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail, name))
        if name not in done:
            for following in edges[name]:
                visit(following, (*trail, name))
            done.add(name)

    for name in edges:
        visit(name, ())


def test_help_loads_no_heavy_library() -> None:
    """All in one process, which says after each command what it loaded."""
    program = (
        "import sys\n"
        "from shelftalk.cli.main import run\n"
        "heavy = {'torch', 'transformers', 'peft', 'chromadb', 'pyarrow', 'numpy', 'sacrebleu'}\n"
        "heavy |= {'fastapi', 'uvicorn', 'streamlit', 'ray'}\n"
        "for words in sys.argv[1:]:\n"
        "    assert run(words.split()) == 0, words\n"
        "    assert not heavy & set(sys.modules), (words, heavy & set(sys.modules))\n"
    )
    commands = [
        f"{name} --help" for name in ("train", "ask", "generate", "publish", "serve", "export", "dossier", "studio")
    ]
    program_arguments = [sys.executable, "-c", program, "--version", "--help", *commands]
    done = subprocess.run(program_arguments, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_no_page_of_the_studio_waits_for_torch_to_be_drawn() -> None:
    """All that the pages import, in one process, which names the module that loaded it."""
    views = sorted((SOURCE / "studio" / "views").glob("*.py"))
    names = {
        node.module
        for view in views
        for node in ast.parse(view.read_text()).body
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("shelftalk")
    }
    program = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module(name)\n"
        "    assert 'torch' not in sys.modules, name\n"
    )
    command = [sys.executable, "-c", program, *sorted(names)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_no_file_has_more_than_400_lines() -> None:
    assert {path.name: lines for path in modules() if (lines := len(path.read_text().splitlines())) > 400} == {}
