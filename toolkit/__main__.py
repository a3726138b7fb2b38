"""``python -m toolkit`` is the ``l2kit`` command."""

from toolkit.cli import main

if __name__ == "__main__":
    main()
