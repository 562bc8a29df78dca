"""Chats with exports: a second question stands alone on each target's own route, and the gate refuses any other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from shelftalk.errors import ParityFailed
from shelftalk.export import formats
from shelftalk.export.export import export
from shelftalk.models import gguf_files, tiny
from shelftalk.models.chat_template import chat_template
from shelftalk.models.tokens import encode_example, encode_text, load_tokenizer, save_tokenizer
from shelftalk.prompts import ENGLISH
from shelftalk.runs.run import Run
from shelftalk.workspace import read_json

REQUEST = "Enamel mug\ncolour: blue"
USER = {"role": "user", "content": REQUEST}
FIRST = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Oak peg"},
    {"role": "assistant", "content": "is made of oak."},
]
CHATS = {
    "one question": [USER],
    "a system message": [FIRST[0], USER],
    "a developer message": [{"role": "developer", "content": "Be brief."}, USER],
    "two turns": [*FIRST, USER],
    "two questions in succession": [FIRST[1], USER],
    "parts": [*FIRST, {"role": "user", "content": [{"type": "text", "text": one} for one in REQUEST.split("\n")]}],
    "parts before": [{"role": "user", "content": [{"type": "text", "text": "Oak peg"}]}, FIRST[2], USER],
    "white space": [*FIRST, {"role": "user", "content": f" \n{REQUEST}\t\n"}],
    "an answer without content": [FIRST[1], {"role": "assistant", "content": None, "tool_calls": []}, USER],
}
CHAT_TEMPLATE = chat_template(ENGLISH)
JOINS = "{{ bos_token }}{% for message in messages %}{{ message.content }}{% endfor %}\n\nProduct description:\n"


@pytest.mark.parametrize("name", formats.FORMATS)
def test_parity_json_says_how_a_second_question_was_asked(exports: dict[str, Path], name: str) -> None:
    chat = read_json(exports[name] / "parity.json")["chat"]
    assert (chat["same_prompt"], chat["same_text"]) == (True, True)
    assert 0 < chat["tokens"] <= 8
    by = {"gguf": "llama.cpp's chat route", "ollama": "Ollama's rules"}
    assert by.get(name, "rendered by transformers") in chat["route"]


@pytest.fixture(params=["adapter", "merged", "vllm"])
def tokenizer(exports: dict[str, Path], request: pytest.FixtureRequest) -> Any:
    return AutoTokenizer.from_pretrained(exports[request.param])


@pytest.mark.parametrize("chat", CHATS.values(), ids=CHATS)
def test_transformers_asks_the_last_question_alone(tokenizer: Any, chat: list[dict[str, Any]]) -> None:
    """vLLM renders a chat with the same function, and like it adds no start token to what the template gives."""
    ids = tokenizer.apply_chat_template(chat, add_generation_prompt=True)["input_ids"]
    assert ids == encode_text(tokenizer, ENGLISH.prompt_for(REQUEST))
    assert ids.count(tokenizer.bos_token_id) == 1


def test_an_answer_after_the_question_is_a_row_of_training_or_continued(tokenizer: Any) -> None:
    chat = [*FIRST, USER, {"role": "assistant", "content": "A blue mug."}]
    row = encode_example(tokenizer, ENGLISH, REQUEST, "A blue mug.", 1000)
    assert tokenizer.apply_chat_template(chat)["input_ids"] == row.ids
    assert tokenizer.apply_chat_template(chat, continue_final_message=True)["input_ids"] == row.ids[:-1]
    # A new answer is asked for; the one before is left out.
    asked = tokenizer.apply_chat_template(chat, add_generation_prompt=True)["input_ids"]
    assert asked == encode_text(tokenizer, ENGLISH.prompt_for(REQUEST))
    assert tokenizer.apply_chat_template([*FIRST, USER], tokenize=False) == "<bos>" + REQUEST
    with pytest.raises(Exception, match="One message must have the role user"):
        tokenizer.apply_chat_template([FIRST[0], FIRST[2]], add_generation_prompt=True)


def test_a_tokenizer_without_a_start_token_has_none_in_a_chat(tmp_path: Path) -> None:
    _, tokenizer = tiny.make()
    tokenizer.bos_token = None
    tokenizer.save_pretrained(tmp_path / "base")
    save_tokenizer(tmp_path / "base", tmp_path / "out", ENGLISH)
    loaded = load_tokenizer(tmp_path / "out")
    assert loaded.apply_chat_template([USER], tokenize=False, add_generation_prompt=True) == ENGLISH.prompt_for(REQUEST)


@pytest.mark.parametrize("own", ["{{ 'own' }}", {"default": "{{ 'own' }}", "tool_use": "{{ 'tools' }}"}])
def test_a_base_models_own_chat_template_is_replaced(tmp_path: Path, own: Any) -> None:
    """A chat model's template is not that of the training; some have several."""
    _, tokenizer = tiny.make()
    tokenizer.chat_template = own
    tokenizer.save_pretrained(tmp_path / "base")
    save_tokenizer(tmp_path / "base", tmp_path / "out", ENGLISH)
    assert load_tokenizer(tmp_path / "out").chat_template == CHAT_TEMPLATE
    assert [file.name for file in (tmp_path / "out").rglob("*.jinja")] == ["chat_template.jinja"]
    assert "chat_template" not in read_json(tmp_path / "out" / "tokenizer_config.json")


