"""`python -m flowcraft_cli`."""

from flowcraft_cli.entry import main

if __name__ == "__main__":
    main()
