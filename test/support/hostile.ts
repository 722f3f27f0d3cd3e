// What hostile browsers send: the precedents of other servers' crashes, and more of the kind. Only data; the tests
// send it over every transport.

const nested = (depth: number, open: string, close: string): string =>
  open.repeat(depth) + close.repeat(depth);
const longText = "x".repeat(900_000);

/**
 * Engine.IO packets as text, for every transport: one packet, or several in a row. Bytes are binary messages.
 * The session has joined `/` before.
 */
export const hostilePackets: Readonly<Record<string, readonly (string | Uint8Array)[]>> = {
  // socket.io-parser CVE-2023-32695: an event name that is no string.
  "an object as event name": ['42[{"toString":"x"}]'],
  "an object with a hidden toString as event name": ['42[{"toString":null,"valueOf":null},1]'],
  "null as event name": ["42[null]"],
  "a number as event name": ["42[0]"],
  "an array as event name": ['42[["x"]]'],
  "no event name": ["42[]"],
  "an object in place of the array": ['42{"0":"x","length":1}'],
  "an array with a length": ['42{"length":4294967295}'],
  "a string in place of the array": ['42"x"'],
  "no payload": ["42"],
  "half an array": ['42["x"'],
  "an array and more": ['42["x"]]'],
  "not JSON": ["42[x]"],
  // socket.io CVE-2024-38355: `error` without a listener.
  "the event error": ['42["error"]', '42["error",{"message":"x"}]'],
  "reserved events": [
    '42["connect"]',
    '42["connect_error"]',
    '42["disconnect"]',
    '42["disconnecting"]',
    '42["newListener"]',
  ],
  "names of Object.prototype": [
    '42["__proto__"]',
    '42["constructor",{}]',
    '42["toString"]',
    '42["hasOwnProperty","x"]',
    '420["valueOf"]',
  ],
  // T20, prototype pollution at every depth.
  "__proto__ in the arguments": [
    '42["x",{"__proto__":{"polluted":1}}]',
    '42["join",{"__proto__":{"room":"r"}}]',
  ],
  "constructor.prototype in the arguments": ['42["join",{"constructor":{"prototype":{"room":"r"}}}]'],
  "rooms that are members of Object.prototype": [
    '420["join",{"room":"__proto__"}]',
    '421["join",{"room":"toString"}]',
    '422["leave",{"room":"constructor"}]',
  ],
  "rooms that are no strings": [
    '42["join",{"room":{}}]',
    '42["join",{"room":["a"]}]',
    '42["join",{"room":null}]',
    '42["join",{"room":1e308}]',
    '42["join",null]',
    '42["join"]',
    '42["join",[]]',
  ],
  "secrets that are no strings": [
    '420["join",{"room":"a::b","secret":{"toString":"x"}}]',
    '421["join",{"room":"a::b","secret":[""]}]',
    '422["join",{"room":"a::b","secret":true}]',
  ],
  "room names of every kind": [
    '42["join",{"room":""}]',
    '42["join",{"room":"::"}]',
    '42["join",{"room":"\\u0000"}]',
    '42["join",{"room":"\\ud800"}]',
    '42["join",{"room":"a\\r\\nb"}]',
    `42["join",{"room":"${"r".repeat(5_000)}"}]`,
  ],
  // socket.io-parser CVE-2022-2421 and its kin: placeholders.
  "a placeholder that names a method": ['451-["x",{"_placeholder":true,"num":"splice"}]', Uint8Array.of(1)],
  "a placeholder beyond the attachments": ['451-["x",{"_placeholder":true,"num":10}]', Uint8Array.of(1)],
  "a negative placeholder": ['451-["x",{"_placeholder":true,"num":-1}]', Uint8Array.of(1)],
  "a broken placeholder": ['451-["x",{"_placeholder":true,"num":0.5}]', Uint8Array.of(1)],
  "a placeholder without a number": ['451-["x",{"_placeholder":true}]', Uint8Array.of(1)],
  "a placeholder from the prototype": [
    '451-["x",{"__proto__":{"_placeholder":true,"num":7}}]',
    Uint8Array.of(1),
  ],
  "a huge placeholder": ['451-["x",{"_placeholder":true,"num":1e308}]', Uint8Array.of(1)],
  "placeholders without a binary packet": ['42["x",{"_placeholder":true,"num":0}]'],
  "a placeholder as event name": ['451-[{"_placeholder":true,"num":0}]', Uint8Array.of(1)],
  // socket.io-parser CVE-2026-33151, python-socketio CVE-2026-48804: attachments that are hoarded.
  "59,999 attachments": ['459999-["x"]'],
  "11 attachments": ['4511-["x"]'],
  "attachments beyond every number": ['4599999999999999999999-["x"]'],
  "no attachments": ['450-["x"]'],
  "a binary packet without a count": ['45-["x"]', '45["x"]'],
  "a negative count": ['45-1-["x"]'],
  "text in place of an attachment": ['451-["x",{"_placeholder":true,"num":0}]', '42["x"]'],
  "one attachment too many": ['451-["x",{"_placeholder":true,"num":0}]', Uint8Array.of(1), Uint8Array.of(2)],
  "binary that nobody announced": [Uint8Array.of(1, 2, 3)],
  "empty binary": [new Uint8Array(0)],
  "a count on a packet without binary": ['421-["x"]'],
  // Acknowledgements that nobody waits for.
  "acknowledgements of nothing": [
    "430[]",
    "4399999999999999999999[]",
    "43[]",
    '43-1["x"]',
    "430",
    "430{}",
    '461-0[{"_placeholder":true,"num":0}]',
  ],
  "an id of 900 digits": [`42${"9".repeat(900)}["join",{"room":"r"}]`],
  // Namespaces.
  "invalid namespaces": ["40/", "40//", "40/__proto__,", '40/x?y={},{"a":1}', `40/${"n".repeat(5_000)},`],
  "a namespace without its comma": ["40/x", '42/x["y"]', "40/\u0000,"],
  "events of a namespace that was not joined": ['42/nowhere,["x"]', "41/nowhere,", "430/nowhere,[]"],
  "200 namespaces": Array.from({ length: 200 }, (_, index) => `40/n${index},`),
  "CONNECT again and again": Array.from({ length: 50 }, () => "40"),
  "CONNECT with something else than an object": ["40[]", '40"x"', "40null", "401", '40{"a":'],
  "a client's CONNECT_ERROR": ['44{"message":"x"}', "44/x,"],
  "DISCONNECT with a payload": ["41{}", "41[]"],
  "events after DISCONNECT": ["41", '42["join",{"room":"r"}]', "430[]"],
  "unknown packet types": ["47", "48", "49", "4x", "4", "4-1", "4\u0000", "4\ud83d\ude00"],
  // engine.io: packets that clients must not send, or not now.
  "a client's open packet": ['0{"sid":"x"}'],
  "a ping to a server that pings": ["2", "2probe"],
  "pongs that nobody asked for": Array.from({ length: 200 }, () => "3"),
  "an upgrade packet out of nowhere": ["5"],
  noops: ["6", "6x"],
  "unknown types": ["7", "9", "a", "b", "\u0000", "\ufeff4", " 4", "-1"],
  "base64 that is none": ["b", "b!!!!", "bA", "b4", "b4!!!!", "bAAAA"],
  "an empty packet": [""],
  // Sizes.
  "100,000 arrays in each other": [`42["x",${nested(100_000, "[", "]")}]`],
  "100,000 objects in each other": [`42["x",${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}]`],
  "100,000 open brackets": [`42["x",${"[".repeat(100_000)}`],
  "a deep CONNECT": [`40{"a":${nested(50_000, "[", "]")}}`],
  "an event name of 900,000 letters": [`42["${longText}"]`],
  "a room of 900,000 letters": [`42["join",{"room":"${longText}"}]`],
  "300,000 arguments": [`42["x"${",0".repeat(300_000)}]`],
  "numbers beyond every number": [`42["x",1e999,-1e999,${"9".repeat(10_000)},-0,1E400]`],
  "escapes to the end": [`42["${"\\u0000".repeat(50_000)}"]`, `42["${"\\".repeat(100_001)}"]`],
  commas: [`42[${",".repeat(100_000)}]`],
};

