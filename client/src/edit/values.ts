// What people type, and what is sent for it.
import { print } from "../api/exact";
import type { ConfigType } from "../api/generated";

/** A value as the text of its editor. */
export function write(value: unknown, type: ConfigType): string {
  if (value === null || value === undefined || type === "SECRET") return "";
  return type === "JSON" ? printDocument(value) : print(value);
}

// A document that is a text has its quotes, so that it is one when it comes back.
function printDocument(value: unknown): string {
  return typeof value === "string" && print(value) === value ? JSON.stringify(value) : print(value, 2);
}

/** What is wrong with a text for its type; null if nothing is. The service judges the rest. */
export function check(text: string, type: ConfigType): string | null {
  if (text === "") return null;
  if (type === "INT" && !/^\s*[+-]?\d+\s*$/.test(text)) return "This is no whole number.";
  if (type === "JSON") {
    try {
      JSON.parse(text);
    } catch (error) {
      return `This is no JSON: ${error instanceof Error ? error.message : "it does not parse"}`;
    }
  }
  return null;
}

/** What is sent. Numbers and documents go as text, which the service reads without rounding anything. */
export function read(text: string, type: ConfigType): unknown {
  switch (type) {
    case "INT":
      return text.trim();
    case "BOOL":
      return text === "true";
    case "JSON":
      return /^\s*[[{]/.test(text) ? text : (JSON.parse(text) as unknown);
    default:
      return text;
  }
}
