// The next step, at once or later. What a request usually needs is there at once, and a promise for it would cost memory and
// a turn of the event loop for each step and each request.

/** Takes the next step with the value: at once, or when its promise is fulfilled. */
export function goOn<Value, Result>(
  value: Value | Promise<Value>,
  next: (value: Value) => Result | Promise<Result>,
): Result | Promise<Result> {
  return value instanceof Promise ? value.then(next) : next(value);
}
