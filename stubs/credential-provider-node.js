// With this package the SDK looks for keys: in the environment, in files, with SSO, in instance metadata. main's one call to AWS,
// AssumeRoleWithWebIdentity, is not signed. In the bundles this file takes its place (tsconfig.json beside it), so that an action which
// works with credentials has no code in it that looks for any. Whoever meets this error has begun to sign requests.
export function defaultProvider() {
  return async () => {
    throw new Error(
      "@aws-sdk/credential-provider-node is left out of this action: see stubs/credential-provider-node.js",
    );
  };
}
