import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readCookie } from "./cookies.ts";

describe("one cookie of the header", () => {
  test("DJS-01 it is found by its whole name, as Django finds it", () => {
    expect(readCookie("sessionid=abc", "sessionid")).toBe("abc");
    expect(readCookie("a=1;  sessionid = abc ; b=2", "sessionid")).toBe("abc");
    expect(readCookie('sessionid="abc"', "sessionid")).toBe("abc");
    expect(readCookie("sessionid=a=b==", "sessionid")).toBe("a=b==");
    expect(readCookie("sessionid=abc:1r31eq:x_y-z", "sessionid")).toBe("abc:1r31eq:x_y-z");
    // Of several with one name, the last.
    expect(readCookie("sessionid=first; sessionid=last", "sessionid")).toBe("last");
  });

  test("DJS-01 what only looks like it is none", () => {
    for (const header of [
      null,
      "",
      ";",
      "=",
      "sessionid",
      "sessionid=",
      "xsessionid=a",
      "SessionId=a",
      "sessionid x=a",
    ]) {
      expect(readCookie(header, "sessionid")).toBeUndefined();
    }
    expect(readCookie('sessionid="', "sessionid")).toBe('"');
    expect(readCookie('sessionid=""', "sessionid")).toBeUndefined();
  });

  test("DJS-01 100,000 headers: a cookie that was set is found among any others", () => {
    const noise = fc.string({ unit: fc.constantFrom(...Array.from('ab="; ,\té')), maxLength: 20 });
    fc.assert(
      fc.property(noise, noise, (before, after) => {
        const rest = after.replaceAll("sessionid", "");
        expect(readCookie(`${before};sessionid=found;${rest}`, "sessionid")).toBe("found");
        expect(readCookie(`${before};${rest}`, "sessionid")).toBeUndefined();
      }),
      { numRuns: 100_000 },
    );
  }, 60_000);
});
