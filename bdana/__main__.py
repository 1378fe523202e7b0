"""`python -m bdana`, the same as `bdana`."""

from bdana.cli import main

if __name__ == "__main__":
    main()
