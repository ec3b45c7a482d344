/**
 * Whether the input sts-endpoint names a server that is not AWS (MinIO, Ceph, LocalStack): a VPC endpoint is AWS.
 */
export function isOtherSts(stsEndpoint: string | undefined): boolean {
  if (stsEndpoint === undefined) return false;
  const host = URL.canParse(stsEndpoint) ? new URL(stsEndpoint).hostname : "";
  return !/\.(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|api\.aws)$/.test(host);
}
