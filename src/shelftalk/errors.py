"""Every exception that shelftalk raises on purpose.

    ShelftalkError
    ├── UserError                an error that the user can correct; the command ends with exit code 2
    │   ├── InvalidName          a run, catalogue or model name that is not allowed
    │   ├── InvalidSettings      unknown or invalid settings, all of them at once
    │   ├── NotFound             a run, catalogue, preset or file that does not exist
    │   ├── UnreadableInput      a catalogue file that cannot be read at all
    │   │   └── DamagedInput     a catalogue file that is truncated or corrupt
    │   ├── TooFewProducts       a catalogue with fewer products than a stage needs
    │   ├── NewerFormat          a file or folder that a newer version of shelftalk wrote
    │   ├── MissingPackage       an optional or embedded package that is not installed
    │   └── AccessDenied         a gated model: no token, or a licence not yet accepted
    └── Failure                  a failure that the user did not cause; exit code 1
        ├── Busy                 another process holds the run or the catalogue
        ├── Damaged              a file that differs from its manifest, or from what was published
        ├── NotWritable          a folder that cannot be written to, or a full disk
        ├── ParityFailed         an export whose outputs differ from its run's
        ├── OutOfMemory          a model or a product that does not fit into this machine's memory
        ├── NotFinite            a loss, a gradient or a weight that is not a finite number
        │   └── Diverged         one that a training computed, which a lower learning rate cures
        └── Unreachable          the network or a server did not answer, or refused the request

A message is one line: what is wrong, the value, and what to do. Exceptions of other libraries are translated where
they enter shelftalk; any other exception is a bug.
"""


class ShelftalkError(Exception):
    """Base of all exceptions raised on purpose; `exit_code` is the exit code of the command line."""

    exit_code = 1


class UserError(ShelftalkError):
    """An error that the user can correct."""

    exit_code = 2


class InvalidName(UserError):
    """A name for a run, a catalogue or a model that is not allowed."""


class InvalidSettings(UserError):
    """Unknown or invalid settings; the message lists all of them."""


class NotFound(UserError):
    """A name that does not exist; the message lists the existing names."""


class UnreadableInput(UserError):
    """A catalogue file that cannot be read at all."""


class DamagedInput(UnreadableInput):
    """A catalogue file that is truncated or corrupt."""


class TooFewProducts(UserError):
    """A catalogue with fewer products than a stage needs."""


class NewerFormat(UserError):
    """A file or a folder that a newer version of shelftalk wrote."""


class MissingPackage(UserError):
    """A package that is not installed."""


class AccessDenied(UserError):
    """A gated model: no token, or a licence that was not accepted."""


class Failure(ShelftalkError):
    """A failure that the user did not cause."""


class Busy(Failure):
    """Another process holds the requested run or catalogue."""


class Damaged(Failure):
    """A file on disk that differs from its manifest, or a download that differs from what was published."""


class NotWritable(Failure):
    """A folder that cannot be written to, or a full disk."""


class ParityFailed(Failure):
    """An export whose outputs differ from its run's; the message says by how much."""


class OutOfMemory(Failure):
    """A model or a product that does not fit into this machine's memory."""


class NotFinite(Failure):
    """A loss, a gradient, a weight or a vector that is not a finite number."""


class Diverged(NotFinite):
    """The same in a training whose updates led to it: its settings repeat it, and a lower learning rate cures it."""


class Unreachable(Failure):
    """The network or a server did not answer, or refused the request."""
