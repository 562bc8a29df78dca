"""The fast engine on a CPU: llama.cpp, in process through xllamacpp, on GGUF files of 8 bits a weight.

The base model has one file, and the tuned model another, with the adapter merged into it; why it is not loaded
separately: docs/decisions/0022-the-adapter-is-merged-in-8-bits-instead-of-a-gguf-lora.md. Requests of several threads
are computed together (continuous batching). The server of xllamacpp must listen on an address: here on a socket file in
a private folder, with a random key, never on a port.
"""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

from shelftalk.errors import Damaged, Failure, InvalidSettings
from shelftalk.generation.engine import CONTEXT, check_room
from shelftalk.generation.socket_connection import SocketConnection
from shelftalk.models.gguf_files import find_base, find_merged
from shelftalk.models.threads import core_count
from shelftalk.models.tokens import encode_text, load_tokenizer, well_formed
from shelftalk.prompts import ENGLISH, TEMPLATES
from shelftalk.records import Description
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings

# OpenMP threads that wait for each other spin first and then sleep. By default they spin so long that a busy machine is
# ten times slower (measured: 4 tokens a second instead of 35; on an idle machine there is no difference). The variable
# is read when the library loads, and removed afterwards.
_set = "GOMP_SPINCOUNT" in os.environ
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
import xllamacpp  # noqa: E402

if not _set:
    del os.environ["GOMP_SPINCOUNT"]

LEAST_SLOTS = 4  # of a server beside another one
LONGEST_NUMBER = 3  # digits of a token: Gemma's have one, Llama's up to three
LONGEST = 1024  # tokens of text: leaves space for a prompt of 1,000 characters of four tokens each

_TOKENS = {"verbose": True, "return_tokens": True}  # for an answer with its token ids

