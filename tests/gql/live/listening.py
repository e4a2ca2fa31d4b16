"""Subscriptions to configChanged, and what they hear."""

import asyncio
from collections.abc import Callable
from typing import Any

QUERY = """
subscription ($integrations: [String!], $organizationIds: [ID!], $after: String) {
  configChanged(integrations: $integrations, organizationIds: $organizationIds, after: $after) {
    cursor reset more changes { integrationId integration organizationId keys version }
  }
}
"""


class Listener:
    """A subscription over a WebSocket: what it heard, and where it is."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.cursor = ""
        self.events: list[dict[str, Any]] = []

    async def start(self, **variables: Any) -> "Listener":
        """Subscribe, and hear the first event."""
        await self.socket.subscribe("a", QUERY, variables=variables)
        await self.hear()
        return self

    async def hear(self) -> dict[str, Any]:
        """The next event."""
        message = await self.socket.receive()
        assert message["type"] == "next", message
        event = message["payload"]["data"]["configChanged"]
        self.cursor = event["cursor"]
        self.events.append(event)
        return event

    async def hear_change(self) -> list[dict[str, Any]]:
        """The changes of the next event that has any."""
        while not (event := await self.hear())["changes"]:
            assert not event["reset"]
        return event["changes"]


async def set_port(client: Any, world: Any, port: int) -> None:
    await client.run("UpdateMapping", input={"id": world.mapping, "config": {"port": port}})


async def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait for a state, however long a busy machine takes."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
