// Ten thousand clients come back to the same messages: each message is made text once.

import { expect, test } from "bun:test";
import type { Kept } from "../../recovery/recovery.ts";
import { publicationWith } from "../../../test/support/publication.ts";
import { MissedTexts } from "./missed-texts.ts";

test("F16 what many clients missed is made text once", () => {
  let made = 0;
  const publication = {
    ...publicationWith({ rooms: ["r"] }),
    get event() {
      made += 1;
      return "x";
    },
  };
  const kept: Kept = { publication, at: "e:1.t", order: 1 };
  const texts = new MissedTexts();
  const all = new Set(Array.from({ length: 100 }, () => texts.of(kept, "r")));
  expect([made, all.size]).toEqual([1, 1]);
  expect(JSON.parse([...all].join())).toMatchObject({ room: "r", event: "x", at: "e:1.t" });
  expect(texts.of({ ...kept, at: "e:2.t" }, "r")).toContain("e:2.t");
});
