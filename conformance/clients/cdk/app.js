// The smallest CDK app: no stack, and the account that the CLI found.
import { writeFileSync } from "node:fs";

writeFileSync(`${process.env.CDK_OUTDIR}/manifest.json`, JSON.stringify({ version: "36.0.0" }));
console.error(`default account ${process.env.CDK_DEFAULT_ACCOUNT}`);
