import type { ConfigRowFragment } from "../api/generated";

/** Where a value of an integration is edited, with all of its neighbours; null for a standalone one. */
export function editPath(config: Pick<ConfigRowFragment, "integration" | "organization" | "key">): string | null {
  if (!config.integration) return null;
  const parameters = new URLSearchParams({ key: config.key });
  if (config.organization) parameters.set("organization", config.organization.id);
  return `/edit/${config.integration.id}?${parameters.toString()}`;
}
