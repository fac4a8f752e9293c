"""What a job comes to: proven, tested once, compared, counted, and written down."""
