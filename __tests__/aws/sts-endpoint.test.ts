import { describe, expect, test } from "@jest/globals";
import { renderProfile } from "../../src/aws/section.ts";
import { checkEndpoints, type EndpointUse } from "../../src/aws/sts-endpoint.ts";
import { UserError } from "../../src/base/errors.ts";

function useOf(profile: string, stsEndpoint?: string): EndpointUse {
  const section = renderProfile({
    profile,
    region: "eu-west-1",
    stsEndpoint,
    identity: {
      roleArn: "arn:aws:iam::111122223333:role/deploy",
      sessionName: "session",
      tokenFile: "/temp/token",
    },
  });
  const isExported = profile === "default" && stsEndpoint !== undefined;
  return { profile, section, exported: isExported ? { AWS_ENDPOINT_URL_STS: stsEndpoint } : {} };
}

/** The anchor and message of a refusal; undefined if nothing is refused. */
function refusal(
  use: EndpointUse,
  others: EndpointUse[],
  config = use.section,
  ambient: Record<string, string> = {},
): [string, string] | undefined {
  try {
    checkEndpoints(use, others, config, ambient);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return [(error as UserError).anchor, (error as UserError).message];
  }
}

const MINIO = "https://minio.example";
const OTHER = "https://other.example";

describe("two uses in one job", () => {
  test.each([
    ["a named use for AWS", useOf("prod")],
    ["an ambient use for AWS", useOf("default")],
    ["a named use for another server", useOf("prod", OTHER)],
  ])("after an ambient use with sts-endpoint: %s is refused, with the fix", (_, use) => {
    expect(refusal(use, [useOf("first"), useOf("default", MINIO)])).toEqual([
      "sts-endpoint-of-another-use",
      `An earlier use of this action exported AWS_ENDPOINT_URL_STS, so later steps would send this use's ID token to "${MINIO}". ` +
        "Give the earlier use a name (profile: NAME), so that only the steps that choose it use that server.",
    ]);
  });

  test.each([
    ["for AWS", useOf("prod")],
    ["for another server", useOf("prod", OTHER)],
  ])("after a named use %s: an ambient one with sts-endpoint is refused, with the fix", (_, other) => {
    expect(refusal(useOf("default", MINIO), [other])).toEqual([
      "sts-endpoint-of-another-use",
      `This use would export AWS_ENDPOINT_URL_STS, so later steps would send the ID token of profile "prod" to "${MINIO}". ` +
        "Give this use a name (profile: NAME), so that only the steps that choose it use that server.",
    ]);
  });

  test.each([
    ["the same server, named", useOf("prod", MINIO), useOf("default", MINIO)],
    ["the same server, named first", useOf("default", MINIO), useOf("prod", MINIO)],
    ["another server, ambient, which shadows the first", useOf("default", OTHER), useOf("default", MINIO)],
    ["an ambient use for AWS, which this one shadows", useOf("default", MINIO), useOf("default")],
    ["named uses of several servers", useOf("a", MINIO), useOf("b", OTHER)],
    ["named uses of a server and of AWS", useOf("a"), useOf("b", OTHER)],
    ["AWS alone", useOf("default"), useOf("prod")],
  ])("are fine: %s", (_, use, other) => {
    expect(refusal(use, [other])).toBeUndefined();
  });
});

describe("an endpoint of the user's config file over plain http", () => {
  const use = useOf("prod");
  const withSetting = (line: string) => use.section.replace("\n", `\n${line}\n`);

  test("is refused", () => {
    expect(refusal(use, [], withSetting("endpoint_url = http://minio.example:9000"))).toEqual([
      "sts-endpoint-over-http",
      'endpoint_url of profile "prod" is "http://minio.example:9000": later steps would send the ID token there over plain http, where anyone on the network path could use it. ' +
        "Use https, or set the endpoint of the service that needs it, such as AWS_ENDPOINT_URL_S3.",
    ]);
  });

  test.each([
    ["https", "endpoint_url = https://minio.example", {}],
    ["loopback", "endpoint_url = http://127.0.0.1:9000", {}],
    ["the environment's own", "endpoint_url = http://minio.example", { AWS_ENDPOINT_URL_STS: MINIO }],
    ["nothing that is a URL", "endpoint_url = minio", {}],
    ["none", "output = json", {}],
  ])("%s is fine", (_, line, ambient) => {
    expect(refusal(use, [], withSetting(line), ambient)).toBeUndefined();
  });

  test("is fine where the use has its own", () => {
    const own = useOf("prod", MINIO);
    const config = own.section.replace("\n", "\nendpoint_url = http://minio.example\n");
    expect(refusal(own, [], config)).toBeUndefined();
  });
});
