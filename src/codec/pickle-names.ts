// Which names a pickle may apply to data, and what comes out (PSQ-04): the constructors of literals, and the classes of
// Python's standard library and of Flask's own packages that Python's json module writes as dict, list, str or int.
// The reader looks names up here and builds plain values itself; a name that is not in the table stays unknown.

import type { Constructor, PickleOpaque, PickleValue } from "./pickle-value.ts";

/** Space separated names of modules, then of what is in each of them. */
type Names = readonly [modules: string, names: string];

const builtins = "builtins __builtin__";
/** All in one module until Werkzeug 2.3. */
const werkzeug = (module: string): string => `werkzeug.datastructures werkzeug.datastructures.${module}`;
const structures = werkzeug("structures");

const table: Readonly<Record<Constructor, readonly Names[]>> = {
  bytearray: [[builtins, "bytearray"]],
  bytes: [[builtins, "bytes"]],
  encode: [["_codecs", "encode"]],
  // Base classes of protocol 0 and 1, factories of a defaultdict: named, never applied.
  type: [
    [builtins, "int long float bool str unicode list dict tuple set frozenset object"],
    ["collections", "deque"],
  ],
  reconstruct: [["copyreg copy_reg", "_reconstructor"]],
  member: [[builtins, "getattr"]],
  dict: [
    ["collections", "OrderedDict Counter"],
    ["http.cookies Cookie", "BaseCookie SimpleCookie Morsel"],
    [structures, "ImmutableDict TypeConversionDict ImmutableTypeConversionDict CallbackDict UpdateDictMixin"],
    [werkzeug("mixins"), "UpdateDictMixin"],
    [werkzeug("cache_control"), "RequestCacheControl ResponseCacheControl"],
  ],
  defaultdict: [["collections", "defaultdict"]],
  multidict: [
    [
      structures,
      "MultiDict ImmutableMultiDict OrderedMultiDict _OrderedMultiDict ImmutableOrderedMultiDict _ImmutableOrderedMultiDict",
    ],
    [werkzeug("file_storage"), "FileMultiDict"],
  ],
  combined: [[structures, "CombinedMultiDict"]],
  list: [
    [structures, "ImmutableList"],
    [werkzeug("accept"), "Accept MIMEAccept LanguageAccept CharsetAccept"],
  ],
  tuple: [
    ["urllib.parse urlparse", "ParseResult SplitResult DefragResult"],
    ["time", "struct_time"],
    ["os posix", "stat_result statvfs_result terminal_size times_result"],
  ],
  text: [
    ["markupsafe jinja2.utils", "Markup"],
    ["http", "HTTPMethod"],
    ["pstats", "SortKey"],
    ["enum", "EnumCheck FlagBoundary"],
    ["symtable", "SymbolTableType"],
    ["tkinter", "EventType"],
  ],
  integer: [
    ["http", "HTTPStatus"],
    ["calendar", "Day Month"],
    ["inspect", "BufferFlags _ParameterKind"],
    ["re", "RegexFlag"],
    ["signal", "Handlers Sigmasks Signals"],
    ["socket", "AddressFamily AddressInfo MsgFlag SocketKind"],
    ["ssl", "AlertDescription Options SSLErrorNumber TLSVersion VerifyFlags VerifyMode _SSLMethod"],
  ],
};

