// Folders under .cache that the set-up and the tests fill: each is there whole or not at all, whoever makes it.

import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { run } from "./process.ts";
import type { Finished, RunOptions } from "./process.ts";

/** Folders that this process is making. */
const inTheMaking = new Map<string, Promise<void>>();

/** Makes a folder, unless it is there. `fill` gets one beside it, so several makers at once do not collide. */
export async function makePlace(place: string, fill: (draft: string) => Promise<void>): Promise<void> {
  if (existsSync(place)) return;
  const making = inTheMaking.get(place) ?? publish(place, fill);
  inTheMaking.set(place, making);
  return making;
}

/** Fills a folder beside its place and moves it there when it is complete: the place alone says that it is. */
async function publish(place: string, fill: (draft: string) => Promise<void>): Promise<void> {
  const draft = `${place}.${crypto.randomUUID()}`;
  mkdirSync(draft, { recursive: true });
  try {
    await fill(draft);
    renameSync(draft, place);
  } catch (error) {
    // Somebody else may have been faster.
    if (!existsSync(place)) throw error;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** Runs a program that has to succeed. @param options five minutes, unless they say otherwise. */
export async function must(command: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const finished = await run(command, { timeoutMs: 300_000, ...options });
  const { code, stdout, stderr } = finished;
  if (code === 0) return finished;
  throw new Error(`Expected \`${command.join(" ")}\` to succeed, got status ${code}:\n${stdout}${stderr}`);
}
