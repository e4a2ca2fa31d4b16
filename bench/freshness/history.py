"""What was true when, and so what an answer may still be.

What one writer changes goes through states, one after the other. A state that a process has answered is the oldest
that this very process may still give; every other process may give what came before it for one second.
"""

import time
from dataclasses import dataclass
from typing import Final

ELSEWHERE_SECONDS: Final = 1.0
"""How long another process than the writing one may give what was before."""

NOBODY: Final = -1
"""Who has written when it was none of the API's processes: older software, or an operator's SQL."""


class Stale(Exception):
    """An answer that could no longer be given, or never could."""


@dataclass(slots=True)
class State:
    """An answer that is right from some moment on: sent to a process, and answered when it is known to hold."""

    answer: str
    process: int
    answered: float = float("inf")


class History:
    """The states of one thing."""

    def __init__(self, answer: str) -> None:
        self.states = [State(answer, NOBODY, time.monotonic())]

    def begin(self, answer: str, process: int) -> State:
        """A write is about to be sent: from now on its answer may be seen."""
        self.states.append(State(answer, process))
        return self.states[-1]

    def find_floor(self, process: int) -> int:
        """The number of the oldest state that a process may answer to what is sent to it now."""
        now = time.monotonic()
        for number in range(len(self.states) - 1, -1, -1):
            state = self.states[number]
            grace = 0.0 if state.process == process else ELSEWHERE_SECONDS
            if state.answered + grace <= now:
                return number
        return 0

    def judge(self, floor: int, answer: str, process: int) -> None:
        """Raise Stale unless the answer is that of a state from `floor` on."""
        if not any(state.answer == answer for state in self.states[floor:]):
            older = max(
                (number for number, state in enumerate(self.states[:floor]) if state.answer == answer), default=-1
            )
            what = f"state {older} of {len(self.states)}, {floor} is the oldest" if older >= 0 else "no state at all"
            told = f"{answer}\nwhere {self.states[floor].answer} was to be seen\n{self._list_last()}"
            raise Stale(f"process {process} answered {what}:\n{told}")

    def _list_last(self) -> str:
        """The last writes: who was to do it, how long ago it was answered, and what held from then on."""
        now = time.monotonic()
        return "\n".join(
            f"{state.process:3} {now - state.answered:8.3f} s {state.answer}" for state in self.states[-8:]
        )
