"""Limits of the results in a folder: what is missing, and what differs between runs."""

from __future__ import annotations

from benchmarks.analysis.results import Results

FACTS = {"processor": "processors", "gpu": "GPUs", "torch": "versions of torch", "commit": "versions of the code"}


def limits(results: Results) -> list[str]:
    """Sentences; none for complete results of one machine and one version of the code."""
    sentences = []
    if results.set_aside:
        sentences.append(
            f"{results.set_aside} records with other settings (version, options, budget, method, trial) are not shown."
        )
    if results.unfinished:
        sentences.append(
            f"The run is incomplete: {results.unfinished} of {len(results.searches)} searches have not yet tried all "
            f"{results.wanted} settings. Their results may still improve."
        )
    for key, several in FACTS.items():
        values = sorted({record.environment[key] for record in results.records if key in record.environment})
        if len(values) > 1:
            sentences.append(f"The records come from {len(values)} {several} ({', '.join(values)}).")
    return sentences
