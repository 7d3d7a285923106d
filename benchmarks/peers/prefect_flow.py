"""Prefect: a flow of four tasks; both processes talk to one server, each runs its half."""

import sys

import stages
from prefect import flow, task


@task
def one(number):
    stages.work(0)


@task
def two(number):
    stages.work(1)


@task
def three(number):
    stages.work(2)


@task
def four(number):
    stages.work(3)


@flow(log_prints=False)
def pipeline(number):
    for step in (one, two, three, four):
        step(number)


if __name__ == "__main__":
    stages.share(int(sys.argv[2]), pipeline)
