import { page } from "fresh";
import { Head } from "fresh/runtime";
import { TokensPage, type TokensView } from "../../components/TokensPage.tsx";
import { callerOf } from "../../lib/auth/caller.ts";
import { readForm } from "../../lib/auth/form.ts";
import { newTokenOf } from "../../lib/auth/token_form.ts";
import { insertToken, listTokens, revokeToken, TokenError } from "../../lib/auth/token_store.ts";
import { define, type State } from "../../lib/define.ts";
import { listOrganizations } from "../../lib/organizations.ts";

const NO_STORE = { "Cache-Control": "no-store" };

async function show(state: State, more: Partial<TokensView> = {}, status = 200) {
  const { sql } = state.services;
  const [tokens, organizations] = await Promise.all([listTokens(sql), listOrganizations(sql)]);
  const { name } = callerOf(state);
  const view: TokensView = {
    tokens,
    organizations,
    name,
    made: null,
    problem: null,
    now: Date.now(),
    ...more,
  };
  return page(view, { status, headers: NO_STORE });
}

export const handler = define.handlers({
  GET: ({ state }) => show(state),

  /** Makes a token, or revokes one. */
  async POST(ctx) {
    const { state } = ctx;
    const form = await readForm(ctx.req, state.services.config.bodySeconds);
    try {
      if (form.get("action") === "revoke") {
        await revokeToken(state.services.sql, form.get("id") ?? "");
        return ctx.redirect("/settings/tokens", 303);
      }
      return await show(state, { made: await insertToken(state.services.sql, newTokenOf(form)) });
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      return await show(state, { problem: error.message }, 400);
    }
  },
});

export default define.page<typeof handler>(({ data }) => (
  <>
    <Head>
      <title>Tokens · Tailpost</title>
    </Head>
    <TokensPage {...data} />
  </>
));
