// Where `bin/belfry` starts: the real process behind the command line.

import { processIo } from "./io.ts";
import { runProgram } from "./program.ts";

// Whatever a library still holds open: the command is done.
process.exit(await runProgram(process.argv.slice(2), processIo()));
