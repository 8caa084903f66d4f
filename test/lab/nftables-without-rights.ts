/** Opens the data plane as nobody and prints what that says. */
import { DataPlaneError } from "../../src/dataplane/dataplane.ts";
import { createNftablesDataPlane } from "../../src/dataplane/nftables/programmer.ts";

process.setgid?.(65_534);
process.setuid?.(65_534);
try {
  await createNftablesDataPlane();
  console.log("no error");
} catch (error) {
  console.log(String(error));
  if (error instanceof DataPlaneError) console.log(`remedy: ${error.remedy}`);
}
