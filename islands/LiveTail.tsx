import { useState } from "preact/hooks";
import { Announcer } from "../components/Announcer.tsx";
import { DetailsPanel } from "../components/DetailsPanel.tsx";
import { DatabaseNotice } from "../components/DatabaseNotice.tsx";
import { ExportDialog } from "../components/ExportDialog.tsx";
import { FilterBar } from "../components/FilterBar.tsx";
import { Footer } from "../components/Footer.tsx";
import type { Account } from "../components/AccountMenu.tsx";
import { Header } from "../components/Header.tsx";
import { KeySheet } from "../components/KeySheet.tsx";
import { LogList } from "../components/LogList.tsx";
import { RateStrip } from "../components/RateStrip.tsx";
import { TimeDialog } from "../components/TimeDialog.tsx";
import { createLiveTail } from "../lib/live_tail/model.ts";
import { createSavedViews } from "../lib/live_tail/saved_views.ts";
import { useAlerts } from "../lib/live_tail/use_alerts.ts";
import { useKeys } from "../lib/live_tail/use_keys.ts";
import { clockSkew, pageAddress, useStream } from "../lib/live_tail/use_stream.ts";
import { useTabTitle } from "../lib/live_tail/use_tab_title.ts";

/** What the server knows when it renders the page. */
export interface LiveTailProps {
  /** The query string. */
  readonly search: string;
  /** Scheme and host as the server sees them; the browser knows better once it is there. */
  readonly origin: string;
  /** The server's clock, in epoch milliseconds. */
  readonly renderedAt: number;
  /** Between two heartbeats of the stream, in milliseconds. */
  readonly heartbeat: number;
  /** Whether a page whose address says nothing opens with a saved view. */
  readonly hasDefault: boolean;
  /** Who is signed in; null where nobody has to be. */
  readonly account: Account | null;
}

/** The page: controls, list and details. Everything in it is drawn from one {@link createLiveTail}. */
export function LiveTail({ search, origin, renderedAt, heartbeat, hasDefault, account }: LiveTailProps) {
  const [tail] = useState(() => createLiveTail(search));
  const skew = () => clockSkew(renderedAt);
  const [saved] = useState(() => createSavedViews(pageAddress.read, hasDefault));
  useStream(tail, {
    skew,
    heartbeat,
    scope: account?.name ?? "",
    hasDefault: () => saved.hasDefault.peek(),
  });
  useAlerts(tail);
  useKeys(tail);
  useTabTitle(tail);
  return (
    <div class="page">
      <Header tail={tail} skew={skew} account={account} />
      <DatabaseNotice tail={tail} />
      <FilterBar tail={tail} saved={saved} />
      {tail.rows.display.value.strip && <RateStrip tail={tail} skew={skew} />}
      <main class="split">
        <LogList tail={tail} origin={origin} takesToken={account !== null} />
        <DetailsPanel tail={tail} takesToken={account !== null} />
      </main>
      <Footer tail={tail} />
      <KeySheet tail={tail} />
      <TimeDialog tail={tail} />
      <ExportDialog tail={tail} takesToken={account !== null} />
      <Announcer tail={tail} />
    </div>
  );
}
