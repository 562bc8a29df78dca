"""The command line: one short command per stage. Importing it loads no heavy library; each command imports its own."""

from shelftalk.cli.main import main

__all__ = ["main"]
