"""Run one function in several processes of a Ray cluster that form a torch process group, through Ray Train.

Where one of them, or its machine, dies, all of them are started again, and again: the function goes on from what it
wrote itself. It is not started again after an error of its own.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import Any, TypeVar

import ray
from ray.train import FailureConfig, RunConfig, ScalingConfig, TrainingFailedError, UserCallback
from ray.train.torch import TorchTrainer
from ray.train.v2.api.exceptions import ControllerError, WorkerGroupError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from shelftalk.engines.shares import shares_of_a_group
from shelftalk.errors import Failure, ShelftalkError

Argument = TypeVar("Argument")

Tell = Callable[[Any], bool]  # sends a message to the driver, and says whether the driver asks to stop
LOOK = 0.5  # seconds between two looks for messages
A_PEER_DIED = ("gloo", "nccl", "connection")  # in what a worker raises when another one is gone
MOST_FAILURES = 100  # a machine lost every hour, for four days; and an end to what can never run


def run_together(
    function: Callable[[Argument, Tell], None],
    argument: Argument,
    workers: int | None,
    hear: Callable[[Any], None],
    stop_asked: Callable[[], bool],
) -> None:
    """Call `function(argument, tell)` in `workers` processes at once, and return when all of them have.

    RANK, WORLD_SIZE and LOCAL_RANK are set there as torchrun sets them, the group talks over nccl on GPUs and over gloo
    on CPUs. Without `workers` there is one for each GPU of the cluster, or one. `hear` is called here with what is told
    there; once `stop_asked` answers yes, the next `tell` says so.

    Raises:
        InvalidSettings: the cluster has too few GPUs or CPUs for so many.
        Failure: they cannot be kept running.
        ShelftalkError: what the function raised.
    """
    count, share = shares_of_a_group(workers)
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    line = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy=here)(_Line).remote()
    with tempfile.TemporaryDirectory(prefix="shelftalk-ray-", ignore_cleanup_errors=True) as folder:
        trainer = TorchTrainer(
            partial(_call, function),
            train_loop_config={"argument": argument, "line": line},
            scaling_config=ScalingConfig(num_workers=count, use_gpu="GPU" in share, resources_per_worker=dict(share)),
            run_config=RunConfig(
                name="together",
                storage_path=folder,  # Ray Train keeps its own notes there, which this process alone reads
                failure_config=FailureConfig(max_failures=MOST_FAILURES),
                callbacks=[_GiveUpOnErrors()],
            ),
        )
        ended: list[BaseException | None] = []
        # Not in the main thread, where it would take Ctrl-C for itself.
        Thread(target=_fit, args=(trainer, ended), daemon=True).start()
        while not ended:
            time.sleep(LOOK)
            _exchange(line, hear, stop_asked())
        _exchange(line, hear, False)
    if error := ended[0]:
        raise _translated(error) from error


class _Line:
    """What the workers tell the driver, and what it answers."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.stop = False

    def tell(self, message: Any) -> bool:
        self.messages.append(message)
        return self.stop

    def take(self, stop: bool) -> list[Any]:
        self.stop, taken, self.messages = stop, self.messages, []
        return taken


def _exchange(line: Any, hear: Callable[[Any], None], stop: bool) -> None:
    messages = []
    with suppress(ray.exceptions.RayActorError):  # killed; it is being started again
        messages = ray.get(line.take.remote(stop))
    for message in messages:
        hear(message)


def _call(function: Callable[[Any, Tell], None], config: dict[str, Any]) -> None:
    """Run in each worker."""

    def tell(message: Any) -> bool:
        with suppress(ray.exceptions.RayActorError):
            return bool(ray.get(config["line"].tell.remote(message)))
        return False

    function(config["argument"], tell)


def _fit(trainer: TorchTrainer, ended: list[BaseException | None]) -> None:
    try:
        trainer.fit()
        ended.append(None)
    except BaseException as error:  # told by the thread that waits
        ended.append(error)


class _GiveUpOnErrors(UserCallback):  # type: ignore[misc]
    """Ends the whole for what the function raised, unless it is what the others' death looks like to a worker."""

    def after_exception(self, run_context: Any, worker_exceptions: dict[int, Exception]) -> None:
        for error in worker_exceptions.values():
            of_ray = type(error).__module__.startswith("ray.")  # the worker died, or does not answer
            died = of_ray or any(word in str(error).lower() for word in A_PEER_DIED)
            if isinstance(error, ShelftalkError) or not died:
                raise error


def _translated(error: BaseException) -> BaseException:
    if isinstance(error, ControllerError) and isinstance(error.controller_failure, ShelftalkError):
        return error.controller_failure
    if isinstance(error, WorkerGroupError):
        return Failure(f"The workers died {MOST_FAILURES} times; the last time: {error}")
    if isinstance(error, TrainingFailedError):
        return Failure(f"Ray Train failed: {' '.join(str(error).split())}")
    return error
