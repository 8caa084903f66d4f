/** What to do about a server that could not be asked, by what the connection ended with. */
import { EXIT, NetctlError } from "./failure.ts";

/** `cause` is what the connection threw; Node's own error may be the cause of that. */
export function unreachable(url: string, why: string, cause: unknown): NetctlError {
  return new NetctlError(EXIT.request, `${why.trimEnd()}: ${remedy(url, codeOf(cause))}`, { cause });
}

function remedy(url: string, code: string): string {
  const isTls = url.startsWith("https:");
  // What answers a TLS hello is not TLS: OpenSSL's "wrong version number".
  if (isTls && (code === "EPROTO" || code === "ERR_SSL_WRONG_VERSION_NUMBER"))
    return `it speaks no TLS: write it as ${url.replace(/^https:/, "http:")}`;
  if (isTls && CERTIFICATE.test(code))
    return "name the authority that signed its certificate with --certificate-authority FILE, or the kubeconfig that `fairlead up` wrote with --kubeconfig FILE; --insecure takes any certificate";
  const where = "is `fairlead up` running there? --netmaster, $NETMASTER or the kubeconfig say where";
  // A TLS server says nothing to what is not TLS.
  return !isTls && code === "ECONNRESET"
    ? `if it wants TLS, write it as ${url.replace(/^http:/, "https:")}; ${where}`
    : where;
}

/** Node's names of OpenSSL's verification errors (doc/api/tls.md, "X509 certificate error codes"), and its own of a wrong name. */
const CERTIFICATE = /SELF_SIGNED|^UNABLE_TO_|^CERT_|^ERR_TLS_CERT_/;

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  const { code } = error as { readonly code?: unknown };
  return typeof code === "string" ? code : codeOf(error.cause);
}
