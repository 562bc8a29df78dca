"""The bodies of requests, with OpenAI's names; the OpenAPI document is generated from them.

An OpenAI parameter that changes nothing of the text is taken and ignored (`_ignored`). One that would change the text
and is not supported is accepted with its neutral values only. An unknown parameter is refused.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from shelftalk.api.limits import (
    CHOICES,
    KEYS,
    MAX_TOKENS,
    MESSAGES,
    PARTS,
    PROMPT_CHARACTERS,
    PROMPTS,
    REFERENCES,
    SEEDS,
    STOP_CHARACTERS,
    STOPS,
)
from shelftalk.catalogue.attributes import MOST_ATTRIBUTES, NAME_CHARACTERS, VALUE_CHARACTERS
from shelftalk.settings import DecodingSettings

BOS = "<bos>"  # of every Gemma, in the text that a chat template makes


def _only(*neutral: Any) -> Any:
    """Return the type of an unsupported parameter, which accepts null and the `neutral` values only."""

    def check(value: Any) -> Any:
        if not any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in (None, *neutral)):
            raise PydanticCustomError("unsupported", "Not supported")
        return value

    return Annotated[Any, AfterValidator(check), WithJsonSchema({"enum": [None, *neutral]})]


def _ignored(what: str) -> Any:
    """Return the type of a parameter that is taken with any value, because it changes nothing of the text."""
    return Annotated[Any, Field(description=f"{what}: changes nothing of the text, and is ignored.")]


def _one_or_list(one: Any, several: Any) -> Any:
    """Return the type of a value that may be a list; an error is about the form that was sent, not about the other."""
    forms = Annotated[one, Tag("one")] | Annotated[several, Tag("list")]
    return Annotated[forms, Discriminator(lambda value: "list" if isinstance(value, list) else "one")]


def _few_keys(value: Any) -> Any:
    if isinstance(value, dict) and len(value) > KEYS:
        raise PydanticCustomError("too_many_keys", f"An object should have at most {KEYS} keys")
    return value


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


# Clients count seeds in 64 bits, some with a sign.
AnySeed: Any = Annotated[
    _integer(Field(description="Seed of sampling, modulo 2^31.")),
    AfterValidator(lambda seed: seed % SEEDS),
]
# For other servers -1 is all tokens, as 0 is here.
AnyTopK: Any = Annotated[
    _integer(Field(ge=-1, le=1000, description="Sample only from this many likeliest tokens; 0 or -1 from all.")),
    AfterValidator(lambda count: max(count, 0)),
]
RawPrompt = Annotated[str, Field(min_length=1, max_length=PROMPT_CHARACTERS)]
# \s differs between JavaScript, Python and Rust in these characters; the OpenAPI document must mean the same in each.
NOT_BLANK = r"[^\s\x1c-\x1f\x85\uFEFF]"
Text = Annotated[str, Field(min_length=1, max_length=PROMPT_CHARACTERS, pattern=NOT_BLANK)]
Stop = Annotated[str, Field(min_length=1, max_length=STOP_CHARACTERS)]
Prompts: Any = _one_or_list(RawPrompt, Annotated[list[RawPrompt], Field(min_length=1, max_length=PROMPTS)])
Stops: Any = _one_or_list(Stop, Annotated[list[Stop], Field(max_length=STOPS)])
Choices: Any = _integer(Field(ge=1, le=CHOICES, description="How many texts for each prompt."))
MaxTokens: Any = _integer(Field(ge=1, le=MAX_TOKENS, description="Longest text, in tokens."))
Longest: Any = _integer(Field(ge=1, description=f"Longest text, in tokens; above {MAX_TOKENS}: as long as it may be."))
References: Any = _integer(Field(ge=1, le=REFERENCES, description="How many references."))


AttributeName = Annotated[str, Field(min_length=1, max_length=NAME_CHARACTERS, pattern=NOT_BLANK)]
AttributeValue = Annotated[str, Field(min_length=1, max_length=VALUE_CHARACTERS, pattern=NOT_BLANK)]
ProductAttributes = Annotated[
    dict[AttributeName, AttributeValue],
    BeforeValidator(_few_keys),
    Field(max_length=MOST_ATTRIBUTES, description='The product\'s attributes, for instance {"material": "copper"}.'),
]


class StrictModel(BaseModel):
    """An object of known keys; each unknown key would be an error of its own, so their number is limited first."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _check_number_of_keys(cls, value: Any) -> Any:
        return _few_keys(value)


