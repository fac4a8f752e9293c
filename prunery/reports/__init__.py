"""report.json drawn as a page that a shop owner can read and an engineer can check."""

from prunery.reports.render import render

__all__ = ["render"]
