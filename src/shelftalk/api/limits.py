"""The server's limits: for parallel requests, and for one request."""

from __future__ import annotations

from dataclasses import dataclass

# Limits of one request; they are also in the OpenAPI document.
PROMPT_CHARACTERS = 8000
PROMPTS = 8
CHOICES = 4
MAX_TOKENS = 1024
STOPS = 4
STOP_CHARACTERS = 200
MESSAGES = 1000  # front ends send a whole chat each time, of which one message counts; see body_bytes
PARTS = 16
KEYS = 100  # of an object whose keys are known
REFERENCES = 20
SEEDS = 2**31

API_KEY_BYTES = 32
RETRY_AFTER = 2  # seconds; a description takes about that long with a fast engine


@dataclass(frozen=True)
class Limits:
    """How many requests compute in parallel, how many more wait, and the largest request body in bytes."""

    slots: int = 2
    queue: int = 32
    body_bytes: int = 2_097_152  # a chat of 1,000 messages of 2,000 characters, or one with images before
