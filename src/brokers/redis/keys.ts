// The KeyStore port on Redis: strings and fields of hashes, each command with its deadline.

import type { KeyStore } from "../../core/keys.ts";
import type { Commands } from "./commands.ts";

export class RedisKeys implements KeyStore {
  readonly #commands: Commands;

  constructor(commands: Commands) {
    this.#commands = commands;
  }

  async get(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    return (await this.getBytes(keys)).map((value) => value?.toString());
  }

  async getBytes(keys: readonly string[]): Promise<readonly (Buffer | undefined)[]> {
    if (keys.length === 0) return [];
    const reply = await this.#commands.run(["MGET", ...keys], "bytes");
    const values: readonly unknown[] = Array.isArray(reply) ? reply : [];
    return keys.map((_key, index) => {
      const value = values[index];
      return Buffer.isBuffer(value) ? value : undefined;
    });
  }

  async getField(key: string, field: string): Promise<Buffer | undefined> {
    const value = await this.#commands.run(["HGET", key, field], "bytes");
    return Buffer.isBuffer(value) ? value : undefined;
  }

  async set(key: string, value: string | Uint8Array, ttlSeconds?: number): Promise<void> {
    const bytes = typeof value === "string" ? value : Buffer.from(value);
    const command = ttlSeconds === undefined ? ["SET", key, bytes] : ["SETEX", key, `${ttlSeconds}`, bytes];
    await this.#commands.run(command);
  }

  async take(key: string): Promise<Buffer | undefined> {
    const value = await this.#commands.run(["GETDEL", key], "bytes");
    return Buffer.isBuffer(value) ? value : undefined;
  }

  async touch(key: string, ttlSeconds: number): Promise<boolean> {
    return (await this.#commands.run(["EXPIRE", key, `${ttlSeconds}`])) === 1;
  }

  async remove(key: string): Promise<void> {
    await this.#commands.run(["DEL", key]);
  }
}
