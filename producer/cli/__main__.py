"""`python -m producer.cli` is `hintrelay`."""

from producer.cli import main

if __name__ == "__main__":
    main()
