"""Every command: its module, and the line that the help shows without importing it (a test holds them together)."""

from __future__ import annotations

#: section of the help -> command -> (module:attribute, help line)
SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "Jobs": {
        "submit": ("producer.cli.submit:submit", "Store the jobs of SPEC files and start them."),
        "plan": (
            "producer.cli.plan:plan",
            "Show which jobs SPEC files make and what they cost.",
        ),
        "deploy": ("producer.cli.change:deploy", "Register the NAME under which a job's model answers."),
        "budget": ("producer.cli.budget:budget", "Show or set what the jobs of a batch may cost."),
        "cancel": ("producer.cli.change:cancel", "Cancel jobs, their runs on the platform too."),
        "retry": ("producer.cli.change:retry", "Take failed jobs up again from the stage that failed."),
        "compare": ("producer.cli.compare:compare", "Compare jobs by their metrics, with cost and minutes."),
        "export": (
            "producer.cli.export:export",
            "Write all of a batch into a folder: specs, data, events, results.",
        ),
        "results": ("producer.cli.results:results", "Print a job's hints and scores as HintEval JSON."),
    },
    "Looking": {
        "ls": ("producer.cli.jobs:ls", "List the jobs."),
        "batches": ("producer.cli.batches:batches", "List the batches: the jobs of each submit, by state."),
        "show": ("producer.cli.jobs:show", "Show all that is known of one job."),
        "pending": ("producer.cli.jobs:pending", "List the jobs that wait for a person, and what to type."),
        "cost": ("producer.cli.budget:cost", "Add up what jobs have cost: runs and endpoints."),
        "events": ("producer.cli.events:events", "Show the history of one job."),
        "watch": ("producer.cli.watch:watch", "Watch jobs as they move, until they have ended."),
        "wait": ("producer.cli.wait:wait", "Wait until jobs have ended; the exit code says how."),
    },
    "Machines": {
        "up": ("producer.cli.up:up", "Run everything on this machine until Ctrl-C."),
        "worker": ("producer.cli.roles:worker", "Serve queues; without --queues both, and the inbox too."),
        "inbox": ("producer.cli.roles:inbox", "Read the messages that other programs send."),
        "beat": ("producer.cli.roles:beat", "Send the tick; any number may run."),
        "sandbox": ("producer.cli.roles:sandbox", "Run the stand-in for the platform."),
        "doctor": ("producer.cli.doctor:doctor", "Check every dependency and say how to mend it."),
        "endpoints": (
            "producer.cli.endpoints:endpoints",
            "Show the endpoints that hintrelay started, and end them.",
        ),
        "dead": ("producer.cli.dead:dead", "Look after messages that could not be accepted."),
        "schema": ("producer.cli.schema:schema", "Print a JSON Schema: of job, message or event."),
        "demo": ("producer.cli.demo.command:demo", "Run a small sweep by itself, from data to scored hints."),
    },
}
COMMANDS = {name: where for section in SECTIONS.values() for name, where in section.items()}
