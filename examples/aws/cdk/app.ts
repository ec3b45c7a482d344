import { App, Duration, Stack } from "aws-cdk-lib";
import { ManagedPolicy } from "aws-cdk-lib/aws-iam";
import { GitHubProvider, GitHubRole } from "./github-role.ts";

const app = new App();
const stack = new Stack(app, "GitHubDeploy");
const provider = new GitHubProvider(stack, "Provider");
const { role } = new GitHubRole(stack, "Deploy", {
  roleName: "deploy",
  repository: "octo-org/octo-repo",
  repositoryId: "74",
  repositoryOwnerId: "65",
  environments: ["production"],
  outliveIdTokens: true,
  maxSessionDuration: Duration.hours(2),
  permissionsBoundary: ManagedPolicy.fromManagedPolicyName(stack, "Boundary", "ci-boundary"),
  tags: { team: "platform" },
});
role.node.addDependency(provider);
