// A publication for tests: to everyone in `/`, without arguments; a test says what is different.

import type { Publication } from "../../src/core/publication.ts";

/** @param fields what is not as usual. */
export function publicationWith(fields: Partial<Publication> = {}): Publication {
  return {
    kind: "publication",
    namespace: "/",
    rooms: undefined,
    except: [],
    skip: [],
    event: "e",
    args: [],
    attachments: [],
    volatile: false,
    ...fields,
  };
}
