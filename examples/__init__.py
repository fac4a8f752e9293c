"""The article's model, a real data sample, and the demo that runs both through the service."""
