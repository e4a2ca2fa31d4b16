"""Core dumps: a process that holds keys and plaintext leaves no copy of its memory behind when it crashes."""

import resource


def forbid_dumps() -> None:
    """No core dump of this process, nor of any that it starts; for good, since the hard limit goes down, too."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