/** Members of an enumeration as Python 3.11.0 to 3.11.3 (Debian 12) pickles them: by name. */
const members: Readonly<Record<string, ReadonlyMap<string, PickleValue>>> = {
  "http.HTTPStatus": numbered(
    "CONTINUE=100 SWITCHING_PROTOCOLS=101 PROCESSING=102 EARLY_HINTS=103 " +
      "OK=200 CREATED=201 ACCEPTED=202 NON_AUTHORITATIVE_INFORMATION=203 NO_CONTENT=204 RESET_CONTENT=205 " +
      "PARTIAL_CONTENT=206 MULTI_STATUS=207 ALREADY_REPORTED=208 IM_USED=226 " +
      "MULTIPLE_CHOICES=300 MOVED_PERMANENTLY=301 FOUND=302 SEE_OTHER=303 NOT_MODIFIED=304 USE_PROXY=305 " +
      "TEMPORARY_REDIRECT=307 PERMANENT_REDIRECT=308 " +
      "BAD_REQUEST=400 UNAUTHORIZED=401 PAYMENT_REQUIRED=402 FORBIDDEN=403 NOT_FOUND=404 METHOD_NOT_ALLOWED=405 " +
      "NOT_ACCEPTABLE=406 PROXY_AUTHENTICATION_REQUIRED=407 REQUEST_TIMEOUT=408 CONFLICT=409 GONE=410 " +
      "LENGTH_REQUIRED=411 PRECONDITION_FAILED=412 REQUEST_ENTITY_TOO_LARGE=413 REQUEST_URI_TOO_LONG=414 " +
      "UNSUPPORTED_MEDIA_TYPE=415 REQUESTED_RANGE_NOT_SATISFIABLE=416 EXPECTATION_FAILED=417 IM_A_TEAPOT=418 " +
      "MISDIRECTED_REQUEST=421 UNPROCESSABLE_ENTITY=422 LOCKED=423 FAILED_DEPENDENCY=424 TOO_EARLY=425 " +
      "UPGRADE_REQUIRED=426 PRECONDITION_REQUIRED=428 TOO_MANY_REQUESTS=429 REQUEST_HEADER_FIELDS_TOO_LARGE=431 " +
      "UNAVAILABLE_FOR_LEGAL_REASONS=451 " +
      "INTERNAL_SERVER_ERROR=500 NOT_IMPLEMENTED=501 BAD_GATEWAY=502 SERVICE_UNAVAILABLE=503 GATEWAY_TIMEOUT=504 " +
      "HTTP_VERSION_NOT_SUPPORTED=505 VARIANT_ALSO_NEGOTIATES=506 INSUFFICIENT_STORAGE=507 LOOP_DETECTED=508 " +
      "NOT_EXTENDED=510 NETWORK_AUTHENTICATION_REQUIRED=511",
  ),
  "http.HTTPMethod": new Map(
    "CONNECT DELETE GET HEAD OPTIONS PATCH POST PUT TRACE".split(" ").map((name) => [name, name]),
  ),
};

/** Up to Python 3.11.3 these members are pickled as what their module calls them; here those alike on all systems. */
const constants: ReadonlyMap<string, PickleValue> = new Map([
  ...qualified(
    "signal",
    "SIGHUP=1 SIGINT=2 SIGQUIT=3 SIGILL=4 SIGTRAP=5 SIGABRT=6 SIGFPE=8 SIGKILL=9 SIGSEGV=11 SIGPIPE=13 SIGALRM=14 SIGTERM=15",
  ),
  ...qualified("socket", "AF_UNSPEC=0 AF_UNIX=1 AF_INET=2 SOCK_STREAM=1 SOCK_DGRAM=2 SOCK_RAW=3"),
  ...qualified("ssl", "CERT_NONE=0 CERT_OPTIONAL=1 CERT_REQUIRED=2"),
]);

function numbered(text: string): ReadonlyMap<string, PickleValue> {
  return new Map(
    text.split(" ").map((entry) => {
      const [name = "", value = ""] = entry.split("=");
      return [name, BigInt(value)];
    }),
  );
}

function qualified(module: string, text: string): readonly (readonly [string, PickleValue])[] {
  return [...numbered(text)].map(([name, value]) => [`${module}.${name}`, value]);
}

function* entries(): Iterable<readonly [string, PickleOpaque]> {
  for (const [builds, names] of Object.entries(table) as [Constructor, readonly Names[]][]) {
    for (const [modules, classes] of names) {
      for (const module of modules.split(" ")) {
        for (const name of classes.split(" ").map((each) => `${module}.${each}`)) {
          yield [name, Object.freeze({ kind: "opaque", name, builds, members: members[name] })];
        }
      }
    }
  }
}

const known: ReadonlyMap<string, PickleOpaque> = new Map(entries());

/** No name that we know is longer, and joining two long ones again and again would take for ever. */
const maxNameLength = 90;

/** What a global is: a value, something that makes values, or something unknown under its name. */
export function lookUp(module: string, name: string): PickleValue {
  if (module.length + name.length >= maxNameLength) return unknownGlobal;
  const full = `${module}.${name}`;
  return constants.get(full) ?? known.get(full) ?? { kind: "opaque", name: full };
}

const unknownGlobal: PickleOpaque = Object.freeze({ kind: "opaque" });
