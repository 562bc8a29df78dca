"""Download a base model from the Hugging Face Hub, with a clear error message for each cause of failure.

The token is read where the Hub's own tools store it (HF_TOKEN, HUGGING_FACE_HUB_TOKEN, `hf auth login`) or passed by
the caller. It is kept in memory only: never written to a file, to a log or on a command line.
"""

from __future__ import annotations

import errno
from contextlib import suppress
from pathlib import Path

from shelftalk.errors import AccessDenied, NotFound, NotWritable, Unreachable

FILES = ["*.safetensors", "*.safetensors.index.json", "*.json", "tokenizer.model", "*.txt"]


def cached(name: str, revision: str | None = None) -> Path | None:
    """Return the folder of a Hub model in the Hub's cache, without a request to the Hub; None if it is not cached."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    with suppress(LocalEntryNotFoundError, HFValidationError):
        return Path(snapshot_download(name, revision=revision, allow_patterns=FILES, local_files_only=True))
    return None


def download(
    name: str, token: str | None = None, revision: str | None = None, instead: str = "gemma-3-270m"
) -> tuple[Path, str]:
    """Return the folder and the commit of a Hub model, downloading the files that are not in the Hub's cache.

    A `revision` in the cache is used without a request to the Hub. `instead` names a model that needs no network.

    Raises:
        AccessDenied: the model is gated and there is no token, the licence was not accepted with this account, or the
            token was rejected.
        NotFound: the Hub has no such model, or the model has no safetensors.
        NotWritable: the disk is full.
        Unreachable: the model is not in the cache, and there is no network, the Hub does not answer, or HF_HUB_OFFLINE
            is set.
    """
    from huggingface_hub import constants, errors, get_token, snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    if revision is not None and (found := cached(name, revision)):
        return found, revision
    token = token or get_token()
    page = f"https://huggingface.co/{name}"
    transport_error = errors.HTTPError  # type: ignore[attr-defined]  # httpx's or httpx2's, by the client's version
    try:
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=FILES, token=token or False))
    except HFValidationError as error:
        raise NotFound(f"{name!r} is not a Hub id: it should look like google/gemma-2b.") from error
    except GatedRepoError as error:
        if token is None:
            raise AccessDenied(
                f"{name} needs a Hugging Face token and none was found: accept the licence at {page}, then set "
                "HF_TOKEN, run `hf auth login`, or use --token-stdin."
            ) from error
        raise AccessDenied(
            f"The licence of {name} is not accepted with this token's account: accept it at {page}."
        ) from error
    except RepositoryNotFoundError as error:
        raise NotFound(f"The Hub knows no model {name!r}, or this token may not see it; look at {page}.") from error
    except (LocalEntryNotFoundError, transport_error, OSError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NotWritable(f"The disk is full while downloading {name}; free some space and run again.") from error
        if isinstance(error, HfHubHTTPError) and error.response is not None and error.response.status_code == 401:
            raise AccessDenied(f"The Hub refused the token for {name}; make a new one and set HF_TOKEN.") from error
        cause, cure = "the Hugging Face Hub cannot be reached", "check the network"
        if constants.HF_HUB_OFFLINE:
            cause, cure = "HF_HUB_OFFLINE forbids to ask the Hugging Face Hub", "unset it to download the model once"
        raise Unreachable(
            f"{name} is not on this disk ({constants.HF_HUB_CACHE}) and {cause}: {cure}, or use {instead}, "
            "which needs none."
        ) from error
    if not list(folder.glob("*.safetensors")):
        raise NotFound(f"{name} holds no safetensors; only safetensors weights are loaded.")
    return folder, folder.name
