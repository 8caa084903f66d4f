/**
 * What a connection through a virtual IP costs against a direct, routed one: requests a second on kept connections, and
 * new connections a second, with 10 and with 10,000 services programmed, the measured one last. Needs root, wrk and
 * HAProxy.
 *
 * "Direct" goes through a node without any rules: nothing is tracked there. "Tracked" goes through the node with 10
 * services, past them: what a host with Docker or any firewall costs before us. ROUNDS (7), SECONDS_EACH (2, whole ones).
 */
import { createNftablesDataPlane } from "../src/dataplane/nftables/programmer.ts";
import type { DataPlane } from "../src/dataplane/dataplane.ts";
import { measuredService, servicesAround } from "./lab-services.ts";
import {
  BACKENDS,
  createPath,
  interleave,
  type Load,
  measure,
  type Path,
  rateText,
  ratioText,
  requirePrograms,
} from "./lab-traffic.ts";

requirePrograms();

const ROUNDS = Number(process.env["ROUNDS"] ?? 7);
const DURATION = Number(process.env["SECONDS_EACH"] ?? 2);

await using stack = new AsyncDisposableStack();
const plain = stack.use(await createPath("plain"));
const few = stack.use(await createPath("few"));
const many = stack.use(await createPath("many"));

async function program({ node }: Path, services: number): Promise<DataPlane> {
  const dataPlane = stack.use(await createNftablesDataPlane({ netns: node }));
  await dataPlane.sync(servicesAround(services));
  return dataPlane;
}
await program(few, 10);
await program(many, 10_000);

const virtual = measuredService.address;
for (const [what, isClosing, target] of [
  ["requests on kept connections", false, 0.93],
  ["new connections", true, 0.75],
] as const) {
  const load: Load = { duration: DURATION, isClosing };
  const rates = interleave(
    {
      direct: () => measure(plain, BACKENDS[0], load),
      tracked: () => measure(few, BACKENDS[0], load),
      few: () => measure(few, virtual, load),
      many: () => measure(many, virtual, load),
    },
    ROUNDS,
  );
  console.log(`${what}, ${ROUNDS} rounds of ${DURATION} s:`);
  console.log(`  virtual IP of 10 services / direct       ${ratioText(rates.few, rates.direct, target)}`);
  console.log(`  virtual IP of 10,000 services / direct   ${ratioText(rates.many, rates.direct, target)}`);
  console.log(`  virtual IP of 10 services / tracked      ${ratioText(rates.few, rates.tracked)}`);
  console.log(`  10,000 services / 10 services            ${ratioText(rates.many, rates.few, 0.97)}`);
  for (const [name, values] of Object.entries(rates)) console.log(`  ${name.padEnd(8)} ${rateText(values)}`);
}
