import assert from "node:assert/strict";
import { homedir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { engineAddress, type EngineEnvironment } from "./engine-address.ts";
import { EngineError } from "./engine-error.ts";

test("DOCKER_HOST means what it means to the docker command", () => {
  const table: [EngineEnvironment, object][] = [
    [{}, { type: "unix", path: "/var/run/docker.sock" }],
    [{ DOCKER_HOST: "" }, { type: "unix", path: "/var/run/docker.sock" }],
    [{ DOCKER_HOST: "unix:///run/podman/podman.sock" }, { type: "unix", path: "/run/podman/podman.sock" }],
    [{ DOCKER_HOST: "tcp://10.0.0.7" }, { type: "tcp", host: "10.0.0.7", port: 2375 }],
    [{ DOCKER_HOST: "tcp://10.0.0.7:80" }, { type: "tcp", host: "10.0.0.7", port: 80 }],
    [{ DOCKER_HOST: "tcp://[fd00::7]:4243" }, { type: "tcp", host: "fd00::7", port: 4243 }],
    [
      { DOCKER_HOST: "tcp://engine", DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: "/certs" },
      { type: "tcp", host: "engine", port: 2376, tls: { directory: "/certs", verify: true } },
    ],
    [
      { DOCKER_HOST: "tcp://engine:2400", DOCKER_CERT_PATH: "/certs" },
      { type: "tcp", host: "engine", port: 2400, tls: { directory: "/certs", verify: false } },
    ],
    [
      { DOCKER_HOST: "https://engine:443", DOCKER_TLS_VERIFY: "1" },
      {
        type: "tcp",
        host: "engine",
        port: 443,
        tls: { directory: join(homedir(), ".docker"), verify: true },
      },
    ],
  ];
  for (const [environment, address] of table)
    assert.deepEqual(engineAddress(environment), {
      ...address,
      text: environment.DOCKER_HOST || "unix:///var/run/docker.sock",
    });
});

test("an address that cannot be used is refused with what to write instead", () => {
  const table: [string, RegExp, RegExp][] = [
    ["ssh://me@far", /ssh is not supported/, /ssh -NL \/tmp\/docker\.sock:\/var\/run\/docker\.sock me@far/],
    ["unix://docker.sock", /no absolute path/, /three slashes/],
    ["tcp://", /has no host/, /tcp:\/\/host/],
    ["npipe:////./pipe/docker_engine", /not understood/, /unix:\/\/\//],
    ["/var/run/docker.sock", /not understood/, /unix:\/\/\//],
  ];
  for (const [DOCKER_HOST, message, remedy] of table)
    assert.throws(
      () => engineAddress({ DOCKER_HOST }),
      (error) =>
        error instanceof EngineError &&
        error.permanent &&
        message.test(error.message) &&
        remedy.test(error.remedy ?? ""),
      DOCKER_HOST,
    );
});
