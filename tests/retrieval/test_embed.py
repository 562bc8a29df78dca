from concurrent.futures import ProcessPoolExecutor

import numpy as np

from shelftalk.models.embedder import Embedder
from shelftalk.retrieval.embed import embed_texts
from tests.forks import fork_context

TEXTS = [f"Watering can number {row}\nCopper, " + "made by hand, " * (row % 7) for row in range(40)]


def test_another_process_gives_the_same_bytes():
    with ProcessPoolExecutor(1, fork_context()) as process:
        (elsewhere,) = process.map(embed_texts, [TEXTS])
    here = embed_texts(TEXTS)
    assert here.tobytes() == elsewhere.tobytes()
    np.testing.assert_allclose(np.linalg.norm(here, axis=1), 1, atol=1e-6)


def test_a_process_loads_the_model_once(monkeypatch):
    embed_texts(TEXTS[:2])
    monkeypatch.delattr(Embedder, "load")
    assert embed_texts(TEXTS[:2]).shape == (2, 384)