@pytest.fixture(scope="module")
def server(exports: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """llama.cpp's own server with an export, without anything of shelftalk."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path, parameters.n_parallel, parameters.n_ctx = str(exports["gguf"] / "pegs-f32.gguf"), 1, 1024
    parameters.hostnames = [str(tmp_path_factory.mktemp("server") / "llama.sock")]
    parameters.warmup, parameters.verbosity = False, -1
    yield xllamacpp.Server(parameters)


OPTIONS = {"max_tokens": 16, "temperature": 0.0, "cache_prompt": False, "verbose": True}


def completed(server: Any, prompt: str) -> tuple[str, int]:
    """Return the text after a plain prompt, and the number of the prompt's tokens."""
    answer = server.handle_completions({"prompt": prompt, **OPTIONS})
    return answer["choices"][0]["text"], answer["usage"]["prompt_tokens"]


@pytest.mark.parametrize("chat", CHATS.values(), ids=CHATS)
def test_llama_cpp_answers_the_last_question_alone(server: Any, chat: list[dict[str, Any]]) -> None:
    answer = server.handle_chat_completions({"messages": chat, **OPTIONS})
    text, tokens = completed(server, ENGLISH.prompt_for(REQUEST))
    assert answer["choices"][0]["message"]["content"] == text
    assert answer["usage"]["prompt_tokens"] == tokens
    assert answer["__verbose"]["prompt"].count("<bos>") == 1


def test_llama_cpp_continues_an_answer_that_comes_last(server: Any) -> None:
    begun = "A blue "
    chat = [*FIRST, USER, {"role": "assistant", "content": begun}]
    answer = server.handle_chat_completions({"messages": chat, **OPTIONS})
    text, tokens = completed(server, ENGLISH.prompt_for(REQUEST) + begun)
    assert answer["choices"][0]["message"]["content"].removeprefix(begun) == text
    assert answer["usage"]["prompt_tokens"] == tokens


def test_llama_cpp_refuses_a_chat_without_a_question(server: Any) -> None:
    with pytest.raises(ValueError, match="One message must have the role user"):
        server.handle_chat_completions({"messages": [FIRST[0]], **OPTIONS})


def test_white_space_outside_of_ascii_is_kept_by_llama_cpp_only(server: Any, exports: dict[str, Path]) -> None:
    chat = [{"role": "user", "content": "\u00a0Mug\u2003"}]
    answer = server.handle_chat_completions({"messages": chat, **OPTIONS})
    assert answer["__verbose"]["prompt"] == f"<bos>\u00a0Mug\u2003{ENGLISH.end}"
    tokenizer = load_tokenizer(exports["merged"])
    rendered = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    assert rendered == "<bos>" + ENGLISH.prompt_for("\u00a0Mug\u2003") == f"<bos>Mug{ENGLISH.end}"


def test_a_gguf_has_the_chat_template(exports: dict[str, Path]) -> None:
    import gguf

    for file in (exports["gguf"] / "pegs-f32.gguf", exports["ollama"] / "pegs-f16.gguf"):
        assert gguf.GGUFReader(file).get_field("tokenizer.chat_template").contents() == CHAT_TEMPLATE


def _jinja(template: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "chat_template.jinja").write_text(template)  # type: ignore[return-value]


def _modelfile(template: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / "Modelfile").read_text()
        before, mark, rest = text.partition('TEMPLATE """')
        (folder / "Modelfile").write_text(before + mark + template + rest[rest.index('"""') :])

    return change


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("adapter", _jinja(JOINS), "in a chat a second question is read otherwise"),
        ("merged", _jinja(CHAT_TEMPLATE.replace("{{- bos_token -}}", "")), "read otherwise"),
        ("vllm", _jinja(CHAT_TEMPLATE.replace("{{- bos_token -}}", "{{- bos_token + bos_token -}}")), "read otherwise"),
        ("merged", _jinja("{% if %}"), "chat template cannot be rendered"),
        ("merged", lambda folder: (folder / "chat_template.jinja").unlink(), "chat template cannot be rendered"),
        ("ollama", _modelfile("{{ .Prompt }}\n\nProduct description:\n"), "read otherwise"),
        ("ollama", _modelfile("{{ range .Messages }}{{ .Content }}{{ end }}\n\nProduct description:\n"), "otherwise"),
        ("ollama", _modelfile("{{ if .Prompt }}"), "chat template cannot be rendered"),
        ("ollama", lambda folder: (folder / "Modelfile").write_text("FROM ./a.gguf\n"), "has no TEMPLATE"),
    ],
)
def test_a_chat_that_runs_into_earlier_turns_is_never_exported(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, change: Callable[[Path], Any], words: str
) -> None:
    real = formats.FORMATS[name]

    def write(artefact: formats.Artefact, folder: Path) -> None:
        real.write(artefact, folder)
        change(folder)

    monkeypatch.setitem(formats.FORMATS, name, replace(real, write=write))
    with pytest.raises(ParityFailed, match=words) as failure:
        export(tiny_run, name, tmp_path / "out")
    assert "\n" not in str(failure.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("template", [JOINS, CHAT_TEMPLATE.replace("bos_token -", "bos_token + bos_token -")])
def test_a_gguf_that_runs_into_earlier_turns_is_never_exported(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, template: str
) -> None:
    monkeypatch.setattr(gguf_files, "chat_template", lambda words: template)
    with pytest.raises(ParityFailed, match=r"read otherwise.*llama\.cpp's chat route"):
        export(tiny_run, "gguf", tmp_path / "out", "f32")
    assert list(tmp_path.iterdir()) == []
