"""Place kept: a job that names a webhook is refused as not_available_yet."""
