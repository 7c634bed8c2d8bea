// In the browser's bundle this module is replaced by the constant.

/** Names the build, for URLs that may be cached for ever. Without a build, a name of this process alone. */
export let BUILD_ID: string = crypto.randomUUID().replaceAll("-", "");

/** Takes over the name of the build that is being served. */
export function setBuildId(id: string): void {
  BUILD_ID = id;
}