# Texts that a converted tokenizer must split exactly like the original.
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
    """Completes prompts with the base and the tuned model, each loaded at first use or earlier, `slots` at once.

    With one slot, a model that writes its first word has the other one loaded meanwhile: xllamacpp holds Python's
    interpreter lock while it loads a model, so loading both at once only delays that word. Many slots are shared by
    several servers of a model, each with its part of the cores: their threads do not wait for one another. The servers
    map one file into memory.
    """

    name = "llama.cpp"

    def __init__(self, base: Path | None, tuned: Path | None, slots: int = 1) -> None:
        """Take the GGUF files; one may be None if only the other is used."""
        self.slots = slots
        self._count = max(1, min(core_count(), slots // LEAST_SLOTS))  # servers of each model
        self._files = {False: base, True: tuned}
        self._folder = tempfile.TemporaryDirectory(prefix="shelftalk-")  # 0700: the sockets are this user's alone
        self._key = secrets.token_urlsafe(32)
        self._servers: dict[tuple[bool, int], Future[Any]] = {}  # by side and number
        self._running: Counter[tuple[bool, int]] = Counter()  # texts that are being written
        self._starting, self._closed = Lock(), False
        self._number_ids: dict[str, int] = {}

    @cached_property
    def context(self) -> int:
        """The tokens of one slot, which llama.cpp limits to the model's positions; see `Engine.context`."""
        return int(self._ask("GET", "/props")["default_generation_settings"]["n_ctx"])

    @classmethod
    def load(cls, run: Run, slots: int = 1, say: Callable[[str], None] = lambda line: None) -> LlamaCppEngine:
        """Return an engine for a finished run; convert its files first if they do not exist.

        Raises:
            NotFound, InvalidSettings, Damaged: see `make_files`.
        """
        base, tuned = make_files(run, say)
        engine = cls(base, tuned, slots)
        if slots == 1:  # an interactive user reads the base model's text first
            engine._start(False)
        else:
            for number in range(engine._count):
                engine._start(True, number)
        return engine

    def complete(
        self,
        prompt: str,
        *,
        tuned: bool,
        settings: DecodingSettings,
        on_text: Callable[[str], None] | None = None,
    ) -> Description:
        """Complete one prompt; see `Engine.complete`.

        Raises:
            Damaged: llama.cpp cannot load the model's file.
            InvalidSettings: prompt and text together do not fit into the context, or the settings have a repetition
                penalty, which llama.cpp would apply to the title's words too.
        """
        self._server(tuned)  # the engine may lack it, which is to be said first
        ids = self.tokenize(prompt)
        pieces: list[str] = []
        end: dict[str, Any] = {}
        raised: list[BaseException] = []

        def receive(part: dict[str, Any]) -> bool:
            """Handle one part of the answer; return True to cancel the computation."""
            try:
                text = _text(part)
                if part["choices"][0]["finish_reason"]:
                    end.update(part)
                pieces.append(text)
                if on_text:
                    on_text(text)
                if self.slots == len(pieces) == 1 and self._files[not tuned] and not self._closed:
                    self._start(not tuned)  # the other model is loaded while this one writes
            except BaseException as error:  # Ctrl-C too: no exception may pass through the C++ frames
                raised.append(error)
            return bool(raised)

        request = self._request(ids, settings, stream=True)
        if settings.digits == "stated":
            request["logit_bias"] = [[id, False] for number, id in self._numbers().items() if number not in prompt]
        with self._least_busy(tuned) as server:
            server.handle_completions(request, receive)
        if raised:
            raise raised[0]
        stopped = end["choices"][0]["finish_reason"] == "stop"
        tokens = end["usage"]["completion_tokens"] - stopped  # that number includes the end token
        return Description("".join(pieces).strip(), stopped, tokens)

    def complete_all(
        self,
        prompts: Sequence[str],
        *,
        tuned: bool,
        settings: DecodingSettings,
        on_description: Callable[[int, Description], None] | None = None,
    ) -> list[Description]:
        """Complete several prompts, `slots` of them at any time; see `Engine.complete_all`."""
        cancelled = False

        def check_cancelled(_: str) -> None:
            if cancelled:
                raise _Cancelled

        with ThreadPoolExecutor(self.slots) as threads:
            running = {
                threads.submit(self.complete, prompt, tuned=tuned, settings=settings, on_text=check_cancelled): number
                for number, prompt in enumerate(prompts)
            }
            try:
                for done in as_completed(running):
                    description = done.result()
                    if on_description:
                        on_description(running[done], description)
            except BaseException:
                cancelled = True
                threads.shutdown(wait=False, cancel_futures=True)
                raise
        return [one.result() for one in running]

    def tokenize(self, text: str) -> list[int]:
        """Return the ids of `text`; see `Engine.tokenize`."""
        body = {"content": well_formed(text), "add_special": True, "parse_special": False}
        answer = self._ask("POST", "/tokenize", body)
        ids: list[int] = answer["tokens"]
        return ids

    def next_token(self, ids: Sequence[int], *, tuned: bool, count: int) -> dict[int, float]:
        """Return the `count` most probable tokens after `ids` and their log probabilities, at temperature 1."""
        request = self._request(ids, DecodingSettings(max_new_tokens=1, temperature=0), stream=False)
        # The bias forces a token that is a complete character, without which the answer would have no log
        # probabilities; these do not include the bias.
        [letter] = self.tokenize("a")[-1:]
        request |= {"logprobs": count, "logit_bias": [[letter, 1000.0]]}
        answer = self._server(tuned).handle_completions(request)
        _text(answer)
        top = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        return {one["id"]: one["logprob"] for one in top}

    def greedy(self, ids: Sequence[int], *, tuned: bool, count: int) -> list[int]:
        """Return the tokens that follow `ids` at temperature 0, at most `count`, with the end token."""
        settings = DecodingSettings(max_new_tokens=count, temperature=0)
        request = self._request(ids, settings, stream=False) | _TOKENS
        answer = self._server(tuned).handle_completions(request)
        _text(answer)
        written: list[int] = answer["__verbose"]["tokens"]
        return written

    def chat(self, messages: Sequence[Mapping[str, str]], *, tuned: bool, count: int) -> tuple[list[int], list[int]]:
        """Return the ids of the prompt that the file's own chat template makes of `messages`, and of `greedy` after it.

        Raises:
            ValueError: the template cannot be rendered.
        """
        settings = DecodingSettings(max_new_tokens=count, temperature=0)
        request = self._request([], settings, stream=False) | _TOKENS | {"messages": list(map(dict, messages))}
        del request["prompt"]
        answer = self._server(tuned).handle_chat_completions(request)
        if "error" in answer:
            raise ValueError(answer["error"].get("message"))
        prompt = {"content": answer["__verbose"]["prompt"], "add_special": False, "parse_special": True}
        return self._ask("POST", "/tokenize", prompt)["tokens"], answer["__verbose"]["tokens"]

    def close(self) -> None:
        """Stop the servers and free the models."""
        with self._starting:
            self._closed = True
        wait(self._servers.values())
        self._servers.clear()
        self._folder.cleanup()

    def _numbers(self) -> dict[str, int]:
        """Return the tokens that are a number, by that number; some tokenizers have only the digits."""
        if not self._number_ids:
            found: dict[str, int] = {}
            for length in range(1, LONGEST_NUMBER + 1):
                numbers = {f"{number:0{length}}": self.tokenize(f"{number:0{length}}") for number in range(10**length)}
                start = len(self.tokenize(""))
                single = {number: ids[start] for number, ids in numbers.items() if len(ids) == start + 1}
                if not single:
                    break
                found |= single
            self._number_ids = found
        return self._number_ids

    def _server(self, tuned: bool) -> Any:
        """Return the first server of the base or the tuned model; start it if it is not running."""
        return self._start(tuned).result()

    @contextmanager
    def _least_busy(self, tuned: bool) -> Iterator[Any]:
        """Yield the server of the base or the tuned model that writes the fewest texts, and count one more for it."""
        with self._starting:
            number = min(range(self._count), key=lambda number: self._running[tuned, number])
            self._running[tuned, number] += 1
        try:
            yield self._start(tuned, number).result()
        finally:
            with self._starting:
                self._running[tuned, number] -= 1

    def _start(self, tuned: bool, number: int = 0) -> Future[Any]:
        """Start a server of the base or the tuned model in a separate thread, unless it was started before."""
        with self._starting:
            if self._closed:
                raise Failure("The engine was closed; open it again.")
            if (tuned, number) not in self._servers:
                file = self._files[tuned]
                if file is None:
                    raise InvalidSettings(f"This engine has no {'tuned' if tuned else 'base'} model.")
                thread = ThreadPoolExecutor(1)
                slots, threads = -(-self.slots // self._count), core_count() // self._count
                self._servers[tuned, number] = thread.submit(
                    _serve, file, slots, threads, self._socket(tuned, number), self._key
                )
                thread.shutdown(wait=False)
            return self._servers[tuned, number]

    def _socket(self, tuned: bool, number: int = 0) -> str:
        return str(Path(self._folder.name) / f"{'tuned' if tuned else 'base'}-{number}.sock")

    def _request(self, ids: Sequence[int], settings: DecodingSettings, stream: bool) -> dict[str, Any]:
        if reason := settings_obstacle(settings):
            raise InvalidSettings(f"The engine llama.cpp cannot do that: {reason}; take --engine transformers.")
        check_room(len(ids), settings, self.context)
        return {
            "prompt": list(ids),
            "stream": stream,
            "stream_options": {"include_usage": False},
            "n_predict": settings.max_new_tokens,
            "samplers": ["temperature", "top_k", "top_p"] if settings.top_p < 1 else ["top_k", "temperature"],
            "temperature": settings.temperature or 0.0,  # automatic
            "top_k": settings.top_k,
            "top_p": settings.top_p,
            "min_p": 0.0,
            "seed": settings.seed,
            "cache_prompt": False,  # what was asked before would decide which tokens are computed together
        }

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        # Both models have the same tokenizer and context.
        with self._starting:
            side, _ = next(iter(self._servers), (self._files[True] is not None, 0))
        self._server(side)
        connection = SocketConnection(self._socket(side))
        try:
            headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
            connection.request(method, path, json.dumps(body) if body else None, headers)
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        if "error" in answer:
            raise Failure(f"llama.cpp refused {path}: {answer['error'].get('message')}.")
        return answer


class _Cancelled(Exception):
    """Cancels a text after another one has failed."""


def make_files(run: Run, say: Callable[[str], None] = lambda line: None) -> tuple[Path, Path]:
    """Return the GGUF files of a finished run's base and tuned model; convert those that do not exist.

    `say` gets a message for each conversion: that of a base model takes ten seconds.

    Raises:
        NotFound: the run has not finished.
        InvalidSettings: the base model cannot be converted.
        Damaged: the converted tokenizer differs from the original.
    """
    run.require_finished()
    model = run.base_model()
    base = find_base(model, run.workspace, lambda file: check_tokenizer(file, model.folder), say)
    return base, find_merged(model, base, run.adapter, run.folder / "gguf", say)


def settings_obstacle(settings: DecodingSettings) -> str | None:
    """Return which setting llama.cpp does not support in the same way as the reference; None where it supports all."""
    if settings.repetition_penalty > 1:
        return "its repetition_penalty would apply to the title's words too"
    if settings.no_repeat_ngram:
        return "it has no no_repeat_ngram"
    if settings.max_new_tokens > LONGEST:
        return f"max_new_tokens above {LONGEST} would leave too little space for the prompt"
    return None


def check_tokenizer(base: Path, model: Path) -> None:
    """Check that the GGUF `base` tokenizes sample texts like the tokenizer in folder `model`.

    Raises:
        Damaged: it does not; the message shows a text.
    """
    tokenizer = load_tokenizer(model)
    engine = LlamaCppEngine(base, None)
    try:
        for text in (*map(ENGLISH.prompt_for, SAMPLES), *(one.prompt_for(SAMPLES[0]) for one in TEMPLATES.values())):
            if engine.tokenize(text) != encode_text(tokenizer, text):
                raise Damaged(
                    f"The conversion of {model} to GGUF reads {text[:40]!r} differently from its tokenizer; "
                    "take --engine transformers."
                )
    finally:
        engine.close()


def _serve(file: Path, slots: int, threads: int, socket_file: str, key: str) -> Any:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(file)
    parameters.n_parallel, parameters.n_ctx = slots, slots * CONTEXT
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    parameters.hostnames, parameters.api_keys, parameters.n_threads_http = [socket_file], [key], 2
    parameters.warmup = parameters.fit_params = False  # both take longer than they save for a model of this size
    parameters.cache_ram_mib = 0  # the default caches earlier prompts, up to 8 GiB of them
    # Flash attention rounds a text's numbers in another way when other texts are computed with it.
    parameters.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    parameters.verbosity = -1
    try:
        server = xllamacpp.Server(parameters)
    except RuntimeError as error:
        raise Damaged(f"llama.cpp cannot load {file}; delete its folder, it is made again.") from error
    # A server that is stopped before its loop has started never ends; an answer shows that the loop runs.
    server.handle_completions({"prompt": [0], "n_predict": 1})
    return server


def _text(part: dict[str, Any]) -> str:
    """Return the text of one part of an answer.

    Raises:
        Failure: the part is an error.
    """
    if "error" in part:
        raise Failure(f"llama.cpp failed: {part['error'].get('message')}.")
    return str(part["choices"][0]["text"] or "")
