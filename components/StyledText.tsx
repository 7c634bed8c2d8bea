import { type Mark, NO_MARK } from "../lib/live_tail/marks.ts";
import { runs, type Styled } from "../lib/live_tail/styled.ts";

/** Text with its looks; what was searched for is marked, whatever its look. */
export function StyledText({ styled, mark = NO_MARK }: { styled: Styled; mark?: Mark }) {
  return (
    <>
      {runs(styled, mark).map(({ text, hit, look }, i) =>
        hit
          ? <mark key={i}>{text}</mark>
          : look
          ? <span key={i} class={look.class} style={{ ...look.style }}>{text}</span>
          : text
      )}
    </>
  );
}
