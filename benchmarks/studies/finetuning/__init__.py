"""Does a multi-task model, fine-tuned on one task, beat a model of that task alone at equal compute?"""
