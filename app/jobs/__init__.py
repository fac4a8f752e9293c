"""Jobs: made, watched, steered, and what they hand over."""
