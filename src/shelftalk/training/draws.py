"""Draw at random for a product: by its uid, the run's seed and a purpose, whatever other products there are."""

from __future__ import annotations

from hashlib import blake2b


def draw(uid: str, seed: int, purpose: str) -> int:
    """Return a number below 2**64, which another purpose (at most 16 bytes) makes another one."""
    digest = blake2b(f"{seed} {uid}".encode(), digest_size=8, person=purpose.encode()).digest()
    return int.from_bytes(digest, "big")
