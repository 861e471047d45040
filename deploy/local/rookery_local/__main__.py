"""`python -m rookery_local`: the platform's local commands."""

from rookery_local.cli import main

main()
