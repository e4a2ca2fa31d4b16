"""Root keys: what each still wraps, and which may be removed from the keyring."""

import strawberry

from db import root_keys as rules
from gql.context import GraphQLInfo


@strawberry.type(description="A root key of the API's keyring, or one that the database needs all the same. No key.")
class RootKey:
    """A root key."""

    id: str = strawberry.field(description="Its id in the keyring.")
    primary: bool = strawberry.field(description="Whether it is the one that wraps new keys.")
    present: bool = strawberry.field(description="Whether the keyring of the API that answers has it.")
    data_keys: int = strawberry.field(description="Data keys that are wrapped by it.")
    retired_data_keys: int = strawberry.field(
        description="Of those, how many seal nothing new. They are kept for what they have sealed."
    )
    audit_keys: int = strawberry.field(description="Audit keys that are wrapped by it.")
    safe_to_remove: bool = strawberry.field(
        description=(
            "Whether nothing in the database is sealed by it, history and audit log included, and it is not primary. "
            "Backups of the database that are older may still need it."
        )
    )


def show_root_key(key: rules.RootKey) -> RootKey:
    """A root key as callers see it."""
    return RootKey(
        id=key.id,
        primary=key.primary,
        present=key.present,
        data_keys=key.data_keys,
        retired_data_keys=key.retired_data_keys,
        audit_keys=key.audit_keys,
        safe_to_remove=key.safe_to_remove,
    )


@strawberry.type
class RootKeyQuery:
    """Queries of the root keyring."""

    @strawberry.field(description="Root keys, the primary one first. Needs backfill:run.")
    async def root_keys(self, info: GraphQLInfo) -> list[RootKey]:
        """Root keys."""
        root_keys = info.context.service.vault.data_keys.root_keys
        async with info.context.read() as session:
            return [
                show_root_key(key) for key in await rules.list_root_keys(session, info.context.principal, root_keys)
            ]
