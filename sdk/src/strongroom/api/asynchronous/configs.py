from typing import Any

from strongroom.api.async_base import AsyncApiBase
from strongroom.api.base_model import UNSET, UnsetType
from strongroom.api.config_list import ConfigList
from strongroom.api.delete_config import DeleteConfig
from strongroom.api.documents.configs import (
    CONFIG_LIST_GQL,
    DELETE_CONFIG_GQL,
    HISTORY_GQL,
    RESTORE_CONFIG_GQL,
    REVEAL_GQL,
    REVEAL_LIST_GQL,
    SET_CONFIG_GQL,
    SET_CONFIGS_GQL,
    SET_INTEGRATION_CONFIG_GQL,
)
from strongroom.api.history import History
from strongroom.api.inputs.configs import (
    ConfigFilter,
    DeleteConfigInput,
    RestoreConfigInput,
    SetConfigInput,
    SetConfigsInput,
    SetIntegrationConfigInput,
)
from strongroom.api.restore_config import RestoreConfig
from strongroom.api.reveal import Reveal
from strongroom.api.reveal_list import RevealList
from strongroom.api.set_config import SetConfig
from strongroom.api.set_configs import SetConfigs
from strongroom.api.set_integration_config import SetIntegrationConfig


class AsyncConfigsApi(AsyncApiBase):
    """Configs: a part of AsyncApi."""

    async def config_list(
        self,
        filter_: ConfigFilter | None | UnsetType = UNSET,
        first: int | None | UnsetType = UNSET,
        after: str | None | UnsetType = UNSET,
        **kwargs: Any,
    ) -> ConfigList:
        """Configs, by key unless told otherwise; secrets masked. Needs config:read."""
        variables: dict[str, object] = {"filter": filter_, "first": first, "after": after}
        response = await self.execute(query=CONFIG_LIST_GQL, operation_name="ConfigList", variables=variables, **kwargs)
        data = self.get_data(response)
        return ConfigList.model_validate(data)

    async def reveal_list(
        self,
        filter_: ConfigFilter | None | UnsetType = UNSET,
        first: int | None | UnsetType = UNSET,
        after: str | None | UnsetType = UNSET,
        **kwargs: Any,
    ) -> RevealList:
        """Configs by key, values in the clear, each secret on record. Needs config:read and config:reveal."""
        variables: dict[str, object] = {"filter": filter_, "first": first, "after": after}
        response = await self.execute(query=REVEAL_LIST_GQL, operation_name="RevealList", variables=variables, **kwargs)
        data = self.get_data(response)
        return RevealList.model_validate(data)

    async def reveal(self, id: str, **kwargs: Any) -> Reveal:
        """One config with its value in the clear, a secret on record. Needs config:read and config:reveal."""
        variables: dict[str, object] = {"id": id}
        response = await self.execute(query=REVEAL_GQL, operation_name="Reveal", variables=variables, **kwargs)
        data = self.get_data(response)
        return Reveal.model_validate(data)

    async def set_config(self, input: SetConfigInput, **kwargs: Any) -> SetConfig:
        """A standalone config: global, or of one organization. Needs config:write."""
        variables: dict[str, object] = {"input": input}
        response = await self.execute(query=SET_CONFIG_GQL, operation_name="SetConfig", variables=variables, **kwargs)
        data = self.get_data(response)
        return SetConfig.model_validate(data)

    async def set_configs(self, input: SetConfigsInput, **kwargs: Any) -> SetConfigs:
        """Many standalone configs at once: global, or of one organization; all or none. Needs config:write."""
        variables: dict[str, object] = {"input": input}
        response = await self.execute(query=SET_CONFIGS_GQL, operation_name="SetConfigs", variables=variables, **kwargs)
        data = self.get_data(response)
        return SetConfigs.model_validate(data)

    async def set_integration_config(self, input: SetIntegrationConfigInput, **kwargs: Any) -> SetIntegrationConfig:
        """Integration defaults. null or "" removes a key; a key left out stays as it is. Needs config:write."""
        variables: dict[str, object] = {"input": input}
        response = await self.execute(
            query=SET_INTEGRATION_CONFIG_GQL, operation_name="SetIntegrationConfig", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return SetIntegrationConfig.model_validate(data)

    async def delete_config(self, input: DeleteConfigInput, **kwargs: Any) -> DeleteConfig:
        """Any config by its id, one managed by an integration or in quarantine too; its value goes to the history.
        Needs config:write.
        """
        variables: dict[str, object] = {"input": input}
        response = await self.execute(
            query=DELETE_CONFIG_GQL, operation_name="DeleteConfig", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return DeleteConfig.model_validate(data)

    async def history(
        self, id: str, first: int | None | UnsetType = UNSET, after: str | None | UnsetType = UNSET, **kwargs: Any
    ) -> History:
        """Earlier values of one config, newest first; secrets masked. Needs config:read."""
        variables: dict[str, object] = {"id": id, "first": first, "after": after}
        response = await self.execute(query=HISTORY_GQL, operation_name="History", variables=variables, **kwargs)
        data = self.get_data(response)
        return History.model_validate(data)

    async def restore_config(self, input: RestoreConfigInput, **kwargs: Any) -> RestoreConfig:
        """Make an earlier version the current one, as a new version. Needs config:write."""
        variables: dict[str, object] = {"input": input}
        response = await self.execute(
            query=RESTORE_CONFIG_GQL, operation_name="RestoreConfig", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return RestoreConfig.model_validate(data)
