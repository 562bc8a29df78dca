import shutil

import pytest

from shelftalk.retrieval.index import build_index
from tests.retrieval.words import WordEmbedder, numbered


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The index of 300 products in a run named `reader`; tests must not change it."""
    folder = tmp_path_factory.mktemp("runs") / "reader" / "index"
    build_index(numbered(300), folder, WordEmbedder().embed)
    return folder


@pytest.fixture
def folder(built, tmp_path):
    """A copy of the index of 300 products, in a run named `mine`; tests may change it."""
    return shutil.copytree(built, tmp_path / "mine" / "index")
