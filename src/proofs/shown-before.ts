// What a client that comes back showed before it went: the gateway knows no more of it than what tells whether a secret is it.

/** The secret that a client showed before, which is not known any more: only another one is known to be another. */
export class ShownBefore {
  readonly #isSame: (secret: string) => boolean;

  /** @param isSame is this the secret that it showed? */
  constructor(isSame: (secret: string) => boolean) {
    this.#isSame = isSame;
  }

  isStill(secret: string | undefined): boolean {
    return secret !== undefined && secret !== "" && this.#isSame(secret);
  }
}
