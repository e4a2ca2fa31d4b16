from collections.abc import Callable
from typing import Any

from strongroom.api.base_model import list_variables

Run = Callable[[str, dict[str, Any], str | None], dict[str, Any]]


class ApiBase:
    """Sends operations through a client."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def execute(
        self,
        query: str,
        operation_name: str | None = None,
        variables: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """The data of an operation."""
        return self._run(query, list_variables(variables), operation_name)

    def get_data(self, response: dict[str, Any]) -> dict[str, Any]:
        """The same: errors have been raised by then."""
        return response
