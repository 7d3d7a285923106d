"""What the gates found in training data, told before it costs money."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.gates import GATES, Finding
from common.printable import printable
from common.spec import DatasetSpec
from producer.cli.output import say

DOES = {"report": "they are trained on all the same", "drop": "they are left out"}


def tell_findings(found: Mapping[DatasetSpec, Mapping[str, Finding]]) -> None:
    """A line for each gate that found something, and its first rows."""
    for dataset, findings in found.items():
        for gate, finding in findings.items():
            if finding.rows:
                does = getattr(dataset.gates, gate)
                where = f"{printable(dataset.source)}: {finding.rows} rows of {dataset.train!r} {GATES[gate]}"
                say(f"{where}; {DOES[does]} (dataset.gates.{gate}: {does})")
                for example in finding.examples:
                    say(f"    {printable(example)}")


def findings_json(findings: Mapping[str, Finding]) -> dict[str, Any]:
    """gate -> how many rows, and the first of them."""
    return {
        gate: {"rows": finding.rows, "examples": finding.examples} for gate, finding in findings.items() if finding.rows
    }
