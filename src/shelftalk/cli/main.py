"""Run the command line and turn whatever goes wrong into one line and an exit code.

0 done; 1 a failure; 2 a mistake the user can mend; 130 stopped by Ctrl-C, and what was begun can go on.
"""

from __future__ import annotations

import os
import sys
import traceback
import warnings

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
    # Off unless asked for: models come from this disk or from an explicit download, and nothing phones home.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TQDM_DISABLE", "1")  # libraries' own bars; the steps have theirs
    if not debug:
        warnings.simplefilter("ignore", FutureWarning)  # of libraries, to their own callers
    try:
        result = app(args=arguments, prog_name="shelftalk", standalone_mode=False)
        if result == STOPPED and "follow" not in arguments:  # typer's answer to Ctrl-C
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
        _complain(str(error))
        return error.exit_code
    if isinstance(error, TyperException):
        _complain(error.format_message() if hasattr(error, "format_message") else str(error))
        return 2
    first_line = next(iter(str(error).strip().splitlines()), "")
    _complain(f"{type(error).__name__}: {first_line} (unexpected; run again with --debug for the traceback)")
    return 1


def _complain(message: str) -> None:
    print("Error: " + " ".join(message.split()), file=sys.stderr)
