import { asset } from "fresh/runtime";
import { define } from "../lib/define.ts";

export default define.page(({ Component }) => (
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="dark light" />
      {/* Without it browsers would send forms with "Origin: null", which csrf() takes for another site's. */}
      <meta name="referrer" content="same-origin" />
      <meta name="description" content="tail -f for the logs in your PostgreSQL" />
      <title>Tailpost</title>
      <link rel="icon" href={asset("/favicon.svg")} type="image/svg+xml" />
      <script src={asset("/theme.js")}></script>
      <link rel="stylesheet" href={asset("/styles.css")} />
    </head>
    <body>
      <Component />
    </body>
  </html>
));
