"""From a spec to a bench: everything that a recipe left open is settled and told, once a job."""
