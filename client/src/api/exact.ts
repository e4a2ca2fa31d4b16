// Numbers that JavaScript would round, such as ids of eighteen digits, are kept as they were written.
//
// In an answer's text each of them becomes a string that begins with NUL, which no stored text can: the service refuses it.

const MARK = "\u0000";
const LONG = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]{15,}/gs;
const MARKED = /"\\u0000(-?\d[\d.eE+-]*)"/g;

/** An answer's text, in which numbers that would be rounded are marked. */
export function mark(text: string): string {
  return text.replace(LONG, (found) => (found.startsWith('"') || String(Number(found)) === found ? found : `"\\u0000${found}"`));
}

/** A value as text: text as it is, anything else as JSON, with every digit. */
export function print(value: unknown, indent = 0): string {
  if (typeof value === "string") return value.startsWith(MARK) ? value.slice(1) : value;
  return JSON.stringify(value ?? null, null, indent).replace(MARKED, "$1");
}

/** Fetches; long numbers of a JSON answer are marked. */
export async function fetchExactly(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const response = await fetch(input, init);
  if (/json/.test(response.headers.get("content-type") ?? "")) {
    const read = response.text.bind(response);
    response.text = async () => mark(await read());
  }
  return response;
}
