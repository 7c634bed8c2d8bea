/** What is common to servers with and without TLS. */

import type { Server } from "node:net";

/** A server of sockets, and what becomes of them. */
export interface Listening {
  readonly server: Server;
  /** Ends every connection with the answers that it is at. Resolves once those are out. */
  close(): Promise<unknown>;
}
