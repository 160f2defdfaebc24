"""The benchmark: protocols, running, training, records, analysis, reports, studies, and the command line."""
