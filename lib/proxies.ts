/** How proxies let a stream through: for the page that the product has about it; docs/proxies.md says the same. */

/** A proxy and what to write into its configuration. */
export interface ProxyAdvice {
  readonly name: string;
  /** In its own language, empty where there is nothing to write. */
  readonly config: string;
  readonly about: string;
}

/** What is known to work. */
export const PROXIES: readonly ProxyAdvice[] = [
  {
    name: "nginx",
    config: `location / {
    proxy_pass http://127.0.0.1:8000;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_buffering off;
    proxy_read_timeout 1h;
}`,
    about:
      "nginx heeds the header X-Accel-Buffering: no of a stream, unless proxy_ignore_headers takes it away.",
  },
  {
    name: "Apache",
    config: `ProxyPass / http://127.0.0.1:8000/ flushpackets=on timeout=3600
SetEnvIf Request_URI ^/api/logs/stream no-gzip`,
    about: "mod_deflate collects what it compresses: a stream is to be left out of it.",
  },
  {
    name: "HAProxy",
    config: `defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h`,
    about:
      "HAProxy passes on what it gets. Its timeouts end a stream when they are shorter than a heartbeat.",
  },
  {
    name: "Caddy",
    config: `reverse_proxy 127.0.0.1:8000 {
    flush_interval -1
}`,
    about: "Caddy passes streams on by itself; a directive encode is not to name text/event-stream.",
  },
  {
    name: "Traefik",
    config: "",
    about:
      "Traefik passes on what it gets, but for its middlewares: leave out buffering, and have compress exclude " +
      "text/event-stream.",
  },
  {
    name: "Cloudflare",
    config: "",
    about:
      "Cloudflare passes streams on, and ends those that say nothing for 100 seconds: a heartbeat of 15 seconds, " +
      "the default, is often enough.",
  },
  {
    name: "Company proxies and virus scanners",
    config: "",
    about: "Some collect whatever they can read. What they cannot read, they pass on: use HTTPS.",
  },
];
