"""Every exception that shelftalk raises on purpose.

    ShelftalkError
    ├── UserError                something the user can mend; the command ends with exit code 2
    │   ├── InvalidName          a run, catalogue or model name that is not allowed
    │   ├── InvalidSettings      unknown or impossible settings, all of them at once
    │   ├── NotFound             a run, catalogue, preset or file that does not exist
    │   ├── UnreadableInput      a catalogue file that cannot be read at all
    │   ├── TooFewProducts       a catalogue that cannot carry what was asked of it
    │   ├── MissingPackage       an optional or embedded package that is not installed
    │   └── AccessDenied         a gated model: no token, or a licence not yet accepted
    └── Failure                  something that went wrong on its own; exit code 1
        ├── Busy                 another process holds the run or the catalogue
        ├── Damaged              a file on disk is not what its manifest says, or what was published
        ├── NotWritable          a folder that cannot be written to, or a full disk
        ├── ParityFailed         an export that does not say what its run says
        ├── OutOfMemory          a model or a product that does not fit into this machine's memory
        └── Unreachable          the network, or a server in it, did not answer or not give

A message says what was wrong, the value, and the cure, in one line. Exceptions of other libraries are translated
where they cross into shelftalk; what still escapes is a defect.
"""


class ShelftalkError(Exception):
    """Base of all exceptions raised on purpose; `exit_code` is what the command line ends with."""

    exit_code = 1


class UserError(ShelftalkError):
    """Something the user can mend."""

    exit_code = 2


class InvalidName(UserError):
    """A name for a run, a catalogue or a model that is not allowed."""


class InvalidSettings(UserError):
    """Settings that are unknown or impossible; the message lists every fault."""


class NotFound(UserError):
    """Something named that does not exist; the message says what does."""


class UnreadableInput(UserError):
    """A catalogue file that cannot be read at all."""


class TooFewProducts(UserError):
    """Fewer products than the step needs."""


class MissingPackage(UserError):
    """A package that is not installed."""


class AccessDenied(UserError):
    """A gated model: no token, or a licence that was not accepted."""


class Failure(ShelftalkError):
    """Something that went wrong on its own."""


class Busy(Failure):
    """Another process holds what was asked for."""


class Damaged(Failure):
    """A file on disk that is not what its manifest says, or one from the network that is not what was published."""


class NotWritable(Failure):
    """A folder that cannot be written to, or a full disk."""


class ParityFailed(Failure):
    """An export that does not say what its run says; the message tells by how much."""


class OutOfMemory(Failure):
    """A model or a product that does not fit into this machine's memory."""


class Unreachable(Failure):
    """The network, or a server in it, did not answer, or did not give what was asked for."""
