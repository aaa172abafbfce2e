"""`python -m scaling_fast` is `scaling-fast`."""

from scaling_fast.cli.command import main

if __name__ == "__main__":
    main(prog_name="scaling-fast")
