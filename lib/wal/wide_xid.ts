/** Ids of transactions, which logical decoding tells without their upper half. Pure. */

const EPOCH = 2n ** 32n;

/**
 * The xid8 whose lower half is `xid` (32 bits) and that is nearest to `near`, an xid8 of about the same time: no two
 * that matter are 2^31 apart (PostgreSQL manual, Preventing Transaction ID Wraparound Failures).
 */
export function widenXid(xid: number, near: bigint): bigint {
  const wide = near + BigInt.asIntN(32, BigInt(xid) - near);
  // There is nothing before the first epoch.
  return wide < 0n ? wide + EPOCH : wide;
}
