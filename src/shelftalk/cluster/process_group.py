"""Run one function in several processes of a Ray cluster that form a torch process group, through Ray Train.

Where one of them, or its machine, dies, all of them are started again, and again: the function goes on from what it
wrote itself. It is not started again after an error of its own, nor where it only dies and tells nothing new.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import Any, TypeVar

import ray
from ray.train import FailureConfig, RunConfig, ScalingConfig, TrainingFailedError, UserCallback
from ray.train.torch import TorchTrainer
from ray.train.v2.api.exceptions import ControllerError, WorkerGroupError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from shelftalk.cluster.resources import resources_of_a_group
from shelftalk.errors import Failure, ShelftalkError

Argument = TypeVar("Argument")

Tell = Callable[[Hashable], bool]  # sends a message to the driver, and says whether the driver asks to stop
LOOK = 0.5  # seconds between two looks for messages
A_PEER_DIED = ("gloo", "nccl", "connection")  # in what a worker raises when another one is gone
MOST_FAILURES = 100  # a machine lost every hour, for four days
MOST_IN_VAIN = 10  # in a row, without any news: an end to what can never run, such as a model too large for its machine


def run_process_group(
    function: Callable[[Argument, Tell], None],
    argument: Argument,
    workers: int | None,
    hear: Callable[[Any], None],
    stop_asked: Callable[[], bool],
) -> None:
    """Call `function(argument, tell)` in `workers` processes at once, and return when all of them have.

    RANK, WORLD_SIZE and LOCAL_RANK are set there as torchrun sets them, the group talks over nccl on GPUs and over gloo
    on CPUs. Without `workers` there is one for each GPU of the cluster, or one. `hear` is called here with what is told
    there; once `stop_asked` answers yes, the next `tell` says so. What was told before is no news, and without news
    they are started again only so often.

    Raises:
        InvalidSettings: the cluster has too few GPUs or CPUs for so many.
        Failure: they cannot be kept running.
        ShelftalkError: what the function raised.
    """
    count, resources = resources_of_a_group(workers)
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    line = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy=here)(_Line).remote()
    with tempfile.TemporaryDirectory(prefix="shelftalk-ray-", ignore_cleanup_errors=True) as folder:
        trainer = TorchTrainer(
            partial(_call, function),
            train_loop_config={"argument": argument, "line": line},
            scaling_config=ScalingConfig(
                num_workers=count, use_gpu="GPU" in resources, resources_per_worker=dict(resources)
            ),
            run_config=RunConfig(
                name="process_group",
                storage_path=folder,  # Ray Train keeps its own notes there, which this process alone reads
                failure_config=FailureConfig(max_failures=MOST_FAILURES),
                callbacks=[_GiveUp(line, MOST_IN_VAIN)],
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
        self.messages: list[Hashable] = []
        self.told: set[Hashable] = set()
        self.stop = False

    def tell(self, message: Hashable) -> bool:
        self.messages.append(message)
        self.told.add(message)
        return self.stop

    def news(self) -> int:
        return len(self.told)

    def take(self, stop: bool) -> list[Hashable]:
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

    def tell(message: Hashable) -> bool:
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


class _GiveUp(UserCallback):  # type: ignore[misc]
    """Ends the whole for what the function raised, unless it is what the others' death looks like to a worker.

    And for `most` deaths in a row between which nothing new was told.
    """

    def __init__(self, line: Any, most: int) -> None:
        self.line, self.most, self.news, self.in_vain = line, most, 0, 0

    def after_exception(self, run_context: Any, worker_exceptions: dict[int, Exception]) -> None:
        for error in worker_exceptions.values():
            of_ray = type(error).__module__.startswith("ray.")  # the worker died, or does not answer
            died = of_ray or any(word in str(error).lower() for word in A_PEER_DIED)
            if isinstance(error, ShelftalkError) or not died:
                raise error
        with suppress(ray.exceptions.RayActorError):  # killed, and it forgot what was told: all is news again
            self._count(ray.get(self.line.news.remote()))
        if self.in_vain >= self.most:
            reason = " ".join(str(next(iter(worker_exceptions.values()))).split())
            raise Failure(f"The workers died {self.most} times in a row and did nothing new between; at last: {reason}")

    def _count(self, news: int) -> None:
        self.in_vain = self.in_vain + 1 if news == self.news else 0
        self.news = news


def _translated(error: BaseException) -> BaseException:
    if isinstance(error, ControllerError) and isinstance(error.controller_failure, ShelftalkError):
        return error.controller_failure
    if isinstance(error, WorkerGroupError):
        return Failure(f"The workers died {MOST_FAILURES} times; the last time: {error}")
    if isinstance(error, TrainingFailedError):
        return Failure(f"Ray Train failed: {' '.join(str(error).split())}")
    return error
