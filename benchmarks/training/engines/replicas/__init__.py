"""Many cells of a suite in one vectorised loop; parameters, batches and losses have a leading axis of replicas."""
