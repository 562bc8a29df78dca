"""Train a run from its catalogue to its adapter, resuming from the newest valid checkpoint where there is one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

from shelftalk.errors import InvalidSettings
from shelftalk.extras import require_trackers
from shelftalk.models.adapters import add_adapter, load_adapter
from shelftalk.models.instruction_set import bf16_cost
from shelftalk.models.load import load_model
from shelftalk.models.registry import BaseModel
from shelftalk.models.tokens import Example, save_tokenizer
from shelftalk.records import Progress, no_progress
from shelftalk.runs.card import plain_card
from shelftalk.runs.describe import describe_data
from shelftalk.runs.metrics import read_metrics, read_warnings
from shelftalk.runs.run import CARD, Run
from shelftalk.settings import TrainingSettings
from shelftalk.training.attention import PACKED
from shelftalk.training.batches import Plan, encode_products
from shelftalk.training.checkpoints import load_best, newest_checkpoint
from shelftalk.training.compiled import compile_layers, should_compile
from shelftalk.training.loss import head_taken_off
from shelftalk.training.processes import is_first_process, wait_for_all
from shelftalk.training.recorder import Recorder, graceful_stop
from shelftalk.training.samples import samplers
from shelftalk.training.state import RunState
from shelftalk.training.trainer import AdapterTrainer
from shelftalk.training.validation import validation_examples, with_interval
from shelftalk.training.vocabulary import cut_head
from shelftalk.workspace import staged_folder, write_bytes


def train(
    run: Run,
    base: BaseModel,
    state: RunState,
    progress: Progress = no_progress,
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Train `run` to its end, or resume where an earlier call was interrupted.

    Writes checkpoints/, metrics.jsonl and, with `sample_every`, samples.jsonl (see `runs.metrics`), and at the end
    adapter/ in plain PEFT layout; steps and speeds go to `state`. The adapter depends neither on the samples nor on
    the number of interruptions. `progress` counts updates; `say` gets messages on what was resumed or skipped. The
    caller holds the run's lock and records how the training ended, see `training.jobs`.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM; a checkpoint of the last finished update has been written.
        Damaged: the catalogue changed since the run began, or the base model cannot be read.
        NotFinite: a loss, a gradient or a weight is not finite; see `training.divergence`.
    """
    settings = run.settings
    require_trackers(settings.tracker_names)
    if cost := bf16_cost(run.precision):
        say(f"Run {run.name!r} {cost}.")
    model, tokenizer = load_model(base.folder, run.precision, attention=PACKED)
    source = run.source
    model = load_adapter(model, source.adapter, trainable=True) if source else add_adapter(model, settings)
    plan = make_plan(run, tokenizer)
    settings = with_interval(settings, len(plan), 0 if run.accepted else run.count_held_out("validation"))
    validation = validation_examples(tokenizer, run) if settings.validate_every else []
    data_hash = fingerprint(run)
    if not is_first_process():
        wait_for_all()  # until the first process has searched and removed the temporary files of killed ones
    checkpoint, skipped = newest_checkpoint(run.checkpoints, data_hash)
    if is_first_process():
        wait_for_all()
    for line in skipped:
        say(line)
    first_step = int(checkpoint.name.removeprefix("step-")) if checkpoint else 0
    if checkpoint:
        say(f"Going on from update {first_step}.")
    tokens = plan.tokens_by_update()
    recorder = Recorder(run.folder, settings, len(plan.order), tokens, first_step, state, progress)
    with head_taken_off(model) as head, graceful_stop(state):
        # The sampler comes first, so that a stop requested while it writes takes effect after the same update.
        callbacks = [*samplers(run, tokenizer, head, first_step, state, say), recorder]
        trainer = make_trainer(run, settings, model, head, plan, validation, callbacks, say)
        # A new adapter has no effect yet: this measures the base model, unless an interrupted call did.
        trainer.args.eval_on_start = bool(validation) and first_step == 0 and not read_metrics(run.folder)
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if state.stop_asked:
        raise KeyboardInterrupt
    if is_first_process():
        if validation:
            best = load_best(run.checkpoints, model)
            say(f"Taking the weights of update {best}, the best on the validation products.")
        for warning in read_warnings(run.folder, run.origin):
            say(warning)
        save_adapter(model, run, base)
    wait_for_all()


def make_plan(run: Run, tokenizer: Any) -> Plan:
    """Return the plan of a run's updates; an epoch has a text that a person edited `edited_weight` times."""
    settings, products = run.settings, run.products()
    edited = {one.uid: one.edited for one in run.accepted}
    counts = [settings.edited_weight if edited.get(one.uid) else 1 for one in products]
    return Plan(encode_products(tokenizer, run.template, products, settings, edited), settings, counts)


def make_trainer(
    run: Run,
    settings: TrainingSettings,
    model: Any,
    head: Any,
    plan: Plan,
    validation: Sequence[Example],
    callbacks: list[Any],
    say: Callable[[str], None] = lambda line: None,
) -> AdapterTrainer:
    """Return the trainer of `run`, with its head chosen and `model`'s layers compiled where `should_compile` says so.

    `settings` are the run's, with the interval of validations; `head` comes from `loss.head_taken_off`.
    """
    chosen = choose_head(model, head, plan, settings)
    compiled = should_compile(settings.compile, sum(plan.tokens_by_update()))
    if compiled:
        compile_layers(model)
    return AdapterTrainer(
        model,
        chosen,
        plan,
        settings,
        run.checkpoints,
        fingerprint(run),
        callbacks,
        validation,
        say,
        compiled,
        in_threads=run.description.get("passes") == "threads",  # a run of an earlier version goes on as it began
    )


def fingerprint(run: Run) -> str:
    """Return a hash of everything that determines a run's updates: data, models, settings, number format."""
    keys = ("data_hash", "language", "base", "settings", "precision", "source", "left_out", "accepted")
    inputs = {key: run.description[key] for key in keys if key in run.description}
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def choose_head(model: Any, head: Any, plan: Plan, settings: TrainingSettings) -> Any:
    """Return the head for the training's loss: the whole head, or with `vocabulary=catalogue` a `CutHead`.

    Raises:
        InvalidSettings: the head is not one matrix product and cannot be cut.
    """
    if settings.vocabulary == "full":
        return head
    if head is None:
        raise InvalidSettings(f"vocabulary must be full for {settings.base_model}: its head cannot be cut.")
    return cut_head(model, head, plan.examples)


def save_adapter(model: Any, run: Run, base: BaseModel) -> None:
    """Write the run's adapter/ atomically, with tokenizer and model card; an evaluation replaces the card.

    No file in it has a path of this disk, and PEFT finds the base model by what is in it: see `BaseModel.reference`.
    """
    config = model.peft_config["default"]
    config.base_model_name_or_path, config.revision = base.reference, base.commit
    with staged_folder(run.adapter, excluded=(CARD,)) as staging:
        model.save_pretrained(staging, save_embedding_layers=False)
        save_tokenizer(base.folder, staging, run.template)
        write_bytes(staging / CARD, plain_card(run, base, describe_data(run)).encode())
