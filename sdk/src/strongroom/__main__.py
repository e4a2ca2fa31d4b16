"""`python -m strongroom` is the command `strongroom`."""

from strongroom.command.app import main

if __name__ == "__main__":
    main()
