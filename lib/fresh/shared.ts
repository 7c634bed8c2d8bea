import { type ComponentChildren, createContext } from "preact";

/** Names the build, for URLs that may be cached for ever. */
export let BUILD_ID = "none";

/** Takes over the name of the build: in the server when it is loaded, in the browser when its islands start. */
export function setBuildId(id: string): void {
  BUILD_ID = id;
}

/** Takes what `<Head>` moves, where a page is rendered on the server. */
export const HeadContext = createContext((_children: ComponentChildren): void => {});
