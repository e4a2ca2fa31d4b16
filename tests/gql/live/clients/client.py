"""Runs PyPI's gql client against the URL given, in an environment of its own: one query, one subscription."""

# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false

import asyncio
import json
import sys

from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport

from gql import Client, gql

URL, TOKEN, RUN = sys.argv[1:]
WATCH = gql("subscription ($id: ID!) { backfillProgress(id: $id) { id status } }")
AUTHORIZATION = {"Authorization": f"Bearer {TOKEN}"}


async def main() -> None:
    async with Client(transport=HTTPXAsyncTransport(url=URL, headers=AUTHORIZATION)) as session:
        query = await session.execute(gql("{ integrations { totalCount } }"))
    seen = []
    transport = WebsocketsTransport(url=URL.replace("http", "ws", 1), init_payload=AUTHORIZATION)
    async with Client(transport=transport) as session:
        watch = WATCH
        watch.variable_values = {"id": RUN}
        async for result in session.subscribe(watch):
            if not seen:
                print("watching", flush=True)
            seen.append(result["backfillProgress"]["status"])
    print(json.dumps({"query": query, "seen": seen}))


asyncio.run(main())
