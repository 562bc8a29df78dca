"""Where a sentence ends: after a full stop, an exclamation mark or a question mark, and white space."""

from __future__ import annotations

import re

SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
