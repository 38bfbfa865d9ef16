"""The command line. Importing it pulls typer and nothing heavier: every command imports what it needs when it runs."""

from normalcy.cli.benchmarks import register
from normalcy.cli.commands import app, main
from normalcy.cli.exits import EXIT_CODES
from normalcy.cli.objects import register as register_objects
from normalcy.cli.watch import register as register_watch
from normalcy.cli.weights import register as register_weights

register(app)
register_objects(app)
register_watch(app)
register_weights(app)

__all__ = ["EXIT_CODES", "app", "main"]
