import type { CombinedError } from "@urql/core";

export interface Problem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** The stable code of a refusal; UNREACHABLE where there was no answer. */
export function codeOf(error: CombinedError): string {
  const code = error.graphQLErrors[0]?.extensions.code;
  if (typeof code === "string") return code;
  const response = error.response as { status?: number } | undefined;
  if (response?.status === 401) return "UNAUTHENTICATED";
  return error.networkError ? "UNREACHABLE" : "INTERNAL";
}

/** The problems of a BAD_USER_INPUT: what is wrong with which part of the input. */
export function problemsOf(error: CombinedError): Problem[] {
  const problems = error.graphQLErrors[0]?.extensions.problems;
  return Array.isArray(problems) ? (problems as Problem[]) : [];
}

/** One part of a refusal's extensions. */
export function extensionOf(error: CombinedError, name: string): unknown {
  return error.graphQLErrors[0]?.extensions[name];
}

/** A sentence for people. */
export function tell(error: CombinedError): string {
  const message = error.graphQLErrors[0]?.message;
  switch (codeOf(error)) {
    case "UNREACHABLE":
      return "The service does not answer. Check that it is running, then try again.";
    case "UNAUTHENTICATED":
      return "Your sign-in had ended, so this was not done. Try it again.";
    case "INTERNAL": {
      const reference = extensionOf(error, "reference");
      return `Something went wrong in the service.${typeof reference === "string" ? ` Reference: ${reference}` : ""}`;
    }
    case "FORBIDDEN":
      return `You may not do this: ${message ?? "a permission is missing"}.`;
    case "BAD_USER_INPUT": {
      const problems = problemsOf(error).map(({ path, message }) => [path.join("."), message].filter(Boolean).join(" "));
      return problems.length > 0 ? `${problems.join("; ")}.` : `${message ?? "The input was refused"}.`;
    }
    default:
      return sentence(message ?? "The request failed");
  }
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}
