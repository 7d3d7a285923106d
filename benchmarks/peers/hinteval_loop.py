"""HintEval's own loop at its default: batches of two with a barrier. `COUNT URL`; prints how long it took, as JSON."""

import json
import sys
import time


def main(count, url):
    from hinteval.cores import Instance
    from hinteval.model import AnswerAware

    asker = AnswerAware("bench/model", api_key="bench", base_url=f"{url}/v1", num_of_hints=2)
    instances = [Instance.from_strings(f"What is number {number}?", [str(number)], []) for number in range(count)]
    began, cpu = time.perf_counter(), time.process_time()
    asker.generate(instances)
    print(json.dumps({"seconds": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
