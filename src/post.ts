import { finish } from "./finish.ts";

await finish(process.env);
