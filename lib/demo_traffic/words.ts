/** What the made-up shop sells, to whom and where. Nobody and nothing in here exists. */

import type { Dice } from "./random.ts";

/** Someone who shops. */
export interface Shopper {
  readonly id: number;
  readonly name: string;
  readonly city: string;
  readonly email: string;
  /** From the ranges kept for documentation (RFC 5737, RFC 3849). */
  readonly ip: string;
  readonly agent: string;
}

/** Something to buy; the price is in cents. */
export interface Product {
  readonly sku: string;
  readonly name: string;
  readonly price: number;
}

export const PRODUCTS: readonly Product[] = [
  { sku: "LIN-0042", name: "Leinenhemd, natur", price: 5900 },
  { sku: "TEA-0107", name: "急須 (teapot), 360 ml", price: 4850 },
  { sku: "BAG-0311", name: "حقيبة جلدية", price: 12900 },
  { sku: "PAN-0028", name: "Poêle en fonte 28 cm", price: 6400 },
  { sku: "LMP-0009", name: "Desk lamp, brass", price: 8900 },
  { sku: "CHR-0214", name: "Folding chair, oak", price: 11500 },
  { sku: "GRT-0066", name: "Käsereibe", price: 1890 },
  { sku: "SCK-0500", name: "Wool socks, 3 pairs", price: 2400 },
  { sku: "BKE-0017", name: "Kinderfahrrad 16 Zoll", price: 24900 },
  { sku: "MUG-0777", name: "Mug “good morning ☕”", price: 1450 },
  { sku: "PLT-0033", name: "Azulejo, azul e branco", price: 990 },
  { sku: "KIT-0088", name: "凧 (kite)", price: 3200 },
];

const NAMES = [
  ["Mia", "mia"],
  ["Jürgen", "juergen"],
  ["Søren", "soeren"],
  ["葵", "aoi"],
  ["陽翔", "haruto"],
  ["ليلى", "layla"],
  ["عمر", "omar"],
  ["Zoë", "zoe"],
  ["Łukasz", "lukasz"],
  ["Ngọc", "ngoc"],
  ["Chloé", "chloe"],
  ["민준", "minjun"],
  ["Ольга", "olga"],
  ["Nuno", "nuno"],
  ["Şeyma", "seyma"],
  ["Priya", "priya"],
] as const;

const CITIES = [
  "Zürich",
  "München",
  "København",
  "東京",
  "大阪",
  "القاهرة",
  "São Paulo",
  "Kraków",
  "İzmir",
  "Reykjavík",
  "Αθήνα",
  "Hà Nội",
  "Montréal",
  "서울",
  "Київ",
  "Lagos",
];

const AGENTS = [
  "Mozilla/5.0 (X11; Linux x86_64)",
  "Mozilla/5.0 (Mobile; rv:128.0)",
  "ShopApp/7.3 (phone)",
  "ShopApp/7.2 (tablet)",
];

export const SEARCHES: readonly string[] = [
  "wool socks",
  "käsereibe edelstahl",
  "größe 42 wanderschuhe",
  "急須 常滑焼",
  "自転車 子供用 16インチ",
  "حقيبة جلدية سوداء",
  "مصباح مكتب",
  "gift for dad 🎁",
  "☕ mug",
  "fahrrad kinder 16 zoll",
  "poêle induction",
  "desk lamp brass",
  "cadeira dobrável",
  "наушники",
  "linen shirt xl",
  "오크 의자",
];

/** Draws a shopper; a name and its address belong together. */
export function drawShopper(dice: Dice): Shopper {
  const [name, mailbox] = dice.pick(NAMES);
  const id = dice.int(10_000, 99_999);
  return {
    id,
    name,
    city: dice.pick(CITIES),
    email: `${mailbox}.${id % 1000}@example.com`,
    ip: drawAddress(dice),
    agent: dice.pick(AGENTS),
  };
}

/** An address that documentation may use and nobody has. */
export function drawAddress(dice: Dice): string {
  const network = dice.pick(["192.0.2", "198.51.100", "203.0.113", "2001:db8"]);
  if (network !== "2001:db8") return `${network}.${dice.int(1, 254)}`;
  return `2001:db8:${dice.int(1, 0xffff).toString(16)}::${dice.int(1, 0xffff).toString(16)}`;
}

/** Cents as people write them. */
export function euros(cents: number): string {
  return `${(cents / 100).toFixed(2)} EUR`;
}
