"""The command line `strongroom`. Its exit codes are in strongroom.command.failures."""
