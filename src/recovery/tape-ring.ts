// The memory of the tape (tape.ts): messages as the bus carried them, in large blocks of bytes. Thousands of them a second leave
// nothing to the garbage collector. Records are added at the end and dropped from the beginning; each has a head, which links
// it to the record before it in the same room, and several heads in a row share the bytes behind the last of them.

/** A room with records: where its chain ends. */
export interface Chain {
  readonly index: number;
  last: Place;
}

/** Where a record stands: bytes since the beginning, and never used again. */
export type Place = number;

/** The end of a chain. */
export const nowhere: Place = -1;

export interface Message {
  readonly serial: number;
  /** Monotonic clock, ms. */
  readonly time: number;
  /** Which reader understands it. */
  readonly source: number;
  readonly channel: Uint8Array;
  readonly payload: Uint8Array;
}

/** The fields of a head, each a double. */
const fields = { serial: 0, time: 1, source: 2, room: 3, before: 4, body: 5, channelBytes: 6, bodyBytes: 7 };
const wordBytes = 8;
const headBytes = Object.keys(fields).length * wordBytes;

interface Block {
  readonly bytes: Uint8Array;
  readonly words: Float64Array;
}

export class TapeRing {
  readonly #blockBytes: number;
  readonly #blocks: Block[] = [];
  /** The number of the first of them. */
  #first = 0;
  /** One that was let go, for the next one that is needed. */
  #spare: Block | undefined;
  #start: Place = 0;
  #end: Place = 0;

  /** @param blockBytes a multiple of 64, and more than that. */
  constructor(blockBytes: number) {
    this.#blockBytes = blockBytes;
  }

  /** From the oldest record to the newest, heads and all. */
  get bytes(): number {
    return this.#end - this.#start;
  }

  /** The oldest record. There must be one. */
  get oldest(): Place {
    return this.#fit(this.#start);
  }

  /** Adds one record for each room, all with the same bytes. There must be a room. */
  append(message: Message, rooms: readonly Chain[]): void {
    const { serial, time, source, channel, payload } = message;
    let head = this.#fit(this.#end);
    let body = head + headBytes;
    for (let count = 1; count < rooms.length; count++) body = this.#fit(body) + headBytes;
    for (const room of rooms) {
      const number = Math.floor(head / this.#blockBytes);
      const { words } = this.#block(number);
      const word = (head - number * this.#blockBytes) / wordBytes;
      words[word + fields.serial] = serial;
      words[word + fields.time] = time;
      words[word + fields.source] = source;
      words[word + fields.room] = room.index;
      words[word + fields.before] = room.last;
      words[word + fields.body] = body;
      words[word + fields.channelBytes] = channel.length;
      words[word + fields.bodyBytes] = channel.length + payload.length;
      room.last = head;
      head = this.#fit(head + headBytes);
    }
    this.#write(body, channel);
    this.#write(body + channel.length, payload);
    this.#end = roundUp(body + channel.length + payload.length);
  }

  /** Forgets the oldest record. There must be one. */
  drop(): void {
    const head = this.oldest;
    const behind = head + headBytes;
    const body = this.#get(head, fields.body);
    // The bytes go with the last of the heads that share them.
    this.#start = body === behind ? roundUp(body + this.#get(head, fields.bodyBytes)) : behind;
    const first = Math.floor(this.#start / this.#blockBytes);
    while (this.#first < first) {
      this.#spare = this.#blocks.shift() ?? this.#spare;
      this.#first++;
    }
  }

  /** Is it there? */
  has(record: Place): boolean {
    return record >= this.#start && record < this.#end;
  }

  /** Where the record behind it stands, if there is one (`has`). */
  next(record: Place): Place {
    const behind = record + headBytes;
    const body = this.#get(record, fields.body);
    return this.#fit(body === behind ? roundUp(body + this.#get(record, fields.bodyBytes)) : behind);
  }

  /** The same for all records of one message. */
  bodyOf(record: Place): Place {
    return this.#get(record, fields.body);
  }

  clear(): void {
    this.#blocks.length = 0;
    this.#spare = undefined;
    this.#start = Math.ceil(this.#end / this.#blockBytes) * this.#blockBytes;
    this.#end = this.#start;
    this.#first = this.#start / this.#blockBytes;
  }

  // Of a record that is not dropped:

  serialOf(record: Place): number {
    return this.#get(record, fields.serial);
  }

  timeOf(record: Place): number {
    return this.#get(record, fields.time);
  }

  /** Of what it says, bytes. */
  lengthOf(record: Place): number {
    return this.#get(record, fields.bodyBytes);
  }

  sourceOf(record: Place): number {
    return this.#get(record, fields.source);
  }

  roomOf(record: Place): number {
    return this.#get(record, fields.room);
  }

  /** The record before it in its room. It may be dropped meanwhile: then the chain ends here, too. */
  before(record: Place): Place {
    const before = this.#get(record, fields.before);
    return before < this.#start ? nowhere : before;
  }

  /** The bytes of a record, its own copy. */
  read(record: Place): { readonly channel: Buffer; readonly payload: Buffer } {
    const bytes = Buffer.allocUnsafeSlow(this.#get(record, fields.bodyBytes));
    this.#copy(this.#get(record, fields.body), bytes);
    const channelBytes = this.#get(record, fields.channelBytes);
    return { channel: bytes.subarray(0, channelBytes), payload: bytes.subarray(channelBytes) };
  }

  /** A head stands in one block. */
  #fit(place: Place): Place {
    const next = (Math.floor(place / this.#blockBytes) + 1) * this.#blockBytes;
    return place + headBytes > next ? next : place;
  }

  #get(record: Place, field: number): number {
    const number = Math.floor(record / this.#blockBytes);
    return this.#block(number).words[(record - number * this.#blockBytes) / wordBytes + field] ?? 0;
  }

  #block(number: number): Block {
    for (;;) {
      const block = this.#blocks[number - this.#first];
      if (block) return block;
      this.#blocks.push(this.#spare ?? createBlock(this.#blockBytes));
      this.#spare = undefined;
    }
  }

  #write(place: Place, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const number = Math.floor((place + done) / this.#blockBytes);
      const offset = place + done - number * this.#blockBytes;
      const count = Math.min(bytes.length - done, this.#blockBytes - offset);
      const part = count === bytes.length ? bytes : bytes.subarray(done, done + count);
      this.#block(number).bytes.set(part, offset);
      done += count;
    }
  }

  #copy(place: Place, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const number = Math.floor((place + done) / this.#blockBytes);
      const offset = place + done - number * this.#blockBytes;
      const count = Math.min(bytes.length - done, this.#blockBytes - offset);
      bytes.set(this.#block(number).bytes.subarray(offset, offset + count), done);
      done += count;
    }
  }
}

function createBlock(length: number): Block {
  const buffer = new ArrayBuffer(length);
  return { bytes: new Uint8Array(buffer), words: new Float64Array(buffer) };
}

function roundUp(place: Place): Place {
  return Math.ceil(place / wordBytes) * wordBytes;
}
