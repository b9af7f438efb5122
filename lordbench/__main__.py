"""`python -m lordbench`: the same as the command `lordbench`."""

from lordbench.cli.main import main

if __name__ == "__main__":
    main()
