"""Run one function in several processes of a Ray cluster that form a torch process group, through Ray Train.

If a process or its machine dies, all of them are restarted, and the function resumes from the files that it wrote. They
are not restarted after an error of the function itself, nor after repeated deaths without progress.
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

Send = Callable[[Hashable], bool]  # sends a message to the driver, and returns whether the driver requests a stop
POLL_SECONDS = 0.5
PEER_DEATH_WORDS = ("gloo", "nccl", "connection")  # in the error of a worker when another one has died
MOST_FAILURES = 100  # a machine lost every hour, for four days
MOST_WITHOUT_PROGRESS = 10  # deaths in a row without a new message, for example of a model too large for its machine


def run_process_group(
    function: Callable[[Argument, Send], None],
    argument: Argument,
    workers: int | None,
    on_message: Callable[[Any], None],
    stop_asked: Callable[[], bool],
) -> None:
    """Call `function(argument, send)` in `workers` processes in parallel, and return when all calls have returned.

    RANK, WORLD_SIZE and LOCAL_RANK are set there as torchrun sets them; the backend is nccl on GPUs and gloo on CPUs.
    Without `workers` there is one process for each GPU of the cluster, or one. `on_message` is called in this process
    with each message that is sent; once `stop_asked` returns true, the next `send` returns true. A message that was
    sent before is no progress, and the number of restarts without progress is limited.

    Raises:
        InvalidSettings: the cluster has too few GPUs or CPUs for so many.
        Failure: the processes died too often.
        ShelftalkError: an error that the function raised.
    """
    count, resources = resources_of_a_group(workers)
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    options = {"num_cpus": 0, "max_restarts": -1, "max_task_retries": -1, "scheduling_strategy": here}
    queue = ray.remote(**options)(_MessageQueue).remote()
    with tempfile.TemporaryDirectory(prefix="shelftalk-ray-", ignore_cleanup_errors=True) as folder:
        trainer = TorchTrainer(
            partial(_call, function),
            train_loop_config={"argument": argument, "queue": queue},
            scaling_config=ScalingConfig(
                num_workers=count, use_gpu="GPU" in resources, resources_per_worker=dict(resources)
            ),
            run_config=RunConfig(
                name="process_group",
                storage_path=folder,  # for Ray Train's own state, which only this process reads
                failure_config=FailureConfig(max_failures=MOST_FAILURES),
                callbacks=[_RestartLimit(queue, MOST_WITHOUT_PROGRESS)],
            ),
        )
        ended: list[BaseException | None] = []
        # Not in the main thread, where it would handle Ctrl-C itself.
        Thread(target=_fit, args=(trainer, ended), daemon=True).start()
        while not ended:
            time.sleep(POLL_SECONDS)
            _exchange(queue, on_message, stop_asked())
        _exchange(queue, on_message, False)
    if error := ended[0]:
        raise _translated(error) from error


class _MessageQueue:
    """An actor with the messages from the workers to the driver, and the driver's stop request."""

    def __init__(self) -> None:
        self.messages: list[Hashable] = []
        self.distinct: set[Hashable] = set()
        self.stop = False

    def put(self, message: Hashable) -> bool:
        self.messages.append(message)
        self.distinct.add(message)
        return self.stop

    def count_distinct(self) -> int:
        return len(self.distinct)

    def take_all(self, stop: bool) -> list[Hashable]:
        self.stop, taken, self.messages = stop, self.messages, []
        return taken


def _exchange(queue: Any, on_message: Callable[[Any], None], stop: bool) -> None:
    messages = []
    with suppress(ray.exceptions.RayActorError):  # killed; Ray is restarting it
        messages = ray.get(queue.take_all.remote(stop))
    for message in messages:
        on_message(message)


def _call(function: Callable[[Any, Send], None], config: dict[str, Any]) -> None:
    """Call the function in a worker."""

    def send(message: Hashable) -> bool:
        with suppress(ray.exceptions.RayActorError):
            return bool(ray.get(config["queue"].put.remote(message)))
        return False

    function(config["argument"], send)


def _fit(trainer: TorchTrainer, ended: list[BaseException | None]) -> None:
    try:
        trainer.fit()
        ended.append(None)
    except BaseException as error:  # the waiting thread raises it
        ended.append(error)


class _RestartLimit(UserCallback):  # type: ignore[misc]
    """Ends the job after an error of the function, and after `most` deaths in a row without a new message.

    An error that a worker raises because another one died does not count as an error of the function.
    """

    def __init__(self, queue: Any, most: int) -> None:
        self.queue, self.most, self.distinct, self.without_progress = queue, most, 0, 0

    def after_exception(self, run_context: Any, worker_exceptions: dict[int, Exception]) -> None:
        for error in worker_exceptions.values():
            of_ray = type(error).__module__.startswith("ray.")  # the worker died, or does not respond
            died = of_ray or any(word in str(error).lower() for word in PEER_DEATH_WORDS)
            if isinstance(error, ShelftalkError) or not died:
                raise error
        with suppress(ray.exceptions.RayActorError):  # killed: the restarted queue counts from 0 again
            self._count(ray.get(self.queue.count_distinct.remote()))
        if self.without_progress >= self.most:
            reason = " ".join(str(next(iter(worker_exceptions.values()))).split())
            raise Failure(f"The workers died {self.most} times in a row without progress; the last time: {reason}")

    def _count(self, distinct: int) -> None:
        self.without_progress = self.without_progress + 1 if distinct == self.distinct else 0
        self.distinct = distinct


def _translated(error: BaseException) -> BaseException:
    if isinstance(error, ControllerError) and isinstance(error.controller_failure, ShelftalkError):
        return error.controller_failure
    if isinstance(error, WorkerGroupError):
        return Failure(f"The workers died {MOST_FAILURES} times; the last time: {error}")
    if isinstance(error, TrainingFailedError):
        return Failure(f"Ray Train failed: {' '.join(str(error).split())}")
    return error
