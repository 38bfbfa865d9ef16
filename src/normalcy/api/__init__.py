"""The verbs behind the commands, a file each. Their public names are those of :mod:`normalcy`, which imports them lazily."""
