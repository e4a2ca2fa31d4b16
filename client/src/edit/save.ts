import { useClient, type CombinedError } from "urql";
import { SaveDefaultsDocument, SaveMappingDocument, SaveOverridesDocument, type EditFormQuery } from "../api/generated";
import type { Sent } from "./drafts";
import { ownMapping, type EntityDraft } from "./mapping-card";

export type Save = (sent: Sent, entity: EntityDraft | null) => Promise<CombinedError | undefined>;

/** Writes what was changed: an integration's defaults, or one organization's own values and its mapping. */
export function useSave(form: EditFormQuery["overview"][number], organizationId: string | null): Save {
  const client = useClient();
  const integrationId = form.integration.id;
  const mapping = ownMapping(form);
  return async (sent, entity) => {
    if (organizationId === null) {
      return (await client.mutation(SaveDefaultsDocument, { input: { integrationId, ...sent } }).toPromise()).error;
    }
    const changed = entity && { entityId: entity.id, entityName: entity.name || null };
    if (mapping) {
      // What nobody touched here is not written: it may have become another meanwhile.
      const input = { id: mapping.id, ...sent, ...(changed && { ...changed, expectedEntityId: entity.base }) };
      return (await client.mutation(SaveOverridesDocument, { input }).toPromise()).error;
    }
    const input = { integrationId, organizationId, entityId: "", ...changed, config: sent.config };
    return (await client.mutation(SaveMappingDocument, { input }).toPromise()).error;
  };
}
