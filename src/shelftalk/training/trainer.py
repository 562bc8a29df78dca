"""Extend transformers' Trainer with planned updates, the completion loss, and atomic checkpoints."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from shelftalk.errors import NotFinite, OutOfMemory
from shelftalk.models.load import best_device
from shelftalk.models.threads import thread_workers
from shelftalk.models.tokens import Example
from shelftalk.settings import TrainingSettings
from shelftalk.training.batches import (
    ALONE_TOKENS,
    MOST_WORKERS,
    PACKS,
    PASS_TOKENS,
    Pack,
    Plan,
    collate,
    cut_into_packs,
)
from shelftalk.training.checkpoints import (
    load_optimizer_and_scheduler,
    load_random_state,
    load_weights,
    save_best,
    save_checkpoint,
    state_not_finite,
)
from shelftalk.training.divergence import not_finite
from shelftalk.training.loss import token_losses
from shelftalk.training.noise import add_embedding_noise, seeded_noise, use_seeded_dropout
from shelftalk.training.processes import any_process
from shelftalk.training.vocabulary import CutHead

# First updates, without and with compiling, whose passes are made one by one: one pass finds that memory is too small,
# and nothing is compiled in several threads at once.
WARMING = {False: 1, True: 2}
T = TypeVar("T")


class AdapterTrainer(Trainer):  # type: ignore[misc]
    """Train an adapter over a plan of updates.

    For transformers the whole plan, with all epochs, is one epoch, and an update is one step. Steps run in order, so a
    step number alone tells which updates are done. `head` comes from `loss.head_taken_off`, or is a `CutHead`; for
    `fused` see `FrozenHeadLoss`. On several devices each process computes its share of every update's packs. A single
    process on a CPU computes them in threads, with the same result whatever their number. Checkpoints are written to
    `checkpoints`, see `training.checkpoints`, and with `validate_every` also the weights with the lowest loss on the
    `validation` examples. Without `in_threads` a CPU makes pass after pass, with the random numbers of the process.
    """

    def __init__(
        self,
        model: Any,
        head: Tensor | CutHead | None,
        plan: Plan,
        settings: TrainingSettings,
        checkpoints: Path,
        data_hash: str,
        callbacks: list[TrainerCallback],
        validation: Sequence[Example] = (),
        say: Callable[[str], None] = lambda line: None,
        fused: bool = False,
        in_threads: bool = True,
    ) -> None:
        self.head = head
        self.fused = fused
        self.settings = settings
        self.checkpoints = checkpoints
        self.data_hash = data_hash
        self.say = say
        self.pool: ThreadPoolExecutor | None = None
        super().__init__(
            model=model,
            args=_arguments(settings, checkpoints),
            train_dataset=plan,
            eval_dataset=validation,
            callbacks=callbacks,
        )
        _use_deterministic_algorithms()
        self.remove_callback(PrinterCallback)
        self.in_bf16 = model.get_input_embeddings().weight.dtype == torch.bfloat16
        device = self.args.device.type
        self.in_threads = in_threads and device == "cpu" and self.args.world_size == 1
        one_by_one = device == "cpu" and not self.in_threads
        self.pass_tokens = settings.pass_tokens or (ALONE_TOKENS if one_by_one else PASS_TOKENS[device])
        self.shares = PACKS[device] if self.in_threads else self.args.world_size
        self.warming = WARMING[fused]  # updates that are left of these
        if self.in_threads:
            use_seeded_dropout(model)

    def train(self, *arguments: Any, **named: Any) -> Any:
        """Train to the end of the plan; see `transformers.Trainer.train`."""
        size = self.settings.neftune_noise
        noise = add_embedding_noise(self.model, size) if size else contextlib.nullcontext()
        with noise, self._workers():
            return super().train(*arguments, **named)

    @contextlib.contextmanager
    def _workers(self) -> Iterator[ThreadPoolExecutor | None]:
        """Yield the threads that make the passes, which are started where there are none."""
        if self.pool is not None or not self.in_threads:
            yield self.pool
            return
        with thread_workers(self.args.device, most=MOST_WORKERS) as self.pool:
            try:
                yield self.pool
            finally:
                self.pool = None

    def get_train_dataloader(self) -> DataLoader[list[Example]]:
        """Return a loader that gives every process every update, in order."""
        return DataLoader(self.train_dataset, batch_size=1, collate_fn=lambda updates: updates[0])

    def floating_point_ops(self, inputs: Any) -> int:
        """Return 0: transformers' count would include padding."""
        return 0

    def training_step(self, model: Any, inputs: list[Example], num_items_in_batch: Any = None) -> Tensor:
        """Accumulate the gradient of the mean loss over all labelled tokens of an update, and return that loss.

        Where memory runs out, this update is retried, and later ones are made, with half the tokens in a pass.

        Raises:
            OutOfMemory: one product alone does not fit.
        """
        model.train()
        while True:
            packs = cut_into_packs(inputs, self.pass_tokens, self.shares)
            if isinstance(self.head, CutHead):
                self.head.begin_update(self.settings.seed, self.state.global_step)
            try:
                self.update_loss = (self._accumulate_in_threads if self.in_threads else self._accumulate)(model, packs)
                return self.update_loss
            except RuntimeError as error:
                self._halve_pass(error, packs)
            model.zero_grad()

    def _halve_pass(self, error: RuntimeError, packs: list[Pack]) -> None:
        """Halve `pass_tokens` where `error` says that a pass over one of `packs` did not fit into memory.

        Raises:
            RuntimeError: `error`, if it says something else.
            OutOfMemory: one product alone does not fit.
        """
        if not _is_out_of_memory(error):
            raise error
        longest = max(example.input_length for pack in packs for example in pack)
        largest = max(sum(one.input_length for one in pack) for pack in packs)
        if largest == longest or self.args.world_size > 1:
            raise OutOfMemory(
                f"A pass over {longest} tokens does not fit into memory; lower max_tokens "
                f"(now {self.settings.max_tokens}) or take a smaller base model."
            ) from None
        self.pass_tokens = max(longest, largest // 2)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.say(
            f"Out of memory at {largest} tokens in a pass; going on with {self.pass_tokens}. "
            "An update still learns from the same products."
        )

    def _accumulate(self, model: Any, packs: list[Pack]) -> Tensor:
        labelled = sum(example.labelled_length for pack in packs for example in pack)
        processes, step = self.args.world_size, self.state.global_step
        if processes > 1:  # a checkpoint holds one random state, so each process derives its own for every update
            torch.manual_seed((self.settings.seed * 1_000_003 + step) * processes + self.args.process_index)
        own = packs[self.args.process_index :: processes] or [packs[0]]
        # With fewer packs than processes, some processes make a pass of weight 0, because all must synchronise.
        share = processes if self.args.process_index < len(packs) else 0
        total = torch.zeros((), device=self.args.device)
        for number, pack in enumerate(own):
            last = number == len(own) - 1
            if number and isinstance(self.head, CutHead):
                self.head.draw_again()
            with contextlib.nullcontext() if last else self.accelerator.no_sync(model):
                # Multiplied by `share`, because gradients and the logged loss are averaged over the processes.
                loss = self._losses(model, self.head, pack).sum() / labelled * share
                self.accelerator.backward(loss)
            total += loss.detach()
        return total

    def _accumulate_in_threads(self, model: Any, packs: list[Pack]) -> Tensor:
        """Do what `_accumulate` does with each pass in a thread, and add the gradients in the order of the packs."""
        labelled = sum(example.labelled_length for pack in packs for example in pack)
        weights = [weight for weight in model.parameters() if weight.requires_grad]

        def make_pass(number: int) -> tuple[Tensor, tuple[Tensor, ...]]:
            with seeded_noise(self.settings.seed, self.state.global_step, number):
                loss = self._losses(model, self.head, packs[number]).sum() / labelled
                return loss.detach(), torch.autograd.grad(loss, weights)

        total = torch.zeros(())
        for loss, gradients in self._in_order(make_pass, len(packs), len(packs) if self.warming else 0):
            total += loss
            for weight, gradient in zip(weights, gradients, strict=True):
                weight.grad = gradient if weight.grad is None else weight.grad.add_(gradient)
        self.warming = max(0, self.warming - 1)
        return total

    def _in_order(self, make_pass: Callable[[int], T], count: int, alone: int) -> Iterator[T]:
        """Yield the results of `count` passes in their order; none runs any more when this ends, however it ends.

        The first `alone` are made one by one.
        """
        with self._workers() as pool:
            if pool is None:
                yield from map(make_pass, range(count))
                return
            passes: list[Future[T]] = []
            try:
                for number in range(count):
                    passes.append(pool.submit(make_pass, number))
                    if number < alone:
                        passes[-1].result()  # or raise, before the next begins
                while passes:
                    yield passes.pop(0).result()
            finally:
                wait([one for one in passes if not one.cancel()])

    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:
        """Return the gradient's norm, which is taken before the optimiser changes a weight.

        All processes raise the same, or none does.

        Raises:
            NotFinite: the update's loss or its gradient is not finite.
        """
        norm = super()._get_grad_norm(model, grad_norm)
        # Their sum is finite only if both are, and takes one transfer from the device.
        if any_process(not math.isfinite(self.update_loss + norm)):
            lost = any_process(not math.isfinite(self.update_loss))
            raise self._not_finite(f"The {'loss' if lost else 'gradient'} of update {self.state.global_step + 1}")
        return norm

    def _require_finite_weights(self) -> None:
        """Require finite weights and moments of the optimiser; they are the same in all processes.

        Raises:
            NotFinite: one is not.
        """
        if (name := state_not_finite(self.model, self.optimizer)) is not None:
            raise self._not_finite(f"{name} after update {self.state.global_step}")

    def _not_finite(self, what: str) -> NotFinite:
        done = self.state.global_step
        return not_finite(what, done, self.model, self.settings, self.checkpoints, self.data_hash)

    def _losses(self, model: Any, head: Any, pack: Pack) -> Tensor:
        inputs = collate(pack)
        if self.args.device.type == "cuda":
            inputs = {
                name: value.pin_memory().to(self.args.device, non_blocking=True) for name, value in inputs.items()
            }
        with torch.autocast(self.args.device.type, torch.bfloat16, enabled=self.in_bf16):
            return token_losses(model, head, inputs, self.fused)

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Return and log the mean loss over all labelled tokens of the validation examples, with the whole head.

        Where memory runs out, it is tried again as in `training_step`.

        Raises:
            OutOfMemory: one product alone does not fit.
            NotFinite: the loss is not finite.
        """
        head = self.head.head if isinstance(self.head, CutHead) else self.head
        self.model.eval()
        total = None
        while total is None:
            packs = cut_into_packs(self.eval_dataset, self.pass_tokens)

            def validate(number: int, packs: list[Pack] = packs) -> float:
                with torch.no_grad():
                    return float(self._losses(self.model, head, packs[number]).sum())

            try:
                total = sum(self._in_order(validate, len(packs), WARMING[True] if self.fused else 0))
            except RuntimeError as error:
                self._halve_pass(error, packs)
        if any_process(not math.isfinite(total)):
            raise self._not_finite(f"The validation loss after update {self.state.global_step}")
        metrics = {"eval_loss": total / sum(example.labelled_length for example in self.eval_dataset)}
        self.log(metrics)
        return metrics

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        better = bool(super()._determine_best_metric(metrics, trial))
        self.control.should_evaluate = False  # otherwise the end of the plan would evaluate the same weights again
        step, patience = self.state.global_step, self.settings.early_stopping * (self.settings.validate_every or 0)
        if better:
            self._require_finite_weights()
        if better and self.is_world_process_zero():
            save_best(self.checkpoints, step, metrics["eval_loss"], self.model)
        elif patience and step - self.state.best_global_step >= patience:
            self.control.should_training_stop = True
            self.control.should_save = False  # a run resumed from an earlier checkpoint must stop here again
        return better

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        self.control.should_save = False  # otherwise the end of the plan would write the same checkpoint again
        self._require_finite_weights()
        step = self.state.global_step
        if self.is_world_process_zero():
            save_checkpoint(
                self.checkpoints, step, self.model, self.optimizer, self.lr_scheduler, self.state, self.data_hash
            )

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        load_weights(Path(resume_from_checkpoint), self.model)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            load_optimizer_and_scheduler(Path(checkpoint), self.optimizer, self.lr_scheduler)

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            load_random_state(Path(checkpoint))


def _use_deterministic_algorithms() -> None:
    """Make a GPU deterministic, at some cost in speed; a CPU is deterministic anyway."""
    if best_device().type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def _is_out_of_memory(error: RuntimeError) -> bool:
    words = ("can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED", "Triton Error [CUDA]: out of memory")
    return isinstance(error, torch.OutOfMemoryError) or any(word in str(error) for word in words)


def _arguments(settings: TrainingSettings, checkpoints: Path) -> TrainingArguments:
    arguments = TrainingArguments(
        output_dir=str(checkpoints.parent),  # for trackers that write files
        num_train_epochs=1,
        per_device_train_batch_size=1,
        gradient_accumulation_steps=1,
        eval_strategy="steps" if settings.validate_every else "no",
        eval_steps=settings.validate_every or None,
        metric_for_best_model="eval_loss" if settings.validate_every else None,
        greater_is_better=False,
        ddp_find_unused_parameters=False,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.schedule,
        warmup_steps=settings.warmup_steps,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.gradient_clip,
        optim="adamw_torch_fused" if best_device().type == "cuda" else "adamw_torch",
        seed=settings.seed,
        logging_steps=settings.log_every,
        save_strategy="steps",
        save_steps=settings.checkpoint_every,
        use_cpu=best_device().type == "cpu",
        bf16=False,
        fp16=False,
        report_to=settings.tracker_names or "none",
        run_name=checkpoints.parent.name,
        disable_tqdm=True,
        dataloader_num_workers=0,
        dataloader_pin_memory=False,
        remove_unused_columns=False,
        logging_nan_inf_filter=False,
    )
    arguments._n_gpu = min(
        arguments.n_gpu, 1
    )  # several cards in one process would split batches that are planned whole
    return arguments
