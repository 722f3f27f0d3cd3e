import { expect, test } from "bun:test";
import { ConnectionTimeoutError, ErrorReply, SocketClosedUnexpectedlyError } from "@redis/client";
import { LateReply, failureOf } from "./failure.ts";

function systemError(code: string): Error {
  return Object.assign(new Error("with the address in it"), { code });
}

test("PSQ-16 silence is told apart from a server that answers or hangs up", () => {
  const silent = [
    ...["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT", "ENOENT", "ENOTFOUND", "EAI_AGAIN"].map(
      systemError,
    ),
    new LateReply(2_000),
    new ConnectionTimeoutError(),
  ];
  const answers = [
    ...["ECONNRESET", "EPIPE", "EACCES", "DEPTH_ZERO_SELF_SIGNED_CERT"].map(systemError),
    new ErrorReply("LOADING Redis is loading the dataset in memory"),
    new SocketClosedUnexpectedlyError(),
    new Error("something else"),
    "no error at all",
  ];
  expect(silent.map((error) => failureOf(error).isSilence)).not.toContain(false);
  expect(answers.map((error) => failureOf(error).isSilence)).not.toContain(true);
});

test("T17 Redis's own words never repeat what was sent", () => {
  const replies = [
    [
      "ERR unknown command 'PUBLISH', with args beginning with: 'room' 's3cret'",
      "an error (ERR unknown command)",
    ],
    [
      "ERR unknown command `PUBLISH`, with args beginning with: `room`, `s3cret`",
      "an error (ERR unknown command)",
    ],
    ["ERR max number of clients reached", "an error (ERR max number of clients reached)"],
    [
      "NOPERM User s3cret has no permissions to run the 'ping' command",
      "no permission for that user (NOPERM)",
    ],
    ["WRONGPASS invalid username-password pair", "wrong user name or password (WRONGPASS)"],
    [`ERR ${"x".repeat(500)}`, `an error (ERR ${"x".repeat(116)})`],
  ] as const;
  for (const [reply, text] of replies) expect(failureOf(new ErrorReply(reply)).text).toBe(text);
});

test("RTE-11 other failures in words", () => {
  const certificates = [
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "ERR_TLS_CERT_ALTNAME_INVALID",
  ];
  for (const code of certificates) {
    expect(failureOf(systemError(code)).text).toBe(`a certificate that is not trusted (${code})`);
  }
  expect(failureOf(systemError("ECONNREFUSED")).text).toBe("connection refused");
  expect(failureOf(new LateReply(2_000)).text).toBe("no answer within 2 s");
  expect(failureOf(systemError("EWEIRD")).text).toBe("EWEIRD");
  expect(failureOf(systemError("with spaces and s3cret")).text).toBe("Error");
  expect(failureOf(undefined).text).toBe("an unknown error");
});
