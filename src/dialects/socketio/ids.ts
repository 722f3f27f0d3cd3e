// One spelling of a client's id. In the namespace `/x` a JavaScript client of protocol 4 calls itself `/x#<id>`, a Python client
// `<id>`, and backends repeat what they were told (SIO-03). The hub knows the connection by its id alone.

import { clientIdIn } from "../../base/client-id.ts";
import type { BackendMessage, Single, Target } from "../../core/publication.ts";

/** The same message of a backend, with the ids of clients in their one spelling. */
export function withPlainIds(message: BackendMessage): BackendMessage {
  switch (message.kind) {
    case "publication":
      return message.namespace === "/" ? message : plainTarget(message);
    case "disconnect":
      return { ...message, target: plainAddressee(message.target) };
    case "join":
    case "leave": {
      const { target, rooms } = message;
      return { ...message, target: plainAddressee(target), rooms: plainNames(target.namespace, rooms) };
    }
    case "close-room":
      return { ...message, room: plainName(message.namespace, message.room) };
    case "skipped":
      return message;
    default:
      return message satisfies never;
  }
}

/** The same for a target. */
function plainTarget<Kind extends Target>(target: Kind): Kind {
  const { namespace, rooms, except, skip } = target;
  return {
    ...target,
    rooms: rooms && plainNames(namespace, rooms),
    except: plainNames(namespace, except),
    skip: plainNames(namespace, skip),
  };
}

function plainAddressee(target: Target | Single): Target | Single {
  if (!("id" in target)) return plainTarget(target);
  return { ...target, id: plainName(target.namespace, target.id) };
}

function plainNames(namespace: string, names: readonly string[]): readonly string[] {
  return names.map((name) => plainName(namespace, name));
}

function plainName(namespace: string, name: string): string {
  return namespace === "/" ? name : (clientIdIn(namespace, name) ?? name);
}
