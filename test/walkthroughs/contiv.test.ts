/** Contiv's document of its services, typed at a terminal of a machine with a Docker engine: contiv.md, executed. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { DockerEngine, needsDocker } from "../lab/docker-engine.ts";
import { fairleadUp, type Up } from "../lab/fairlead.ts";
import { Terminal } from "../lab/terminal.ts";
import { parseTranscript, Reader } from "../lab/transcript.ts";

const BIN = join(import.meta.dirname, "../../bin");
const SECTIONS = parseTranscript(readFileSync(join(import.meta.dirname, "contiv.md"), "utf8"), [
  "netctl",
  "docker",
]);

describe("Contiv's document, as it is typed", { skip: needsDocker() }, () => {
  const directory = mkdtempSync(join(tmpdir(), "fltest-walkthrough-"));
  let engine: DockerEngine;
  let up: Up;
  let terminal: Terminal;
  let reader: Reader;

  before(async () => {
    engine = await DockerEngine.start();
    await engine.importAlpine();
    const env = { DOCKER_HOST: engine.dockerHost, KUBECONFIG: join(directory, "kubeconfig") };
    // The directory is all that differs from what is typed: that of the system is not for tests.
    up = await fairleadUp(["--containers", "docker", "--data-dir", directory], { netns: engine.netns, env });
    terminal = await Terminal.open({
      netns: engine.netns,
      env: { ...env, PATH: `${BIN}:${process.env["PATH"]}` },
    });
    reader = new Reader(terminal);
  });

  after(async () => {
    await terminal?.[Symbol.asyncDispose]();
    await up?.[Symbol.asyncDispose]();
    await engine?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  // Each part goes on where the one before has ended.
  let failed: string | undefined;
  for (const section of SECTIONS)
    test(section.title, async () => {
      assert.equal(failed, undefined, "a part before this one failed");
      failed = section.title;
      await reader.read(section);
      failed = undefined;
    });
});
