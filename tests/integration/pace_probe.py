"""A process that sends `count` requests to the platform at the shared pace, from 4 threads, and prints how it went."""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from common.connection import connect
from common.errors import Busy
from worker.adapters.together import TogetherPlatform
from worker.pacing import Paces


def main(redis_url: str, platform_url: str, count: int) -> None:
    pace = Paces(connect(redis_url), "5f0c2a91b3d4").of_platform()
    platform = TogetherPlatform(base_url=f"{platform_url}/v1", api_key="any", timeout_s=10, pace=pace)

    def look(_: int) -> int:
        """As a job does: whoever is sent away comes back later, and it is no failed attempt."""
        tries = 0
        while True:
            try:
                platform.runs()
                return tries
            except Busy as exc:
                tries += 1
                time.sleep(exc.after_s or 0.1)

    begun = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        sent_away = sum(pool.map(look, range(count)))
    print(json.dumps({"done": count, "sent_away": sent_away, "seconds": time.monotonic() - begun}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
