# Two roles in one account. A second module call in the same account sets create_provider = false.
provider "aws" {
  region = "eu-west-1"
}

module "github" {
  source = "../" # github.com/org/aws-role-refresh//examples/aws/terraform?ref=v1

  roles = {
    # Only jobs with the environment production, whose protection rules decide who may deploy.
    deploy = {
      repository          = "octo-org/octo-repo"
      repository_id       = "74"
      repository_owner_id = "65"
      environments        = ["production"]
      policy_arns         = ["arn:aws:iam::aws:policy/PowerUserAccess"]
      outlive_id_tokens   = true
    }
    # Every branch, to read only.
    plan = {
      repository          = "octo-org/octo-repo"
      repository_id       = "74"
      repository_owner_id = "65"
      refs                = ["refs/heads/*"]
      policy_arns         = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
    }
  }
}

output "role_arns" {
  value = module.github.role_arns
}
