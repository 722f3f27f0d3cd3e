// What the native dialect adds to the command line: `belfry publish` asks a gateway by `POST /api/publish`, which tells what became
// of it, or leaves an entry in the stream `belfry:publish`.

import type { CommandParts, Emission, Published } from "../command-parts.ts";
import { queueName } from "./backend.ts";
import type { NativeOptions } from "./options.ts";
import { apiPath } from "./publish-route.ts";

export const commands: CommandParts<NativeOptions> = {
  publish: {
    path: apiPath,
    options: {},
    lacks({ namespace, data }, secret) {
      if (namespace !== "/") return "namespace";
      if (data === undefined) return "event without data";
      return /[^ -~]/.test(secret) ? "secret of other characters than ASCII" : undefined;
    },
    // `data` stays the text that it is: large numbers keep their digits.
    request({ room, event, data = "null", key, version }, secret) {
      const head = JSON.stringify({ room, event, key, version });
      return { body: `${head.slice(0, -1)},"data":${data}}`, headers: { authorization: `Bearer ${secret}` } };
    },
    readAnswer,
    toBus: (emission) => ({ queue: queueName, fields: fieldsOf(emission) }),
  },
};

function fieldsOf({
  room,
  event,
  data = "null",
  key,
  version,
}: Emission): readonly (readonly [string, string])[] {
  const fields = { room, event, data, key, version: version?.toString() };
  return Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
}

function readAnswer(answer: string): Published {
  try {
    const { delivered, stored, repeated } = JSON.parse(answer) as Readonly<Record<string, unknown>>;
    return {
      delivered: typeof delivered === "number" ? delivered : undefined,
      stored: typeof stored === "string" ? stored : undefined,
      isRepeated: repeated === true,
    };
  } catch {
    return {}; // a gateway of another version
  }
}
