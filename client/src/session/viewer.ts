import { createContext, useContext } from "react";
import type { ViewerQuery } from "../api/generated";

export type Viewer = ViewerQuery["viewer"];

export type Permission =
  | "audit:read"
  | "backfill:run"
  | "config:read"
  | "config:reveal"
  | "config:write"
  | "integration:write"
  | "organization:write"
  | "token:manage";

/** What a viewer may do, as text: two of one scope see and may do the same. */
export function scopeOf({ permissions, organizationIds, integrationIds }: Viewer): string {
  return JSON.stringify([permissions, organizationIds, integrationIds]);
}

export const ViewerContext = createContext<Viewer | null>(null);

export function useViewer(): Viewer {
  const viewer = useContext(ViewerContext);
  if (viewer === null) throw new Error("no viewer here");
  return viewer;
}

/** Whether the viewer holds a permission. What it may do where is each object's to say. */
export function useMay(permission: Permission): boolean {
  return useViewer().permissions.includes(permission);
}

/** Whether the viewer may change what concerns every organization. */
export function useUnlimited(): boolean {
  const viewer = useViewer();
  return viewer.organizationIds === null && viewer.integrationIds === null;
}
