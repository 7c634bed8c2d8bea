import { runs, type Styled } from "../lib/live_tail/styled.ts";

/** Text with its looks; what was searched for is marked, whatever its look. */
export function StyledText({ styled, needle = "" }: { styled: Styled; needle?: string }) {
  return (
    <>
      {runs(styled, needle).map(({ text, hit, look }, i) =>
        hit
          ? <mark key={i}>{text}</mark>
          : look
          ? <span key={i} class={look.class} style={{ ...look.style }}>{text}</span>
          : text
      )}
    </>
  );
}
