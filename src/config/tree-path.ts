// One value inside a config tree, by its path: how layers.ts puts an option in its place, and how everybody reads it.

import type { Tree } from "./file.ts";
import { isTree } from "./file.ts";

export type TreePath = readonly PropertyKey[];

/** The value at a path; undefined where there is none. */
export function valueAt(tree: unknown, path: TreePath): unknown {
  let value = tree;
  for (const step of path) {
    if (Array.isArray(value) && typeof step === "number") value = value[step];
    else if (isTree(value) && typeof step === "string" && Object.hasOwn(value, step)) value = value[step];
    else return undefined;
  }
  return value;
}

/** The tree with a value at a path; sections on the way are made. What is no section there stays, for the schema to refuse. */
export function withValue(tree: Tree, path: TreePath, value: unknown): Tree {
  const changed = changedAt(tree, path, value);
  return isTree(changed) ? changed : tree;
}

function changedAt(node: unknown, path: TreePath, value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  if (typeof step === "number") {
    const list = node ?? [{}];
    if (!Array.isArray(list) || step >= list.length) return node;
    return list.with(step, changedAt(list[step], rest, value));
  }
  const section = node ?? {};
  const key = String(step);
  if (!isTree(section)) return node;
  const inner = Object.hasOwn(section, key) ? section[key] : undefined;
  return { ...section, [key]: changedAt(inner, rest, value) };
}
