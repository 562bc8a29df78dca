"""The command line: one thin command a stage. Loading it loads no heavy library; each command loads what it needs."""

from shelftalk.cli.main import main

__all__ = ["main"]
