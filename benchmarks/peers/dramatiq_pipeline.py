"""dramatiq: a pipeline of four actors over its Redis broker."""

import os
import sys

import dramatiq
import stages
from dramatiq.brokers.redis import RedisBroker

broker = RedisBroker(url=stages.REDIS_URL)
broker.middleware = [one for one in broker.middleware if type(one).__name__ != "Prometheus"]
dramatiq.set_broker(broker)


@dramatiq.actor
def one(number):
    stages.work(0)


@dramatiq.actor
def two(number):
    stages.work(1)


@dramatiq.actor
def three(number):
    stages.work(2)


@dramatiq.actor
def four(number):
    stages.work(3)


def send(count):
    for number in range(count):
        messages = [actor.message_with_options(args=(number,), pipe_ignore=True) for actor in (one, two, three, four)]
        dramatiq.pipeline(messages).run()


if __name__ == "__main__":
    if sys.argv[1] == "send":
        send(int(sys.argv[2]))
    else:
        command = [sys.executable, "-m", "dramatiq", "dramatiq_pipeline", "--processes", "1", "--threads", sys.argv[2]]
        os.execv(sys.executable, command)
