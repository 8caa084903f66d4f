import { storeCompliance } from "../compliance.ts";
import { createMemoryStore } from "./memory-store.ts";

storeCompliance("the store in memory", async () => createMemoryStore({ retention: { intervalMs: 0 } }));
