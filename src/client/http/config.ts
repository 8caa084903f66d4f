/** Which server, and how to speak to it. */
import type { Credentials } from "./credentials.ts";

export interface HttpClientConfig extends Credentials {
  /** "https://127.0.0.1:6443"; a path is put before every request's. */
  readonly server: string;
  /** PEM. Absent: the authorities that Node trusts. */
  readonly ca?: string;
  /** The name the server's certificate must have, where it is not the one in `server`. */
  readonly tlsServerName?: string;
  /** Takes any certificate: whoever sits between can read and change everything. */
  readonly insecureSkipTlsVerify?: boolean;
  /** PEM, both or none. */
  readonly clientCertificate?: string;
  readonly clientKey?: string;
  /** Milliseconds until an answer, and then again until its body, must be there. @default 30000 */
  readonly requestTimeout?: number;
  /**
   * A watch on which nothing came for so many milliseconds is given up, to be resumed on a new connection: the other
   * side may be gone. Servers send bookmarks about every minute. @default 120000
   */
  readonly watchIdleTimeout?: number;
  /** How often one call is sent again when the server asks for it (429, or 5xx with Retry-After). @default 10 */
  readonly retries?: number;
  /** @default "fairlead" */
  readonly userAgent?: string;
}
