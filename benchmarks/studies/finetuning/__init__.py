"""Multi-task models fine-tuned on one task, beside a model of that task alone at equal compute."""
