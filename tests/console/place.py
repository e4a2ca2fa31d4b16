"""A place to write: an integration of a test's own, with a field of every type."""

from typing import Any

from playwright.async_api import Locator

from tests.console.visit import Service, Visit

FIELDS = [
    {"key": "host", "type": "STRING", "required": True, "description": "Host name"},
    {"key": "port", "type": "INT", "description": "Port"},
    {"key": "tls", "type": "BOOL", "default": True, "description": "Use TLS"},
    {"key": "labels", "type": "JSON", "description": "Labels"},
    {"key": "region", "type": "STRING", "options": ["eu", "us"], "description": "Region"},
    {"key": "password", "type": "SECRET", "required": True, "description": "Password"},
]
VALUES = """query ($i: ID!, $o: ID!) {
  overview(integrationId: $i, organizationId: $o) { entries { key override { value } } }
}"""


class Place:
    """An integration of its own, mapped to a new organization."""

    def __init__(self, service: Service, name: str, fields: list[dict[str, Any]] = FIELDS, **config: Any) -> None:
        self._service = service
        organization = "mutation ($n: String!) { createOrganization(input: {name: $n}) { organization { id } } }"
        integration = "mutation ($i: CreateIntegrationInput!) { createIntegration(input: $i) { integration { id } } }"
        mapping = "mutation ($i: CreateMappingInput!) { createMapping(input: $i) { mapping { id } } }"
        self.organization = service.run(organization, n=f"Org of {name}")["createOrganization"]["organization"]["id"]
        made = service.run(integration, i={"name": name, "configSchema": fields})
        self.integration = made["createIntegration"]["integration"]["id"]
        config = config or {"host": "old.example.com", "port": 22, "password": "first-secret"}
        given = {
            "integrationId": self.integration,
            "organizationId": self.organization,
            "entityId": "e-1",
            "config": config,
        }
        self.mapping = service.run(mapping, i=given)["createMapping"]["mapping"]["id"]
        self.path = f"/edit/{self.integration}?organization={self.organization}"

    def write(self, **config: Any) -> None:
        """Write values as somebody else."""
        update = "mutation ($i: UpdateMappingInput!) { updateMapping(input: $i) { mapping { id } } }"
        self._service.run(update, i={"id": self.mapping, "config": config})

    def read(self) -> dict[str, Any]:
        """The organization's own values, in the clear where they are no secret."""
        found = self._service.run(VALUES, i=self.integration, o=self.organization)["overview"][0]["entries"]
        return {entry["key"]: entry["override"]["value"] for entry in found if entry["override"]}

    def resolve(self, name: str) -> dict[str, Any]:
        """What an SDK client gets."""
        query = "query ($n: String!, $o: ID!) { resolve(integration: $n, organizationId: $o) { config } }"
        return self._service.run(query, n=name, o=self.organization)["resolve"]["config"]


def entry(visit: Visit, key: str) -> Locator:
    """The editor of one key."""
    return visit.page.locator(f".entry[data-key='{key}']")
