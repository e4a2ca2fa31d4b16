// What the list is narrowed to, as the address has it: whoever opens the same address sees the same list.
import { useMemo } from "react";
import { useSearchParams } from "wouter";
import type { ConfigFilter, ConfigOrder, ConfigScopeFilter, ConfigType } from "../api/generated";

export interface Filters {
  readonly scope: ConfigScopeFilter;
  readonly organization: string | null;
  /** An id, or STANDALONE. */
  readonly integration: string | null;
  readonly type: ConfigType | null;
  readonly search: string;
  readonly order: ConfigOrder;
}

export const STANDALONE = "standalone";

const SCOPES = ["ORGANIZATION_AND_GLOBAL", "ORGANIZATION_ONLY", "GLOBAL_ONLY", "ALL"] as const;
const TYPES = ["STRING", "INT", "BOOL", "JSON", "SECRET"] as const;
const ORDERS = ["KEY", "KEY_DESC", "UPDATED_AT", "UPDATED_AT_DESC"] as const;

function read(parameters: URLSearchParams): Filters {
  return {
    scope: oneOf(SCOPES, parameters.get("scope")) ?? "ORGANIZATION_AND_GLOBAL",
    organization: parameters.get("organization"),
    integration: parameters.get("integration"),
    type: oneOf(TYPES, parameters.get("type")),
    search: parameters.get("search") ?? "",
    order: oneOf(ORDERS, parameters.get("order")) ?? "KEY",
  };
}

function oneOf<Name extends string>(names: readonly Name[], given: string | null): Name | null {
  const wanted = given?.toUpperCase();
  return names.find((name) => name === wanted) ?? null;
}

/** The filters, and a way to change some of them. */
export function useFilters(): [Filters, (part: Partial<Filters>) => void] {
  const [parameters, setParameters] = useSearchParams();
  const text = parameters.toString();
  const filters = useMemo(() => read(new URLSearchParams(text)), [text]);
  const change = (part: Partial<Filters>): void => {
    setParameters(
      (before) => {
        const after = new URLSearchParams(before);
        for (const [name, value] of Object.entries(part)) {
          const plain = value === "ORGANIZATION_AND_GLOBAL" || (name === "order" && value === "KEY");
          if (!value || plain) after.delete(name);
          else after.set(name, name === "search" ? value : value.toLowerCase());
        }
        return after;
      },
      { replace: "search" in part },
    );
  };
  return [filters, change];
}

export const NO_FILTERS = { scope: "ORGANIZATION_AND_GLOBAL", organization: null, integration: null, type: null, search: "" } as const;

export function isNarrowed(filters: Filters): boolean {
  return Boolean(filters.organization ?? filters.integration ?? filters.type ?? (filters.search || null)) || filters.scope !== "ORGANIZATION_AND_GLOBAL";
}

/** The filter of the query. */
export function filterOf({ scope, organization, integration, type, search }: Filters): ConfigFilter {
  return {
    scope,
    organizationId: organization,
    integrationId: integration === STANDALONE ? null : integration,
    standalone: integration === STANDALONE ? true : null,
    type,
    keyContains: search || null,
  };
}
