import * as core from "@actions/core";
import { errorText } from "./errors.ts";
import { start } from "./start.ts";

try {
  await start(process.env);
} catch (error) {
  core.setFailed(error instanceof Error ? error.message : errorText(error));
}
