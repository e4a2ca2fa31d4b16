"""Remove what sealing leaves behind: dead rows, column statistics and old WAL that still hold plaintext.

It locks tables: it says which and for about how long before it does, and at the end it names what it cannot reach.
"""

from workers.scrub.command import add_arguments, run

__all__ = ["add_arguments", "run"]
