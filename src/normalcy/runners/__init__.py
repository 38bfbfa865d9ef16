"""Where tasks run: here, or on the workers of an engine. The only place that knows Ray."""
