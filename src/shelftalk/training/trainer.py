"""transformers' Trainer with three things of our own: the planned batches, the completion loss, safe checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import SequentialSampler
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from shelftalk.models.load import best_device
from shelftalk.settings import TrainingSettings
from shelftalk.training.batches import Batch, collate
from shelftalk.training.checkpoints import (
    load_optimizer_and_scheduler,
    load_random_state,
    load_weights,
    save_checkpoint,
)
from shelftalk.training.loss import token_losses


class AdapterTrainer(Trainer):  # type: ignore[misc]
    """Train an adapter over a plan of micro-batches.

    The whole plan, all epochs, is one pass for transformers: it is walked in order, so that a step number alone says
    which batches are done. Checkpoints go to `checkpoints`, see `training.checkpoints`.
    """

    def __init__(
        self,
        model: Any,
        plan: Sequence[Batch],
        settings: TrainingSettings,
        checkpoints: Path,
        data_hash: str,
        callbacks: list[TrainerCallback],
    ) -> None:
        self.checkpoints = checkpoints
        self.data_hash = data_hash
        super().__init__(
            model=model,
            args=_arguments(settings, checkpoints),
            train_dataset=plan,
            data_collator=lambda batches: collate(batches[0]),
            callbacks=callbacks,
        )
        self.remove_callback(PrinterCallback)
        # Tells Trainer that compute_loss divides by the effective batch's token count itself.
        self.model_accepts_loss_kwargs = True

    def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
        return SequentialSampler(train_dataset if train_dataset is not None else self.train_dataset)

    def compute_loss(
        self, model: Any, inputs: dict[str, Tensor], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Tensor:
        """Return this micro-batch's share of the mean loss over all labelled tokens of the effective batch."""
        bf16 = next(iter(model.get_base_model().get_output_embeddings().parameters())).dtype == torch.bfloat16
        with torch.autocast(self.args.device.type, torch.bfloat16, enabled=bf16):
            losses = token_losses(model, inputs["input_ids"], inputs["labels"])
        return losses.sum() / float(num_items_in_batch)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        step = self.state.global_step
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


def _arguments(settings: TrainingSettings, checkpoints: Path) -> TrainingArguments:
    arguments = TrainingArguments(
        output_dir=str(checkpoints),
        num_train_epochs=1,
        per_device_train_batch_size=1,
        gradient_accumulation_steps=settings.gradient_accumulation,
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
