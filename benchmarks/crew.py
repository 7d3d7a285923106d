"""hintrelay's own worker process under measurement: `python -m benchmarks.crew QUEUES`, settings from the environment.

Everything is as in `python -m worker celery`, but for the ports of the hints queue, which answer at once, and the
stages, which do nothing on `--road four`. On `--road chat` the model is asked over HTTP.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from benchmarks.roads import four_stages, quick_ports
from common import logs, settings
from worker.process import run


def main(argv: Sequence[str] | None = None) -> None:
    """Serve the queues until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("queues", help="of platform,hints")
    parser.add_argument("--road", choices=["four", "real", "chat"], default="four")
    parser.add_argument("--concurrency", type=int)
    args = parser.parse_args(argv)
    found = settings.load()
    logs.configure(found)
    if args.road == "four":
        four_stages()
    run(found, args.queues.split(","), args.concurrency, ports=lambda: quick_ports(found, args.road))


if __name__ == "__main__":
    main()
