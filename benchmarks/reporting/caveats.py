"""What a reader must know of a study before trusting it: what lacks, and what was not run alike."""

from __future__ import annotations

from benchmarks.analysis.results import Results

FACTS = {"processor": "processors", "gpu": "GPUs", "torch": "versions of torch", "commit": "states of the code"}


def limits(study: Results) -> list[str]:
    """Sentences, none for a complete study of one machine."""
    found = []
    if study.set_aside:
        found.append(
            f"{study.set_aside} records of other settings (version, options, budget, method, trial) are not shown."
        )
    if study.unfinished:
        found.append(
            f"The run is not complete: {study.unfinished} of {len(study.searches)} searches have not yet tried all "
            f"{study.wanted} settings, so that their rows may still get better."
        )
    for key, several in FACTS.items():
        values = sorted({record.environment[key] for record in study.records if key in record.environment})
        if len(values) > 1:
            found.append(f"The records come from {len(values)} {several} ({', '.join(values)}).")
    return found
