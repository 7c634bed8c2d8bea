/** `tailpost token create|list|revoke`. */

import { Argument, Command, Option } from "commander";
import { type Scope, SCOPES } from "../auth/scope.ts";
import { parseDuration } from "../auth/token.ts";
import { insertToken, listTokens, type NewToken, revokeToken, type Token } from "../auth/token_store.ts";
import { administer, notAllowed, organizationId, withDatabase } from "./administer.ts";
import { print, say, table } from "./output.ts";
import { addSettings } from "./settings.ts";

/** Makes the command. */
export function tokenCommand(): Command {
  return new Command("token")
    .summary("who may read, send and administer")
    .description("Makes, lists and revokes the tokens with which people and programs come in.")
    .addCommand(create())
    .addCommand(list())
    .addCommand(revoke())
    .addHelpText(
      "after",
      `
Scopes:
  read     see the logs of one organization: the page, the stream, the history
  ingest   send logs to one organization, and nothing else: for shippers
  admin    everything in every organization, tokens included

Examples:
  tailpost token create --name laptop --scope read
  tailpost token create --name ci --scope ingest --org 2 --expires 90d
  curl -H "Authorization: Bearer tp_..." http://localhost:8000/api/logs`,
    );
}

function create(): Command {
  const command = new Command("create")
    .summary("make a token, which is shown once")
    .description("Makes a token and prints it, once: only its hash is stored.")
    .requiredOption("--name <name>", "what it is for, so that you know it later")
    .addOption(
      new Option("--scope <scope>", "what it is good for").choices([...SCOPES]).makeOptionMandatory(),
    )
    .option("--org <id>", "the organization whose logs it is for (default: 1; none with the scope admin)")
    .option(
      "--expires <duration>",
      "after how long it is good for nothing, such as 12h or 90d (default: never)",
    );
  return addSettings(command, ["databaseUrl", "dataDir"]).action((flags: Record<string, string>) => {
    const wanted = newToken(flags);
    return administer(flags, async (sql) => {
      const { text, token } = await insertToken(sql, wanted);
      say(`Token ${token.id}, ${described(token)}. It is shown this once:`);
      print(text);
    });
  });
}

/** Reads what a token is to be, before any database is opened. */
function newToken({ name = "", scope: given, org, expires }: Record<string, string>): NewToken {
  const scope = given as Scope;
  const expiresIn = expires === undefined ? null : parseDuration(expires);
  if (expires !== undefined && expiresIn === null) {
    throw notAllowed("--expires", expires, "a number and s, m, h, d, w or y, such as 90d");
  }
  if (scope === "admin" && org !== undefined) {
    throw notAllowed("--org", org, "nothing with the scope admin, which is for all organizations");
  }
  return { name, scope, expiresIn, organizationId: scope === "admin" ? null : organizationId(org ?? "1") };
}

function list(): Command {
  const command = new Command("list")
    .summary("what tokens there are")
    .description("Lists all tokens, the newest first, by their beginnings.")
    .option("--json", "print them as JSON");
  return withDatabase(command, async (sql, _argument, flags) => {
    const tokens = await listTokens(sql);
    if (flags.json === true) return print(JSON.stringify(tokens, null, 2));
    if (tokens.length === 0) return say("There are no tokens. Make one with tailpost token create");
    const rows = tokens.map((token) => [
      String(token.id),
      `${token.prefix}...`,
      token.name,
      token.scope,
      token.organizationId === null ? "all" : String(token.organizationId),
      stateOf(token),
      token.lastUsedAt ? minutes(token.lastUsedAt) : "never",
    ]);
    for (const line of table(["ID", "TOKEN", "NAME", "SCOPE", "ORG", "STATE", "LAST USED"], rows)) {
      print(line);
    }
  });
}

function revoke(): Command {
  const command = new Command("revoke")
    .summary("make a token good for nothing")
    .description("Revokes a token. What is open with it, streams and sessions, ends within seconds.")
    .addArgument(new Argument("<id or prefix>", "as tailpost token list shows it"));
  return withDatabase(command, async (sql, which = "") => {
    const token = await revokeToken(sql, which.replace(/\.+$/u, ""));
    say(`Revoked token ${token.id}, ${described(token)}`);
  });
}

function described({ name, scope, organizationId, expiresAt }: Token): string {
  const where = organizationId === null ? "every organization" : `organization ${organizationId}`;
  const until = expiresAt ? ` until ${minutes(expiresAt)}` : "";
  return `${JSON.stringify(name)}: ${scope} in ${where}${until}`;
}

function stateOf({ revokedAt, expiresAt }: Token): string {
  if (revokedAt) return `revoked ${minutes(revokedAt)}`;
  if (!expiresAt) return "good";
  return expiresAt.getTime() > Date.now() ? `until ${minutes(expiresAt)}` : `expired ${minutes(expiresAt)}`;
}

function minutes(date: Date): string {
  return date.toISOString().slice(0, 16) + "Z";
}
