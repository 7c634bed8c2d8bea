import { isSecure } from "../lib/auth/client.ts";
import { setSessionCookie } from "../lib/auth/session.ts";
import { define } from "../lib/define.ts";

export const handler = define.handlers({
  /** Ends the session in this browser. */
  POST(ctx) {
    const response = ctx.redirect("/login", 303);
    response.headers.append("Set-Cookie", setSessionCookie("", isSecure(ctx)));
    response.headers.set("Cache-Control", "no-store");
    return response;
  },
});
