// The script file: pages without modules find the client as `belfry.connect`.

import { connect } from "./client.ts";

(globalThis as { belfry?: unknown }).belfry = { connect };
