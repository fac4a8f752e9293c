"""What a round removes: units or single weights, as many as the round asks, to the last one."""
