/** A runtime that starts eight pods, for a test that kills it: `node process-runtime-child.ts NETNS STATE_DIR`. */
import { FakePodApi } from "../../src/containers/process/fake-pod-api.ts";
import { createProcessRuntime } from "../../src/containers/process/runtime.ts";

const [, , netns, stateDir] = process.argv;
const api = new FakePodApi();
const runtime = createProcessRuntime({
  nodeName: "node-a",
  stateDir: stateDir!,
  netns: netns!,
  podCidrs: ["10.244.0.0/24", "fd00:10:244::/64"],
  isolation: "netns",
})({ client: api });
for (let i = 0; i < 8; i++)
  api.add(`pt-child-${i}`, {
    nodeName: "node-a",
    containers: [{ name: "main", command: ["/bin/sleep", "60"] }],
  });
const running = runtime.run(new AbortController().signal);
process.send!("started");
await running;
