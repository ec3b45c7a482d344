import { STSClient } from "@aws-sdk/client-sts";
import { expect, test } from "@jest/globals";
import { parseAuthorization, verifySignature } from "../../harness/clouds/sigv4.ts";

const SECRET = "a secret of this test";

interface Signing {
  service?: string;
  region?: string;
  signingDate?: Date;
  query?: Record<string, string | string[]>;
  /** The query as it travels, where its form is not the one that is signed. */
  rawQuery?: string;
  headers?: Record<string, string>;
  body?: string;
}

/**
 * A request signed by the SDK's own signer; every signature here is right, so that only the check in question
 * can refuse it.
 */
async function signed({
  service = "sts",
  region = "eu-west-1",
  query = {},
  rawQuery = "",
  headers = {},
  body = "",
  ...rest
}: Signing) {
  const sts = new STSClient({
    region,
    credentials: { accessKeyId: "key-of-this-test", secretAccessKey: SECRET },
  });
  const signer = await sts.config.signer({
    name: "sigv4",
    signingName: service,
    signingRegion: region,
    properties: {},
  });
  const request = {
    method: "POST",
    protocol: "http:",
    hostname: "127.0.0.1",
    path: "/",
    query,
    headers: { host: "127.0.0.1", ...headers },
    body,
  };
  const { headers: result } = await signer.sign(request, rest);
  sts.destroy();
  return {
    method: "POST",
    url: rawQuery === "" ? "/" : `/?${rawQuery}`,
    headers: result,
    body: Buffer.from(body),
  };
}

async function verify(signing: Signing, change: (text: string) => string = (text) => text): Promise<void> {
  const request = await signed(signing);
  verifySignature(request, parseAuthorization(change(request.headers.authorization ?? "")), SECRET, 900);
}

test("headers are taken as the signer means them: trimmed, runs of spaces as one", async () => {
  await verify({ headers: { "x-amz-note": "  a   b  " } });
});

test("query parameters are taken as the signer means them, in whatever form they travel", async () => {
  const query = { b: "~-_.!'()*", a: "x y/z", c: ["2", "1"], "B'": "" };
  await verify({ query, rawQuery: "c=2&c=1&b=~-_.!'()*&B'=&a=x%20y%2fz" });
  await expect(verify({ query, rawQuery: "c=2&c=1&b=~-_.!'()*&B'=&a=x%20y" })).rejects.toThrow(
    "does not match the signature you provided",
  );
  await expect(verify({ query, rawQuery: "a=%zz" })).rejects.toMatchObject({ code: "MalformedQueryString" });
});

test("a signature for another service, day or protocol is refused, right though it is", async () => {
  await verify({});
  await expect(verify({ service: "iam" })).rejects.toThrow(
    "Credential should be scoped to correct service: 'sts'.",
  );
  const swap = (from: RegExp, to: string) => (text: string) => text.replace(from, to);
  await expect(verify({}, swap(/aws4_request/, "aws5_request"))).rejects.toThrow(
    "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'.",
  );
  await expect(verify({}, swap(/\/\d{8}\//, "/20200101/"))).rejects.toThrow(
    /^Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20200101' != '(\d{8})', from '\1T\d{6}Z'\.$/,
  );
  await expect(verify({ signingDate: new Date(Date.now() - 1_000_000) })).rejects.toThrow(
    "Signature expired",
  );
});

test("the Date header serves where X-Amz-Date is missing", async () => {
  const request = await signed({});
  const { "x-amz-date": stamp = "", ...headers } = request.headers;
  const iso = stamp.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, "$1-$2-$3T$4:$5:$6Z");
  const authorization = parseAuthorization(request.headers.authorization);
  const verifyDate = () =>
    verifySignature(
      { ...request, headers: { ...headers, date: new Date(iso).toUTCString() } },
      authorization,
      SECRET,
      900,
    );
  // The date is understood; the signature covers a header that is gone.
  expect(verifyDate).toThrow("does not match the signature you provided");
  expect(() => verifySignature({ ...request, headers }, authorization, SECRET, 900)).toThrow(
    "either a 'X-Amz-Date' or a 'Date' header",
  );
});
