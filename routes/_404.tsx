import { ErrorPage } from "../components/ErrorPage.tsx";
import { define } from "../lib/define.ts";

export default define.page(() => (
  <ErrorPage status={404} title="There is no such page">
    The address may have a typo, or the page has moved.
  </ErrorPage>
));
