"""`python -m prunery` is the `prunery` command."""

from prunery.cli import main

main()
