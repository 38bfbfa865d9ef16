"""The command line. Importing it pulls typer and nothing heavier: every command imports what it needs when it runs."""

from normalcy.cli.app import app, main
from normalcy.cli.exits import EXIT_CODES

__all__ = ["EXIT_CODES", "app", "main"]
