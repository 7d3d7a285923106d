"""Two other ways to make a training file: `tutorial` (HintEval's objects, as its tutorial does) and `orjson` (one read,
one write of the same JSON, nothing else); `store` makes the file that all read, by HintEval's own store_json. Runs in
hintrelay's own environment. Prints time and memory, as JSON."""

import json
import random
import sys
import time


def tutorial(source, target):
    from hinteval import Dataset

    def work():
        dataset = Dataset.load_json(source)
        lines = []
        for instance in dataset["train"].get_instances():
            hints = "".join(f"{number}. {hint.hint}\n" for number, hint in enumerate(instance.hints, 1))
            answer = instance.answers[0].answer
            wanted = f'Generate {len(instance.hints)} hints, without the word "{answer}": {instance.question.question}'
            lines.append({"text": TEMPLATE.format(system=SYSTEM, user=wanted, assistant=hints)})
        random.shuffle(lines)
        with open(target, "w", encoding="utf-8") as file:
            for line in lines:
                file.write(json.dumps(line))
                file.write("\n")

    return work


def copy(source, target):
    import orjson

    def work():
        with open(source, "rb") as file:
            body = orjson.loads(file.read())
        with open(target, "wb") as file:
            file.write(orjson.dumps(body))

    return work


def store(source, target):
    from hinteval import Dataset

    return lambda: Dataset.load_json(source).store_json(target)


SYSTEM = "You write hints for the user's question."
TEMPLATE = """
    <|begin_of_text|><|start_header_id|>system<|end_header_id|>
    {system}<|eot_id|><|start_header_id|>user<|end_header_id|>
    {user}<|eot_id|><|start_header_id|>assistant<|end_header_id|>
    {assistant}<|eot_id|>
    """


def status_mb(name):
    """A line of this process's status; Linux's ru_maxrss would begin with the parent's."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name)) * 1024 / 1e6


if __name__ == "__main__":
    work = {"tutorial": tutorial, "orjson": copy, "store": store}[sys.argv[1]](*sys.argv[2:])
    idle, cpu, began = status_mb("VmRSS"), time.process_time(), time.perf_counter()
    work()
    told = {"seconds": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}
    told["above_mb"] = status_mb("VmHWM") - idle
    print(json.dumps(told))
