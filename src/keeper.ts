import { type KeeperConfig, keep } from "./keeper/keep.ts";

// The background process. It prints nothing, takes its configuration over IPC from main, and ends when the
// job does.
process.once("message", (config: KeeperConfig) => {
  process.removeListener("disconnect", giveUp);
  void keep(config, () => process.send?.("ready", () => process.disconnect()));
});
process.once("disconnect", giveUp);

/** Main ended without a word: there is nothing to keep. */
function giveUp(): void {
  process.exit(0);
}
