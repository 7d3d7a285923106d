"""arq: it has no chains, so each stage enqueues the next one. Results off, a short poll delay."""

import asyncio
import sys

import stages
from arq import create_pool
from arq.connections import RedisSettings
from arq.worker import Worker

SETTINGS = RedisSettings.from_dsn(stages.REDIS_URL)


async def one(ctx, number):
    await stages.awork(0)
    await ctx["redis"].enqueue_job("two", number)


async def two(ctx, number):
    await stages.awork(1)
    await ctx["redis"].enqueue_job("three", number)


async def three(ctx, number):
    await stages.awork(2)
    await ctx["redis"].enqueue_job("four", number)


async def four(ctx, number):
    await stages.awork(3)


async def send(count):
    pool = await create_pool(SETTINGS)
    for number in range(count):
        await pool.enqueue_job("one", number)
    await pool.aclose()


if __name__ == "__main__":
    if sys.argv[1] == "send":
        asyncio.run(send(int(sys.argv[2])))
    else:
        Worker(
            functions=[one, two, three, four],
            redis_settings=SETTINGS,
            keep_result=0,
            poll_delay=0.01,
            max_jobs=max(int(sys.argv[2]), 10),
        ).run()
