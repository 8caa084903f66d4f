/** What a server says when it refuses, for stderr: word for word, and everything it says. */
import { STATUS_CODES } from "../../client/http/node-http.ts";

/** The most of a body that is no JSON, in characters. */
const EXCERPT = 500;

/**
 * One line for each thing that is wrong: netmaster's Refusal (contiv/wire.ts), a Kubernetes Status (what stands before
 * netmaster's paths answers so), or the text as it is.
 */
export function refusalLines(url: string, code: number, body: string): string[] {
  const said = parseObject(body);
  const errors: unknown = said?.["errors"];
  if (Array.isArray(errors) && errors.length > 0) return (errors as unknown[]).map(errorLine);
  for (const field of ["error", "message"]) {
    const message = said?.[field];
    if (typeof message === "string" && message !== "") return [withRemedy(code, message)];
  }
  const words = `${url} answered ${code} ${STATUS_CODES[code] ?? ""}`.trimEnd();
  const text = body.trim().slice(0, EXCERPT);
  return [withRemedy(code, text === "" ? words : text)];
}

/** Contiv's words first, so that who looks for them finds them; then which of several fields it is, if they do not say so. */
function errorLine(error: unknown): string {
  const { field = "", message } = error as { readonly field?: string; readonly message: string };
  // "gateway 5.5.5.5 must be ...", "... not supported (subnet 10.0.0.0/4)"
  const isNamed = [`${field} `, `${field}.`].some(
    (name) => message.startsWith(name) || message.includes(` (${name}`),
  );
  return field === "" || isNamed ? message : `${message} (${field})`;
}

function withRemedy(code: number, message: string): string {
  return code === 401
    ? `${message}: log in with \`netctl --netmaster URL login\`, or name a kubeconfig`
    : message;
}

function parseObject(body: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(body) as unknown;
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    // Plain text, as Contiv's netmaster had it, and proxies have it.
    return undefined;
  }
}
