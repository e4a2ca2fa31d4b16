"""The progress bar, in a terminal."""

import uuid

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from db.models import ACTIVE
from db.runs import RunRow
from workers.reports import as_line, in_words


class Bar:
    """A bar for the run that is told of; a finished one becomes a line above the next."""

    def __init__(self, console: Console | None = None) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.completed:,.0f} of {task.fields[rows]:,} rows"),
            TextColumn("{task.fields[rate]}"),
            TextColumn("{task.fields[left]}"),
        )
        self._progress = Progress(*columns, console=console or Console(), expand=True)
        self._tasks: dict[uuid.UUID, TaskID] = {}
        self._throttled: str | None = None
        self._progress.start()

    def tell(self, row: RunRow) -> None:
        """Show a run as it is now."""
        if row.throttled_by is not None and row.throttled_by != self._throttled:
            self.say(f"holding back: {row.throttled_by}")
        self._throttled = row.throttled_by
        if row.status not in ACTIVE:
            self._end(row)
            return
        rate = "" if row.rows_per_second is None else f"{row.rows_per_second:,.0f}/s"
        left = "" if row.seconds_left is None else f"{in_words(row.seconds_left)} left"
        task = self._tasks.get(row.id)
        if task is None:
            task = self._tasks[row.id] = self._progress.add_task("", total=0, rows=0, rate="", left="")
        description = f"{row.kind.name} {row.status.name.lower()}"
        # A bar of nothing would be a full one.
        total = max(row.total, row.processed, 1)
        self._progress.update(task, description=description, total=total, completed=row.processed)
        self._progress.update(task, rows=row.total, rate=rate, left=left, refresh=True)

    def say(self, text: str) -> None:
        """Print a line above the bar, as it is."""
        self._progress.console.print(Text(text))

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._progress.stop()

    def _end(self, row: RunRow) -> None:
        task = self._tasks.pop(row.id, None)
        if task is not None:
            self._progress.remove_task(task)
        self.say(as_line(row))
