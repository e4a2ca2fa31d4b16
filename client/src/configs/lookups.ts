// Organizations and integrations by a part of their names, for filters and forms.
import { useMemo } from "react";
import { useClient } from "urql";
import {
  FindIntegrationsDocument,
  FindOrganizationsDocument,
  IntegrationNameDocument,
  OrganizationNameDocument,
} from "../api/generated";
import type { Choice } from "../components/fields";

export interface Lookup {
  readonly find: (text: string) => Promise<readonly Choice[]>;
  readonly nameOf: (id: string) => Promise<string | null>;
}

const quick = { requestPolicy: "cache-first" } as const;

export function useLookups(): { organizations: Lookup; integrations: Lookup } {
  const client = useClient();
  return useMemo(
    () => ({
      organizations: {
        find: async (text) => {
          const { data } = await client.query(FindOrganizationsDocument, { nameContains: text || null }, quick);
          return data?.organizations.edges.map(({ node }) => node) ?? [];
        },
        nameOf: async (id) => (await client.query(OrganizationNameDocument, { id }, quick)).data?.organization?.name ?? null,
      },
      integrations: {
        find: async (text) => {
          const { data } = await client.query(FindIntegrationsDocument, { nameContains: text || null }, quick);
          return data?.integrations.edges.map(({ node }) => node) ?? [];
        },
        nameOf: async (id) => (await client.query(IntegrationNameDocument, { id }, quick)).data?.integration?.name ?? null,
      },
    }),
    [client],
  );
}
