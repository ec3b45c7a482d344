import { applyProxyInputs, launchKeeper } from "./keeper/launch.ts";

applyProxyInputs(process.env);
// The keeper's process takes longer to start than anything else, so it starts before the rest is loaded.
const keeper = launchKeeper();
const { run } = await import(/* webpackMode: "eager" */ "./run.ts");
await run(keeper);
