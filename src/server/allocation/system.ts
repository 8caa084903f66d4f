/** Who writes when the server itself does. */
import type { CallContext } from "../registry.ts";

export const SYSTEM: CallContext = { user: { name: "system:fairlead", groups: ["system:masters"] } };
