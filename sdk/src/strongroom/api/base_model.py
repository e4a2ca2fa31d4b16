"""What the generated models are: they keep values and tokens out of their reprs and out of errors."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from pydantic import BaseModel as PydanticBaseModel
from pydantic import ConfigDict

from strongroom.config import MASK

MASKED = frozenset({"config", "decrypted_value", "default", "token", "value"})


class UnsetType:
    """Stands for an argument that was not given, which is not the same as None."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "UNSET"


UNSET = UnsetType()


class BaseModel(PydanticBaseModel):
    """A part of the contract."""

    model_config = ConfigDict(
        populate_by_name=True,
        validate_assignment=True,
        arbitrary_types_allowed=True,
        protected_namespaces=(),
        hide_input_in_errors=True,
    )

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for name, value in super().__repr_args__():
            is_value = name in MASKED and value is not None and not isinstance(value, PydanticBaseModel)
            yield name, MASK if is_value else value


def list_variables(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Variables as JSON; what was not given is left out, at every depth."""
    return {name: _show(value) for name, value in (given or {}).items() if value is not UNSET}


def _show(value: Any) -> Any:
    if isinstance(value, PydanticBaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return [_show(item) for item in cast("list[Any]", value)] if isinstance(value, list) else value
