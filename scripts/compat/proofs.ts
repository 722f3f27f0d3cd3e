// The tests that prove a line which more tests name than prove: for these ids the table lists these tests alone, and
// the ids in other tests' names are tags. An id that is not here is proved by every test that names it.

/** By id, how the names of its proofs go on after their ids. */
export const chosenProofs: Readonly<Record<string, readonly string[]>> = {
  "RTE-11": [
    "a gateway has one connection for all its subscriptions and one for commands",
    "one connection for all subscriptions and one for commands, both gone after close",
  ],
  "WSE-01": [
    "ws-emit.py -a 0.0.0.0:8899 --cors http://localhost:7788 --secret 123",
    "--secret MySecret, and SECRET=MySecret, CORS= and ADDRESS= in /etc/default/ws-emit",
    "its environment names",
    "defaults",
    "flag over BELFRY_ over its own names over file over its defaults",
    "flag over environment over file over default, in one command",
  ],
};
