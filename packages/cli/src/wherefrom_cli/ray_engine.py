"""The same work on Ray: actors hold the model, this process keeps the results.

Ray Data streams batches to a pool of actors and the outcomes back, so nothing accumulates here. Batches, seeds and
files are those of the local engine, so a run may be begun with one engine and resumed with the other. An actor that
dies is replaced and its batch done again; a batch that keeps killing its workers is recorded as failed.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

from attrs import frozen
from wherefrom.errors import MissingDependencyError, UsageError

from wherefrom_cli.dataset.batches import Batch
from wherefrom_cli.dataset.work import Job, Outcome
from wherefrom_cli.request import ModelRequest

if TYPE_CHECKING:
    from wherefrom import AttributionModel

_LOG = logging.getLogger("wherefrom.cli.ray")


@frozen(kw_only=True)
class Cluster:
    """Where the workers run, and what each may use."""

    address: str | None = None
    """Address of a running cluster; None starts one on this machine."""
    actors: int = 2
    cpus: float = 1.0
    gpus: float = 0.0
    """GPUs of one actor; a fraction lets several share one."""
    attempts: int = 3
    """How often a batch is tried before it counts as failed."""


class Worker:
    """An actor: loads the model once, then does one batch after another."""

    def __init__(self, job: Job, model_asked: ModelRequest, threads: int) -> None:
        _limit_threads(threads)
        self._job = job
        self._asked = model_asked
        self._model: AttributionModel | None = None

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """The outcomes of the batch in ``row``; a request that is wrong comes back as its error."""
        batch: Batch = pickle.loads(row["batch"])
        try:
            if self._model is None:
                self._model = self._asked.load()
            result: list[Outcome] | Exception = self._job.run(self._model, batch)
        except Exception as error:
            result = error
        return {"number": batch.number, "result": pickle.dumps(result)}


def ray_outcomes(
    batches: Iterator[Batch], job: Job, model_asked: ModelRequest, cluster: Cluster
) -> Generator[list[Outcome]]:
    """Outcomes of each batch, in the order in which workers finish them.

    Raises:
        MissingDependencyError: Ray is not installed.
        UsageError: The cluster cannot be reached, or the request itself is wrong.
    """
    if cluster.address is None:
        # Under `uv run`, Ray would copy the working folder and make each worker a new environment. Workers on this
        # machine have ours. Ray reads this when it is imported.
        os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingDependencyError(
            "The engine 'ray' needs the package ray.\nInstall it with: pip install 'wherefrom-cli[ray]'"
        ) from error
    for name in ("ray", "ray.data", "ray.data._internal"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with _connected(ray, cluster):
        pending = {batch.number: batch for batch in batches}
        for attempt in range(1, cluster.attempts + 1):
            for number, outcomes in _one_pass(ray, list(pending.values()), job, model_asked, cluster):
                del pending[number]
                yield outcomes
            if not pending:
                return
            _LOG.warning("%d batches were lost with their workers (attempt %d)", len(pending), attempt)
        for batch in pending.values():
            yield [
                Outcome(
                    index=item.index,
                    key=item.key,
                    error_type="WorkerDied",
                    error=f"The worker died in each of {cluster.attempts} attempts.",
                )
                for item in batch.examples
            ]


def _one_pass(
    ray: Any, batches: list[Batch], job: Job, model_asked: ModelRequest, cluster: Cluster
) -> Iterator[tuple[int, list[Outcome]]]:
    """What comes back from the workers; batches that were lost do not."""
    context = ray.data.DataContext.get_current().copy()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1
    context.execution_options.preserve_order = False
    with ray.data.DataContext.current(context):
        rows = ray.data.from_items(
            [{"batch": pickle.dumps(batch)} for batch in batches], override_num_blocks=max(1, len(batches))
        )
        done = rows.map(
            Worker,
            fn_constructor_args=(job, model_asked, max(1, int(cluster.cpus))),
            compute=ray.data.ActorPoolStrategy(
                size=min(cluster.actors, max(1, len(batches))), max_tasks_in_flight_per_actor=2
            ),
            num_cpus=cluster.cpus,
            num_gpus=cluster.gpus,
            max_restarts=cluster.attempts,
            max_task_retries=cluster.attempts,
        )
        for row in done.iter_rows():
            result = pickle.loads(row["result"])
            if isinstance(result, Exception):
                raise result
            yield int(row["number"]), result


@contextlib.contextmanager
def _connected(ray: Any, cluster: Cluster) -> Iterator[None]:
    """Connected to the cluster; one that was started here is stopped at the end."""
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        if cluster.address is None:
            ray.init(
                num_cpus=max(1, round(cluster.actors * cluster.cpus)) + 1,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        else:
            ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise UsageError(
            f"No Ray cluster answers at {cluster.address or 'this machine'!r}.\n{error}\n"
            "Start one with `ray start --head`, or leave --address out to use this machine alone."
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _limit_threads(threads: int) -> None:
    """One actor computes on as many threads as it was given CPUs."""
    import torch

    torch.set_num_threads(threads)
