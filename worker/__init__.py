"""The machines' side: Celery tasks, the runner, stages, the tick, ports and their adapters."""
