"""`python -m shelftalk` is the command `shelftalk`."""

from shelftalk.cli import main

if __name__ == "__main__":
    main()
