/** Commands for a shell that do what the page does. Pure. */

import { logPath } from "./details.ts";

const TOKEN = "-H 'Authorization: Bearer tp_...'";

/** The command that sends a first log to the server at `origin`; with a place for the token where one is needed. */
export function curlSend(origin: string, takesToken: boolean): string {
  return `curl ${origin}/api/logs ${takesToken ? `${TOKEN} ` : ""}\\\n` +
    `  -H 'Content-Type: application/json' \\\n` +
    `  -d '{"service":"hello","level":"info","message":"It works"}'`;
}

/** The command that reads a log. `organizationId` as in the page's query string, if it is there. */
export function curlRead(
  origin: string,
  id: number,
  { organizationId, takesToken }: { organizationId: string | null; takesToken: boolean },
): string {
  return `curl ${takesToken ? `${TOKEN} ` : ""}'${origin}${logPath(id, organizationId)}'`;
}

/** The command that saves an export under the name that the server gives it. `path` as `exportPath()` writes it. */
export function curlExport(origin: string, path: string, { takesToken }: { takesToken: boolean }): string {
  return `curl -OJ ${takesToken ? `${TOKEN} ` : ""}'${origin}${path.replaceAll("'", "%27")}'`;
}
