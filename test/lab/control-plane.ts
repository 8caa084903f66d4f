/**
 * The API server with its controllers, in this process and on a durable store, as `fairlead up` has them without a node of
 * its own. It can be stopped, and started again at the same address.
 */
import { join } from "node:path";
import type { Cidr } from "../../src/base/ip.ts";
import { createInProcessClient } from "../../src/client/in-process.ts";
import { startControllers } from "../../src/controllers/controllers.ts";
import { startServer } from "../../src/server/start.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { logOfFaults } from "../api-fixture.ts";

export interface ControlPlaneOptions {
  readonly directory: string;
  readonly host: string;
  readonly serviceCidrs: readonly Cidr[];
}

export class ControlPlane implements AsyncDisposable {
  /** Errors that server and controllers logged: their own faults. */
  readonly faults: unknown[] = [];
  readonly kubeconfig: string;
  readonly #options: ControlPlaneOptions;
  #running: AsyncDisposable | undefined;
  #url = "";
  #kubeconfigText = "";

  constructor(options: ControlPlaneOptions) {
    this.#options = options;
    this.kubeconfig = join(options.directory, "kubeconfig");
  }

  get url(): string {
    return this.#url;
  }

  /** The administrator's. */
  get kubeconfigText(): string {
    return this.#kubeconfigText;
  }

  async start(): Promise<void> {
    const { directory, host, serviceCidrs } = this.#options;
    const log = logOfFaults(this.faults);
    await using stack = new AsyncDisposableStack();
    const store = stack.use(await openSqliteStore({ dataDir: join(directory, "store") }));
    const bind = { host, port: 6443 };
    const server = await startServer({ store, bind, dataDir: directory, serviceCidrs, log });
    stack.defer(() => server.close());
    await server.writeKubeconfig(this.kubeconfig);
    this.#url = server.url;
    this.#kubeconfigText = server.kubeconfig();
    const end = new AbortController();
    const controllers = startControllers({
      client: createInProcessClient(server.registry, "system:fairlead"),
      signal: end.signal,
      log,
      identity: { ca: server.ca, issueLegacyToken: server.serviceAccountTokens.issueLegacy },
    });
    stack.defer(async () => {
      end.abort();
      await controllers.done;
    });
    await controllers.ready;
    this.#running = stack.move();
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    await running?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
