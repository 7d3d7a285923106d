"""RQ 2.12 (3.0 stalls on such chains): four jobs, each depending on the one before. SimpleWorker: no fork a job."""

import sys

import stages
from redis import Redis
from rq import Queue, SimpleWorker


def one(number):
    stages.work(0)


def two(number):
    stages.work(1)


def three(number):
    stages.work(2)


def four(number):
    stages.work(3)


def send(count):
    import rq_dependent as here  # jobs name their functions by module; that of a script is __main__

    queue = Queue(connection=Redis.from_url(stages.REDIS_URL))
    for number in range(count):
        job = None
        for function in (here.one, here.two, here.three, here.four):
            job = queue.enqueue(function, number, depends_on=job, result_ttl=0)


if __name__ == "__main__":
    if sys.argv[1] == "send":
        send(int(sys.argv[2]))
    else:
        connection = Redis.from_url(stages.REDIS_URL)
        SimpleWorker([Queue(connection=connection)], connection=connection).work(logging_level="WARNING")
