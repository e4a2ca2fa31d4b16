"""`python -m workers`: the worker, until a signal."""

import asyncio
import os
import sys

from db.dumps import forbid_dumps
from db.errors import SettingsError
from workers.failures import name_of
from workers.worker import configure_logs, run


def main() -> int:
    """The exit code. Whatever goes wrong is told in one line, which repeats no secret."""
    forbid_dumps()
    configure_logs()
    try:
        asyncio.run(run(os.environ))
    except SettingsError as error:
        return _complain(str(error))
    except KeyboardInterrupt:
        return _complain("interrupted")
    except Exception as error:  # noqa: BLE001 - its text may hold anything
        return _complain(f"the worker ended: {name_of(error)}")
    return 0


def _complain(text: str) -> int:
    print(f"strongroom: {' '.join(text.split())}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
