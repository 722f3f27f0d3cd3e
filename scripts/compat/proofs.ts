// The tests that prove a line which more tests name than prove: for these ids the table lists these tests alone, and
// the ids in other tests' names are tags. An id that is not here is proved by every test that names it.

/** By id, how the names of its proofs go on after their ids. */
export const chosenProofs: Readonly<Record<string, readonly string[]>> = {
  "RTE-11": [
    "a gateway has one connection for all its subscriptions and one for commands",
    "one connection for all subscriptions and one for commands, both gone after close",
  ],
};
