/** IP addresses and networks of them (RFC 4632, RFC 4291). Pure. */

/** A network: the addresses whose leading bits are these. IPv4 ones stand for themselves mapped into IPv6. */
export interface Network {
  readonly address: bigint;
  readonly bits: number;
}

const MAPPED = 0xffffn << 32n;

/** Reads addresses and networks between commas; null where one of them is neither. */
export function parseNetworks(text: string): Network[] | null {
  const networks = text.split(",").map((part) => parseNetwork(part.trim()));
  return networks.every((network) => network !== null) ? networks : null;
}

/** Whether an address lies in one of the networks. What is no address lies in none. */
export function isIn(address: string, networks: readonly Network[]): boolean {
  const number = parseAddress(address);
  if (number === null) return false;
  return networks.some(({ address, bits }) => {
    const rest = BigInt(128 - bits);
    return number >> rest === address >> rest;
  });
}

/**
 * Under what an address is counted: an IPv4 one under itself, an IPv6 one under its network of 64 bits, all of which one client
 * commonly has. What is no address is counted under `otherwise`, or with all others of its kind.
 */
export function accountOf(address: string, otherwise?: string): string {
  const number = parseAddress(address);
  if (number === null) return otherwise === undefined ? "unknown" : accountOf(otherwise);
  if (number >> 32n === 0xffffn) {
    return [24n, 16n, 8n, 0n].map((bits) => number >> bits & 0xffn).join(".");
  }
  return `${(number >> 64n).toString(16)}::/64`;
}

function parseNetwork(text: string): Network | null {
  const [address = "", bits, more] = text.split("/");
  const number = parseAddress(address);
  if (number === null || more !== undefined) return null;
  const isV4 = !address.includes(":");
  if (bits === undefined) return { address: number, bits: 128 };
  if (!/^\d{1,3}$/u.test(bits) || Number(bits) > (isV4 ? 32 : 128)) return null;
  return { address: number, bits: Number(bits) + (isV4 ? 96 : 0) };
}

/** An address as a number of 128 bits. */
function parseAddress(text: string): bigint | null {
  const v4 = parseV4(text);
  if (v4 !== null) return MAPPED | v4;
  // An IPv4 address at the end stands for two groups; a zone names an interface of this machine.
  const tail = /:(\d+\.\d+\.\d+\.\d+)$/u.exec(text)?.[1];
  const mapped = tail === undefined ? 0n : parseV4(tail);
  if (mapped === null) return null;
  const groups = tail === undefined
    ? text.replace(/%[\w.-]+$/u, "")
    : `${text.slice(0, -tail.length)}${(mapped >> 16n).toString(16)}:${(mapped & 0xffffn).toString(16)}`;
  return parseGroups(groups);
}

function parseV4(text: string): bigint | null {
  if (!/^\d{1,3}(?:\.\d{1,3}){3}$/u.test(text)) return null;
  const bytes = text.split(".").map(Number);
  return bytes.every((byte) => byte < 256)
    ? bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n)
    : null;
}

function parseGroups(text: string): bigint | null {
  const halves = text.split("::");
  if (halves.length > 2 || !text.includes(":")) return null;
  const [head = [], tail = []] = halves.map((half) => half === "" ? [] : half.split(":"));
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  const groups = [...head, ...Array<string>(missing).fill("0"), ...tail];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/iu.test(group))) return null;
  return groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

/** Whether a host is reachable from this machine alone. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127(?:\.\d{1,3}){3}$/u.test(host);
}
