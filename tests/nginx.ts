/** A real nginx in front of servers, where one is installed. */

import { join } from "node:path";
import { freePort, installed } from "./installed.ts";
import { run } from "./server.ts";

const { path, test } = installed("nginx");

export { test as nginxTest };

/** A running nginx. */
export interface Nginx extends AsyncDisposable {
  readonly url: string;
}

/** Starts one that spreads requests over servers of this machine, as a deployment does that restarts them in turn. */
export async function startNginx(ports: readonly number[]): Promise<Nginx> {
  const port = freePort();
  const folder = await Deno.makeTempDir({ prefix: "tailpost-nginx-" });
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((what) =>
    `${what}_temp_path ${folder}/${what};`
  );
  const config = `
    daemon off;
    pid ${folder}/pid;
    error_log stderr warn;
    events { worker_connections 4096; }
    http {
      access_log off;
      ${temporary.join("\n")}
      upstream tailpost { ${ports.map((port) => `server 127.0.0.1:${port} max_fails=0;`).join(" ")} }
      server {
        listen 127.0.0.1:${port};
        location / {
          proxy_pass http://tailpost;
          proxy_http_version 1.1;
          proxy_set_header Connection "";
        }
      }
    }`;
  await Deno.writeTextFile(join(folder, "nginx.conf"), config);
  const program = run(path ?? "nginx", ["-p", folder, "-c", join(folder, "nginx.conf"), "-e", "stderr"], {});
  const url = `http://127.0.0.1:${port}`;
  // It says nothing when it is ready.
  const until = performance.now() + 10_000;
  for (let ready = false; !ready;) {
    ready = await fetch(url).then((response) => response.body?.cancel()).then(() => true, () => false);
    if (!ready && performance.now() > until) throw new Error(`nginx does not answer: ${program.output()}`);
  }
  return {
    url,
    async [Symbol.asyncDispose]() {
      await program.end("SIGTERM");
      await Deno.remove(folder, { recursive: true });
    },
  };
}
