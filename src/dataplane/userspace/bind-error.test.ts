import assert from "node:assert/strict";
import { test } from "node:test";
import type { VirtualPort } from "../table.ts";
import { bindError } from "./bind-error.ts";

const PORT: VirtualPort = {
  service: "default/web",
  portName: "",
  address: "198.51.100.7",
  port: 80,
  protocol: "TCP",
  backends: [],
};
const ELSEWHERE = Object.assign(new Error("bind"), { code: "EADDRNOTAVAIL" });

test("an address that the machine has not got: another range for cluster IPs, the address for those that people chose", () => {
  for (const [type, remedy] of [
    [undefined, /use a --service-cidr inside 127\.0\.0\.0\/8/],
    ["ClusterIP", /use a --service-cidr inside 127\.0\.0\.0\/8/],
    ["ExternalIP", /give this machine the address/],
    ["LoadBalancer", /give this machine the address/],
  ] as const) {
    const said = bindError(ELSEWHERE, { ...PORT, ...(type === undefined ? {} : { type }) });
    assert.match(said.remedy, remedy);
    assert.match(
      said.message,
      /^cannot listen on 198\.51\.100\.7:80\/TCP of default\/web: the address is not/,
    );
  }
});