class Sampling(StrictModel):
    """How texts are generated; see DecodingSettings."""

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


class StreamOptions(StrictModel):
    """The contents of a stream besides text."""

    include_usage: bool | None = Field(None, description="End with a chunk of token counts; a whole answer has them.")
    include_obfuscation: _ignored("Padding against a look at packets' sizes") = None  # type: ignore[valid-type]


class OpenAIRequest(Sampling):
    """The parameters of both OpenAI routes."""

    model: str = Field(description="base, or the run's name.", max_length=200)
    n: Choices | None = None
    stop: Stops | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Longest | None = None
    seed: AnySeed | None = None
    top_k: AnyTopK | None = None

    frequency_penalty: _only(0) = None  # type: ignore[valid-type]
    presence_penalty: _only(0) = None  # type: ignore[valid-type]
    logit_bias: _only({}) = None  # type: ignore[valid-type]

    metadata: _ignored("Notes for a store") = None  # type: ignore[valid-type]
    prompt_cache_key: _ignored("Where a prompt is cached") = None  # type: ignore[valid-type]
    prompt_cache_retention: _ignored("How long a prompt is cached") = None  # type: ignore[valid-type]
    safety_identifier: _ignored("Who asks") = None  # type: ignore[valid-type]
    service_tier: _ignored("How a request is billed") = None  # type: ignore[valid-type]
    store: _ignored("Whether an answer is stored; here none is") = None  # type: ignore[valid-type]
    user: _ignored("Who asks") = None  # type: ignore[valid-type]

    @property
    def token_limit(self) -> int | None:
        """The token limit that was asked for, which may be above the server's; None if none was."""
        return self.max_tokens

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

    prompt: Prompts = Field(description="The text to continue, or several; one <bos> at the front is dropped.")

    best_of: _only(1) = None  # type: ignore[valid-type]
    echo: _only(False) = None  # type: ignore[valid-type]
    logprobs: _only(False) = None  # type: ignore[valid-type]
    suffix: _only() = None  # type: ignore[valid-type]

    @property
    def prompts(self) -> list[str]:
        """The prompts as a list, each without one start token at its front: the engine adds that itself."""
        prompts = [self.prompt] if isinstance(self.prompt, str) else self.prompt
        return [prompt.removeprefix(BOS) for prompt in prompts]


def _only_text(kind: Any) -> Any:
    if kind != "text":
        raise PydanticCustomError(
            "unsupported_part", "Images, audio and files are not supported, only parts of the type text"
        )
    return kind


class MessagePart(StrictModel):
    """What a user message and its parts have in common: clients send back other keys with null, which are ignored."""

    model_config = ConfigDict(extra="allow", strict=True, json_schema_extra={"maxProperties": KEYS})
    __pydantic_extra__: dict[str, None]

    id: _ignored("Name of the message") = None  # type: ignore[valid-type]
    cache_control: _ignored("Where a prompt is cached") = None  # type: ignore[valid-type]


class TextPart(MessagePart):
    """One part of a message's text."""

    type: Annotated[Literal["text"], BeforeValidator(_only_text)]
    text: Text


def _joined(content: str | list[TextPart]) -> str:
    return content if isinstance(content, str) else "\n".join(part.text for part in content)


def _bounded(content: str | list[TextPart]) -> str | list[TextPart]:
    if len(_joined(content)) > PROMPT_CHARACTERS:
        raise PydanticCustomError("too_long", f"A message should have at most {PROMPT_CHARACTERS} characters")
    return content


Parts = Annotated[list[TextPart], Field(min_length=1, max_length=PARTS)]
Content: Any = Annotated[_one_or_list(Text, Parts), AfterValidator(_bounded)]


class UserMessage(MessagePart):
    """A title or a question."""

    role: Literal["user"]
    content: Content
    name: _ignored("Who asks") = None  # type: ignore[valid-type]

    @property
    def text(self) -> str:
        """The message's text, its parts joined by line breaks."""
        return _joined(self.content)


