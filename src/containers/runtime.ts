/**
 * The ContainerRuntime contract: keeps the Pods of one node true to what really runs on this machine.
 *
 * Two directions exist. A mirror (docker/) finds containers that somebody else runs and writes Pods for them; a
 * runner (process/) finds Pods bound to its node and runs them. Both only speak to the API.
 */
export interface ContainerRuntime {
  /** "docker", "process". */
  readonly name: string;
  /** One line for people: what was found ("Docker 20.10.24 at unix:///var/run/docker.sock"). */
  describe(): Promise<string>;
  /**
   * Works until `signal` aborts; then leaves the Pods as they are (a stopped fairlead does not stop traffic).
   * Engine restarts, lost events and API time-outs are survived inside. Rejects only if it can never work.
   * `onSynced` is called once, after the first complete pass.
   */
  run(signal: AbortSignal, onSynced?: () => void): Promise<void>;
}
