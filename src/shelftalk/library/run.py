"""A run of the public face: describe products with it, show the sources of its texts, measure and export it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from shelftalk.errors import UserError
from shelftalk.library.arguments import (
    StrPath,
    require_count,
    require_product,
    require_settings,
    require_several,
    require_text,
    require_texts,
    say,
    say_once,
)
from shelftalk.library.loaded import Loaded
from shelftalk.library.results import DescribedFile, Evaluation, Evidence, described_file, evaluation_of
from shelftalk.records import Attributes, Comparison, Description, Progress, Reference, no_progress
from shelftalk.settings import DecodingSettings

if TYPE_CHECKING:
    from shelftalk.runs.run import Run as Stored

PART = 64  # products that are described together: enough to keep the engine busy
SLOTS = 16  # of them at any time; see `pipeline.SLOTS`
REFERENCES = 3


class Run:
    """A run: one training of a base model on a catalogue. `Workspace.train` and `Workspace.open_run` make it.

    The first call that writes loads the model, and the first that needs references loads the index, which is built
    where it is missing. Both stay loaded until `close`, or the end of a `with` block; a later call loads them again.
    Threads may share a run, and wait for each other's texts. Every method raises NotFound where the run has not
    finished, and Damaged where a file of it, of its catalogue or of its base model has changed. The `settings` of what
    writes are those of `shelftalk ask --help`, with underscores.

    >>> with workspace.open_run("first") as run:
    ...     first, second = run.describe("Oak Tray"), run.describe("Oak Tray", attributes={"material": "oiled oak"})
    >>> first.text == second.text
    False
    >>> run.name, run.finished, run.settings["epochs"]
    ('first', True, 2)
    """

    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        self._loaded = Loaded(stored)

    def __repr__(self) -> str:
        return f"Run({self.name!r})"

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def name(self) -> str:
        """The run's name in its workspace."""
        return self._stored.name

    @property
    def folder(self) -> Path:
        """The run's folder; adapter/ in it is the adapter in PEFT's layout, metrics.jsonl the loss by update."""
        return self._stored.folder

    @property
    def finished(self) -> bool:
        """Whether the run has been trained to its end."""
        return self._stored.finished

    @property
    def settings(self) -> dict[str, Any]:
        """All settings of its training, by name."""
        return self._stored.settings.as_mapping()

    def describe(
        self,
        title: str,
        attributes: Mapping[str, str] | None = None,
        *,
        grounded: bool = False,
        settings: Mapping[str, object] | None = None,
    ) -> Description:
        """Describe a product with the fine-tuned model, by its title or a question, and its attributes.

        With `grounded` a text with unsupported claims, left out attributes or broken house rules is written again, up
        to four times. See `compare` for the text before fine-tuning.

        >>> description = run.describe("Oak Tray", attributes={"material": "oiled oak"}, settings={"max_new_tokens": 8})
        >>> description.tokens <= 8, description.stopped in (True, False)
        (True, True)

        Raises:
            UserError: the title is empty, or an attribute is not a text.
            InvalidSettings: a setting is unknown or invalid, or prompt and text together do not fit into the context.
        """
        return self._write([(title, self._take(title, attributes))], grounded, settings, slots=1)[0]

    def describe_all(
        self,
        products: Iterable[str | tuple[str, Mapping[str, str]]],
        *,
        grounded: bool = False,
        settings: Mapping[str, object] | None = None,
    ) -> Iterator[Description]:
        """Yield the description of each product, in order: a title, or a pair of title and attributes.

        `products` are read, described together and yielded 64 at a time. For a file see `describe_file`.

        >>> products = [(one.title, dict(one.attributes)) for one in catalogue.products("test")]
        >>> written = list(run.describe_all(["Oak Tray", *products], settings={"max_new_tokens": 8}))
        >>> len(written)
        5

        Raises:
            UserError, InvalidSettings: see `describe`.
        """
        if isinstance(products, str):  # which would be described letter by letter
            raise UserError(f"products must be several titles, got the text {products!r}; see describe.")
        waiting, told = iter(products), say_once()
        while part := list(islice(waiting, PART)):
            taken = [(title, self._take(title, attributes, told)) for title, attributes in map(require_product, part)]
            yield from self._write(taken, grounded, settings, SLOTS)

    def describe_file(
        self,
        source: StrPath,
        output: StrPath,
        *,
        references: int = REFERENCES,
        grounded: bool = False,
        replace: bool = False,
        file_settings: Mapping[str, object] | None = None,
        settings: Mapping[str, object] | None = None,
        on_progress: Progress = no_progress,
    ) -> DescribedFile:
        """Describe every title of the file `source` in the file `output`, as `shelftalk generate` does.

        The output's suffix is .csv, .tsv, .jsonl or .parquet. It has a row for each row of `source`, and is written
        when the last is done; an interrupted call is resumed by the same call. An output that another job wrote is
        refused, and with `replace` replaced if it is unchanged. `file_settings` say how `source` is read. A loaded
        model is freed first: this loads one that writes many texts at once. `on_progress(done, total)` counts rows.

        >>> done = run.describe_file(products_csv, folder / "described.csv", settings={"max_new_tokens": 8})
        >>> done.rows, done.described, done.left_out
        (25, 25, {})

        Raises:
            NotFound, UnreadableInput: there is no such file, or it has no titles.
            UserError: the output exists and was not written by this job, or see `shelftalk generate`.
            Busy: another process writes this output.
        """
        from shelftalk.catalogue.settings import FileSettings
        from shelftalk.pipeline import write_catalogue

        self.close()
        summary = write_catalogue(
            self._stored,
            Path(source),
            Path(output),
            DecodingSettings.from_mapping(require_settings(settings)),
            references,
            FileSettings.from_mapping(require_settings(file_settings)),
            on_progress,
            say,
            grounded=grounded,
            replace=replace,
        )
        return described_file(summary)

    def compare(
        self,
        title: str,
        attributes: Mapping[str, str] | None = None,
        *,
        references: int = REFERENCES,
        grounded: bool = False,
        settings: Mapping[str, object] | None = None,
    ) -> Comparison:
        """Describe a product before (`base`) and after (`tuned`) fine-tuning, with the training products nearest to it.

        >>> both = run.compare("Oak Tray", references=2, settings={"max_new_tokens": 8})
        >>> both.base.text == both.tuned.text, len(both.references)
        (False, 2)

        Raises:
            UserError, InvalidSettings: see `describe`; also where `references` is less than 1.
        """
        from shelftalk.generation.compare import compare

        require_count(references, "references")
        taken, decoding = self._take(title, attributes), self._decoding(settings)
        index, rules = self._loaded.index(), self._stored.house_rules()

        def nearest() -> list[Reference]:
            return index.search(title, references)

        with self._loaded.engine(decoding, slots=1) as engine:
            return compare(
                engine,
                self._stored.template,
                title,
                decoding,
                nearest,
                grounded=grounded,
                attributes=taken,
                rules=rules,
                language=self._stored.language,
            )

    def references(self, title: str, count: int = REFERENCES) -> list[Reference]:
        """Return the training products nearest in meaning to a title or a question, nearest first.

        >>> [one.title for one in run.references("Oak Peg 7 cm", count=1)]
        ['Oak Peg 7 cm']

        Raises:
            UserError: the title is empty.
            InvalidSettings: `count` is less than 1.
        """
        return self._loaded.index().search(require_text(title, "The title"), count)

    def evidence(
        self,
        title: str,
        text: str,
        attributes: Mapping[str, str] | None = None,
        *,
        references: int = REFERENCES,
        influence: bool = False,
        on_progress: Progress = no_progress,
    ) -> Evidence:
        """Return the sources of a text about a product, whoever wrote it.

        With `influence` also an estimate of the training products that moved the model towards the text, which takes
        up to a minute, and the run's newest checkpoint; `on_progress(done, total)` counts these products.

        >>> text = "A peg of waxed beech, 9 cm long, for wet towels beside the bath. It holds 3 kg."
        >>> evidence = run.evidence("Peg, 9 cm", text, attributes={"material": "waxed beech"}, influence=True)
        >>> [(claim.text, claim.support) for claim in evidence.claims]
        [('beech', 'attribute'), ('9 cm', 'title'), ('3 kg', 'none')]
        >>> evidence.told
        ('material',)
        >>> [(span.text, span.count) for span in evidence.spans]
        [('cm long, for wet towels beside the bath', 4), ('9 cm long, for', 1)]
        >>> len(evidence.references), len(evidence.influence)
        (3, 19)

        Raises:
            UserError: title or text is empty, or an attribute is not a text.
            NotFound: influence is asked for, and the run has no checkpoint any more.
        """
        from shelftalk import proof
        from shelftalk.claims.find import find_claims
        from shelftalk.claims.told import attributes_told
        from shelftalk.pipeline import open_spans
        from shelftalk.prompts import request_for

        taken, text = self._take(title, attributes), require_text(text, "The text")  # whose positions are returned
        if influence:
            proof.require_checkpoint(self._stored)
        found, language = self.references(title, references), self._stored.language
        claims = find_claims(text, title, found, taken, language=language)
        request = request_for(title, taken)
        moved = proof.find_influence(self._stored, request, text.strip(), on_progress) if influence else None
        return Evidence(
            tuple(open_spans(self._stored).find(text)),
            None if claims is None else tuple(claims),
            tuple(attributes_told(text, taken, language=language)),
            tuple(found),
            None if moved is None else tuple(moved),
        )

    def evaluate(
        self,
        *,
        max_products: int = 200,
        ways: Sequence[str] | None = None,
        settings: Mapping[str, object] | None = None,
        on_progress: Progress = no_progress,
    ) -> Evaluation:
        """Measure on held-out products what fine-tuning changed, and write report.html, as `shelftalk evaluate` does.

        `ways` of writing are by default before and after, each with and without references in the prompt; ("base",
        "tuned") takes half of the time. The result for the same arguments is kept. A loaded model is freed first.
        `on_progress(done, total)` counts products, some of them several times.

        >>> evaluation = run.evaluate(ways=("base", "tuned"), settings={"max_new_tokens": 8})
        >>> evaluation.products
        4
        >>> measure = evaluation.measures["bits_per_byte"]
        >>> measure.after < measure.before, measure.interval
        (True, None)

        Raises:
            InvalidSettings: a way or a setting is unknown.
            TooFewProducts: the catalogue has no held-out products.
            Busy: another process evaluates this run.
        """
        from shelftalk.evaluation.ways import USUAL
        from shelftalk.proof import REPORT, evaluate_run

        require_count(max_products, "max_products")
        require_several(ways, "ways")
        self.close()
        decoding = DecodingSettings.from_mapping(require_settings(settings))
        wanted = USUAL if ways is None else tuple(ways)
        result = evaluate_run(self._stored, decoding, max_products, wanted, progress=on_progress, say=say)
        return evaluation_of(result, self.folder / REPORT / "report.html")

    def export(
        self,
        to: StrPath,
        format: str = "adapter",
        *,
        quantization: str | None = None,
        on_progress: Progress = no_progress,
    ) -> Path:
        """Write the run for other tools into the folder `to`, after checking that it writes the same there as here.

        `format` is adapter, merged, gguf, ollama or vllm; `quantization`, for gguf and ollama, is q8_0, f16, bf16 or
        f32. README.md there says how to load it, parity.json what the check found. A folder of an earlier export is
        replaced. Returns the folder.

        >>> exported = run.export(folder / "for-peft", "adapter")
        >>> (exported / "adapter_model.safetensors").is_file()
        True

        Raises:
            InvalidSettings, MissingPackage: the format is unknown, or does not suit the run or this machine.
            UserError: `to` has files that no export wrote.
            ParityFailed: the files write differently; nothing is left in `to`.
            NotWritable: the disk is too full.
        """
        from shelftalk.export.export import export

        return Path(export(self._stored, format, Path(to), quantization, progress=on_progress)["folder"])

    def close(self) -> None:
        """Free the model and the index; the run may be used again.

        >>> run.close()
        """
        self._loaded.close()

    def _take(self, title: str, attributes: Mapping[str, str] | None, told: Callable[[str], None] = say) -> Attributes:
        """Return a product's attributes as the run takes them, after checking both."""
        from shelftalk.runs.attributes import take_attributes

        require_text(title, "The title")
        return take_attributes(self._stored, require_texts(attributes), told)

    def _decoding(self, settings: Mapping[str, object] | None) -> DecodingSettings:
        return self._stored.decoding(DecodingSettings.from_mapping(require_settings(settings)))

    def _write(
        self,
        products: Sequence[tuple[str, Attributes]],
        grounded: bool,
        settings: Mapping[str, object] | None,
        slots: int,
    ) -> list[Description]:
        from shelftalk.generation.grounded import write_grounded
        from shelftalk.prompts import request_for

        decoding, template = self._decoding(settings), self._stored.template
        requests = [request_for(*one) for one in products]
        with self._loaded.engine(decoding, slots) as engine:
            if not grounded:
                prompts = list(map(template.prompt_for, requests))
                return engine.complete_all(prompts, tuned=True, settings=decoding)
            found = self._loaded.index().search_all([title for title, _ in products], REFERENCES)
            rules, language = self._stored.house_rules(), self._stored.language
            return write_grounded(engine, template, requests, found, settings=decoding, rules=rules, language=language)