class OtherMessage(BaseModel):
    """A message of another role, which is ignored, whatever else it holds; an earlier user message becomes one too."""

    role: Literal["system", "developer", "assistant", "tool", "function"]
    content: Any = None

    @property
    def text(self) -> str:
        """The message's text, up to the length of a prompt; nothing where it has none."""
        content = self.content
        if isinstance(content, list):
            texts = [part.get("text") for part in content if isinstance(part, dict)]
            content = "\n".join(text for text in texts if isinstance(text, str))
        return content[:PROMPT_CHARACTERS] if isinstance(content, str) else ""


ROLES = ("user", "system", "developer", "assistant", "tool", "function")


def _kind(message: Any) -> str | None:
    role = message.get("role") if isinstance(message, dict) else getattr(message, "role", None)
    if role not in ROLES:
        return None
    return "user" if role == "user" and not isinstance(message, OtherMessage) else "other"


Message = Annotated[
    Annotated[UserMessage, Tag("user")] | Annotated[OtherMessage, Tag("other")],
    Discriminator(
        _kind,
        custom_error_type="no_message",
        custom_error_message=f"A message must be an object whose role is one of {', '.join(ROLES)}",
    ),
]


def _ignore_earlier(messages: Any) -> Any:
    """Replace all user messages but the last, so that nothing of them is checked: front ends send them each time."""
    if not isinstance(messages, list):
        return messages
    users = [place for place, message in enumerate(messages) if _kind(message) == "user"]
    earlier = {
        place: OtherMessage.model_construct(role="user", content=messages[place].get("content")) for place in users[:-1]
    }
    return [earlier.get(place, message) for place, message in enumerate(messages)]


def _with_user(messages: list[Any]) -> list[Any]:
    if not any(isinstance(message, UserMessage) for message in messages):
        raise PydanticCustomError("no_user_message", "One message must have the role user")
    return messages


class ChatRequest(OpenAIRequest):
    """A conversation, of which the last user message is the request: a title, or a question about one.

    Earlier user messages are ignored, whatever they hold.
    """

    messages: Annotated[
        list[Message],
        Field(
            min_length=1,
            max_length=MESSAGES,
            json_schema_extra={"contains": {"properties": {"role": {"const": "user"}}, "required": ["role"]}},
        ),
        BeforeValidator(_ignore_earlier),
        AfterValidator(_with_user),
    ]
    max_completion_tokens: Longest | None = Field(None, description="As max_tokens; of both, the smaller one holds.")

    audio: _only() = None  # type: ignore[valid-type]
    function_call: _only("none", "auto") = None  # type: ignore[valid-type]
    functions: _only([]) = None  # type: ignore[valid-type]
    logprobs: _only(False) = None  # type: ignore[valid-type]
    modalities: _only(["text"]) = None  # type: ignore[valid-type]
    reasoning_effort: _only("none") = None  # type: ignore[valid-type]
    response_format: _only({"type": "text"}) = None  # type: ignore[valid-type]
    tool_choice: _only("none", "auto") = None  # type: ignore[valid-type]
    tools: _only([]) = None  # type: ignore[valid-type]
    top_logprobs: _only(0) = None  # type: ignore[valid-type]
    web_search_options: _only() = None  # type: ignore[valid-type]

    parallel_tool_calls: _ignored("How tools are called; here there are none") = None  # type: ignore[valid-type]
    prediction: _ignored("Text that makes writing faster") = None  # type: ignore[valid-type]
    verbosity: _ignored("A wish that a model may follow; these cannot") = None  # type: ignore[valid-type]

    @property
    def requests(self) -> list[str]:
        """The texts of the user messages that have one."""
        users = [message.text for message in self.messages if message.role == "user"]
        return [text for text in users if text.strip()]

    @property
    def request(self) -> str:
        """The text of the last user message."""
        return next(message.text for message in self.messages if isinstance(message, UserMessage))

    @property
    def system(self) -> str:
        """The text of the first message if it is a system's, else nothing."""
        first = self.messages[0]
        return first.content if first.role in ("system", "developer") and isinstance(first.content, str) else ""

    @property
    def token_limit(self) -> int | None:
        """The smaller of the two token limits that were asked for; None if neither was."""
        return min((one for one in (self.max_tokens, self.max_completion_tokens) if one is not None), default=None)


class DescribeRequest(Sampling):
    """A title, or a question about one, to be described before and after fine-tuning."""

    title: Text
    attributes: ProductAttributes | None = None
    references: References = 3
    max_new_tokens: MaxTokens | None = None
