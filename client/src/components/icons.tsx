// Icons, drawn here: 16 by 16, in the colour of the text. They say nothing by themselves; their neighbours do.
import type { ReactElement } from "react";

const PATHS = {
  lock: "M5 7V5.2a3 3 0 0 1 6 0V7M4 7h8v6H4z",
  unlock: "M5 7V5a3 3 0 0 1 5.8-1M4 7h8v6H4z",
  eye: "M1.5 8S4 3.8 8 3.8 14.5 8 14.5 8 12 12.2 8 12.2 1.5 8 1.5 8zM8 6.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6z",
  hide: "M2 2l12 12M6 4.1A6 6 0 0 1 8 3.8c4 0 6.500 4.200 6.500 4.200a11 11 0 0 1-2 2.400M10 11.900a6 6 0 0 1-2 .300C4 12.200 1.500 8 1.500 8a11 11 0 0 1 2.500-2.800",
  copy: "M5.500 5.500V2.500h8v8h-3M2.500 5.500h8v8h-8z",
  close: "M4 4l8 8M12 4l-8 8",
  chevron: "M4.500 6.500 8 10l3.500-3.500",
  up: "M4.500 9.500 8 6l3.500 3.500",
  raise: "M8 13V3.500M4 7.500l4-4 4 4",
  lower: "M8 3v9.500M4 8.500l4 4 4-4",
  search: "M7 2.500a4.500 4.500 0 1 0 0 9 4.500 4.500 0 0 0 0-9zM10.300 10.300l3.200 3.200",
  warning: "M8 2.500 14.500 13.500h-13zM8 6.500v3.200M8 11.400v.600",
  check: "M3 8.500l3.200 3.200L13 4.800",
  list: "M2.500 4h11M2.500 8h11M2.500 12h11",
  building: "M3.500 13.500v-11h6v11M9.500 6.500h3v7M2 13.500h12M5.500 5h2M5.500 7.500h2M5.500 10h2",
  plug: "M5.500 2v3M10.500 2v3M3.800 5h8.400v2.500a4.200 4.200 0 0 1-8.400 0zM8 11.700V14",
  key: "M10.500 2.500a3 3 0 1 1-2.700 4.300L2.500 12v1.500h2.500v-1.800h1.700V10l1.500-1.400",
  history: "M2.500 3v3h3M2.800 6a5.500 5.500 0 1 1-.300 2.500M8 5v3.200l2.200 1.300",
  add: "M8 3v10M3 8h10",
  edit: "M3 13l.700-2.800L10.500 3.400l2.100 2.100-6.800 6.800z",
  remove: "M3 4.500h10M6.500 4.500V3h3v1.500M4.500 4.500l.500 9h6l.500-9",
  sun: "M8 5.200a2.800 2.800 0 1 0 0 5.600 2.800 2.800 0 0 0 0-5.600zM8 1.500v1.500M8 13v1.500M1.500 8H3M13 8h1.500M3.400 3.400l1 1M11.600 11.600l1 1M3.400 12.600l1-1M11.600 4.400l1-1",
  moon: "M13 9.800A5.500 5.500 0 0 1 6.200 3 5.500 5.500 0 1 0 13 9.800z",
  leave: "M6.500 2.500h-4v11h4M6 8h8M11 5l3 3-3 3",
  play: "M5 3.500l7 4.500-7 4.500z",
  pause: "M5.500 3.500v9M10.500 3.500v9",
  stop: "M4 4h8v8H4z",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }): ReactElement {
  return (
    <svg className="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
