"""The workspace of the public face: prepare catalogues, train runs, and open both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path

from shelftalk.errors import UserError
from shelftalk.library.arguments import StrPath, require_settings, say
from shelftalk.library.catalogue import Catalogue, open_catalogue
from shelftalk.library.run import Run
from shelftalk.records import Progress, no_progress
from shelftalk.workspace import Workspace as Stored


class Workspace:
    """The folder of everything that shelftalk writes; it is made when something is written.

    >>> workspace = shelftalk.Workspace(folder)
    >>> workspace.folder == folder
    True
    """

    def __init__(self, folder: StrPath) -> None:
        self._stored = Stored(folder)

    def __repr__(self) -> str:
        return f"Workspace({str(self.folder)!r})"

    @property
    def folder(self) -> Path:
        """The folder."""
        return self._stored.root

    def catalogues(self) -> list[str]:
        """Return the names of the prepared catalogues, sorted.

        >>> workspace.catalogues()
        ['mine']
        """
        return self._stored.catalogues()

    def runs(self) -> list[str]:
        """Return the names of the runs, finished or not, sorted.

        >>> workspace.runs()
        ['first']
        """
        return self._stored.runs()

    def prepare(
        self,
        source: StrPath | Sequence[StrPath],
        name: str,
        *,
        settings: Mapping[str, object] | None = None,
        on_progress: Progress = no_progress,
    ) -> Catalogue:
        """Read products from files or folders, clean and split them, and write them as the catalogue `name`.

        An earlier catalogue of that name is replaced, unless a run needs it. `settings` are those of `shelftalk
        prepare --help`, with underscores. `on_progress(done, total)` counts bytes.

        >>> catalogue = workspace.prepare(products_csv, name="other", settings={"test_share": 0.2})
        >>> catalogue.kept
        24

        Raises:
            NotFound: there is no such file.
            UnreadableInput: a file has no title or description, or cannot be read.
            InvalidName, InvalidSettings: the name or a setting is not allowed; a run needs the earlier catalogue.
            TooFewProducts: fewer than 10 products are left.
        """
        from shelftalk.catalogue.settings import PrepareSettings
        from shelftalk.pipeline import prepare_catalogue

        paths = [source] if isinstance(source, str | PathLike) else list(source)
        if not paths:
            raise UserError("source must be a file, a folder, or several of them; got none.")
        parsed = PrepareSettings.from_mapping(require_settings(settings))
        prepare_catalogue(self._stored, list(map(Path, paths)), name, parsed, on_progress)
        return self.open_catalogue(name)

    def prepare_demo(self, *, on_progress: Progress = no_progress) -> Catalogue:
        """Prepare the catalogue that comes with shelftalk as `demo`, unless it is there.

        >>> workspace.prepare_demo().split
        {'train': 732, 'validation': 47, 'test': 100}

        Raises:
            InvalidSettings: another catalogue of that name is there.
        """
        from shelftalk.pipeline import BUNDLED, prepare_bundled

        prepare_bundled(self._stored, on_progress)
        return self.open_catalogue(BUNDLED)

    def open_catalogue(self, name: str) -> Catalogue:
        """Open a prepared catalogue.

        >>> workspace.open_catalogue("mine").name
        'mine'
        >>> workspace.open_catalogue("yours")
        Traceback (most recent call last):
        shelftalk.errors.NotFound: There is no catalogue 'yours'; there are: mine. Make it with: ...

        Raises:
            NotFound: there is none of that name; the message lists the existing ones.
        """
        return open_catalogue(self._stored.existing_catalogue(name))

    def train(
        self,
        catalogue: str,
        name: str,
        *,
        preset: str | None = None,
        settings: Mapping[str, object] | None = None,
        on_progress: Progress = no_progress,
    ) -> Run:
        """Train the run `name` on a catalogue, and return it; an interrupted run is resumed, a finished one kept.

        The settings are those of the `preset` (a name, or a TOML file), else of the existing run, else the defaults,
        changed by `settings`; `shelftalk train --help` lists all of them. `on_progress(done, total)` counts updates of
        the weights. Ctrl-C writes a checkpoint and raises KeyboardInterrupt.

        >>> done = []
        >>> run = workspace.train(
        ...     "mine",
        ...     name="first",
        ...     preset="quick-test",
        ...     settings={"base_model": "tiny", "epochs": 1},
        ...     on_progress=lambda update, updates: done.append(f"{update} of {updates}"),
        ... )
        >>> done[-1], run.finished
        ('2 of 2', True)

        Raises:
            NotFound: there is no such catalogue, preset or base model.
            InvalidSettings: a setting is not allowed, or the run exists with other settings.
            TooFewProducts: the catalogue has no products to train on.
            Busy: another process trains this run.
            Diverged: the loss is not a finite number any more; a lower learning rate in another run is the cure.
        """
        from shelftalk.pipeline import train_run
        from shelftalk.runs.chosen_settings import choose_settings

        chosen = choose_settings(self._stored, name, preset, require_settings(settings))
        return Run(train_run(self._stored, catalogue, name, chosen, progress=on_progress, say=say))

    def open_run(self, name: str) -> Run:
        """Open a run, finished or not; no model is loaded yet.

        >>> workspace.open_run("first")
        Run('first')

        Raises:
            NotFound: there is none of that name; the message lists the existing ones.
        """
        from shelftalk.runs.run import Run as StoredRun

        return Run(StoredRun.open(self._stored, name))
