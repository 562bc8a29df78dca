"""The bodies of requests and responses, with OpenAI's names; the OpenAPI document is generated from them.

An OpenAI parameter that is not supported is accepted with its neutral values only; an unknown parameter is refused.
Nothing is silently ignored.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from shelftalk.api.limits import (
    CHOICES,
    MAX_TOKENS,
    MESSAGES,
    PARTS,
    PROMPT_CHARACTERS,
    PROMPTS,
    REFERENCES,
    STOP_CHARACTERS,
    STOPS,
)
from shelftalk.catalogue.attributes import MOST_ATTRIBUTES, NAME_CHARACTERS, VALUE_CHARACTERS
from shelftalk.settings import DecodingSettings

STRICT = ConfigDict(extra="forbid", strict=True)


def _only(*neutral: Any) -> Any:
    """Return the type of an unsupported parameter, which accepts null and the `neutral` values only."""

    def check(value: Any) -> Any:
        if not any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in (None, *neutral)):
            raise PydanticCustomError("unsupported", "Not supported")
        return value

    return Annotated[Any, AfterValidator(check), WithJsonSchema({"enum": [None, *neutral]})]


def _integer(limits: Any) -> Any:
    """Return the type of an integer within limits; 2.0 is one, as in JSON Schema."""

    def check(value: Any) -> Any:
        return int(value) if isinstance(value, float) and value.is_integer() else value

    return Annotated[int, limits, BeforeValidator(check)]


def _setting(name: str) -> Any:
    """Return the type of a decoding setting, with its help and limits."""
    one = next(one for one in fields(DecodingSettings) if one.name == name)
    metadata = one.metadata
    if one.type == "str":
        return Annotated[Literal[metadata["choices"]], Field(description=metadata["help"])] | None
    limits = Field(description=metadata["help"], ge=metadata["at_least"], le=metadata["at_most"], gt=metadata["above"])
    return (_integer(limits) if one.type == "int" else Annotated[float, limits]) | None


RawPrompt = Annotated[str, Field(min_length=1, max_length=PROMPT_CHARACTERS)]
# \s differs between JavaScript, Python and Rust in these characters; the OpenAPI document must mean the same in each.
NOT_BLANK = r"[^\s\x1c-\x1f\x85\uFEFF]"
Text = Annotated[str, Field(min_length=1, max_length=PROMPT_CHARACTERS, pattern=NOT_BLANK)]
Stop = Annotated[str, Field(min_length=1, max_length=STOP_CHARACTERS)]
Choices: Any = _integer(Field(ge=1, le=CHOICES, description="How many texts for each prompt."))
MaxTokens: Any = _integer(Field(ge=1, le=MAX_TOKENS, description="Longest text, in tokens."))
References: Any = _integer(Field(ge=1, le=REFERENCES, description="How many references."))


AttributeName = Annotated[str, Field(min_length=1, max_length=NAME_CHARACTERS, pattern=NOT_BLANK)]
AttributeValue = Annotated[str, Field(min_length=1, max_length=VALUE_CHARACTERS, pattern=NOT_BLANK)]
ProductAttributes = Annotated[
    dict[AttributeName, AttributeValue],
    Field(max_length=MOST_ATTRIBUTES, description='The product\'s attributes, for instance {"material": "copper"}.'),
]


class Sampling(BaseModel):
    """How texts are generated; see DecodingSettings."""

    model_config = STRICT

    temperature: _setting("temperature") = None  # type: ignore[valid-type]
    top_p: _setting("top_p") = None  # type: ignore[valid-type]
    top_k: _setting("top_k") = None  # type: ignore[valid-type]
    repetition_penalty: _setting("repetition_penalty") = None  # type: ignore[valid-type]
    no_repeat_ngram: _setting("no_repeat_ngram") = None  # type: ignore[valid-type]
    digits: _setting("digits") = None  # type: ignore[valid-type]
    seed: _setting("seed") = None  # type: ignore[valid-type]

    def decoding_settings(self, **more: Any) -> DecodingSettings:
        """Return the settings of this request, updated with `more`; a missing or None value gets its default."""
        given = {**{name: getattr(self, name) for name in Sampling.model_fields}, **more}
        return DecodingSettings.from_mapping({name: value for name, value in given.items() if value is not None})


class StreamOptions(BaseModel):
    """The contents of a stream besides text."""

    model_config = STRICT

    include_usage: bool | None = Field(None, description="End with a chunk of token counts; a whole answer has them.")


class OpenAIRequest(Sampling):
    """The parameters of both OpenAI routes."""

    model: str = Field(description="base, or the run's name.", max_length=200)
    n: Choices | None = None
    stop: Stop | Annotated[list[Stop], Field(max_length=STOPS)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: MaxTokens | None = None

    frequency_penalty: _only(0) = None  # type: ignore[valid-type]
    presence_penalty: _only(0) = None  # type: ignore[valid-type]
    logit_bias: _only({}) = None  # type: ignore[valid-type]
    user: _only() = None  # type: ignore[valid-type]

    @property
    def stops(self) -> list[str]:
        """The stop texts as a list."""
        return [self.stop] if isinstance(self.stop, str) else self.stop or []

    @property
    def includes_usage(self) -> bool:
        """Whether a stream ends with token counts."""
        return bool(self.stream_options and self.stream_options.include_usage)


class CompletionRequest(OpenAIRequest):
    """Raw prompts: the model continues them."""

    prompt: RawPrompt | Annotated[list[RawPrompt], Field(min_length=1, max_length=PROMPTS)]

    best_of: _only(1) = None  # type: ignore[valid-type]
    echo: _only(False) = None  # type: ignore[valid-type]
    logprobs: _only() = None  # type: ignore[valid-type]
    suffix: _only() = None  # type: ignore[valid-type]

    @property
    def prompts(self) -> list[str]:
        """The prompts as a list."""
        return [self.prompt] if isinstance(self.prompt, str) else self.prompt


class TextPart(BaseModel):
    """One part of a message's text."""

    model_config = STRICT

    type: Literal["text"]
    text: Text


