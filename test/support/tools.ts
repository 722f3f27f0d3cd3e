// The programs of the system that the tests drive: where they are found, and which package brings them.
// scripts/setup installs what is missing where it may; everywhere else a sentence says what to do.

import { existsSync } from "node:fs";

interface Tool {
  /** What people call it. */
  readonly title: string;
  /** Names in PATH or absolute paths, the first one found is used. */
  readonly commands: readonly string[];
  /** Debian's package, and what Homebrew calls it. */
  readonly apt: string;
  readonly brew: string;
}

const macApps = "/Applications";

export const tools = {
  redis: { title: "Redis", commands: ["redis-server"], apt: "redis-server", brew: "redis" },
  nginx: { title: "nginx", commands: ["nginx", "/usr/sbin/nginx"], apt: "nginx", brew: "nginx" },
  haproxy: { title: "HAProxy", commands: ["haproxy", "/usr/sbin/haproxy"], apt: "haproxy", brew: "haproxy" },
  openssl: { title: "OpenSSL", commands: ["openssl"], apt: "openssl", brew: "openssl" },
  curl: { title: "curl", commands: ["curl"], apt: "curl", brew: "curl" },
  ps: { title: "ps", commands: ["ps"], apt: "procps", brew: "(part of macOS)" },
  chromium: {
    title: "Chromium",
    commands: [
      "chromium",
      "chromium-browser",
      "google-chrome",
      `${macApps}/Google Chrome.app/Contents/MacOS/Google Chrome`,
      `${macApps}/Chromium.app/Contents/MacOS/Chromium`,
    ],
    apt: "chromium",
    brew: "--cask chromium",
  },
  systemd: { title: "systemd", commands: ["systemd-analyze"], apt: "systemd", brew: "(Linux only)" },
} as const satisfies Record<string, Tool>;

export type ToolName = keyof typeof tools;

/** The path of a program, undefined when it is not there. */
export function findTool(name: ToolName): string | undefined {
  for (const command of tools[name].commands) {
    const path = command.startsWith("/") && existsSync(command) ? command : Bun.which(command);
    if (path) return path;
  }
  return undefined;
}

/** The path of a program. Throws a sentence that says what to install when it is not there. */
export function needTool(name: ToolName): string {
  const path = findTool(name);
  if (path) return path;
  throw new Error(missingTool(name));
}

/** Which tools this system's tests drive: units of systemd are checked on Linux alone. */
export function neededTools(platform: NodeJS.Platform = process.platform): readonly ToolName[] {
  const names: readonly ToolName[] = [
    "redis",
    "nginx",
    "haproxy",
    "openssl",
    "curl",
    "ps",
    "chromium",
    "systemd",
  ];
  return platform === "linux" ? names : names.filter((name) => name !== "systemd");
}

export function missingTool(name: ToolName): string {
  const { title, commands, apt, brew } = tools[name];
  return (
    `Expected ${title} (\`${commands[0]}\`) on this machine, found none. ` +
    `Install it with \`${installCommand({ apt, brew })}\`, or run \`npm run setup\` as root on Debian.`
  );
}

/** The command a person types to install a package here. */
export function installCommand(names: { readonly apt: string; readonly brew: string }): string {
  return process.platform === "darwin" ? `brew install ${names.brew}` : `apt-get install ${names.apt}`;
}
