import type { Answer } from "./faults.ts";

/** The XML namespace of every answer of STS. */
const NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/";

/**
 * HTTP status and usual message of each error code, from the service's API model and its answers. A message
 * that needs values is given where it is thrown.
 */
const ERRORS: Record<string, { status: number; message: string }> = {
  AccessDenied: { status: 403, message: "Access denied" },
  ExpiredToken: { status: 403, message: "The security token included in the request is expired" },
  ExpiredTokenException: { status: 400, message: "Token expired" },
  IDPCommunicationError: {
    status: 400,
    message:
      "The request could not be fulfilled because the identity provider (IDP) that was asked to verify the incoming identity token could not be reached.",
  },
  IDPRejectedClaim: {
    status: 403,
    message: "The identity provider (IdP) reported that authentication failed.",
  },
  IncompleteSignature: { status: 400, message: "The request signature does not conform to AWS standards." },
  InternalFailure: {
    status: 500,
    message: "The request processing has failed because of an unknown error, exception or failure.",
  },
  InvalidAction: { status: 400, message: "The action or operation requested is invalid." },
  InvalidClientTokenId: { status: 403, message: "The security token included in the request is invalid." },
  InvalidIdentityToken: {
    status: 400,
    message:
      "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements",
  },
  MalformedPolicyDocument: { status: 400, message: "The policy is not in the valid JSON format." },
  MalformedQueryString: { status: 404, message: "The query string contains a syntax error." },
  MissingAction: { status: 400, message: "The request is missing an action or a required parameter." },
  MissingAuthenticationToken: { status: 403, message: "Request is missing Authentication Token" },
  PackedPolicyTooLarge: {
    status: 400,
    message: "Packed policy consumes 112% of allotted space, please use smaller policy.",
  },
  RegionDisabledException: {
    status: 403,
    message:
      "STS is not activated in this region for account:111122223333. Your account administrator can activate STS in this region using the IAM Console.",
  },
  ServiceUnavailable: {
    status: 503,
    message: "The request has failed due to a temporary failure of the server.",
  },
  SignatureDoesNotMatch: {
    status: 403,
    message:
      "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
  },
  Throttling: { status: 400, message: "Rate exceeded" },
  ValidationError: {
    status: 400,
    message: "The input fails to satisfy the constraints specified by an AWS service.",
  },
};

/** A refusal of STS; code, status and message go to the client. */
export class StsError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message?: string, status?: number) {
    super(message ?? ERRORS[code]?.message ?? code);
    this.code = code;
    this.status = status ?? ERRORS[code]?.status ?? 400;
  }
}

/** The XML document of an error. */
export function errorAnswer(error: StsError, requestId: string): Answer {
  const body = `<ErrorResponse xmlns="${NAMESPACE}">
  <Error>
    <Type>${error.status < 500 ? "Sender" : "Receiver"}</Type>
    <Code>${escapeXml(error.code)}</Code>
    <Message>${escapeXml(error.message)}</Message>
  </Error>
  <RequestId>${requestId}</RequestId>
</ErrorResponse>
`;
  return xml(error.status, body, requestId);
}

/** Elements of an answer: text, or elements within. Undefined ones are left out. */
export interface Elements {
  [name: string]: string | Elements | undefined;
}

/** The XML document of a success. */
export function resultAnswer(action: string, result: Elements, requestId: string): Answer {
  const body = `<${action}Response xmlns="${NAMESPACE}">
${render({ [`${action}Result`]: result, ResponseMetadata: { RequestId: requestId } }, "  ")}</${action}Response>
`;
  return xml(200, body, requestId);
}

function xml(status: number, body: string, requestId: string): Answer {
  return { status, headers: { "x-amzn-requestid": requestId, "content-type": "text/xml" }, body };
}

function render(elements: Elements, indent: string): string {
  return Object.entries(elements)
    .map(([name, value]) => {
      if (value === undefined) return "";
      if (typeof value === "string") return `${indent}<${name}>${escapeXml(value)}</${name}>\n`;
      return `${indent}<${name}>\n${render(value, `${indent}  `)}${indent}</${name}>\n`;
    })
    .join("");
}

const ESCAPES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (char) => ESCAPES[char] ?? char);
}
