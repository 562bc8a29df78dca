"""How much the server takes on: at once, and in one request."""

from __future__ import annotations

from dataclasses import dataclass

# What one request may ask for. The OpenAPI document states them too.
PROMPT_CHARACTERS = 8000
PROMPTS = 8
CHOICES = 4
MAX_TOKENS = 1024
STOPS = 4
STOP_CHARACTERS = 200
MESSAGES = 100
PARTS = 16
REFERENCES = 20

API_KEY_BYTES = 32
RETRY_AFTER = 2  # seconds; a description takes about that long with a fast engine


@dataclass(frozen=True)
class Limits:
    """How many requests compute at once, how many more wait, and how many bytes a request's body may have."""

    slots: int = 2
    queue: int = 32
    body_bytes: int = 262_144  # eight prompts of the longest kind, most of their characters escaped
