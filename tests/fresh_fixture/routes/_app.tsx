import { asset } from "fresh/runtime";
import { define } from "../state.ts";

export default define.page(({ Component, url }) => (
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="description" content="the default" />
      <link rel="icon" href="data:," />
      <title>the default</title>
      <link rel="stylesheet" href={asset("/styles.css")} />
    </head>
    <body class={url.pathname}>
      <Component />
    </body>
  </html>
));
