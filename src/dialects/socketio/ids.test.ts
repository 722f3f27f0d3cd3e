import { expect, test } from "bun:test";
import { publicationWith } from "../../../test/support/publication.ts";
import { createClientId } from "../../base/client-id.ts";
import type { BackendMessage } from "../../core/publication.ts";
import { withPlainIds } from "./ids.ts";

const id = createClientId();
const js = `/x#${id}`;
const other = `/y#${id}`;

test("SIO-03 what JavaScript clients of protocol 4 call themselves becomes the id, in targets and orders", () => {
  const target = { namespace: "/x", rooms: [js, "room", other], except: [js], skip: [js, "b"] };
  const plain = { namespace: "/x", rooms: [id, "room", other], except: [id], skip: [id, "b"] };
  expect(withPlainIds(publicationWith(target))).toEqual(publicationWith(plain));
  expect(withPlainIds({ kind: "disconnect", target, closeClient: false })).toEqual({
    kind: "disconnect",
    target: plain,
    closeClient: false,
  });
  const single = { namespace: "/x", id };
  for (const kind of ["join", "leave"] as const) {
    expect(withPlainIds({ kind, target: { namespace: "/x", id: js }, rooms: [js, "room"] })).toEqual({
      kind,
      target: single,
      rooms: [id, "room"],
    });
  }
  expect(withPlainIds({ kind: "close-room", namespace: "/x", room: js })).toMatchObject({ room: id });
});

test("SIO-03 all other names stay, and in / every name does", () => {
  const names = [id, other, "/x#room", "/x#", "x", `${js}x`];
  const messages: readonly BackendMessage[] = [
    publicationWith({ namespace: "/x", rooms: names, except: names, skip: names }),
    publicationWith({ namespace: "/x", rooms: undefined }),
    publicationWith({ namespace: "/", rooms: [js, `/#${id}`], except: [], skip: [] }),
    { kind: "join", target: { namespace: "/", id: `/#${id}` }, rooms: [js] },
    { kind: "skipped", isJunk: false, reason: "callback" },
  ];
  for (const message of messages) expect(withPlainIds(message)).toEqual(message);
});
