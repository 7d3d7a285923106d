"""huey: a pipeline of four tasks over its Redis storage, results off."""

import os
import sys

import stages
from huey import RedisHuey

huey = RedisHuey("bench", url=stages.REDIS_URL, results=False)


@huey.task()
def one(number):
    stages.work(0)


@huey.task()
def two(number):
    stages.work(1)


@huey.task()
def three(number):
    stages.work(2)


@huey.task()
def four(number):
    stages.work(3)


def send(count):
    for number in range(count):
        huey.enqueue(one.s(number).then(two, number).then(three, number).then(four, number))


if __name__ == "__main__":
    if sys.argv[1] == "send":
        import huey_pipeline  # tasks are known by their module, and that of a script is __main__

        huey_pipeline.send(int(sys.argv[2]))
    else:
        os.execv(
            sys.executable,
            [
                sys.executable,
                "-m",
                "huey.bin.huey_consumer",
                "huey_pipeline.huey",
                "-w",
                sys.argv[2],
                "-k",
                "thread",
                "-q",
            ],
        )
