/**
 * A long-lived client: the AWS SDK for JavaScript v3 with its default credential chain, one client object for
 * the life of the process.
 */
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { callUntil, loopArguments } from "./call-loop.ts";

const client = new STSClient({});
await callUntil(...loopArguments(), async () => {
  try {
    await client.send(new GetCallerIdentityCommand({}));
    return undefined;
  } catch (error) {
    return (error as Error).name;
  }
});
