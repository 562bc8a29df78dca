"""The stages of the workflow, in order: prepare -> train -> index -> compare -> generate.

Each stage combines several packages and is idempotent: a finished stage is not repeated, an interrupted one resumes.
Work of a single package is called there: `runs` lists, renames and deletes, `training` estimates, resumes and stops,
`export` exports. Modules that load torch or Chroma are imported by the stage that needs them: llama.cpp generates its
first tokens in less time than importing torch takes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.demo import demo_file
from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.settings import FOUND, FileSettings, PrepareSettings
from shelftalk.catalogue.sources import paths_of
from shelftalk.cluster.connect import check_options
from shelftalk.cluster.map import open_map
from shelftalk.errors import Damaged, InvalidSettings, NotFound, TooFewProducts
from shelftalk.evaluation.accepted import open_or_create
from shelftalk.generation.catalogue import Job, describe_titles
from shelftalk.generation.choose import has_engine_files, make_engine_files, open_engine
from shelftalk.generation.compare import compare, compare_many
from shelftalk.generation.grounded import check_references
from shelftalk.generation.on_cluster import writers
from shelftalk.models.embedders import MINILM
from shelftalk.records import AcceptedText, Attributes, Comparison, Product, Progress, Reference, counter, no_progress
from shelftalk.retrieval.pointer import is_built, named_embedder
from shelftalk.review.outputs import find_record
from shelftalk.runs.describe import no_held_out
from shelftalk.runs.run import Run
from shelftalk.runs.uses import require_unused
from shelftalk.settings import DecodingSettings, TrainingSettings
from shelftalk.training.jobs import start_run, train_in_turn
from shelftalk.training.on_cluster import train_on_cluster
from shelftalk.training.processes import is_first_process, wait_for_all
from shelftalk.workspace import MANIFEST, Workspace, lock

if TYPE_CHECKING:
    from shelftalk.evidence.spans import SpanIndex
    from shelftalk.retrieval.search import Index

BUNDLED = "demo"  # the catalogue that comes with shelftalk
LARGE = 32 << 20  # bytes; a larger catalogue file is prepared by several processes
SPANS = "spans"  # in a run's folder: the index of its training descriptions
SLOTS = 16  # texts generated in parallel: 32 are a tenth faster and take twice the memory


def prepare_catalogue(
    workspace: Workspace,
    source: Path | Sequence[Path],
    name: str,
    settings: PrepareSettings,
    progress: Progress = no_progress,
    cluster: str | None = None,
) -> dict[str, Any]:
    """Prepare `source` as catalogue `name` and replace an earlier catalogue of that name; see `catalogue.prepare`.

    Raises:
        InvalidSettings: see `runs.uses.require_unused`.
    """
    folder = workspace.catalogue(name)
    workspace.make()
    files = paths_of([source] if isinstance(source, Path) else source)
    large = sum(one.stat().st_size for one in files if os.path.isfile(one)) > LARGE  # noqa: PTH113 - false for a bad name
    with open_map(cluster, spread=large) as mapped:
        return prepare(source, folder, settings, progress, partial(require_unused, workspace, name), mapped)


def prepare_bundled(workspace: Workspace, progress: Progress = no_progress) -> dict[str, Any]:
    """Prepare the bundled catalogue as `demo` unless it exists, and return its summary.

    Raises:
        InvalidSettings: a different catalogue of that name exists.
    """
    source = demo_file()
    if BUNDLED not in workspace.catalogues():
        return prepare_catalogue(workspace, source, BUNDLED, PrepareSettings(), progress)
    summary = Catalogue.open(workspace.catalogue(BUNDLED)).summary
    if (summary["source"]["name"], summary["source"]["bytes"]) != (source.name, source.stat().st_size):
        raise InvalidSettings(
            f"Catalogue {BUNDLED!r} in {workspace.root} is not this version's bundled one; choose another --workspace."
        )
    return summary


def train_run(
    workspace: Workspace,
    catalogue: str,
    name: str,
    settings: TrainingSettings,
    token: str | None = None,
    progress: Progress = no_progress,
    say: Callable[[str], None] = lambda line: None,
    cluster: str | None = None,
    workers: int | None = None,
    source: Run | None = None,
    accepted: Sequence[AcceptedText] = (),
) -> Run:
    """Create or open run `name`, train it to its end and return it; see `training.train`.

    It begins from the adapter of the finished run `source`, if one is given: see `runs.run.with_adapter_of`; a new one
    then also learns from `accepted` texts, see `evaluation.accepted`. Under torchrun or `accelerate launch` every
    process calls this, and they train the run together. On a Ray `cluster`, `workers` processes train it; see
    `training.on_cluster` and `cluster.connect.check_options`.
    """
    check_options(cluster, workers)
    workspace.existing_catalogue(catalogue)
    workspace.make()
    if not is_first_process():
        wait_for_all()  # until the first process has created the run
        run = Run.open(workspace, name)
        train_in_turn(run, token)
        return run
    with lock(workspace.run(name), "training"):
        run = open_or_create(workspace, catalogue, name, settings, token, source, accepted, say)
        wait_for_all()
        if cluster is None:
            train_in_turn(run, token, progress, say)
        else:
            train_on_cluster(run, cluster, workers, progress, say)
    return run


def train_detached(
    workspace: Workspace,
    catalogue: str,
    name: str,
    settings: TrainingSettings,
    token: str | None = None,
    source: Run | None = None,
    accepted: Sequence[AcceptedText] = (),
    say: Callable[[str], None] = lambda line: None,
) -> Run:
    """Create or open run `name`, start its training in a separate process, and return the run.

    Errors in the catalogue, the settings or the base model are raised here; a base model that is not on this disk yet
    is converted or downloaded before this returns. Read the run's progress with `runs.describe.show_run`.
    """
    workspace.existing_catalogue(catalogue)
    workspace.make()
    with lock(workspace.run(name), "starting") as descriptor:
        run = open_or_create(workspace, catalogue, name, settings, token, source, accepted, say)
        start_run(run, descriptor, token)
    return run


def index_run(
    run: Run, progress: Progress = no_progress, cluster: str | None = None, embedder: str = "", token: str | None = None
) -> dict[str, Any]:
    """Build the indexes of exactly the products that `run` trains on: embeddings, and the texts for copied spans.

    Existing vectors are reused; others are computed here, or on a Ray `cluster`. See `retrieval.embed.index_products`.
    """
    from shelftalk.evidence.spans import build_spans
    from shelftalk.retrieval.embed import index_products

    products = run.products()
    with open_map(cluster, "gpu or core", spread=False) as mapped:
        built = index_products(products, run.index, run.workspace, embedder, token, progress, mapped)
    build_spans(products, run.folder / SPANS)
    return built


def open_index(run: Run, progress: Progress = no_progress) -> Index:
    """Open the run's index with the embedder that made it; build it first where it is missing or corrupt.

    Raises:
        InvalidSettings: its embedder is not on this machine, or has changed; see `models.embedders.find_same`.
    """
    try:
        return _open_built_index(run)
    except (NotFound, Damaged):
        index_run(run, progress)
        return _open_built_index(run)


def _open_built_index(run: Run) -> Index:
    from shelftalk.retrieval.search import open_search

    return open_search(run.index, run.workspace)


def describe_embedder(run: Run) -> dict[str, str]:
    """Return the embedder of the run's index, on which its references depend, as part of what identifies a result.

    It is empty for all-MiniLM-L6-v2, the only one of earlier versions: their results are as good as before.
    """
    embedder = named_embedder(run.index)
    return {} if embedder == MINILM else {"embedder": f"{embedder.name} {embedder.revision}"}


def open_spans(run: Run, progress: Progress = no_progress) -> SpanIndex:
    """Open the index of a run's training descriptions; build it first where it is missing or corrupt.

    Raises:
        Busy: another process has been building it for a minute.
    """
    from shelftalk.evidence.spans import SpanIndex

    return SpanIndex.open_or_build(run.folder / SPANS, run.products, progress)


def make_ready(
    run: Run, progress: Progress = no_progress, say: Callable[[str], None] = lambda line: None
) -> dict[str, Any]:
    """Build everything that the first question needs: the indexes, and the engine's model files.

    Existing files are kept. `progress` counts the indexed products; `say` receives a line for each conversion.

    Returns:
        `run`, its name; `indexed`, the number of products; `engine`, the name of the engine that will generate.

    Raises:
        NotFound: the run has not finished.
    """
    run.require_finished()
    indexed = len(open_index(run, progress).uids())
    open_spans(run)
    return {"run": run.name, "indexed": indexed, "engine": make_engine_files(run, say)}


def ready(run: Run) -> bool:
    """Return whether `make_ready` has nothing to build, by file names and sizes; no model is loaded."""
    try:
        spans = (run.folder / SPANS / MANIFEST).is_file()
        return run.finished and is_built(run.index) and spans and has_engine_files(run)
    except (NotFound, Damaged):
        return False  # the base model was removed or replaced


def ask(
    run: Run,
    query: str,
    settings: DecodingSettings,
    references: int = 3,
    on_text: Callable[[str, str], None] | None = None,
    engine: str = "automatic",
    say: Callable[[str], None] = lambda line: None,
    grounded: bool = False,
    attributes: Attributes = (),
    with_references: bool = False,
) -> Comparison:
    """Answer one title or question before and after fine-tuning, with references; see `generation.compare`.

    `engine` is one of `generation.choose.ENGINES`. With `grounded` the tuned answer is written again while it has
    faults, see `claims.faults`; `with_references` puts the references into the prompts.

    Raises:
        NotFound: the run has not finished.
        UserError: see `generation.grounded.check_references`.
    """
    run.require_finished()
    check_references(with_references, references, grounded)
    if with_references:
        _warn_of_references(run, say)
    settings = run.decoding(settings)
    # Two threads that import transformers first fail: in the other one only MiniLM is opened, and nothing is built.
    index = None if named_embedder(run.index) == MINILM else open_index(run)
    with ThreadPoolExecutor(1) as thread:  # search the references while the model loads and starts to generate
        found = thread.submit(lambda: (index or _open_built_index(run)).search(query, references))

        def result() -> list[Reference]:
            try:
                return found.result()
            except (NotFound, Damaged):
                return open_index(run).search(query, references)

        with closing(open_engine(run, settings, engine, say=say)) as opened:
            options = (grounded, attributes, with_references, run.house_rules())
            return compare(opened, run.template, query, settings, result, on_text, *options, language=run.language)


def _warn_of_references(run: Run, say: Callable[[str], None]) -> None:
    if not run.settings.context_share:
        say(
            f"Run {run.name!r} was trained without other products in its prompts (context_share is 0), and usually "
            "writes worse with references in them."
        )


def compare_held_out(
    run: Run,
    count: int,
    settings: DecodingSettings,
    references: int = 3,
    seed: int = 42,
    progress: Progress = no_progress,
    engine: str = "automatic",
    say: Callable[[str], None] = lambda line: None,
    with_attributes: bool = False,
) -> list[tuple[Product, Comparison]]:
    """Describe `count` held-out products, drawn with `seed`, before and after fine-tuning, with references.

    They are drawn from all, or from those `with_attributes`.
    """
    run.require_finished()
    products = run.held_out("test", None if with_attributes else count, seed)
    if with_attributes:
        drawn = np.random.default_rng(seed).permutation(len(products))
        products = [products[row] for row in drawn if products[row].attributes][:count]
    if not products:
        raise TooFewProducts(no_held_out(str(run.description["catalogue"]), run.catalogue().count("test")))
    asked = [(product.title, product.attributes) for product in products]
    return list(zip(products, compare_all(run, asked, settings, references, progress, engine, say), strict=True))


def compare_all(
    run: Run,
    asked: Sequence[tuple[str, Attributes]],
    settings: DecodingSettings,
    references: int = 3,
    progress: Progress = no_progress,
    engine: str = "automatic",
    say: Callable[[str], None] = lambda line: None,
    with_references: bool = False,
) -> list[Comparison]:
    """Answer titles or questions, each with its attributes, before and after fine-tuning, with references.

    `with_references` puts these into the prompts.
    """
    settings = run.decoding(settings)
    advance, texts = counter(progress, 2 * len(asked)), [text for text, _ in asked]
    with closing(open_engine(run, settings, engine, min(len(asked), SLOTS), say)) as opened:
        given = opened, run.template, asked, settings, lambda: open_index(run).search_all(texts, references), advance
        return compare_many(*given, language=run.language, with_references=with_references)


def write_catalogue(
    run: Run,
    source: Path,
    output: Path,
    settings: DecodingSettings,
    references: int = 3,
    file: FileSettings = FOUND,
    progress: Progress = no_progress,
    say: Callable[[str], None] = lambda line: None,
    engine: str = "automatic",
    grounded: bool = False,
    cluster: str | None = None,
    with_references: bool = False,
    replace: bool = False,
) -> dict[str, Any]:
    """Describe every title of the file `source` in the file `output`; see `generation.catalogue.describe_titles`.

    On a Ray `cluster` its machines generate, see `generation.on_cluster`. With `grounded` a text with faults is
    written again; `with_references` puts each row's into its prompt; see `generation.grounded`. An interrupted call
    resumes at the first missing row. The job and its output file are recorded in the run's folder generated/.
    """
    run.require_finished()
    if with_references:
        _warn_of_references(run, say)
    settings = run.decoding(settings)
    with writers(run, settings, engine, SLOTS, cluster, say) as found:
        job = Job(
            source,
            output,
            settings,
            # By hash: a run may be renamed.
            {
                "adapter": sha256((run.adapter / MANIFEST).read_bytes()).hexdigest(),
                "engine": found.name,
                **(describe_embedder(run) if references else {}),
            },
            find_record(run, output),
            run.template,
            references,
            file,
            run.known_attributes,
            grounded,
            with_references,
            run.house_rules(),
            run.language,
            replace,
        )
        return describe_titles(job, found.engine, lambda: open_index(run), progress, say, found.remote(job))
