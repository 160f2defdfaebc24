"""From records to numbers: neither torch nor a balancer, suite, chart or sentence is needed."""
