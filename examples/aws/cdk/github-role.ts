import { Aws, Duration, Tags } from "aws-cdk-lib";
import * as iam from "aws-cdk-lib/aws-iam";
import { Construct } from "constructs";

/** Which issuer's ID tokens, and for whom they are. */
export interface GitHubProviderProps {
  /**
   * Host and path of the issuer, without https://. GitHub Enterprise Server: HOST/_services/token.
   * @default token.actions.githubusercontent.com
   */
  readonly issuer?: string;
  /**
   * Audience of the ID tokens. In China, the action asks for sts.amazonaws.com.cn.
   * @default sts.amazonaws.com
   */
  readonly audience?: string;
}

/** GitHub's identity provider. An account has one for each issuer. */
export class GitHubProvider extends Construct {
  constructor(scope: Construct, id: string, props: GitHubProviderProps = {}) {
    super(scope, id);
    new iam.CfnOIDCProvider(this, "Resource", {
      url: `https://${props.issuer ?? ISSUER}`,
      clientIdList: [props.audience ?? AUDIENCE],
    });
  }
}

export interface GitHubRoleProps extends GitHubProviderProps {
  /** OWNER/NAME of the repository whose jobs may assume the role. Or give subjects. */
  readonly repository?: string;
  /** The sub claims of the jobs themselves; * matches any text. */
  readonly subjects?: string[];
  /**
   * gh api repos/OWNER/NAME --jq .id. With both ids, GitHub's newer format of sub is accepted, too. In the partition aws, only the
   * repository with this id is accepted, whoever has its name later.
   */
  readonly repositoryId?: string;
  /** gh api repos/OWNER/NAME --jq .owner.id */
  readonly repositoryOwnerId?: string;
  /** Accept the repository under any name: the id must be right. Only in the partition aws. */
  readonly renameProof?: boolean;
  /** Jobs with one of these environments. */
  readonly environments?: string[];
  /** Jobs without an environment that run for one of these, such as refs/heads/main. * matches any text. */
  readonly refs?: string[];
  /** Only jobs of these reusable workflows: OWNER/REPO/.github/workflows/FILE.yml@refs/tags/v1. Only in the partition aws. */
  readonly jobWorkflowRefs?: string[];
  /**
   * Whether AWS has condition keys for ids and job_workflow_ref: in the partition aws. Set to false in China and GovCloud.
   * @default true
   */
  readonly claimKeys?: boolean;
  /** Let the role assume itself, which the input outlive-id-tokens needs for jobs of more than six hours. */
  readonly outliveIdTokens?: boolean;
  readonly roleName: string;
  /** @default / */
  readonly path?: string;
  /** @default one hour */
  readonly maxSessionDuration?: Duration;
  readonly managedPolicies?: iam.IManagedPolicy[];
  readonly permissionsBoundary?: iam.IManagedPolicy;
  readonly tags?: Record<string, string>;
}

const ISSUER = "token.actions.githubusercontent.com";
const AUDIENCE = "sts.amazonaws.com";

/** A role that jobs of one repository may assume. */
export class GitHubRole extends Construct {
  readonly role: iam.Role;

  constructor(scope: Construct, id: string, props: GitHubRoleProps) {
    super(scope, id);
    const issuer = props.issuer ?? ISSUER;
    const account = `arn:${Aws.PARTITION}:iam::${Aws.ACCOUNT_ID}`;
    this.role = new iam.Role(this, "Resource", {
      roleName: props.roleName,
      path: props.path ?? "/",
      assumedBy: new iam.WebIdentityPrincipal(
        `${account}:oidc-provider/${issuer}`,
        conditions(props, issuer),
      ),
      maxSessionDuration: props.maxSessionDuration ?? Duration.hours(1),
      ...(props.managedPolicies && { managedPolicies: props.managedPolicies }),
      ...(props.permissionsBoundary && { permissionsBoundary: props.permissionsBoundary }),
    });
    for (const [key, value] of Object.entries(props.tags ?? {})) Tags.of(this.role).add(key, value);
    if (props.outliveIdTokens) this.letAssumeItself(`${account}:role${props.path ?? "/"}${props.roleName}`);
  }

  private letAssumeItself(arn: string): void {
    this.role.assumeRolePolicy?.addStatements(
      new iam.PolicyStatement({
        sid: "OutliveIdTokens",
        actions: ["sts:AssumeRole"],
        // The account, because IAM refuses a role that does not exist yet. The condition admits only the role.
        principals: [new iam.AccountRootPrincipal()],
        conditions: { ArnEquals: { "aws:PrincipalArn": arn } },
      }),
    );
    this.role.addToPolicy(new iam.PolicyStatement({ actions: ["sts:AssumeRole"], resources: [arn] }));
  }
}

function conditions(
  props: GitHubRoleProps,
  issuer: string,
): Record<string, Record<string, string | string[]>> {
  const { repositoryId: id, repositoryOwnerId: ownerId, jobWorkflowRefs: workflows = [] } = props;
  const keys = props.claimKeys ?? true;
  if (!keys && (props.renameProof || workflows.length > 0))
    throw new Error("renameProof and jobWorkflowRefs need the condition keys of the partition aws.");
  return {
    StringEquals: {
      [`${issuer}:aud`]: props.audience ?? AUDIENCE,
      ...(keys && id && { [`${issuer}:repository_id`]: id }),
      ...(keys && ownerId && { [`${issuer}:repository_owner_id`]: ownerId }),
    },
    StringLike: {
      [`${issuer}:sub`]: subjects(props),
      ...(workflows.length > 0 && { [`${issuer}:job_workflow_ref`]: workflows }),
    },
  };
}

/** The sub claims of the jobs, in both formats of GitHub. */
function subjects(props: GitHubRoleProps): string[] {
  const { repository, repositoryId: id, repositoryOwnerId: ownerId, renameProof } = props;
  if (repository === undefined) {
    if (!props.subjects?.length) throw new Error("GitHubRole needs a repository or subjects.");
    return props.subjects;
  }
  const [owner, name] = repository.split("/");
  if (!owner || !name) throw new Error(`repository is ${repository}, not OWNER/NAME.`);
  if (renameProof && !id) throw new Error("renameProof needs repositoryId.");
  // GitHub escapes a colon in the name of an environment.
  const jobs = [
    ...(props.environments ?? []).map((environment) => `environment:${environment.replaceAll(":", "%3A")}`),
    ...(props.refs ?? []).map((ref) => `ref:${ref}`),
  ];
  if (jobs.length === 0) throw new Error("GitHubRole needs environments or refs.");
  const classic = [`repo:${repository}`];
  const immutable = id && ownerId ? [`repo:${owner}@${ownerId}/${name}@${id}`] : [];
  const prefixes = renameProof ? ["repo:*"] : [...classic, ...immutable];
  return [...(props.subjects ?? []), ...prefixes.flatMap((prefix) => jobs.map((job) => `${prefix}:${job}`))];
}