/** A header of a frame with these bits, unmasked or masked with zeros, and any length. */
function frame(first: number, payload: string | Uint8Array, options: FrameOptions = {}): Buffer {
  const { isMasked = true, length = Buffer.byteLength(payload), form = "shortest" } = options;
  const size =
    typeof length === "bigint" || form === "64" || length > 65_535
      ? 8
      : form === "16" || length > 125
        ? 2
        : 0;
  const extended = Buffer.alloc(size);
  if (size === 8) extended.writeBigUInt64BE(BigInt(length));
  if (size === 2) extended.writeUInt16BE(Number(length));
  const short = size === 8 ? 127 : size === 2 ? 126 : Number(length);
  const mask = isMasked ? Buffer.alloc(4) : Buffer.alloc(0);
  return Buffer.concat([
    Uint8Array.of(first, (isMasked ? 0x80 : 0) | short),
    extended,
    mask,
    Buffer.from(payload),
  ]);
}

interface FrameOptions {
  readonly isMasked?: boolean;
  /** What the header says. @default what the payload has */
  readonly length?: number | bigint;
  /** Of the length. @default "shortest" */
  readonly form?: "shortest" | "16" | "64";
}

const [text, binary, close, ping, pong] = [0x81, 0x82, 0x88, 0x89, 0x8a];
const event = '42["x"]';

