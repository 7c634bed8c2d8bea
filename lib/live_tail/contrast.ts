/** Colours that can be read, whatever a program chose. Pure. */

/** A colour as `0xRRGGBB`. */
export type Rgb = number;

/** The least contrast of text (WCAG 2.2, success criterion 1.4.3). */
export const LEAST_CONTRAST = 4.5;

/** How many steps a colour is moved in, at most. */
const STEPS = 16;

/** The contrast of two colours, from 1 to 21 (WCAG 2.2, "contrast ratio"). */
export function contrast(a: Rgb, b: Rgb): number {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

/** The colour that is nearest to `color` on the way to black or white and can be read on `background`. */
export function readable(color: Rgb, background: Rgb): Rgb {
  const end = blackOrWhite(background);
  for (let step = 0; step < STEPS; step++) {
    const found = mix(color, end, step / STEPS);
    if (contrast(found, background) >= LEAST_CONTRAST) return found;
  }
  return end;
}

/** Whichever of the two can be read better on `background`: 4.58 at least. */
export function blackOrWhite(background: Rgb): Rgb {
  return contrast(0x000000, background) > contrast(0xffffff, background) ? 0x000000 : 0xffffff;
}

/** The colour in CSS, `#rrggbb`. */
export function cssColor(color: Rgb): string {
  return `#${color.toString(16).padStart(6, "0")}`;
}

function channels(color: Rgb): [number, number, number] {
  return [color >> 16 & 0xff, color >> 8 & 0xff, color & 0xff];
}

function luminance(color: Rgb): number {
  const [r, g, b] = channels(color).map((channel) => {
    const part = channel / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * (r ?? 0) + 0.7152 * (g ?? 0) + 0.0722 * (b ?? 0);
}

function mix(from: Rgb, to: Rgb, part: number): Rgb {
  const goal = channels(to);
  return channels(from).reduce((sum, channel, i) => {
    return sum << 8 | Math.round(channel + ((goal[i] ?? 0) - channel) * part);
  }, 0);
}
