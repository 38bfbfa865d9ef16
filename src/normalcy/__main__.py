"""``python -m normalcy``."""

from normalcy.cli import main

if __name__ == "__main__":
    main()
