"""The fast engine on a CPU: llama.cpp, in process through xllamacpp, on GGUF files of 8 bits a weight.

Before is the base model's file, after that of the base model with the adapter merged into it; docs/decisions.md says
why not an adapter beside one base. Requests of several threads are computed together (continuous batching). The
wheel's server also listens somewhere: here on a socket file in a private folder, with a key that nobody knows, and
never on a port.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import socket
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from pathlib import Path
from threading import Lock
from typing import Any

from shelftalk.errors import Damaged, Failure, InvalidSettings
from shelftalk.models.gguf_files import find_base, find_merged
from shelftalk.models.tokens import encode_text, load_tokenizer, well_formed
from shelftalk.prompts import prompt_for
from shelftalk.records import Description
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings

# Threads that wait for each other spin for a moment and then sleep. OpenMP's own moment is so long that a busy machine
# writes ten times slower than its share (measured: 4 tokens a second, with this 35; on a quiet one there is no
# difference). It is read when the library loads, and is not left behind for others.
_set = "GOMP_SPINCOUNT" in os.environ
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
import xllamacpp  # noqa: E402

if not _set:
    del os.environ["GOMP_SPINCOUNT"]

CONTEXT = 5120  # tokens of prompt and text together, for each of the texts written at once
LONGEST = 1000  # tokens of text: leaves room for a prompt of 1,000 characters of which each takes four tokens

# What a converted tokenizer must cut exactly as the original does.
SAMPLES = (
    "Copper Watering Can, 2 Litre",
    "What is Mog's Kittens?",
    "<start_of_turn>user <eos> <bos>",
    "  two  spaces,\ttab\n\n\nlines ",
    "Ação à vontade: señor, naïve café, Ångström, 你好, 🫖🏽, \u200d, \u00a0x",
    "a" * 300,
    "1234567890.5 m² × 3/4 — “quoted” #hash @home http://example.com/?a=b&c=%20",
    "def f(x):\n    return {'a': [1, 2]}\r\n",
)


class LlamaCppEngine:
    """Writes with the base and the tuned model, each loaded at the latest when it is first asked, `slots` at once."""

    name = "llama.cpp"

    def __init__(self, base: Path | None, tuned: Path | None, slots: int = 1, context: int = CONTEXT) -> None:
        """Take the GGUF files; one may be left out where only the other will be asked."""
        self.slots, self.context = slots, context
        self._files = {False: base, True: tuned}
        self._folder = tempfile.TemporaryDirectory(prefix="shelftalk-")  # 0700: the sockets are this user's alone
        self._key = secrets.token_urlsafe(32)
        self._servers: dict[bool, Future[Any]] = {}
        self._starting, self._closed = Lock(), False

    @classmethod
    def load(cls, run: Run, slots: int = 1, say: Callable[[str], None] = lambda line: None) -> LlamaCppEngine:
        """Return an engine for a finished run, its files converted first where that was not yet done.

        Raises:
            NotFound, InvalidSettings, Damaged: see `make_files`.
        """
        base, tuned = make_files(run, say)
        engine = cls(base, tuned, slots)
        if slots == 1:  # somebody waits for both; most of a start is one thread reading the vocabulary
            engine._start(False)
        engine._start(True)
        return engine

    def complete(
        self,
        prompt: str,
        *,
        tuned: bool,
        settings: DecodingSettings,
        on_text: Callable[[str], None] | None = None,
    ) -> Description:
        """Write what follows one prompt; see `Engine.complete`.

        Raises:
            Damaged: llama.cpp cannot load the model's file.
            InvalidSettings: prompt and text together do not fit into the context, or the settings ask for a penalty on
                repetition, which llama.cpp would lay on the title's words too.
        """
        server, ids = self._server(tuned), self.tokenize(prompt)
        pieces: list[str] = []
        end: dict[str, Any] = {}
        raised: list[BaseException] = []

        def receive(part: dict[str, Any]) -> bool:
            """Take one part of the answer; True ends the computation."""
            try:
                text = _text(part)
                if part["choices"][0]["finish_reason"]:
                    end.update(part)
                pieces.append(text)
                if on_text:
                    on_text(text)
            except BaseException as error:  # Ctrl-C too: nothing may pass through the C++ frames
                raised.append(error)
            return bool(raised)

        server.handle_completions(self._request(ids, settings, stream=True), receive)
        if raised:
            raise raised[0]
        stopped = end["choices"][0]["finish_reason"] == "stop"
        tokens = end["usage"]["completion_tokens"] - stopped  # the end token is counted there
        return Description("".join(pieces).strip(), stopped, tokens)

    def complete_all(
        self,
        prompts: Sequence[str],
        *,
        tuned: bool,
        settings: DecodingSettings,
        on_description: Callable[[int, Description], None] | None = None,
    ) -> list[Description]:
        """Write what follows each prompt, `slots` of them at any time; see `Engine.complete_all`."""
        given_up = False

        def listen(_: str) -> None:
            if given_up:
                raise _GivenUp

        with ThreadPoolExecutor(self.slots) as threads:
            running = {
                threads.submit(self.complete, prompt, tuned=tuned, settings=settings, on_text=listen): number
                for number, prompt in enumerate(prompts)
            }
            try:
                for done in as_completed(running):
                    description = done.result()
                    if on_description:
                        on_description(running[done], description)
            except BaseException:
                given_up = True
                threads.shutdown(wait=False, cancel_futures=True)
                raise
        return [one.result() for one in running]

    def tokenize(self, text: str) -> list[int]:
        """Return the ids of `text`; see `Engine.tokenize`."""
        answer = self._post("/tokenize", {"content": well_formed(text), "add_special": True, "parse_special": False})
        ids: list[int] = answer["tokens"]
        return ids

    def next_token(self, ids: Sequence[int], *, tuned: bool, likeliest: int) -> dict[int, float]:
        """Return the `likeliest` tokens after `ids` and their logarithms of probability, at temperature 1."""
        request = self._request(ids, DecodingSettings(max_new_tokens=1, temperature=0), stream=False)
        # The bias fixes which token is written, a whole character, or nothing would be told; it is not in what is told.
        [letter] = self.tokenize("a")[-1:]
        request |= {"logprobs": likeliest, "logit_bias": [[letter, 1000.0]]}
        answer = self._server(tuned).handle_completions(request)
        _text(answer)
        told = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        return {one["id"]: one["logprob"] for one in told}

    def greedy(self, ids: Sequence[int], *, tuned: bool, count: int) -> list[int]:
        """Return the at most `count` tokens that follow `ids` at temperature 0, the end token included."""
        settings = DecodingSettings(max_new_tokens=count, temperature=0)
        request = self._request(ids, settings, stream=False)
        answer = self._server(tuned).handle_completions(request | {"verbose": True, "return_tokens": True})
        _text(answer)
        written: list[int] = answer["__verbose"]["tokens"]
        return written

    def close(self) -> None:
        """End the servers and let go of the models."""
        with self._starting:
            self._closed = True
        wait(self._servers.values())
        self._servers.clear()
        self._folder.cleanup()

    def _server(self, tuned: bool) -> Any:
        """Return the server of one side, starting it where it does not run."""
        return self._start(tuned).result()

    def _start(self, tuned: bool) -> Future[Any]:
        """Start the server of one side in a thread of its own, unless it was started before."""
        with self._starting:
            if self._closed:
                raise Failure("The engine was closed; open it again.")
            if tuned not in self._servers:
                file = self._files[tuned]
                if file is None:
                    raise InvalidSettings(f"This engine has no {'tuned' if tuned else 'base'} model.")
                thread = ThreadPoolExecutor(1)
                self._servers[tuned] = thread.submit(
                    _serve, file, self.slots, self.context, self._socket(tuned), self._key
                )
                thread.shutdown(wait=False)
            return self._servers[tuned]

    def _socket(self, tuned: bool) -> str:
        return str(Path(self._folder.name) / ("tuned.sock" if tuned else "base.sock"))

    def _request(self, ids: Sequence[int], settings: DecodingSettings, stream: bool) -> dict[str, Any]:
        if reason := refuses(settings):
            raise InvalidSettings(f"The engine llama.cpp cannot do that: {reason}; take --engine transformers.")
        if len(ids) + settings.max_new_tokens > self.context:
            raise InvalidSettings(
                f"The text has {len(ids)} tokens and max_new_tokens is {settings.max_new_tokens}; together they must "
                f"be at most {self.context}."
            )
        return {
            "prompt": list(ids),
            "stream": stream,
            "stream_options": {"include_usage": False},
            "n_predict": settings.max_new_tokens,
            "samplers": ["temperature", "top_k", "top_p"] if settings.top_p < 1 else ["top_k", "temperature"],
            "temperature": settings.temperature,
            "top_k": settings.top_k,
            "top_p": settings.top_p,
            "min_p": 0.0,
            "seed": settings.seed,
        }

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        side = next(iter(self._servers), self._files[True] is not None)  # both read alike
        self._server(side)
        connection = _SocketConnection(self._socket(side))
        try:
            headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
            connection.request("POST", path, json.dumps(body), headers)
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        if "error" in answer:
            raise Failure(f"llama.cpp refused {path}: {answer['error'].get('message')}.")
        return answer


class _GivenUp(Exception):
    """Ends a text that nobody waits for any more."""


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a socket file."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self._path)


def make_files(run: Run, say: Callable[[str], None] = lambda line: None) -> tuple[Path, Path]:
    """Return the GGUF files of a finished run's base and tuned model, converting what is not there.

    `say` is told of a conversion, which takes half a minute.

    Raises:
        NotFound: the run has not finished.
        InvalidSettings: the base model cannot be converted.
        Damaged: the conversion reads texts otherwise than the original.
    """
    run.require_finished()
    model = run.base_model()
    base = find_base(model, run.workspace, lambda file: check_tokenizer(file, model.folder), say)
    return base, find_merged(model, run.adapter, run.folder / "gguf", say)


def refuses(settings: DecodingSettings) -> str | None:
    """Say which of the settings llama.cpp cannot follow as the reference does; None where it can follow all."""
    if settings.repetition_penalty > 1:
        return "its repetition_penalty would hold back the title's words too"
    if settings.no_repeat_ngram:
        return "it has no no_repeat_ngram"
    if settings.max_new_tokens > LONGEST:
        return f"max_new_tokens above {LONGEST} would leave too little room for the prompt"
    return None


def check_tokenizer(base: Path, model: Path) -> None:
    """Do nothing if the GGUF `base` reads sample texts as the tokenizer in folder `model` does.

    Raises:
        Damaged: it does not; the message shows a text.
    """
    tokenizer = load_tokenizer(model)
    engine = LlamaCppEngine(base, None)
    try:
        for text in (prompt_for(sample) for sample in SAMPLES):
            if engine.tokenize(text) != encode_text(tokenizer, text):
                raise Damaged(
                    f"The conversion of {model} to GGUF reads {text[:40]!r} otherwise than its tokenizer; "
                    "take --engine transformers."
                )
    finally:
        engine.close()


def _serve(file: Path, slots: int, context: int, socket_file: str, key: str) -> Any:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(file)
    parameters.n_parallel, parameters.n_ctx = slots, slots * context
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = cores()
    parameters.hostnames, parameters.api_keys, parameters.n_threads_http = [socket_file], [key], 2
    parameters.warmup = parameters.fit_params = False  # both cost more than they bring to a model of this size
    parameters.cache_ram_mib = 0  # would keep the prompts of the past, up to 8 GiB of them
    parameters.verbosity = -1
    try:
        server = xllamacpp.Server(parameters)
    except RuntimeError as error:
        raise Damaged(f"llama.cpp cannot load {file}; delete its folder, it is made again.") from error
    # A server that is told to end before its loop has begun never ends; an answer shows that it has.
    server.handle_completions({"prompt": [0], "n_predict": 1})
    return server


def cores() -> int:
    """Return how many cores this process may use, and no more than OMP_NUM_THREADS, which torch follows too."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(available, int(asked)) if asked.isdigit() and int(asked) else available


def _text(part: dict[str, Any]) -> str:
    """Return the text of an answer's part.

    Raises:
        Failure: it is an error.
    """
    if "error" in part:
        raise Failure(f"llama.cpp failed: {part['error'].get('message')}.")
    return str(part["choices"][0]["text"] or "")