class UserMessage(BaseModel):
    """A title or a question."""

    model_config = STRICT

    role: Literal["user"]
    content: Text | Annotated[list[TextPart], Field(min_length=1, max_length=PARTS)]
    name: str | None = None

    @property
    def text(self) -> str:
        """The message's text, its parts joined by line breaks."""
        return self.content if isinstance(self.content, str) else "\n".join(part.text for part in self.content)


class OtherMessage(BaseModel):
    """A message of another role, which is ignored."""

    role: Literal["system", "developer", "assistant", "tool", "function"]


Message = Annotated[UserMessage | OtherMessage, Field(discriminator="role")]


def _with_user(messages: list[Any]) -> list[Any]:
    users = [message for message in messages if isinstance(message, UserMessage)]
    if not users:
        raise PydanticCustomError("no_user_message", "One message must have the role user")
    if len(users[-1].text) > PROMPT_CHARACTERS:
        raise PydanticCustomError("too_long", f"A message should have at most {PROMPT_CHARACTERS} characters")
    return messages


class ChatRequest(OpenAIRequest):
    """A conversation, of which the last user message is the request: a title, or a question about one."""

    messages: Annotated[
        list[Message],
        Field(
            min_length=1,
            max_length=MESSAGES,
            json_schema_extra={"contains": {"properties": {"role": {"const": "user"}}, "required": ["role"]}},
        ),
        AfterValidator(_with_user),
    ]
    max_completion_tokens: MaxTokens | None = Field(None, description="As max_tokens; of both, the smaller one holds.")

    audio: _only() = None  # type: ignore[valid-type]
    function_call: _only("none") = None  # type: ignore[valid-type]
    functions: _only([]) = None  # type: ignore[valid-type]
    logprobs: _only(False) = None  # type: ignore[valid-type]
    metadata: _only({}) = None  # type: ignore[valid-type]
    modalities: _only(["text"]) = None  # type: ignore[valid-type]
    parallel_tool_calls: _only() = None  # type: ignore[valid-type]
    prediction: _only() = None  # type: ignore[valid-type]
    reasoning_effort: _only() = None  # type: ignore[valid-type]
    response_format: _only({"type": "text"}) = None  # type: ignore[valid-type]
    store: _only(False) = None  # type: ignore[valid-type]
    tool_choice: _only("none") = None  # type: ignore[valid-type]
    tools: _only([]) = None  # type: ignore[valid-type]
    top_logprobs: _only() = None  # type: ignore[valid-type]

    @property
    def request(self) -> str:
        """The text of the last user message."""
        return next(message.text for message in reversed(self.messages) if isinstance(message, UserMessage))

    @property
    def token_limit(self) -> int | None:
        """The smaller of the two token limits; None if neither is given."""
        return min((one for one in (self.max_tokens, self.max_completion_tokens) if one is not None), default=None)


class DescribeRequest(Sampling):
    """A title, or a question about one, to be described before and after fine-tuning."""

    title: Text
    attributes: ProductAttributes | None = None
    references: References = 3
    max_new_tokens: MaxTokens | None = None


class Usage(BaseModel):
    """Token counts of one request: each prompt is counted once, and every text."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class TextChoice(BaseModel):
    """One text of a completion; its index is prompt x n + choice."""

    index: int
    text: str
    finish_reason: Literal["stop", "length"]
    logprobs: None = None


class Completion(BaseModel):
    """The response of /v1/completions."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    choices: list[TextChoice]
    usage: Usage


class AssistantMessage(BaseModel):
    """A description."""

    role: Literal["assistant"] = "assistant"
    content: str


class ChatChoice(BaseModel):
    """One description of a chat completion."""

    index: int
    message: AssistantMessage
    finish_reason: Literal["stop", "length"]
    logprobs: None = None


class ChatCompletion(BaseModel):
    """The response of /v1/chat/completions."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChatChoice]
    usage: Usage


class ModelCard(BaseModel):
    """One model: `base`, or the run's name."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "shelftalk"


class ModelList(BaseModel):
    """The response of /v1/models."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


class Health(BaseModel):
    """The response of /health."""

    status: Literal["ok"] = "ok"
