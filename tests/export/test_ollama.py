"""A chat's prompt by Ollama's rules, with the exports' template and with others."""

from __future__ import annotations

import pytest

from shelftalk.export.go_template import NotRendered
from shelftalk.export.ollama import chat_prompt, template_of
from shelftalk.export.serving import modelfile, ollama_template
from shelftalk.prompts import ENGLISH
from shelftalk.settings import DecodingSettings

Chat = list[tuple[str, str]]
TWO_TURNS = [
    ("system", "Be brief."),
    ("user", "Oak peg"),
    ("assistant", "A peg of oak."),
    ("user", "Mug\ncolour: blue"),
]

TEMPLATE = ollama_template(ENGLISH)


def rendered(template: str, chat: Chat) -> str:
    return chat_prompt(template, [{"role": role, "content": content} for role, content in chat])


@pytest.mark.parametrize(
    "chat",
    [
        [("user", "Mug\ncolour: blue")],  # as /api/generate and `ollama run RUN TITLE` make it
        [("system", "Be brief."), ("user", "Mug\ncolour: blue")],
        TWO_TURNS,
        [*TWO_TURNS[:3], ("system", "Be long."), TWO_TURNS[3]],
        [*TWO_TURNS[:3], ("tool", "42"), TWO_TURNS[3]],
        [("user", "Oak peg"), ("system", "Be brief."), ("user", "Mug\ncolour: blue")],
        [*TWO_TURNS[:3], ("user", ""), ("assistant", ""), TWO_TURNS[3]],
        [*TWO_TURNS, ("system", "Be brief.")],
        [*TWO_TURNS, ("assistant", "")],
    ],
)
def test_the_last_user_message_alone_is_the_request(chat: Chat) -> None:
    assert rendered(TEMPLATE, chat) == ENGLISH.prompt_for("Mug\ncolour: blue")


def test_an_answer_that_comes_last_is_continued() -> None:
    assert (
        rendered(TEMPLATE, [*TWO_TURNS, ("assistant", "A blue ")])
        == ENGLISH.prompt_for("Mug\ncolour: blue") + "A blue "
    )


@pytest.mark.parametrize("title", ['A "quoted" title', "{{ .Role }}", "{{", '"""', "<eos>", "Çılgın 🫖"])
def test_a_title_is_data(title: str) -> None:
    assert rendered(TEMPLATE, [("user", title)]) == ENGLISH.prompt_for(title)


def test_what_ollama_cannot_do_is_known() -> None:
    """It strips nothing, and joins user messages in succession before any template sees them."""
    assert rendered(TEMPLATE, [("user", " Mug ")]) == " Mug " + ENGLISH.end
    assert rendered(TEMPLATE, [("user", "Oak peg"), ("user", "Mug")]) == "Oak peg\n\nMug" + ENGLISH.end
    assert rendered(TEMPLATE, [("system", "Be brief.")]) == ENGLISH.end  # no request


@pytest.mark.parametrize(
    ("template", "chat", "prompt"),
    [
        # Without .Messages, each turn is rendered, one after the other: the fault of a template with .Prompt alone.
        ("{{ .Prompt }}" + ENGLISH.end, TWO_TURNS, f"Oak peg{ENGLISH.end}A peg of oak.Mug\ncolour: blue{ENGLISH.end}"),
        ("<{{ .System }}|{{ .Prompt }}>", TWO_TURNS, "<Be brief.|Oak peg>A peg of oak.<|Mug\ncolour: blue>"),
        ("{{ .Prompt }}:{{ .Response }};", TWO_TURNS, "Oak peg:A peg of oak.;Mug\ncolour: blue:"),
        (
            "{{ .Prompt }}:{{ .Response }};",
            [*TWO_TURNS[1:], ("assistant", "It")],
            "Oak peg:A peg of oak.;Mug\ncolour: blue:It",
        ),
        ("{{ .System }}/{{ .Prompt }};", [("user", "A"), ("system", "S"), ("user", "B")], "/A;S/B;"),
        ("{{ .Prompt }};", [("user", "A"), ("user", "B"), ("tool", "1"), ("tool", "2")], "A\n\nB;"),
        # With .Messages, once: a system message is both in .System and among them.
        (
            "[{{ .System }}]{{ range .Messages }}{{ .Role }} {{ end }}",
            TWO_TURNS,
            "[Be brief.]system user assistant user ",
        ),
        ("{{ range .Messages }}{{ .Content }};{{ end }}", [("tool", "1"), ("tool", "2")], "1;2;"),
        ("{{ range .Messages }}{{ end }}{{ .Prompt }}{{ .Response }}", TWO_TURNS, "<no value>"),
    ],
)
def test_other_templates_are_rendered_by_its_rules(template: str, chat: Chat, prompt: str) -> None:
    assert rendered(template, chat) == prompt


def test_a_template_that_cannot_be_rendered_here_is_refused() -> None:
    for template in (
        "{{ .Prompt }}{{ if .Response }}{{ .Response }}{{ end }}",
        "{{ range .Messages }}{{ .ToolCalls }}{{ end }}",
    ):
        with pytest.raises(NotRendered):
            rendered(template, TWO_TURNS)


def test_the_template_of_a_modelfile_is_read_back() -> None:
    assert template_of(modelfile("a.gguf", "<eos>", "none", DecodingSettings(), ENGLISH, ["fit"])) == TEMPLATE
    for text in ("FROM ./a.gguf\n", 'FROM ./a.gguf\nTEMPLATE """{{ .Prompt }}'):
        with pytest.raises(NotRendered, match="no TEMPLATE"):
            template_of(text)
