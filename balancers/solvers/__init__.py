"""Mathematics on K numbers or a K x K Gramian: no parameter, no graph, no state."""
