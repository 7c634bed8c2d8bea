import { type Context, page } from "fresh";
import { Head } from "fresh/runtime";
import { CodeForm, LoginForm, type LoginPage, Welcome } from "../components/LoginForm.tsx";
import { callerOfGrant, may } from "../lib/auth/caller.ts";
import { addressOf, isSecure } from "../lib/auth/client.ts";
import { readForm } from "../lib/auth/form.ts";
import { safeNext } from "../lib/auth/next.ts";
import { insertToken } from "../lib/auth/token_store.ts";
import { isAway } from "../lib/database.ts";
import { define, type State } from "../lib/define.ts";
import { RefusedError } from "../lib/limits.ts";

const NO_STORE = { "Cache-Control": "no-store" };
const USED =
  "This link was used already, or is older than 15 minutes. Start Tailpost again for another one, or make a " +
  "token with: tailpost token create --name me --scope admin";
const AWAY = "The database does not answer at the moment. Try again shortly";

const show = (data: LoginPage, status = 200, headers = {}) =>
  page(data, { status, headers: { ...NO_STORE, ...headers } });

export const handler = define.handlers({
  GET({ url: { searchParams }, state }) {
    const next = safeNext(searchParams.get("next"));
    const code = searchParams.get("code");
    if (code === null) return show({ kind: "token", next, problem: null });
    return state.services.auth.codes.isGood(code)
      ? show({ kind: "code", code })
      : show({ kind: "token", next, problem: USED }, 401);
  },

  async POST(ctx) {
    const { config, limits, metrics } = ctx.state.services;
    const form = await readForm(ctx.req, config.bodySeconds);
    const code = form.get("code");
    const next = safeNext(form.get("next"));
    let giveBack = () => {};
    try {
      giveBack = limits.signIn(addressOf(ctx));
      const answer = code === null
        ? await signIn(ctx, form.get("token") ?? "", next)
        : await begin(ctx, code);
      if (answer.status !== 401) giveBack();
      return answer;
    } catch (error) {
      if (error instanceof RefusedError) {
        const { status, message, retryAfter } = error.refusal;
        if (error.reason) metrics.refused.inc({ reason: error.reason });
        return show({ kind: "token", next, problem: message }, status, { "Retry-After": String(retryAfter) });
      }
      giveBack();
      if (!isAway(error)) throw error;
      return show({ kind: "token", next, problem: AWAY }, 503);
    }
  },
});

/** Begins a session with a token. */
async function signIn(ctx: Context<State>, text: string, next: string) {
  const { auth } = ctx.state.services;
  const grant = await auth.tokens.verify(text.trim());
  const refuse = (problem: string) => show({ kind: "token", next, problem }, 401);
  if (!grant) return refuse("This token is not valid: it is mistyped, revoked or has expired");
  if (!may(callerOfGrant(grant), "read")) {
    return refuse("This token may send logs and not read them: it is for programs");
  }
  const response = ctx.redirect(next, 303);
  response.headers.append("Set-Cookie", await auth.signIn(grant.token.id, isSecure(ctx)));
  response.headers.set("Cache-Control", "no-store");
  return response;
}

/** Uses up a one-time link: makes the first administrator, and begins a session. */
async function begin(ctx: Context<State>, code: string) {
  const { auth, sql } = ctx.state.services;
  const used = auth.codes.redeem(code);
  if (!used) return show({ kind: "token", next: safeNext(null), problem: USED }, 401);
  try {
    const name = "first administrator";
    const { text, token } = await insertToken(sql, {
      organizationId: null,
      name,
      scope: "admin",
      expiresIn: null,
    });
    const cookie = await auth.signIn(token.id, isSecure(ctx));
    return page<LoginPage>({ kind: "welcome", token: text }, {
      headers: { ...NO_STORE, "Set-Cookie": cookie },
    });
  } catch (error) {
    used.undo();
    throw error;
  }
}

export default define.page<typeof handler>(({ data }) => (
  <>
    <Head>
      <title>Sign in · Tailpost</title>
    </Head>
    {data.kind === "welcome"
      ? <Welcome token={data.token} />
      : data.kind === "code"
      ? <CodeForm code={data.code} />
      : <LoginForm next={data.next} problem={data.problem} />}
  </>
));
