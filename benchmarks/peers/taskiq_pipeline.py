"""taskiq: a pipeline of four tasks (taskiq-pipelines) over a Redis list; results are what pipelines need."""

import asyncio
import os
import sys

import stages
from taskiq_pipelines import Pipeline, PipelineMiddleware
from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend

broker = (
    ListQueueBroker(stages.REDIS_URL)
    .with_result_backend(RedisAsyncResultBackend(stages.REDIS_URL, result_ex_time=60))
    .with_middlewares(PipelineMiddleware())
)


@broker.task
async def one(number: int) -> None:
    await stages.awork(0)


@broker.task
async def two(number: int) -> None:
    await stages.awork(1)


@broker.task
async def three(number: int) -> None:
    await stages.awork(2)


@broker.task
async def four(number: int) -> None:
    await stages.awork(3)


async def send(count):
    await broker.startup()
    for number in range(count):
        pipeline = Pipeline(broker, one)
        for task in (two, three, four):
            pipeline = pipeline.call_after(task, number=number)
        await pipeline.kiq(number)
    await broker.shutdown()


if __name__ == "__main__":
    if sys.argv[1] == "send":
        import taskiq_pipeline  # tasks are known by their module, and that of a script is __main__

        asyncio.run(taskiq_pipeline.send(int(sys.argv[2])))
    else:
        taskiq = os.path.join(os.path.dirname(sys.executable), "taskiq")
        os.execv(
            taskiq,
            [
                taskiq,
                "worker",
                "--workers",
                "1",
                "--max-async-tasks",
                sys.argv[2],
                "--log-level",
                "WARNING",
                "taskiq_pipeline:broker",
            ],
        )
