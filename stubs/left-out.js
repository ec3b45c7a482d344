// Sources of credentials that a job cannot use, since a person has to log in (IAM Identity Center, `aws login`), and the SDK's own requests
// for roles, which src/exchange.ts makes. In the bundles this file takes the place of their packages (tsconfig.json beside it).
function leftOut() {
  throw new Error(
    "a profile that a person has to log in for (sso_session, login_session) cannot be the source of a role in a job",
  );
}

export { leftOut as fromLoginCredentials, leftOut as fromSSO, leftOut as getDefaultRoleAssumer };
