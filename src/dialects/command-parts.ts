// What a dialect adds to the commands `belfry publish` and `belfry tail`, and to the names of its flags. cli/ does the
// work and knows no dialect.

import type { Outgoing } from "../core/publication.ts";

/** One message, as a backend says it: `belfry publish`. */
export interface Emission {
  readonly room: string;
  readonly event: string;
  readonly namespace: string;
  /** JSON text of the one argument; undefined sends none. */
  readonly data: string | undefined;
}

/** How a backend of the dialect publishes. */
export interface Publishing<Options> {
  /** The path of its HTTP door: `/emit`. */
  readonly path: string;
  /** The JSON that is posted there. */
  body(emission: Emission, secret: string): string;
  /** Past every gateway: what is published on the bus, and where. */
  toBus(emission: Emission, options: Options): Outgoing;
  /** Options of its section that `belfry publish` takes, and what they say there. */
  readonly options: Readonly<Record<string, string>>;
}

/** How `belfry tail` hears the dialect. */
export interface Listening {
  /** Options of its section that decide which names it hears. */
  readonly options: readonly string[];
  /** Rooms with names that begin so are not shown: the names are digests. */
  readonly hiddenRooms?: string;
  /** Flags of an example for its help. */
  readonly example?: string;
}

export interface CommandParts<Options = unknown> {
  /** Shorter flags for options that people type most: `{ channels: "channel" }` is `--channel`. */
  readonly flags?: Readonly<Record<string, string>>;
  /** A line of its section in the example file of docs/configuration.md. */
  readonly section?: string;
  readonly publish?: Publishing<Options>;
  readonly tail?: Listening;
}
