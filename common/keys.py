"""Every Redis key, spelled once. docs/redis-keys.md is made from these docstrings' facts."""

from __future__ import annotations

from common.states import JobState

PREFIX = "hintrelay:"


class Keys:
    """Names of the keys of the job store."""

    due = PREFIX + "due"
    """sorted set: job id -> ms since 1970 when somebody must next look at it; every unfinished job, no finished one."""
    jobs = PREFIX + "jobs"
    """sorted set: job id -> ms of its creation; every job."""
    batches = PREFIX + "batches"
    """sorted set: batch name -> ms of the creation of its first job."""
    runs = PREFIX + "runs"
    """hash: the platform's run id -> id of the job that pays for it, and those that share it, with spaces between."""
    budgets = PREFIX + "budgets"
    """hash: 'limit <batch>', 'reserved <batch>', 'spent <batch>' -> micro-dollars."""
    unsettled = PREFIX + "unsettled"
    """set: job id; it came to a model, or to an end, and the next tick settles what it cost."""
    eased = PREFIX + "eased"
    """set: batch whose budget has more room than it had; the next tick lets held jobs go."""
    past = PREFIX + "past"
    """hash: '<day> <batch> <model>' -> sums of the bills of jobs that expired, as numbers: see `common.bills.Bill`."""
    archived = PREFIX + "archived"
    """hash: state -> ms; the jobs that came to it, an end, up to then have a compact record."""
    payers = PREFIX + "payers"
    """hash: fingerprint of a run -> id of the job that pays, or has paid, for it."""
    idempotency = PREFIX + "keys"
    """hash: idempotency key -> '<job id> <digest>' of the job that has it."""
    events = PREFIX + "events"
    """stream: what happened, one entry each: job, type, from, to, actor, at (ms), data (JSON)."""
    dead = PREFIX + "dead"
    """hash: dead letter id -> JSON of the letter: what arrived, why it was not accepted, when."""
    slots = PREFIX + "slots"
    """sorted set, all scores 0: ids of jobs that may pay for a run now and are not yet seen in training."""
    slot_line = PREFIX + "slot_line"
    """sorted set, all scores 0: '<limit>:<turn>:<job id>' of each job that waits for a slot, in their order."""
    joined = PREFIX + "joined"
    """sorted set, all scores 0: ids of jobs that train, or trained, by a run that another job pays for."""
    slot_turns = PREFIX + "slot_turns"
    """hash: 'b<batch>', 'high b<batch>', 'low b<batch>' -> the last turn that its jobs of this priority have in the
    line; 'served' -> the turn that was served last."""
    paces = PREFIX + "paces"
    """sorted set: name of each pace at which the platform refused a request -> ms of the last time; 10 minutes."""
    tick = PREFIX + "tick"
    """string, expires when the next tick is expected: who ticked last; one of many beats works."""
    rest = PREFIX + "rest"
    """string, expires: '<jobs in training> <runs known>' when no run of theirs could change for a while."""
    files = PREFIX + "files"
    """hash: '<platform's URL> <sha256>' -> the platform's file id, so that equal bytes are uploaded once."""
    workers = PREFIX + "workers"
    """sorted set: '<queue> <host>:<pid>' of each worker process -> ms of its last sign of life."""

    installation = PREFIX + "installation"
    """string: drawn once, in the name of every endpoint: tells the endpoints of two installations apart."""
    endpoints_open = PREFIX + "endpoints:open"
    """hash: what needs an endpoint (a job id, or 'base <model>') -> name of the ledger's entry that is open for it."""
    endpoints_wanted = PREFIX + "endpoints:wanted"
    """sorted set: entry of the ledger -> ms of its creation; those that wait for room or a worker."""
    endpoints_running = PREFIX + "endpoints:running"
    """sorted set: entry of the ledger -> ms of its hard deadline; whatever may be on the platform."""
    endpoints_closed = PREFIX + "endpoints:closed"
    """sorted set: entry of the ledger -> ms when its endpoint read as gone."""
    seekers = PREFIX + "seekers"
    """sorted set: job id -> ms since when it looks for an endpoint that somebody else started."""
    strays = PREFIX + "strays"
    """hash: endpoint of ours that the ledger does not know -> ms when it was first seen, 0 once it is to be stopped."""

    readers = PREFIX + "readers"
    """sorted set: inbox reader -> ms of its last sign of life."""

    @staticmethod
    def job(job_id: str) -> str:
        """hash: the record of one job."""
        return f"{PREFIX}job:{job_id}"

    @staticmethod
    def spec(digest: str) -> str:
        """hash: a spec that jobs share: `spec` (JSON, without the name), `jobs` (how many records name it)."""
        return f"{PREFIX}spec:{digest}"

    @staticmethod
    def ids(job_id: str) -> str:
        """set: ids of the jobs whose id begins with these 3 hex digits, so that a beginning finds its job."""
        return f"{PREFIX}ids:{job_id[:3]}"

    @staticmethod
    def batch(name: str) -> str:
        """sorted set: job id -> ms of its creation; the jobs of one batch. Whoever removes a record removes it here."""
        return f"{PREFIX}batch:{name}"

    @staticmethod
    def endpoint(name: str) -> str:
        """hash: one entry of the ledger: an endpoint that was wanted, what it costs, and how it ended."""
        return f"{PREFIX}endpoint:{name}"

    @staticmethod
    def held(batch: str) -> str:
        """sorted set: job id -> ms of its creation; the jobs of a batch that wait for its budget."""
        return f"{PREFIX}held:{batch}"

    @staticmethod
    def sharers(fingerprint: str) -> str:
        """set: job id; who waits until the run that it shares has begun."""
        return f"{PREFIX}sharers:{fingerprint}"

    @staticmethod
    def pieces(job_id: str) -> str:
        """hash: question id -> JSON of its hints, gone once the job is `generated`; then a judge's scores, by hash."""
        return f"{PREFIX}pieces:{job_id}"

    @staticmethod
    def line(queue: str) -> str:
        """sorted set: job id -> rank; the jobs that wait for a worker of one queue, whoever is next first."""
        return f"{PREFIX}line:{queue.rpartition('.')[2]}"

    @staticmethod
    def turns(queue: str) -> str:
        """sorted set: '<state> <priority> <batch>' -> rank of its last job in line; 'now' -> of the last one taken."""
        return f"{PREFIX}turns:{queue.rpartition('.')[2]}"

    @staticmethod
    def taken(thread: str) -> str:
        """string, expires: '<token> <job id> ...' that a worker's thread took last: asking twice takes no more."""
        return f"{PREFIX}taken:{thread}"

    @staticmethod
    def state(state: JobState) -> str:
        """sorted set: job id -> ms of its creation, of a finished one of its end; the jobs in one state."""
        return f"{PREFIX}state:{state}"

    @staticmethod
    def pace(name: str) -> str:
        """hash, expires: how fast requests of '<account>:<kind>' are sent: rate, pause, next, behind and counts."""
        return f"{PREFIX}pace:{name}"

    @staticmethod
    def in_progress(reader: str) -> str:
        """list: envelopes that one inbox reader has taken and not yet settled."""
        return f"{PREFIX}inbox:{reader}"

    @staticmethod
    def nonce(nonce: str) -> str:
        """string, expires: a signed message's nonce; the digest of its envelope, or 'spent' once that is settled."""
        return f"{PREFIX}nonce:{nonce}"

    @staticmethod
    def shared(name: str) -> str:
        """hash, expires: pieces of work that several jobs need (a base model's hints, a judge's candidate answers)."""
        return f"{PREFIX}shared:{name}"

    @staticmethod
    def alone(name: str) -> str:
        """string, expires: the job that does something that one job at a time does (an upload of the same bytes)."""
        return f"{PREFIX}alone:{name}"


#: Redis lists that carry Celery's messages (kombu appends a priority to some of them).
QUEUE_PLATFORM = "hintrelay.platform"
QUEUE_HINTS = "hintrelay.hints"
QUEUE_TICK = "hintrelay.tick"
QUEUE_INBOX = "hintrelay.inbox"