/** Frames that RFC 6455 forbids, or that are on its edge; what comes last may be half a frame. */
export const hostileFrames: Readonly<Record<string, Buffer>> = {
  "an unmasked frame": frame(text, event, { isMasked: false }),
  "reserved opcodes": Buffer.concat([3, 4, 5, 6, 7].map((opcode) => frame(0x80 | opcode, event))),
  "a reserved control opcode": frame(0x8b, ""),
  "the last control opcode": frame(0x8f, ""),
  "RSV1, compressed without agreement": frame(0xc1, event),
  RSV2: frame(0xa1, event),
  RSV3: frame(0x91, event),
  "a ping in fragments": frame(0x09, "x"),
  "a close in fragments": frame(0x08, ""),
  "a ping of 126 bytes": frame(ping, "x".repeat(126)),
  "a close of 200 bytes": frame(close, Buffer.alloc(200, 0x20)),
  "a continuation of nothing": frame(0x80, event),
  "a message inside a message": Buffer.concat([frame(0x01, event), frame(text, event)]),
  "binary inside text": Buffer.concat([frame(0x01, event), frame(0x02, event)]),
  "a length of 2^63-1": frame(text, "", { length: 0x7fffffffffffffffn }),
  "a length of 2^64-1": frame(text, "", { length: 0xffffffffffffffffn }),
  "a length of 2^63": frame(binary, "", { length: 0x8000000000000000n }),
  "a length of 2^32": frame(text, "", { length: 0x100000000n }),
  "a length of one above the limit": frame(text, "", { length: 1_000_001 }),
  "a length in 16 bits that needs 7": frame(text, event, { form: "16" }),
  "a length in 64 bits that needs 7": frame(text, event, { form: "64" }),
  "invalid UTF-8": frame(text, Uint8Array.of(0x34, 0x32, 0xff, 0xfe)),
  "an overlong slash": frame(text, Uint8Array.of(0x34, 0xc0, 0xaf)),
  "half a surrogate pair": frame(text, Uint8Array.of(0x34, 0xed, 0xa0, 0x80)),
  "a character beyond U+10FFFF": frame(text, Uint8Array.of(0x34, 0xf4, 0x90, 0x80, 0x80)),
  "half a character at the end": frame(text, Uint8Array.of(0x34, 0xe2, 0x82)),
  "half a character at the end of all fragments": Buffer.concat([
    frame(0x01, "4"),
    frame(0x80, Uint8Array.of(0xe2)),
  ]),
  "a close with one byte": frame(close, Uint8Array.of(3)),
  "a close with code 0": frame(close, Uint8Array.of(0, 0)),
  "a close with code 1005": frame(close, Uint8Array.of(0x03, 0xed)),
  "a close with code 1006": frame(close, Uint8Array.of(0x03, 0xee)),
  "a close with code 1015": frame(close, Uint8Array.of(0x03, 0xf7)),
  "a close with code 65535": frame(close, Uint8Array.of(0xff, 0xff)),
  "a close with a reason that is no text": frame(close, Uint8Array.of(0x03, 0xe8, 0xff, 0xff)),
  "two closes": Buffer.concat([frame(close, ""), frame(close, "")]),
  "events after a close": Buffer.concat([frame(close, Uint8Array.of(0x03, 0xe8)), frame(text, event)]),
  "a text of 1,000,001 bytes": frame(text, "4".repeat(1_000_001)),
  "fragments of 1,000,001 bytes": Buffer.concat([
    frame(0x01, "4".repeat(500_000)),
    frame(0x80, "4".repeat(500_001)),
  ]),
  "10,000 pings": Buffer.concat(Array.from({ length: 10_000 }, () => frame(ping, "x"))),
  "10,000 pongs": Buffer.concat(Array.from({ length: 10_000 }, () => frame(pong, ""))),
  "10,000 empty texts": Buffer.concat(Array.from({ length: 10_000 }, () => frame(text, ""))),
  "20,000 empty fragments": Buffer.concat([
    frame(0x01, ""),
    ...Array.from({ length: 20_000 }, () => frame(0x00, "")),
  ]),
  "HTTP where frames belong": Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
  zeros: Buffer.alloc(5_000),
  ones: Buffer.alloc(5_000, 0xff),
  TLS: Buffer.from("16030100c8010000c40303", "hex"),
};

