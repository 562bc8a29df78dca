"""Run the command line and turn every error into one line and an exit code.

0 done; 1 a failure; 2 an error that the user can correct; 130 stopped by Ctrl-C, the work can be resumed.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
import warnings
from pathlib import Path

from shelftalk import disk_errors
from shelftalk.cli.app import app
from shelftalk.errors import ShelftalkError

STOPPED = 130


def main() -> None:
    """Run `shelftalk` with the process's arguments and exit."""
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    sys.exit(run([argument for argument in arguments if argument != "--debug"], debug))


def run(arguments: list[str], debug: bool = False) -> int:
    """Run one command and return its exit code; an error becomes one line, and with `debug` a traceback too."""
    # Off by default: models come from this disk or from an explicit download, and no usage data is sent.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TQDM_DISABLE", "1")  # progress bars of libraries; `output.step` shows its own
    _name_a_home()
    if not debug:
        warnings.simplefilter("ignore", FutureWarning)  # warnings of libraries, not meant for the user
    try:
        result = app(args=arguments, prog_name="shelftalk", standalone_mode=False)
        if result == STOPPED and "follow" not in arguments:  # typer's exit code for Ctrl-C
            print("Stopped. Run the same command again to go on.", file=sys.stderr)
        return result if isinstance(result, int) else 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if debug:
            traceback.print_exc()
        return _report(error)


def _report(error: Exception) -> int:
    from typer.exceptions import TyperException

    if isinstance(error, ShelftalkError):
        _print_error(str(error))
        return error.exit_code
    if isinstance(error, TyperException):
        _print_error(error.format_message() if hasattr(error, "format_message") else str(error))
        return 2
    if isinstance(error, OSError):
        if error.errno == errno.ENAMETOOLONG:  # of any path that the user gave
            _print_error(f"The file name is too long for this disk: {error.filename}; choose a shorter one.")
            return 2
        if message := _disk_error(error):
            _print_error(message)
            return 1
    first_line = next(iter(str(error).strip().splitlines()), "")
    _print_error(f"{type(error).__name__}: {first_line} (unexpected; run again with --debug for the traceback)")
    return 1


def _disk_error(error: OSError) -> str:
    """Return the message for an error of the disk that no command translated; '' for another error."""
    if "No usable temporary directory" in str(error):  # of Python's tempfile, which has tried to write in each
        return f"{error.strerror}: free some space there, or set TMPDIR to a folder that can be written to."
    if error.errno in (errno.EACCES, errno.EPERM):  # to read or to write: the error does not say
        if error.filename is None:
            return "Permission denied; run again with --debug to see where."
        return f"Permission denied: {error.filename}; ask its owner for access, or choose another path."
    if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):  # others occur in reading, too
        return ""
    return f"Cannot write {disk_errors.reason(error, Path('a file'))}."


def _name_a_home() -> None:
    """Name a home folder where the system has none for this user: libraries ask for it when they are imported."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = "/nonexistent"


def _print_error(message: str) -> None:
    print("Error: " + " ".join(message.split()), file=sys.stderr)
