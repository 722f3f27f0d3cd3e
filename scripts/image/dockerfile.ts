// Reads our Dockerfile: the instructions that it uses, and no others. image.ts carries them out without Docker.

/** Where the files of an instruction come from and go to. */
export interface Copy {
  /** The stage that they come from; undefined: the checkout. */
  readonly from: string | undefined;
  readonly sources: readonly string[];
  readonly target: string;
}

export type Step =
  | { readonly kind: "run"; readonly command: string }
  | { readonly kind: "copy"; readonly copy: Copy }
  | { readonly kind: "workdir"; readonly path: string }
  | { readonly kind: "env"; readonly values: Readonly<Record<string, string>> };

export interface Stage {
  readonly name: string;
  /** Debian's name of the release: `trixie`. */
  readonly suite: string;
  readonly steps: readonly Step[];
}

export interface Dockerfile {
  /** The last one is the image. */
  readonly stages: readonly Stage[];
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly healthcheck: readonly string[];
}

interface Draft {
  readonly stages: { name: string; suite: string; steps: Step[] }[];
  readonly settings: Map<string, string>;
}

/** Throws a sentence about what it does not know. */
export function readDockerfile(text: string): Dockerfile {
  const draft: Draft = { stages: [], settings: new Map() };
  for (const line of instructions(text)) {
    const [, keyword = "", rest = ""] = /^([A-Z]+) (.*)$/s.exec(line) ?? [];
    add(draft, keyword, rest);
  }
  const setting = (name: string): string => {
    const value = draft.settings.get(name);
    if (value === undefined) throw new Error(`Expected the Dockerfile to have ${name}`);
    return value;
  };
  return {
    stages: draft.stages,
    user: setting("USER"),
    entrypoint: list(setting("ENTRYPOINT")),
    command: list(setting("CMD")),
    healthcheck: list(setting("HEALTHCHECK").replace(/^(--\S+ )*CMD /, "")),
  };
}

/** Without comments and empty lines; a backslash at the end continues a line. */
function instructions(text: string): readonly string[] {
  const lines = text.split("\n").filter((line) => !/^\s*(#|$)/.test(line));
  return lines
    .join("\n")
    .replaceAll(/\\\n\s*/g, "")
    .split("\n");
}

function add({ stages, settings }: Draft, keyword: string, rest: string): void {
  if (keyword === "FROM") {
    const [, suite, name = ""] = /^debian:([a-z]+)-slim(?: AS ([a-z]+))?$/.exec(rest) ?? [];
    if (suite === undefined) throw new Error(`Expected FROM debian:<release>-slim, got ${rest}`);
    stages.push({ name, suite, steps: [] });
    return;
  }
  const stage = stages.at(-1);
  if (!stage) throw new Error(`Expected FROM first, got ${keyword}`);
  if (keyword === "RUN") stage.steps.push({ kind: "run", command: rest });
  else if (keyword === "COPY") stage.steps.push({ kind: "copy", copy: readCopy(rest) });
  else if (keyword === "WORKDIR") stage.steps.push({ kind: "workdir", path: rest });
  else if (keyword === "ENV") stage.steps.push({ kind: "env", values: readEnv(rest) });
  else if (["USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"].includes(keyword)) {
    settings.set(keyword, rest);
  } else throw new Error(`Expected an instruction that we use, got ${keyword}`);
}

function readCopy(text: string): Copy {
  const words = text.split(" ");
  const from = words[0]?.startsWith("--from=") === true ? words.shift()?.slice("--from=".length) : undefined;
  const target = words.pop();
  if (target === undefined || words.length === 0) throw new Error(`Expected COPY from and to, got ${text}`);
  return { from, sources: words, target };
}

function readEnv(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    text.split(" ").map((pair) => [pair.split("=", 1)[0] ?? "", pair.replace(/^[^=]*=/, "")]),
  );
}

function list(text: string): readonly string[] {
  const value: unknown = JSON.parse(text);
  if (Array.isArray(value) && value.every((word) => typeof word === "string")) return value;
  throw new Error(`Expected a list of words, got ${text}`);
}
