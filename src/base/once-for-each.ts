// Texts that many clients get are made once.

/** The same as `make`, which is called once for each object, for as long as the object lives. */
export function onceForEach<Key extends object, Rest extends unknown[], Made extends object | string>(
  make: (key: Key, ...rest: Rest) => Made,
): (key: Key, ...rest: Rest) => Made {
  const made = new WeakMap<Key, Made>();
  return (key, ...rest) => {
    const known = made.get(key);
    if (known !== undefined) return known;
    const fresh = make(key, ...rest);
    made.set(key, fresh);
    return fresh;
  };
}
