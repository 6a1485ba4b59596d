/**
 * The Helm chart of the router: `helm template` with several sets of values, its output validated against the schemas
 * of Kubernetes by kubectl-validate, and the router itself started with the configuration that the chart makes.
 */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse, parseAllDocuments, stringify } from "yaml";
import { Cases } from "./lib/cases.mjs";
import { freePort, mustRun, runToEnd } from "./lib/child.mjs";
import { Command, output } from "./lib/command.mjs";
import { installedByGo } from "./lib/go.mjs";

const chart = fileURLToPath(new URL("../packages/cli/helm/trunkline", import.meta.url));
/** The oldest that the chart is for, and the newest of which kubectl-validate brings the schemas along. */
const kubernetesVersions = ["1.25.0", "1.30.0"];
const policy = { rules: [{ identities: ["board-*"], listen: ["{identity}/*"], dial: ["*"] }] };
/** Sets of values by what is special about them. */
const valueSets = {
  "the default values": {},
  "a policy, client certificates, options, and a balancer": {
    policy,
    config: { keepalive: "30s", clockTolerance: "5s" },
    tls: { secret: "other-tls", clientCaSecret: "users" },
    service: { type: "LoadBalancer", port: 443, annotations: { "example.org/address": "internal" } },
    image: { repository: "registry.example.org/trunkline", tag: "0.1.0", pullSecrets: ["registry"] },
    nodeSelector: { "kubernetes.io/os": "linux" },
    tolerations: [{ key: "lab", operator: "Exists" }],
    podAnnotations: { "prometheus.io/scrape": "true" },
    graceSeconds: 5,
  },
  "no TLS": { tls: { secret: "" }, config: { plaintext: true } },
};

/** @returns {Promise<{ passed: number, failed: number }>} */
export async function run() {
  const helm = installedByGo("helm.sh/helm/v3/cmd/helm", "v3.18.6");
  const validate = installedByGo("sigs.k8s.io/kubectl-validate", "v0.0.4");
  const folder = mkdtempSync(join(tmpdir(), "helm-"));
  const cases = new Cases();
  try {
    for (const [title, values] of Object.entries(valueSets)) {
      const rendered = (version) => template(helm, folder, values, version);
      for (const version of kubernetesVersions)
        await cases.run(`${title}: valid for Kubernetes ${version}`, async () => {
          const file = join(folder, "rendered.yaml");
          writeFileSync(file, await rendered(version));
          await mustRun(validate, ["--version", version.split(".").slice(0, 2).join("."), file]);
        });
      await cases.run(`${title}: the router takes the configuration, listens, and is ready`, async () =>
        isTaken(await rendered(kubernetesVersions[1]), folder),
      );
    }
    await cases.run("a chart without a secret for the key is refused by name", async () => {
      const { code, stderr } = await runToEnd(helm, arguments_(folder, { keySecret: "" }, kubernetesVersions[1]));
      assert.notEqual(code, 0);
      assert.match(stderr, /keySecret/);
    });
    await cases.run("helm lint finds nothing wrong", () => mustRun(helm, ["lint", chart]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return cases.counts;
}

function arguments_(folder, values, version) {
  const file = join(folder, "values.yaml");
  writeFileSync(file, stringify(values));
  return ["template", "lab", chart, "--values", file, "--kube-version", version];
}

async function template(helm, folder, values, version) {
  return (await mustRun(helm, arguments_(folder, values, version))).stdout.toString();
}

/** Starts the router as the pod does, with the files that the pod mounts, in a folder. */
async function isTaken(rendered, folder) {
  const documents = parseAllDocuments(rendered).map((each) => each.toJS());
  const { data } = documents.find(({ kind }) => kind === "ConfigMap");
  const { spec } = documents.find(({ kind }) => kind === "Deployment").spec.template;
  const [container] = spec.containers;
  const root = mkdtempSync(join(folder, "pod-"));
  const inPod = (path) => join(root, path);
  for (const { mountPath } of container.volumeMounts) mkdirSync(inPod(mountPath), { recursive: true });
  const env = { XDG_STATE_HOME: inPod("/tmp"), XDG_RUNTIME_DIR: inPod("/tmp"), HOME: root };

  const made = join(root, "made");
  await output(["cert", "server", "localhost", "--folder", made], env);
  const mounted = {
    "/run/trunkline/tls": { "tls.crt": "localhost.pem", "tls.key": "localhost.key" },
    "/run/trunkline/client-ca": { "ca.crt": "ca.pem" },
  };
  for (const { mountPath } of container.volumeMounts)
    for (const [name, source] of Object.entries(mounted[mountPath] ?? {}))
      cpSync(join(made, source), inPod(join(mountPath, name)));
  writeFileSync(inPod("/run/trunkline/key/router.key"), await output(["key"], env), { mode: 0o440 });

  const ports = { 7420: await freePort(), 9464: await freePort() };
  for (const [name, text] of Object.entries(data)) {
    const options = name === "router.yaml" ? parse(text) : undefined;
    // Ports that are free here, and paths in the folder; nothing beyond loopback.
    const moved = (value) =>
      typeof value !== "string"
        ? value
        : value.startsWith("/")
          ? inPod(value)
          : value.replace(/^0\.0\.0\.0:(\d+)$/, (_, port) => `127.0.0.1:${ports[port]}`);
    const here =
      options === undefined
        ? text
        : stringify(Object.fromEntries(Object.entries(options).map(([option, value]) => [option, moved(value)])));
    writeFileSync(inPod(join("/etc/trunkline", name)), here);
  }
  const args = container.args.filter((each) => each !== "--json");
  const router = new Command(
    args.map((each) => (each.startsWith("/") ? inPod(each) : each)),
    env,
  );
  try {
    const { port } = await router.event("listening");
    assert.equal(port, ports[7420]);
    for (const probe of [container.livenessProbe, container.readinessProbe]) {
      const answer = await fetch(`http://127.0.0.1:${ports[9464]}${probe.httpGet.path}`);
      assert.equal(answer.status, 200, probe.httpGet.path);
    }
  } finally {
    await router.stop();
  }
}
