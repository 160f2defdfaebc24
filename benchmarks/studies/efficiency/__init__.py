"""One multi-task model against a model per task: parameters, time of training, time of inference."""