/** Bodies of polling POSTs that are no payload. */
export const hostileBodies: Readonly<Record<string, string | Uint8Array>> = {
  nothing: "",
  separators: "\u001e".repeat(100_000),
  "a separator at the end": '42["x"]\u001e',
  "100,000 noops": Array.from({ length: 100_000 }, () => "6").join("\u001e"),
  "500,000 letters": "a".repeat(500_000),
  "a BOM": "\ufeff42[]",
  "invalid UTF-8": Uint8Array.of(0x34, 0x32, 0xff, 0xfe, 0xc0, 0x80),
  "base64 without an end": `b${"A".repeat(500_001)}`,
  "base64 that is none": "b====",
  "more than the limit": "4".repeat(1_000_001),
  // Version 3, text form.
  "a length beyond the body": "999999999:4x",
  "a negative length": "-1:4",
  "a length without a packet": "1:",
  "a length without digits": ":4",
  "a length without a colon": "5",
  "a length of 400 digits": `${"9".repeat(400)}:4`,
  "a length with a sign": '+7:42["x"]',
  "a length with white space": ' 7 :42["x"]',
  "a length of 0": "0:0:0:",
  "digits of another script": '\u0667:42["x"]',
  "a packet of another length": '3:42["x"]',
  "50,000 packets of version 3": "1:6".repeat(50_000),
  "JSONP without data": "e=1",
  "JSONP with too many escapes": `d=${encodeURIComponent("\\n".repeat(50_000))}`,
  // Version 3, binary form.
  "binary without an end of its length": Uint8Array.of(0, 1, 2, 3),
  "binary with digits above 9": Uint8Array.of(0, 200, 0xff, 0x34),
  "binary with a length of 300 digits": Uint8Array.from([
    1,
    ...Array.from({ length: 300 }, () => 9),
    0xff,
    4,
  ]),
  "binary with an unknown kind": Uint8Array.of(2, 1, 0xff, 4),
  "binary with an empty packet": Uint8Array.of(1, 0, 0xff),
  "binary with no length": Uint8Array.of(0, 0xff),
  "binary beyond the body": Uint8Array.of(1, 9, 9, 0xff, 4, 1),
  "0xFF": new Uint8Array(100_000).fill(0xff),
};

/** Requests to the Engine.IO endpoint that no client makes: method, query, and more headers. */
export const hostileRequests: readonly (readonly [
  method: string,
  query: string,
  headers?: Readonly<Record<string, string>>,
])[] = [
  ["GET", ""],
  ["GET", "EIO=4"],
  ["GET", "EIO=4&transport=polling&transport=websocket"],
  ["GET", "EIO=4&EIO=3&transport=polling&sid=&sid=x"],
  ["GET", "EIO=__proto__&transport=polling"],
  ["GET", "EIO=4&transport=__proto__"],
  ["GET", "EIO=4&transport=constructor&sid=toString"],
  ["GET", "EIO=4&transport=polling&sid=__proto__"],
  ["GET", `EIO=4&transport=polling&sid=${"x".repeat(8_000)}`],
  ["GET", "EIO=4&transport=polling&sid=%00"],
  ["GET", "EIO=4&transport=polling&sid=%ff%fe"],
  ["GET", "EIO=4&transport=polling&j=1e9"],
  ["GET", "EIO=4&transport=polling&j=-1"],
  ["GET", "EIO=99999999999999999999&transport=polling"],
  ["GET", "EIO=4&transport=websocket"],
  ["GET", "EIO=4&transport=websocket&sid=invalid", { Upgrade: "websocket", Connection: "Upgrade" }],
  ["POST", "EIO=4&transport=polling"],
  ["POST", "EIO=4&transport=polling&sid=invalid"],
  ["PUT", "EIO=4&transport=polling"],
  ["OPTIONS", "EIO=4&transport=polling&sid=x"],
  ["DELETE", "EIO=4&transport=polling&sid=x"],
  ["PATCH", "EIO=3&transport=polling&b64=1"],
];
