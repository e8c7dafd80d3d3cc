"""Run the command line as ``python -m trackhub.cli``, where no script is installed."""

from __future__ import annotations

from trackhub.cli import main

if __name__ == "__main__":
    main()
