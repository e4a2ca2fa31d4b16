"""Where configs are written and read: an integration's defaults, an organization's overrides, or standalone ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from strongroom.api import (
    ConfigFilter,
    ConfigScopeFilter,
    ConfigType,
    SetConfigsInput,
    SetIntegrationConfigInput,
    StandaloneConfigInput,
    UpdateMappingInput,
)
from strongroom.api.config_list import ConfigListConfigsEdgesNode
from strongroom.api.reveal_list import RevealListConfigsEdgesNode
from strongroom.command.failures import USAGE, Failure
from strongroom.command.session import PAGE, find_integration, find_mapping, walk
from strongroom.synchronous import Strongroom

IsGlobal = Annotated[bool, typer.Option("--global", help="Standalone configs that are nobody's own.")]


@dataclass(frozen=True)
class Target:
    """One place for configs; each key is there once at most."""

    client: Strongroom
    integration: str | None
    integration_id: str | None
    organization: str | None

    @property
    def is_standalone(self) -> bool:
        """Whether its configs have no schema: each write says its type."""
        return self.integration_id is None

    def __str__(self) -> str:
        if self.integration is None:
            return f"standalone configs of {self.organization}" if self.organization else "global standalone configs"
        return (
            f"overrides of {self.integration} for {self.organization}"
            if self.organization
            else (f"defaults of {self.integration}")
        )

    def list(self) -> Iterator[ConfigListConfigsEdgesNode]:
        """Its configs by key, masked."""
        filter_ = self._filter()
        rows: Iterator[ConfigListConfigsEdgesNode] = walk(
            lambda after: self.client.api.config_list(filter_=filter_, first=PAGE, after=after).configs
        )
        return rows

    def reveal(self) -> Iterator[RevealListConfigsEdgesNode]:
        """Its configs in the clear; the service puts every secret among them on record."""
        filter_ = self._filter()
        rows: Iterator[RevealListConfigsEdgesNode] = walk(
            lambda after: self.client.api.reveal_list(filter_=filter_, first=PAGE, after=after).configs
        )
        return rows

    def write(self, values: Mapping[str, Any], types: Mapping[str, ConfigType] | None = None) -> None:
        """Write values, all or none; None removes a key that an integration manages."""
        api = self.client.api
        if self.integration_id is None:
            kinds = types or {}
            configs = [StandaloneConfigInput(key=key, type_=kinds[key], value=values[key]) for key in values]
            api.set_configs(SetConfigsInput(organization_id=self.organization, configs=configs))
        elif self.organization is None:
            api.set_integration_config(
                SetIntegrationConfigInput(integration_id=self.integration_id, config=dict(values))
            )
        else:
            api.update_mapping(UpdateMappingInput(id=self._find_mapping(), config=dict(values)))

    def _find_mapping(self) -> str:
        found = find_mapping(self.client, self.integration_id or "", self.organization)
        if found is None:
            raise Failure(
                f"{self.organization} is not mapped to {self.integration}, and overrides belong to a mapping:"
                " `strongroom mapping set` makes it"
            )
        return found.id

    def _filter(self) -> ConfigFilter:
        scope = ConfigScopeFilter.ORGANIZATION_ONLY if self.organization else ConfigScopeFilter.GLOBAL_ONLY
        return ConfigFilter(
            scope=scope,
            organization_id=self.organization,
            integration_id=self.integration_id,
            standalone=self.is_standalone,
        )


def find_target(client: Strongroom, integration: str | None, organization: str | None, *, is_global: bool) -> Target:
    """The target that was named. Raises NotFound, or Failure where none was."""
    if is_global and (integration or organization):
        raise Failure("--global stands alone: defaults are named by --integration", code=USAGE)
    if not (is_global or integration or organization):
        raise Failure("say where: --integration, --organization, both, or --global", code=USAGE)
    found = find_integration(client, integration).id if integration else None
    return Target(client, integration, found, organization.lower() if organization else None)
