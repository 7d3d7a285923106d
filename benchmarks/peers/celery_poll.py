"""A self-rescheduling Celery task per job: asks the platform for its run, and comes again after a countdown."""

import os
import sys

import stages
from celery import Celery

app = Celery("celery_poll", broker=stages.REDIS_URL)
app.conf.task_ignore_result = True
PERIOD_S = float(os.environ.get("BENCH_PERIOD", "5"))


@app.task
def poll(run_id):
    status = stages.status_of(run_id)
    if status == "completed":
        stages.client().rpush("bench:seen", run_id)
    else:
        poll.apply_async((run_id,), countdown=PERIOD_S)


if __name__ == "__main__":
    if sys.argv[1] == "send":
        for number in range(int(sys.argv[2])):
            poll.apply_async((stages.run_id(number),), countdown=PERIOD_S * number / int(sys.argv[2]))
    else:
        app.worker_main(
            [
                "--quiet",
                "worker",
                "--pool",
                "prefork",
                "--concurrency",
                sys.argv[2],
                "--loglevel",
                "WARNING",
                "--without-gossip",
                "--without-mingle",
                "--without-heartbeat",
            ]
        )
