"""The machines' roles as processes: `python -m worker serve | celery | inbox | beat`, as `hintrelay worker` etc."""

from __future__ import annotations

import argparse
import signal
import sys
from importlib.util import find_spec

from common import logs
from common.errors import ConfigurationError, HintrelayError
from common.settings import Settings, load
from common.supervisor import Child, Supervisor, end_with_parent


def main(argv: list[str] | None = None) -> int:
    """Run one role; its exit code."""
    args = _parser().parse_args(argv)
    try:
        settings = load()
        logs.configure(settings)
        return int(args.role(settings, args) or 0)
    except HintrelayError as exc:
        print(f"hintrelay: {exc.message}", file=sys.stderr)
        if exc.hint:
            print(f"  {exc.hint}", file=sys.stderr)
        return exc.exit


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m worker", description=__doc__)
    roles = parser.add_subparsers(required=True)
    serve = roles.add_parser("serve", help="keep one Celery process a queue alive, and the inbox reader")
    serve.add_argument("--queues", default="", help="of platform,hints; both, and the inbox, when not given")
    serve.add_argument("--concurrency", type=int)
    serve.set_defaults(role=_serve)
    celery = roles.add_parser("celery", help="one Celery process")
    celery.add_argument("queues", help="of platform,hints")
    celery.add_argument("--concurrency", type=int)
    celery.set_defaults(role=_celery)
    roles.add_parser("inbox", help="read other programs' messages").set_defaults(role=_inbox)
    roles.add_parser("beat", help="send the tick").set_defaults(role=_beat)
    return parser


def _queues(text: str, *, given: bool) -> list[str]:
    """Which queues to serve; without HintEval, both means the one that can be served."""
    names = [name.strip() for name in text.split(",") if name.strip()] or ["platform", "hints"]
    unknown = sorted(set(names) - {"platform", "hints"})
    if unknown:
        raise ConfigurationError(f"--queues: there is no queue {unknown[0]}; allowed are platform and hints")
    if "hints" in names and find_spec("hinteval") is None:
        hint = "pip install -c requirements.lock '.[hints]', or serve the other queue: --queues platform"
        if given:
            raise ConfigurationError("the hints queue needs HintEval, which is not installed here", hint=hint)
        print(
            f"hintrelay: HintEval is not installed here, so only the platform queue is served; {hint}", file=sys.stderr
        )
        names.remove("hints")
    return names


def _serve(settings: Settings, args: argparse.Namespace) -> int:
    _reach(settings)
    settings.api_key  # noqa: B018  # no key: say so now, not at the first job
    extra = ["--concurrency", str(args.concurrency)] if args.concurrency else []
    children = [
        Child(f"worker {name}", [sys.executable, "-m", "worker", "celery", name, *extra])
        for name in _queues(args.queues, given=bool(args.queues))
    ]
    if not args.queues:
        children.append(Child("inbox", [sys.executable, "-m", "worker", "inbox"]))
    supervisor = Supervisor(children, fatal=lambda code: code in {2, 3})
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, supervisor.stop)
    end_with_parent()
    supervisor.start()
    return supervisor.run()


def _celery(settings: Settings, args: argparse.Namespace) -> None:
    from worker.process import run

    run(settings, _queues(args.queues, given=True), args.concurrency)


def _inbox(settings: Settings, args: argparse.Namespace) -> None:
    from common.connection import connect
    from common.dead import DeadLetters
    from worker.bootstrap import actor, make_commands
    from worker.doorkeeper import Doorkeeper
    from worker.inbox import InboxReader

    _reach(settings)
    end_with_parent()
    broker = connect(settings.broker, decode=False)
    dead = DeadLetters(connect(settings.redis_url), settings.redis_url)
    door = Doorkeeper(broker, settings.message_keys, settings.message_age_seconds, settings.broker)
    reader = InboxReader(broker, make_commands(settings), dead, door, actor("inbox"))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, reader.stop)
    reader.run()


def _beat(settings: Settings, args: argparse.Namespace) -> None:
    from celery import signals

    from common.broker import make_celery

    @signals.setup_logging.connect(weak=False)  # type: ignore[untyped-decorator]  # Celery is untyped
    def set_up_logging(**_: object) -> None:
        logs.configure(settings)

    end_with_parent()
    make_celery(settings).Beat(loglevel=settings.log_level, quiet=True).run()


def _reach(settings: Settings) -> None:
    """Raises Unreachable now rather than in a loop."""
    from common.connection import connect, reaching

    for url in {settings.redis_url, settings.broker}:
        client = connect(url)
        with reaching(url):
            client.ping()
        client.close()


if __name__ == "__main__":
    sys.exit(main())
