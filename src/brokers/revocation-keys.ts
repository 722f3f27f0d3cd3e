// The keys in which gateways keep what was taken back.

/** What they begin with: no name of a dialect may (RTE-08). */
export const revocationKeyPrefix = "belfry-revoked:";
