"""The texts that people accepted, for write-back and for training."""

from __future__ import annotations

from shelftalk.records import AcceptedText
from shelftalk.review.outputs import Output, list_outputs
from shelftalk.review.review import Review
from shelftalk.runs.run import Run


def accepted_texts(output: Output) -> list[AcceptedText]:
    """Return the accepted texts of one output, in its order.

    Raises:
        Damaged: the file of texts cannot be read.
    """
    return [
        AcceptedText(row.line, row.uid, row.title, row.attributes, text, edited)
        for row, text, edited in Review(output).accepted()
    ]


def all_accepted(run: Run) -> list[AcceptedText]:
    """Return the accepted texts of all outputs of a run that still exist.

    Of several for one product, by its id and title, the one of the newest output is taken.

    Raises:
        Damaged: a file of texts cannot be read.
    """
    found: dict[tuple[str, str], AcceptedText] = {}
    for output in list_outputs(run):
        for one in accepted_texts(output):
            found.setdefault((one.uid, one.title), one)
    return list(found.values())
