"""The tutorial's way to wait, for many jobs in one process: a thread per job asks for its run by the SDK, sleeps, asks.

Runs in hintrelay's own environment, for the SDK is the same. Prints CPU and calls per period, as JSON.
"""

import json
import os
import sys
import threading
import time

import stages
from together import Together

PERIOD_S = float(os.environ.get("BENCH_PERIOD", "5"))


def check_status(client, run_id, calls):
    while client.fine_tuning.retrieve(run_id).status != "completed":
        calls.append(1)
        time.sleep(PERIOD_S)


def main(count, window_s):
    client = Together(api_key="bench", base_url=os.environ["BENCH_PLATFORM_URL"] + "/v1", timeout=60)
    calls = []
    threading.stack_size(256 * 1024)
    for number in range(count):
        threading.Thread(target=check_status, args=(client, stages.run_id(number), calls), daemon=True).start()
        time.sleep(PERIOD_S / count)  # spread over the period, as jobs that were begun at different times
    cpu, asked, began = time.process_time(), len(calls), time.monotonic()
    time.sleep(window_s)
    periods = (time.monotonic() - began) / PERIOD_S
    spent, asked = (time.process_time() - cpu) / periods, (len(calls) - asked) / periods
    with open("/proc/self/statm") as file:
        rss = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    print(json.dumps({"cpu_ms": spent * 1000, "calls": asked, "rss_mb": rss}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
