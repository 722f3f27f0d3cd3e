// The dialects of the suite: those of the product, and one more that proves that a dialect is one folder and one line.

import { dialects } from "../../src/dialects/registry.ts";
import type { Dialects } from "../../src/dialects/registry.ts";
import { echoDialect } from "./echo/dialect.ts";

export const testDialects = { ...dialects, echo: echoDialect } as const satisfies Dialects;
