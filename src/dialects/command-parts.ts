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
  /** As `PublishOptions` of core/broker.ts. */
  readonly key?: string | undefined;
  readonly version?: number | undefined;
}

/** What a POST carries. */
export interface PublishRequest {
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a gateway tells of it, as `Receipt` of core/broker.ts. */
export interface Published {
  readonly delivered?: number | undefined;
  readonly stored?: string | undefined;
  readonly isRepeated?: boolean;
}

/** What is left in a queue (brokers/queue.ts). */
export interface QueuedEmission {
  readonly queue: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
}

/** How a backend of the dialect publishes. */
export interface Publishing<Options> {
  /** The path of its HTTP door: `/emit`. */
  readonly path: string;
  /** What of it this way does not take, for people: `namespace`. @default it takes all */
  lacks?(emission: Emission, secret: string): string | undefined;
  /** The JSON that is posted there. */
  request(emission: Emission, secret: string): PublishRequest;
  /** What the body of a 200 tells. @default that it was taken */
  readAnswer?(answer: string): Published;
  /** Past every gateway: what is published on the bus, and where, or what waits in a queue. */
  toBus(emission: Emission, options: Options): Outgoing | QueuedEmission;
  /** Options of its section that `belfry publish` takes, and what they say there. */
  readonly options: Readonly<Record<string, string>>;
}

/** How `belfry tail` hears the dialect. */
export interface Listening {
  /** Options of its section that decide which names it hears. */
  readonly options: readonly string[];
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
