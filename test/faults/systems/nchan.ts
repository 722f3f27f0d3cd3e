// Nchan in a run: two nginx with the module, their channels in Redis, and pages with event streams that show the id of their last
// message when they come back.

import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../support/ports.ts";
import { RunningProcess } from "../../support/process.ts";
import { findTool } from "../../support/tools.ts";
import { NchanClient } from "../nchan-client.ts";
import { once } from "../publishers.ts";
import { servedBy } from "../system.ts";
import type { System } from "../system.ts";

const modules = [
  "/usr/lib/nginx/modules/ngx_nchan_module.so",
  "/usr/share/nginx/modules/ngx_nchan_module.so",
];

export const nchan: System = {
  title: "Nchan 1.3.6, Redis",
  async absence() {
    const isThere = findTool("nginx") !== undefined && modules.some((path) => existsSync(path));
    return isThere ? undefined : "no nginx with Nchan (Debian: `apt-get install libnginx-mod-nchan`)";
  },
  async serve(redisPort) {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), "nchan-"));
    mkdirSync(join(folder, "empty"));
    writeFileSync(join(folder, "nginx.conf"), configuration(port, redisPort));
    const nginx = findTool("nginx") ?? "nginx";
    const server = new RunningProcess([nginx, "-p", folder, "-c", "nginx.conf", "-e", "stderr"]);
    const url = `http://127.0.0.1:${port}`;
    await untilStored(url, server);
    return servedBy(server, url);
  },
  client: async (parts) => NchanClient.start(parts),
  publishers: (parts) =>
    ["a", "b", "c"].map((way) =>
      once({ ...parts, name: `${parts.room}-${way}` }, (id) => ({
        path: `/pub?id=${parts.room}`,
        body: JSON.stringify({ id }),
      })),
    ),
};

/** One process, which SIGKILL ends as a whole; a silent link is found by pings. */
function configuration(port: number, redisPort: number): string {
  const module = modules.find((path) => existsSync(path));
  const channel = `nchan_channel_id $arg_id; nchan_redis_pass kept;`;
  return `
load_module ${module};
daemon off; master_process off; pid nginx.pid;
events { worker_connections 2000; }
http {
  access_log off; client_body_temp_path empty; proxy_temp_path empty; fastcgi_temp_path empty;
  uwsgi_temp_path empty; scgi_temp_path empty;
  upstream kept {
    nchan_redis_server redis://127.0.0.1:${redisPort};
    nchan_redis_ping_interval 3s; nchan_redis_command_timeout 5s;
  }
  server {
    listen 127.0.0.1:${port};
    location = /pub {
      nchan_publisher http; ${channel} nchan_message_buffer_length 10000; nchan_message_timeout 600s;
    }
    location = /sub { nchan_subscriber eventsource; ${channel} nchan_subscriber_first_message newest; }
  }
}`;
}

async function untilStored(url: string, server: RunningProcess): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const isUp = await fetch(`${url}/pub?id=ready`, { method: "POST", body: "{}" }).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isUp) return;
    if (!server.isRunning || performance.now() > deadline)
      throw new Error(`Expected nginx to store a message, got:\n${server.output}`);
    await Bun.sleep(20);
  }
}
