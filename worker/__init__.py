"""The machines' side: Celery tasks, the runner, stages, the tick, ports and their adapters."""

from worker.absent import absent

with absent("rich"), absent("opentelemetry"):  # 7 MB of an idle worker, for tracebacks and metrics that nobody sees
    import redis as redis
    import structlog as structlog
