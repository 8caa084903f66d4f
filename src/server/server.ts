/** The server's contract: what it is started with, and what a running one offers. Implemented by start.ts. */
import type { Registry as MetricRegistry } from "prom-client";
import type { Cidr } from "../base/ip.ts";
import type { Log } from "../base/log.ts";
import type { KindCatalog } from "../api/kind-catalog.ts";
import type { Store } from "../store/store.ts";
import type { FlowControlOptions } from "./flow-control/flow-control.ts";
import type { GuestApi } from "./guest-api.ts";
import type { PodListenerOptions } from "./pod-listener.ts";
import type { Registry, UserInfo } from "./registry.ts";
import type { ServiceAccountTokens } from "./security/service-account-tokens.ts";

export interface ServerOptions {
  /** Not closed by the server. */
  readonly store: Store;
  /** Where to listen. Port 0: any free one. */
  readonly bind: { readonly host: string; readonly port: number };
  /** Certificates and keys are kept in `<dataDir>/pki`. */
  readonly dataDir: string;
  /**
   * The ranges of virtual addresses: one, or one of each family, the primary first.
   * @default 10.96.0.0/16
   */
  readonly serviceCidrs?: readonly Cidr[];
  /**
   * The range of node ports, both ends included.
   * @default 30000-32767
   */
  readonly nodePorts?: { readonly first: number; readonly last: number };
  /**
   * Names and addresses that clients use for this server, beside the bind address and localhost.
   * @default none
   */
  readonly serverNames?: readonly string[];
  /**
   * The kinds that are served.
   * @default every kind of src/api/kinds.ts
   */
  readonly kinds?: KindCatalog;
  /**
   * A file of users with fixed tokens, a line each: `token,user,uid,"group1,group2"`. It is read again when
   * it changes.
   * @default none
   */
  readonly tokenAuthFile?: string | undefined;
  /**
   * Who ServiceAccount tokens say has issued them, a URL; also their audience unless another is asked for.
   * @default https://kubernetes.default.svc.cluster.local
   */
  readonly serviceAccountIssuer?: string;
  /**
   * The file that gets an audit line for each write. It is rotated: path.1 to path.4 are older ones.
   * @default no audit
   */
  readonly auditLog?: string | undefined;
  /**
   * Whether openToPods or keepFromPods will be called soon: until then the Service `kubernetes` leads where it did when the
   * server last ran, so that a restart changes nothing. @default {false}
   */
  readonly expectPods?: boolean;
  /** What other parts of this process count: /metrics tells it too. @default {[]} */
  readonly metrics?: readonly MetricRegistry[];
  /** APIs of other shapes over the same objects. @default {[]} */
  readonly guests?: readonly GuestApi[];
  /** What clients may take of the server together, and each for how long. */
  readonly limits?: ServerLimits;
  /** @default says nothing */
  readonly log?: Log;
  /** Milliseconds since the epoch. @default Date.now */
  readonly clock?: () => number;
}

export interface ServerLimits extends FlowControlOptions {
  /** Milliseconds for the headers of a request. @default 15_000 */
  readonly headersTimeout?: number;
  /** Milliseconds for the body of a request. @default 30_000 */
  readonly bodyTimeout?: number;
  /** Milliseconds for which a client may take nothing of what it has been sent. @default 60_000 */
  readonly stallTimeout?: number;
  /** Connections at once. @default 4096 */
  readonly maxConnections?: number;
  /** Connections of one user at once; of one in system:masters, twice as many. @default 1024 */
  readonly maxConnectionsPerUser?: number;
}

export interface PlainOptions {
  readonly bind: { readonly host: string; readonly port: number };
  /** Names the option that has `bind`, for refusals: "--netmaster". */
  readonly option: string;
  readonly guest: GuestApi;
  readonly user: UserInfo;
}

export interface RunningServer {
  readonly registry: Registry;
  /** "https://127.0.0.1:6443" */
  readonly url: string;
  readonly address: { readonly host: string; readonly port: number };
  /** The certificate authority's certificate, PEM. */
  readonly ca: string;
  /** For the controller that fills in the tokens of Secrets. */
  readonly serviceAccountTokens: Pick<ServiceAccountTokens, "issueLegacy">;
  /** A kubeconfig (YAML) with an administrator's client certificate. */
  kubeconfig(): string;
  /**
   * Writes {@link kubeconfig} to `path` with mode 0600, whole or not at all. Throws KubeconfigError if there is a
   * file of somebody else's there.
   */
  writeKubeconfig(path: string): Promise<void>;
  /**
   * Listens at an address that pods reach too, and publishes it as the endpoint of the Service `kubernetes`; for pods and
   * this node only. Again with another address: that one instead. Throws SystemError if it cannot be listened on; then
   * the endpoint stays as it is.
   */
  openToPods(options: Omit<PodListenerOptions, "port">): Promise<void>;
  /**
   * Serves `guest` alone at another address, by plain HTTP and without asking who it is: every request is `user`'s. Limits,
   * time-outs, metrics and audit are as everywhere. Ends with the server. Throws BindError.
   */
  openPlain(options: PlainOptions): Promise<{ readonly url: string }>;
  /** There are no pods that could not reach the server where it listens: the Service `kubernetes` leads there. */
  keepFromPods(): Promise<void>;
  /** Ends watches, finishes requests under way and lets go of the port. The store stays open. */
  close(): Promise<void>;
}
