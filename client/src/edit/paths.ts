import type { ConfigRowFragment } from "../api/generated";

/** Where a value of an integration is edited, with all of its neighbours; null for a standalone one. */
export function editPath({ integration, organization, key }: Pick<ConfigRowFragment, "integration" | "organization" | "key">): string | null {
  return integration ? valuePath(integration.id, organization?.id ?? null, key) : null;
}

/** Where one key of an integration is edited: an organization's own value, or the default. */
export function valuePath(integrationId: string, organizationId: string | null, key: string): string {
  const parameters = new URLSearchParams({ key });
  if (organizationId !== null) parameters.set("organization", organizationId);
  return `/edit/${integrationId}?${parameters.toString()}`;
}
