"""Bare Celery: a chain of four tasks, no results, JSON. `work` takes the pool too: prefork, solo or threads."""

import os
import sys

import stages
from celery import Celery, chain

app = Celery("celery_chain", broker=stages.REDIS_URL)
app.conf.task_ignore_result = True
app.conf.worker_prefetch_multiplier = 4


@app.task
def one(number):
    stages.work(0)


@app.task
def two(number):
    stages.work(1)


@app.task
def three(number):
    stages.work(2)


@app.task
def four(number):
    stages.work(3)


def send(count):
    for number in range(count):
        chain(one.si(number), two.si(number), three.si(number), four.si(number)).apply_async()


if __name__ == "__main__":
    if sys.argv[1] == "send":
        send(int(sys.argv[2]))
    else:
        pool = sys.argv[3] if len(sys.argv) > 3 else "solo"
        app.worker_main(
            [
                "--quiet",
                "worker",
                "--pool",
                pool,
                "--concurrency",
                sys.argv[2],
                "--loglevel",
                "WARNING",
                "--without-gossip",
                "--without-mingle",
                "--without-heartbeat",
                "--hostname",
                f"{pool}-{os.getpid()}@bench",
            ]
        )
