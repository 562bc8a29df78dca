"""transformers' Trainer with three things of our own: the planned updates, the completion loss, safe checkpoints."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from shelftalk.errors import OutOfMemory
from shelftalk.models.load import best_device
from shelftalk.models.tokens import Example
from shelftalk.settings import TrainingSettings
from shelftalk.training.batches import PASS_TOKENS, Pack, Plan, collate, cut_into_packs
from shelftalk.training.checkpoints import (
    load_optimizer_and_scheduler,
    load_random_state,
    load_weights,
    save_checkpoint,
)
from shelftalk.training.loss import token_losses
from shelftalk.training.vocabulary import CutHead


class AdapterTrainer(Trainer):  # type: ignore[misc]
    """Train an adapter over a plan of updates.

    The whole plan, all epochs, is one pass for transformers, and an update is one of its steps: it is walked in order,
    so that a step number alone says which updates are done. `head` is what `loss.head_taken_off` yields, or a
    `CutHead`; for `fused` see `FrozenHeadLoss`. On several devices each process takes its share of every update's
    packs. Checkpoints go to `checkpoints`, see `training.checkpoints`.
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
        say: Callable[[str], None] = lambda line: None,
        fused: bool = False,
    ) -> None:
        self.head = head
        self.fused = fused
        self.settings = settings
        self.checkpoints = checkpoints
        self.data_hash = data_hash
        self.say = say
        self.pass_tokens = settings.pass_tokens or PASS_TOKENS[best_device().type]
        super().__init__(model=model, args=_arguments(settings, checkpoints), train_dataset=plan, callbacks=callbacks)
        self.remove_callback(PrinterCallback)
        self.in_bf16 = model.get_input_embeddings().weight.dtype == torch.bfloat16

    def get_train_dataloader(self) -> DataLoader[list[Example]]:
        """Return a loader that gives every process every update, in order."""
        return DataLoader(self.train_dataset, batch_size=1, collate_fn=lambda updates: updates[0])

    def floating_point_ops(self, inputs: Any) -> int:
        """Return 0: transformers' own count takes padding for work."""
        return 0

    def training_step(self, model: Any, inputs: list[Example], num_items_in_batch: Any = None) -> Tensor:
        """Accumulate the gradient of the mean loss over all labelled tokens of an update, and return that loss.

        Where memory runs out, the update is begun again with half the tokens in a pass, and so are those that follow.

        Raises:
            OutOfMemory: one product alone does not fit.
        """
        model.train()
        while True:
            packs = cut_into_packs(inputs, self.pass_tokens, shares=self.args.world_size)
            try:
                return self._accumulate(model, packs)
            except RuntimeError as error:
                if not _is_out_of_memory(error):
                    raise
                longest = max(example.input_length for example in inputs)
                if len(packs) >= len(inputs) or self.args.world_size > 1:
                    raise OutOfMemory(
                        f"A pass over {longest} tokens does not fit into memory; lower max_tokens "
                        f"(now {self.settings.max_tokens}) or take a smaller base model."
                    ) from None
            model.zero_grad()
            largest = max(sum(one.input_length for one in pack) for pack in packs)
            self.pass_tokens = max(longest, largest // 2)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self.say(
                f"Out of memory at {largest} tokens in a pass; going on with {self.pass_tokens}. "
                "An update still learns from the same products."
            )

    def _accumulate(self, model: Any, packs: list[Pack]) -> Tensor:
        labelled = sum(len(example.ids) - example.prompt_length for pack in packs for example in pack)
        if isinstance(self.head, CutHead):
            self.head.begin_update(self.settings.seed, self.state.global_step)
        mine = packs[self.args.process_index :: self.args.world_size]
        total = torch.zeros((), device=self.args.device)
        for number, pack in enumerate(mine):
            inputs = {name: value.to(self.args.device) for name, value in collate(pack).items()}
            last = number == len(mine) - 1
            with contextlib.nullcontext() if last else self.accelerator.no_sync(model):
                with torch.autocast(self.args.device.type, torch.bfloat16, enabled=self.in_bf16):
                    losses = token_losses(model, self.head, inputs, self.fused)
                # Several processes' gradients are averaged, and the loss that is logged is too.
                loss = losses.sum() / labelled * self.args.world_size
                self.accelerator.backward(loss)
            total += loss.detach()
        return total

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
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


def _is_out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _arguments(settings: TrainingSettings, checkpoints: Path) -> TrainingArguments:
    arguments = TrainingArguments(
        output_dir=str(checkpoints),
        num_train_epochs=1,
        per_device_train_batch_size=1,
        gradient_accumulation_steps=1,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.schedule,
        warmup_steps=settings.warmup_steps,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.gradient_clip,
        optim="adamw_torch",
        seed=settings.seed,
        logging_steps=settings.log_every,
        save_strategy="steps",
        save_steps=settings.checkpoint_every,
        use_cpu=best_device().type == "cpu",
        bf16=False,
        fp16=False,
        report_to="none",
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
