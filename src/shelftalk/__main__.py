"""Run the command `shelftalk` as `python -m shelftalk`."""

from shelftalk.cli import main

if __name__ == "__main__":
    main()
