"""Many cells of a suite in one vectorised loop: parameters, data and methods have a leading axis of replicas."""
