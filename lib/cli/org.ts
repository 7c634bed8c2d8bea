/** `tailpost org create|list|rename`. */

import { Argument, Command } from "commander";
import { createOrganization, listOrganizations, renameOrganization } from "../organizations.ts";
import { organizationId, withDatabase } from "./administer.ts";
import { print, say, table } from "./output.ts";

/** Makes the command. */
export function orgCommand(): Command {
  return new Command("org")
    .summary("organizations, whose logs are kept apart")
    .description("Makes, lists and renames organizations. A token sees the logs of its own and of no other.")
    .addCommand(create())
    .addCommand(list())
    .addCommand(rename())
    .addHelpText(
      "after",
      `
Logs go to an organization by its id: the column organization_id in SQL, or a token over HTTP.

Examples:
  tailpost org create acme
  tailpost token create --name shipper --scope ingest --org 2`,
    );
}

function create(): Command {
  return withDatabase(
    new Command("create").summary("make one").description("Makes an organization, and prints its id.")
      .argument("<name>", "its name, which no other has"),
    async (sql, name) => {
      const organization = await createOrganization(sql, name ?? "");
      say(`Organization ${organization.id}, ${JSON.stringify(organization.name)}`);
      print(String(organization.id));
    },
  );
}

function list(): Command {
  return withDatabase(
    new Command("list").summary("what organizations there are").description("Lists all organizations.")
      .option("--json", "print them as JSON"),
    async (sql, _argument, flags) => {
      const organizations = await listOrganizations(sql);
      if (flags.json === true) return print(JSON.stringify(organizations, null, 2));
      const rows = organizations.map(({ id, name, createdAt }) => [
        String(id),
        name,
        createdAt.toISOString().slice(0, 10),
      ]);
      for (const line of table(["ID", "NAME", "SINCE"], rows)) print(line);
    },
  );
}

function rename(): Command {
  const command = new Command("rename").summary("give one another name")
    .description("Renames an organization. Its logs and tokens stay.")
    .addArgument(new Argument("<id>", "as tailpost org list shows it").argParser(organizationId))
    .addArgument(new Argument("<name>", "its new name"));
  return withDatabase(command, async (sql, id, _flags, name) => {
    const organization = await renameOrganization(sql, Number(id), name ?? "");
    say(`Organization ${organization.id} is now ${JSON.stringify(organization.name)}`);
  });
}
