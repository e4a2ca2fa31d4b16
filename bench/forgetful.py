"""`python -m bench.forgetful`: the API as `python -m gql serve` runs it, but nobody ever vouches for what it remembers.

So it is while its connection to the change feed is cut: each resolve is read from PostgreSQL.
"""

import sys

from db.snapshots import Snapshots
from gql.__main__ import main


def _doubt(self: Snapshots, moment: float) -> None:
    """Vouch for nothing."""


if __name__ == "__main__":
    Snapshots.vouch = _doubt
    sys.exit(main(["serve"]))
