"""`python -m fairpool`."""

from fairpool.cli import main

main()
