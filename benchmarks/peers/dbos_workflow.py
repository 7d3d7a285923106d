"""DBOS: a workflow of four steps, in an SQLite database that both processes share; each runs its half."""

import os
import sys

import stages
from dbos import DBOS

DBOS(
    config={
        "name": "bench",
        "system_database_url": f"sqlite:///{os.environ['BENCH_FOLDER']}/dbos.sqlite",
        "log_level": "ERROR",
        "executor_id": str(os.getpid()),
        "run_admin_server": False,
    }
)


@DBOS.step()
def one(number):
    stages.work(0)


@DBOS.step()
def two(number):
    stages.work(1)


@DBOS.step()
def three(number):
    stages.work(2)


@DBOS.step()
def four(number):
    stages.work(3)


@DBOS.workflow()
def pipeline(number):
    for step in (one, two, three, four):
        step(number)


if __name__ == "__main__":
    DBOS.launch()
    stages.share(int(sys.argv[2]), pipeline)
