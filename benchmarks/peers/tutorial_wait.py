"""The tutorial's way to wait, as its script is: a process per job that has imported HintEval and the SDK, asks for its
run, sleeps 5 s, asks again. COUNT of them; prints CPU, calls and memory of all for one period, as JSON.

Left out of the script as written: `from together.utils import check_file` (no longer there: it would end at once), and
the statements before the wait. Runs in hintrelay's own environment, for HintEval and the SDK are the same.
"""

import json
import os
import sys
import time

import psutil
import stages

PERIOD_S = float(os.environ.get("BENCH_PERIOD", "5"))


def check_status(number, ready):
    """One process: what stands at the top of the script, and its loop."""
    import hinteval.cores  # the script's imports are what it weighs
    import hinteval.model  # noqa: F401
    from together import Together

    client = Together(api_key="bench", base_url=os.environ["BENCH_PLATFORM_URL"] + "/v1", timeout=60)
    os.write(ready, b"1")
    while client.fine_tuning.retrieve(stages.run_id(number)).status != "completed":
        time.sleep(PERIOD_S)


def spent_by(processes):
    """CPU seconds of all of them."""
    return sum(sum(one.cpu_times()[:2]) for one in processes)


def main(count, window_s):
    read, write = os.pipe()
    pids = []
    for number in range(count):
        pid = os.fork()
        if not pid:
            check_status(number, write)
            os._exit(0)
        pids.append(pid)
    for _ in pids:
        os.read(read, 1)
    time.sleep(1)
    processes = [psutil.Process(pid) for pid in pids]
    before, began, asked = spent_by(processes), time.monotonic(), stages.asked()
    time.sleep(window_s)
    periods = (time.monotonic() - began) / PERIOD_S
    spent, asked = spent_by(processes) - before, stages.asked() - asked
    pss = sum(one.memory_full_info().pss for one in processes) / 1e6
    told = {"cpu_ms": spent / periods * 1000, "calls": asked / periods, "rss_mb": pss}
    for one in processes:
        one.kill()
        os.waitpid(one.pid, 0)
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
